"""What is said about how an app runs: its replicas and its limits."""

from __future__ import annotations

SCALE: dict[str, tuple[str, str]] = {
    "scale_title": ("Replicas and sleep", "副本与休眠"),
    "scale_text": (
        "More processes of the same release behind one link: one Streamlit process uses one core. New"
        " sessions go to the least loaded, and stay there. Applied at once, without a deploy.",
        "同一版本的多个进程共用一个链接：一个 Streamlit 进程只能使用一个 CPU 核心。"
        "新会话会分配到负载最低的副本，之后一直留在那里。保存后立即生效，无需重新部署。",
    ),
    "scale_min": ("At least", "最少"),
    "scale_max": ("At most", "最多"),
    "scale_max_help": (
        "With more than the minimum, replicas are added as soon as the load asks for them, and taken away"
        " when they were not needed for five minutes and their last session has ended.",
        "大于最少数量时，负载升高会立即增加副本；五分钟内不再需要、且其最后一个会话结束后才会减少。",
    ),
    "scale_sessions": ("Sessions per replica", "每个副本的会话数"),
    "scale_sessions_hint": ("No limit", "不限"),
    "scale_sessions_help": (
        "When every replica has as many, new visitors get a page that waits for a free place.",
        "所有副本都达到此数时，新访客会看到等待页面，有空位后自动进入。",
    ),
    "scale_idle": ("Sleeps after (minutes)", "闲置多久后休眠（分钟）"),
    "scale_idle_help": (
        "So long without visitors, then its process ends; the next visit wakes it. 0: never.",
        "无人访问达到此时间后进程结束，下次访问时自动唤醒；0 表示从不休眠。",
    ),
    "scale_always": ("Always on", "始终运行"),
    "scale_always_help": (
        "It never sleeps, and starts at once after a reboot, not at its first visit.",
        "从不休眠；机器重启后立即启动，而不是等到第一次访问。",
    ),
    "limit_title": ("Limits", "限制"),
    "limit_default": ("{value} (default)", "{value}（默认）"),
    "limit_memory_mb": ("Memory (MB)", "内存（MB）"),
    "limit_memory_mb_help": (
        "What each of its processes may use; above it is stopped and started again. 0: no limit.",
        "每个进程可用的内存，超出后会被停止并重新启动；0 表示不限。",
    ),
    "limit_disk_mb": ("Disk (MB)", "磁盘（MB）"),
    "limit_disk_mb_help": (
        "What its files may take; above it is stopped. 0: no limit.",
        "应用文件可占用的空间，超出后应用会被停止；0 表示不限。",
    ),
    "limit_processes": ("Processes", "进程数"),
    "limit_processes_help": (
        "Processes and threads together. 0: no limit.",
        "进程与线程的总数；0 表示不限。",
    ),
    "limit_nice": ("Nice", "nice 值"),
    "limit_nice_help": (
        "How far it stands back when the CPU is short: 0 least, 19 most.",
        "CPU 紧张时让出的程度：0 最少，19 最多。",
    ),
    "limit_ports": ("Ports it may connect to", "可连接的端口"),
    "limit_ports_help": (
        "TCP ports of other machines: common, ports and ranges with commas between, or none.",
        "可连接的 TCP 端口：common、用逗号分隔的端口和端口段，或 none。",
    ),
    "limit_most": ("{label} · up to {most}", "{label} · 上限 {most}"),
    "limit_least": ("{label} · from {least} up", "{label} · 不低于 {least}"),
    "limit_of": ("{label} · of {most}", "{label} · 限于 {most}"),
    "limit_text": (
        "Limits act from the next start on; those of the platform where a field is empty.",
        "限制从下次启动起生效；留空则使用平台的默认值。",
    ),
    "scale_save": ("Apply now", "立即生效"),
    "scale_saved": ("Applied.", "已生效。"),
    "replica_number": ("Replica", "副本"),
    "replica_state": ("State", "状态"),
    "replica_sessions": ("Sessions", "会话数"),
    "replica_starting": ("Starting", "启动中"),
    "replica_running": ("Running", "运行中"),
    "replica_draining": ("Draining", "收尾中"),
    "replica_stopped": ("Stopped", "已停止"),
    "replica_failed": ("Failed", "失败"),
    "replicas_badge": (
        "{running} of {all} replicas · {sessions} sessions",
        "副本 {running}/{all} · 会话 {sessions}",
    ),
}
