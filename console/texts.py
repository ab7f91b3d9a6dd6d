"""Every text of the console, in English and Chinese side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "zh"]

LANGUAGES: dict[Language, str] = {"en": "English", "zh": "中文"}

TEXTS: dict[str, tuple[str, str]] = {
    # Everywhere
    "language": ("Language", "语言"),
    "working": ("Asking hostd…", "正在读取…"),
    "open_warning": (
        "Anybody who can reach this page can upload and run code: no admin token is set."
        " Set STREAMLIT_HOST_ADMIN_TOKEN and start hostd again.",
        "当前未设置管理令牌，任何能打开此页面的人都可以上传并运行代码。"
        "请设置 STREAMLIT_HOST_ADMIN_TOKEN 并重新启动 hostd。",
    ),
    "refused": ("hostd refused: {detail}", "hostd 拒绝了请求：{detail}"),
    # Pages
    "apps": ("Apps", "应用"),
    "new": ("New app", "新建应用"),
    "deploy": ("Deployment", "部署进度"),
    "app": ("App", "应用详情"),
    "about": ("About", "关于"),
    # States
    "created": ("Waiting", "排队中"),
    "installing": ("Installing", "安装中"),
    "starting": ("Starting", "启动中"),
    "running": ("Running", "运行中"),
    "stopped": ("Stopped", "已停止"),
    "failed": ("Failed", "失败"),
    # hostd is away, or wants a token
    "away_title": ("hostd is not answering", "暂时联系不上 hostd"),
    "away_text": (
        "It may be starting or restarting. Your apps are not affected, and this page comes back by itself.",
        "它可能正在启动或重启。您的应用不受影响，本页面会自动恢复。",
    ),
    "away_hint": (
        "Still here after a minute? Look into logs/hostd.log in the data folder.",
        "超过一分钟仍未恢复？请查看数据目录中的 logs/hostd.log。",
    ),
    "away_retrying": ("Trying again…", "正在重试…"),
    "token_title": ("Sign in", "登录"),
    "token_text": (
        "This hostd is protected. Enter the admin token: it is the value of STREAMLIT_HOST_ADMIN_TOKEN"
        " on the server, and is kept for this browser session only.",
        "此 hostd 受管理令牌保护。请输入管理令牌（服务器上 STREAMLIT_HOST_ADMIN_TOKEN 的值），"
        "它只在本次浏览器会话中保留。",
    ),
    "token": ("Admin token", "管理令牌"),
    "token_wrong": ("This token is not the right one. Try again.", "令牌不正确，请重试。"),
    "token_send": ("Sign in", "登录"),
    # Apps
    "apps_search": ("Search by name or id", "按名称或 ID 搜索"),
    "apps_none_found": ("No app matches “{text}”.", "没有与“{text}”匹配的应用。"),
    "apps_empty_title": ("Your first app is two files away", "两个文件，即可上线第一个应用"),
    "apps_empty_text": (
        "Upload an app.py, and a requirements.txt if it needs packages. hostd installs them, starts the app"
        " and gives you a link to share.",
        "上传 app.py，如需依赖再加上 requirements.txt。hostd 会安装依赖、启动应用，并给您可分享的链接。",
    ),
    "apps_demo": ("Deploy the demo", "一键部署示例"),
    "apps_demo_busy": ("Uploading the demo…", "正在上传示例…"),
    "apps_demo_name": ("Demo", "示例"),
    "open": ("Open", "打开"),
    "start": ("Start", "启动"),
    "stop": ("Stop", "停止"),
    "restart": ("Restart", "重启"),
    "details": ("Details", "详情"),
    "delete": ("Delete…", "删除…"),
    "more": ("More", "更多"),
    "start_busy": ("Starting…", "正在启动…"),
    "stop_busy": ("Stopping…", "正在停止…"),
    "restart_busy": ("Restarting…", "正在重启…"),
    # New app
    "new_text": (
        "One Python file, and what it needs. Streamlit itself is added if you don't name it.",
        "一个 Python 文件，加上它的依赖。若未写明 Streamlit，会自动加入。",
    ),
    "new_name": ("Name", "名称"),
    "new_name_hint": ("Sales dashboard", "销售看板"),
    "new_upload": ("Upload files", "上传文件"),
    "new_paste": ("Paste code", "粘贴代码"),
    "new_optional": ("requirements.txt (optional)", "requirements.txt（可选）"),
    "new_deploy": ("Deploy", "部署"),
    "new_busy": ("Uploading…", "正在上传…"),
    "new_no_name": ("Give the app a name.", "请填写应用名称。"),
    "new_no_code": ("Choose an app.py, or paste its code.", "请选择 app.py，或粘贴代码。"),
    "new_curl": ("Rather from a terminal?", "更喜欢命令行？"),
    "new_another": ("Deploy another", "再部署一个"),
    "new_manage": ("Manage this app", "管理此应用"),
    # The way to running
    "step_created": ("Uploaded", "已上传"),
    "step_installing": ("Install", "安装依赖"),
    "step_starting": ("Start", "启动"),
    "step_running": ("Online", "上线"),
    "now_created": (
        "Waiting for a free install slot: hostd installs only a few apps at once.",
        "正在等待空闲的安装名额：hostd 同时只安装少数几个应用。",
    ),
    "now_installing": ("Installing what requirements.txt asks for…", "正在安装 requirements.txt 中的依赖…"),
    "now_starting": ("Installed. Waiting for the app's first answer…", "安装完成，正在等待应用响应…"),
    "now_running": ("{name} is online.", "{name} 已上线。"),
    "now_stopped": ("{name} is stopped.", "{name} 已停止。"),
    "now_updating": (
        "Visitors keep the old version until the new one answers.",
        "新版本就绪之前，访客仍使用旧版本。",
    ),
    # What went wrong, and what to do
    "failed_title": ("The app is not running", "应用未能运行"),
    "update_failed_title": (
        "The update failed; the previous version keeps running",
        "更新失败，之前的版本仍在运行",
    ),
    "todo_install_failed": (
        "Look for the package named in the last lines, correct requirements.txt under **Code**, and save.",
        "请在最后几行中找到出错的包，在**代码**页修改 requirements.txt 并保存。",
    ),
    "todo_start_timeout": (
        "It did not answer in time. Move slow work behind a button or `st.cache_data`, then start it again.",
        "应用未能及时响应。请把耗时的工作放到按钮之后或 `st.cache_data` 中，然后重新启动。",
    ),
    "todo_crashed": (
        "The last lines show where it stopped. Correct app.py under **Code** and save, or start it again.",
        "最后几行显示了出错位置。请在**代码**页修改 app.py 并保存，或重新启动。",
    ),
    "todo_port_unavailable": (
        "Stop an app that nobody needs, or widen STREAMLIT_HOST_PORT_MIN/_MAX, then start this one again.",
        "请停止不需要的应用，或扩大 STREAMLIT_HOST_PORT_MIN/_MAX，然后重新启动此应用。",
    ),
    "todo_disk_full": (
        "The server's disk is full. Delete apps that nobody needs or free space, then start again.",
        "服务器磁盘已满。请删除不需要的应用或释放空间，然后重新启动。",
    ),
    "todo_internal": (
        "Something inside hostd broke. Restart the app; if it comes back, look into logs/hostd.log.",
        "hostd 内部出错。请重启应用；若问题重现，请查看 logs/hostd.log。",
    ),
    "last_lines": ("Last lines of the log", "日志的最后几行"),
    # One app
    "app_missing": ("There is no app with the id “{id}”.", "没有 ID 为“{id}”的应用。"),
    "app_missing_text": (
        "It may have been deleted. The list shows what there is.",
        "它可能已被删除，请回到列表查看。",
    ),
    "app_open": ("Open app", "打开应用"),
    "app_facts": (
        "{id} · Streamlit {version} · updated {time}",
        "{id} · Streamlit {version} · 更新于 {time}",
    ),
    "tab_log": ("Log", "日志"),
    "tab_code": ("Code", "代码"),
    "tab_settings": ("Settings", "设置"),
    "log_refresh": ("Auto-refresh", "自动刷新"),
    "log_scroll": ("Auto-scroll", "自动滚动"),
    "log_download": ("Download", "下载"),
    "log_empty": ("Nothing written yet.", "暂无日志。"),
    "code_save": ("Save and redeploy", "保存并重新部署"),
    "code_busy": ("Saving…", "正在保存…"),
    "code_same": ("Nothing was changed.", "内容没有变化。"),
    "code_saved": ("Saved. Redeploying…", "已保存，正在重新部署…"),
    "code_replace": ("Replace with files", "用文件替换"),
    "code_upload": ("Upload and redeploy", "上传并重新部署"),
    "code_no_file": ("Choose a file first.", "请先选择文件。"),
    "rename_save": ("Rename", "重命名"),
    "rename_text": ("The link stays the same.", "链接保持不变。"),
    "renamed": ("Renamed.", "已重命名。"),
    "fact_id": ("Id", "ID"),
    "fact_link": ("Link", "链接"),
    "fact_port": ("Port", "端口"),
    "fact_pid": ("Process", "进程"),
    "fact_streamlit": ("Streamlit", "Streamlit"),
    "fact_created": ("Created", "创建时间"),
    "fact_updated": ("Updated", "更新时间"),
    "delete_title": ("Delete this app?", "删除此应用？"),
    "delete_text": (
        "{name} stops, and its code, packages, log and stored files are removed. This can't be undone.",
        "{name} 将停止，其代码、依赖、日志和存储的文件都会被删除，且无法恢复。",
    ),
    "delete_yes": ("Delete", "删除"),
    "delete_no": ("Keep it", "保留"),
    "delete_busy": ("Deleting…", "正在删除…"),
    "deleted": ("{name} is gone.", "{name} 已删除。"),
    # About
    "about_text": (
        "hostd gives a Streamlit app a place to live: upload two files, get a link.",
        "hostd 让 Streamlit 应用有个家：上传两个文件，得到一个链接。",
    ),
    "about_version": ("Version", "版本"),
    "about_supervisor": ("supervisord", "supervisord"),
    "about_data": ("Data folder", "数据目录"),
    "about_base": ("Public address", "对外地址"),
    "about_protected": ("Admin token", "管理令牌"),
    "about_protected_yes": ("Required", "已启用"),
    "about_protected_no": ("Not set", "未设置"),
    "about_installs": ("Installs", "安装任务"),
    "about_installs_value": (
        "{running} of {limit} running, {queued} waiting",
        "{running}/{limit} 进行中，{queued} 排队",
    ),
    "about_docs": ("API docs", "API 文档"),
    "about_total": ("Apps", "应用总数"),
}


@dataclass(frozen=True, slots=True)
class Say:
    """Says a text in one language: ``say("deleted", name="Demo")``."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The text, filled in."""
        english, chinese = TEXTS[key]
        text = chinese if self.language == "zh" else english
        return text.format(**values) if values else text


def language_of(locale: str | None) -> Language:
    """The nearest language to a browser's, English when in doubt."""
    return "zh" if (locale or "").lower().startswith("zh") else "en"
