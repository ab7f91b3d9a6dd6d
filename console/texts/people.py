"""Signing in, users, API tokens, the audit log."""

from __future__ import annotations

PEOPLE: dict[str, tuple[str, str]] = {
    # Pages
    "account": ("My account", "我的账号"),
    "users": ("Users", "用户"),
    "audit": ("Audit log", "审计日志"),
    # Signing in
    "sign_in_text": ("Please sign in to go on.", "请先登录。"),
    "sign_in_token": ("With a token", "使用令牌"),
    "sign_in_token_text": (
        "The admin token, or an API token. It is kept for this browser session only.",
        "管理令牌或 API 令牌，只在本次浏览器会话中保留。",
    ),
    "sign_in_token_send": ("Use the token", "使用令牌登录"),
    "signed_in_as": ("Signed in as {name} ({role})", "已登录：{name}（{role}）"),
    "sign_out": ("Sign out", "退出登录"),
    "sign_out_busy": ("Signing out…", "正在退出…"),
    "apps_none_yours": ("There are no apps for you here yet.", "目前还没有您可以查看的应用。"),
    # Roles
    "role_admin": ("Admin", "管理员"),
    "role_publisher": ("Publisher", "发布者"),
    "role_viewer": ("Viewer", "查看者"),
    # Users
    "users_none": (
        "There are no users yet: whoever reaches this page, or has the admin token, may do everything."
        " The first user closes it, and should be an admin.",
        "还没有用户：任何能打开此页面的人，或持有管理令牌的人，都可以执行任何操作。创建第一个用户之后就需要登录，"
        "第一个用户应为管理员。",
    ),
    "user_new": ("New user", "新建用户"),
    "user_add": ("Add user", "添加用户"),
    "user_name": ("Name", "用户名"),
    "user_name_help": ("a-z, 0-9 and . _ @ + -", "可用 a-z、0-9 以及 . _ @ + -"),
    "user_email": ("E-mail", "邮箱"),
    "user_role": ("Role", "角色"),
    "user_role_text": ("Another role ends this user's sessions.", "更改角色会结束该用户的所有会话。"),
    "user_password": ("Password", "密码"),
    "user_password_help": (
        "Hand it over now: it is not shown again. At least 10 characters.",
        "请现在就转交给用户，之后不再显示。至少 10 个字符。",
    ),
    "user_password_text": ("A new password ends all open sessions.", "设置新密码会结束所有已打开的会话。"),
    "user_added": ("{name} can sign in now.", "{name} 现在可以登录了。"),
    "user_saved": ("{name} is changed.", "{name} 已更新。"),
    "user_disable": ("Disable", "停用"),
    "user_enable": ("Enable", "启用"),
    "user_disabled": ("Disabled", "已停用"),
    "user_delete": ("Delete user", "删除用户"),
    "user_delete_text": (
        "{name} can't sign in any more; sessions and tokens end at once. The apps stay, and belong to whoever"
        " gets the name later: give them to somebody else first (owner, in the API).",
        "{name} 将无法登录，会话和令牌立即失效。应用会保留，"
        "以后使用同一名字的人将成为其所有者：请先转给他人（API 的 owner 字段）。",
    ),
    "user_deleted": ("{name} is deleted.", "{name} 已删除。"),
    "user_from_local": ("Password kept here", "本地密码"),
    "user_from_oidc": ("Company account", "公司账号"),
    "save": ("Save", "保存"),
    # API tokens
    "tokens": ("API tokens", "API 令牌"),
    "tokens_text": (
        "For programs and scripts, which act as you within the token's scope.",
        "供程序和脚本使用，在令牌的范围内以您的身份操作。",
    ),
    "token_new": ("Make a token", "创建令牌"),
    "token_label": ("What is it for?", "用途"),
    "token_scope": ("Scope", "范围"),
    "token_days": ("Expires", "有效期"),
    "token_made": ("Copy it now: it is not shown again.", "请立即复制，之后不再显示。"),
    "token_used": ("last used {time}", "最近使用于 {time}"),
    "token_unused": ("never used", "从未使用"),
    "token_ends": ("expires {time}", "{time} 到期"),
    "token_endless": ("never expires", "永不过期"),
    "token_delete": ("Delete the token", "删除令牌"),
    "token_deleted": ("The token opens nothing any more.", "该令牌已失效。"),
    "scope_read": ("Read", "只读"),
    "scope_deploy": ("Deploy", "部署"),
    "scope_admin": ("Administer", "管理"),
    "days": ("{count} days", "{count} 天"),
    "password_current": ("Present password", "当前密码"),
    "password_new": ("New password", "新密码"),
    "password_saved": ("The password is changed. Please sign in again.", "密码已更改，请重新登录。"),
    # The audit log
    "audit_text": (
        "Every change and sign-in, and what was refused to whom, newest first.",
        "所有更改和登录，以及被拒绝的操作，最新的在前。",
    ),
    "audit_at": ("Time", "时间"),
    "audit_who": ("Who", "操作者"),
    "audit_act": ("Act", "操作"),
    "audit_about": ("About", "对象"),
    "audit_outcome": ("Outcome", "结果"),
    "audit_from": ("From", "来源"),
    "audit_newer": ("Newer", "较新的"),
    "audit_older": ("Older", "更早的"),
    "outcome_done": ("Done", "完成"),
    "outcome_refused": ("Refused", "被拒绝"),
    "outcome_failed": ("Failed", "失败"),
}
