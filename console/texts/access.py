"""What is said about who may see an app."""

from __future__ import annotations

ACCESS: dict[str, tuple[str, str]] = {
    "access_title": ("Who may see it", "谁可以访问"),
    "access_visibility": ("Visibility", "可见范围"),
    "access_public": ("Public: whoever reaches this server", "公开：能访问本服务器的任何人"),
    "access_signed-in": ("Signed-in: everybody with an account", "登录用户：所有有账号的人"),
    "access_private": ("Private: only those named below", "私有：仅限下面列出的人"),
    "access_link": (
        "By link: whoever has the secret link, and those below",
        "凭链接：持有秘密链接的人，以及下面列出的人",
    ),
    "access_viewers": ("People", "可访问的人"),
    "access_viewer_groups": ("Groups", "可访问的组"),
    "access_collaborators": ("Collaborators, who may change it", "协作者（可以修改应用）"),
    "access_names_help": (
        "Names with commas between; a comma in a group's name is %2C. Groups are those of company accounts.",
        "多个名称用逗号分隔；组名中的逗号写作 %2C。组来自公司账号。",
    ),
    "access_owner": ("Owner", "所有者"),
    "access_give": ("Give it to somebody else", "转交给他人"),
    "access_owner_text": (
        "A user's name. Who gives an app away may change it no more, unless as a collaborator or admin.",
        "请填写用户名。转交应用后，除非是协作者或管理员，否则不能再修改它。",
    ),
    "access_give_now": ("Give it away", "转交"),
    "access_given": ("It has another owner.", "所有者已更改。"),
    "access_owned": (
        "Owner: {name}. Owner, collaborators and admins always see it.",
        "所有者：{name}。所有者、协作者和管理员始终可以访问。",
    ),
    "access_save": ("Set visibility", "保存可见范围"),
    "access_saved": (
        "Set. Who may not see it any more is out within two seconds.",
        "已保存，不再有权限的访客会在两秒内断开。",
    ),
    "link_new": ("New secret link", "生成秘密链接"),
    "link_new_help": (
        "From then on the app is seen by link; a link of before is void.",
        "此后应用凭该链接访问，旧链接作废。",
    ),
    "link_once": ("This link is shown only now. Copy it.", "此链接只显示这一次，请复制保存。"),
    "link_end": ("Withdraw the link", "撤销链接"),
    "link_ended": ("Withdrawn.", "链接已撤销。"),
}
