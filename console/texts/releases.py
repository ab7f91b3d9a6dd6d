"""What is said about releases, and about what went wrong."""

from __future__ import annotations

RELEASES: dict[str, tuple[str, str]] = {
    # What went wrong
    "failed_title": ("The app is not running", "应用未能运行"),
    "update_failed_title": (
        "The update failed; the previous version keeps running",
        "更新失败，之前的版本仍在运行",
    ),
    "release_failed_title": (
        "Release {release} failed; what ran before keeps running",
        "版本 {release} 失败，之前的版本仍在运行",
    ),
    "warning_title": ("The app runs, but its first page raises", "应用已运行，但首页出错"),
    "last_lines": ("Last lines of the log", "日志的最后几行"),
    "whole_log": ("Full log", "完整日志"),
    # States of a release
    "release_pending": ("Waiting", "排队中"),
    "release_deploying": ("On its way", "部署中"),
    "release_active": ("Active", "当前版本"),
    "release_draining": ("Draining", "收尾中"),
    "release_retired": ("Retired", "已退役"),
    "release_failed": ("Failed", "失败"),
    "release_cancelled": ("Cancelled", "已取消"),
    # The list of releases
    "releases_none": ("No release yet.", "还没有版本。"),
    "release": ("Release {release}", "版本 {release}"),
    "release_short": ("{step} · #{release}", "{step} · #{release}"),
    "release_online": ("Release {release} of {name} is online.", "{name} 的版本 {release} 已上线。"),
    "release_replaced": (
        "Release {release} of {name} has served, and another has followed it.",
        "{name} 的版本 {release} 曾经上线，现已被其他版本接替。",
    ),
    "release_called_off": (
        "Release {release} of {name} was called off: stopped, or overtaken by a later one.",
        "{name} 的版本 {release} 已取消：被停止，或被更新的版本取代。",
    ),
    "release_by": ("{time} · {by}", "{time} · {by}"),
    "release_as_of": ("packages as of {date}", "依赖截止 {date}"),
    "source_files": ("Files", "文件"),
    "source_bundle": ("Archive", "压缩包"),
    "source_git": ("git", "git"),
    "source_template": ("Template", "模板"),
    "release_download": ("Download this release", "下载此版本"),
    "release_details": ("Details", "详情"),
    # Draining
    "draining_count": ("{count} draining", "{count} 个收尾中"),
    "draining_line": (
        "Open connections that go on here: {count}, until {until} at the latest.",
        "仍有 {count} 个连接在此版本上，最迟到 {until}。",
    ),
    "drain_now": ("End now", "立即结束"),
    "drain_busy": ("Ending…", "正在结束…"),
    "drained": ("Release {release} has ended.", "版本 {release} 已结束。"),
    # Going back, or forward
    "roll_back": ("Roll back", "回滚"),
    "roll_forward": ("Activate", "启用"),
    "try_again": ("Try again", "重试"),
    "activate_title": ("Run release {release}?", "运行版本 {release}？"),
    "activate_text": (
        "New visitors get release {release} once it has proved itself; open sessions go on where they are."
        " Its code, packages and settings come back as they were. Stored files are not touched.",
        "版本 {release} 通过检查后，新访客将使用它；已打开的会话继续留在原版本。"
        "它的代码、依赖和设置会恢复原样，存储的文件不受影响。",
    ),
    "activate_yes": ("Run release {release}", "运行版本 {release}"),
    "activate_no": ("Leave it", "不了"),
    "activate_busy": ("Asking for release {release}…", "正在请求版本 {release}…"),
    # What changed between two
    "compare": ("What changed", "变更内容"),
    "compare_from": ("From release", "从版本"),
    "compare_to": ("To release", "到版本"),
    "compare_same": ("No file differs.", "文件没有差异。"),
    "compare_binary": ("Not a text file.", "非文本文件。"),
    "file_added": ("added", "新增"),
    "file_removed": ("removed", "删除"),
    "file_changed": ("changed", "修改"),
    # One release in detail
    "detail_note": ("Note", "备注"),
    "detail_state": ("State", "状态"),
    "detail_when": ("Made", "创建时间"),
    "detail_ended": ("Deploy ended", "部署结束"),
    "detail_source": ("Source", "来源"),
    "detail_entry": ("Runs", "入口文件"),
    "detail_dependencies": ("Dependencies from", "依赖来自"),
    "detail_python": ("Python", "Python"),
    "detail_strategy": ("Took over", "接替方式"),
    "detail_size": ("Files", "文件"),
    "detail_size_value": ("{files} files, {size} KB", "{files} 个文件，{size} KB"),
    "detail_sha256": ("Digest (SHA-256)", "摘要（SHA-256）"),
    "detail_resolved": ("Installed packages", "已安装的依赖"),
    "detail_install_log": ("Install log", "安装日志"),
    "detail_packages": (
        "packages.txt names system packages; they are not installed: {names}",
        "packages.txt 中的系统包不会被安装：{names}",
    ),
    # A new release
    "release_new": ("New release", "发布新版本"),
    "release_new_text": (
        "It is built and tried beside what runs, and takes over only if it works. What you leave empty under"
        " More options stays as it is.",
        "新版本会与当前版本并行构建和检查，只有正常才会接替。“更多选项”中留空的设置保持不变。",
    ),
    "release_deploy": ("Deploy the release", "部署新版本"),
}
