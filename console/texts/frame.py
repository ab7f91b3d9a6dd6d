"""What the frame around every page says, and the page about hostd itself."""

from __future__ import annotations

FRAME: dict[str, tuple[str, str]] = {
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
    "sleeping": ("Sleeping", "休眠中"),
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
    # About
    "about_text": (
        "hostd gives a Streamlit app a place to live: upload it, get a link.",
        "hostd 让 Streamlit 应用有个家：上传应用，得到一个链接。",
    ),
    "about_version": ("Version", "版本"),
    "about_supervisor": ("supervisord", "supervisord"),
    "about_data": ("Data folder", "数据目录"),
    "about_base": ("Public address", "对外地址"),
    "about_protected": ("Sign-in", "登录"),
    "about_protected_yes": ("Required", "已启用"),
    "about_protected_no": (
        "Not needed: open to whoever reaches the port",
        "无需登录：能访问该端口的人都可使用",
    ),
    "about_cpu": ("CPU share", "CPU 份额"),
    "about_cpu_cgroup": (
        "cgroup v2: each app as a whole, weighed by its nice",
        "cgroup v2：以整个应用为单位，按其 nice 值分配",
    ),
    "about_cpu_nice": ("by nice alone: each process for itself", "仅按 nice 值：每个进程各自计算"),
    "about_isolation": ("Isolation of apps", "应用隔离"),
    "about_isolation_uid": ("a user for each app", "每个应用有独立的系统用户"),
    "about_isolation_landlock": ("files and ports by allow-list", "文件和端口按白名单开放"),
    "about_isolation_seccomp": ("dangerous system calls refused", "危险的系统调用被拒绝"),
    "about_lacks": (
        "All apps are one user, for root lacks the capability {names}",
        "所有应用共用一个系统用户，因为 root 缺少 capability：{names}",
    ),
    "about_isolation_none": ("None: apps can reach each other", "无：应用之间可以互相访问"),
    "about_installs": ("Installs", "安装任务"),
    "about_installs_value": (
        "{running} of {limit} running, {queued} waiting",
        "{running}/{limit} 进行中，{queued} 排队",
    ),
    "about_docs": ("API docs", "API 文档"),
    "about_total": ("Apps", "应用总数"),
}
