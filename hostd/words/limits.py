"""What is said of an app that went over one of its limits, in English and Chinese."""

from __future__ import annotations

EN: dict[str, tuple[str, str]] = {
    "over_memory": (
        "The app used {used} MB of memory, more than the {limit} MB that it may; it was stopped.",
        "Load less at once, or give the app more memory (memory_mb).",
    ),
    "over_processes": (
        "The app had {used} processes, more than the {limit} that it may; it was stopped.",
        "Start fewer at once, or allow the app more (processes).",
    ),
    "over_disk": (
        "The app's files take {used} MB, more than the {limit} MB that they may; it was stopped.",
        "Delete what it no longer needs, or give the app more room (disk_mb).",
    ),
}
ZH: dict[str, tuple[str, str]] = {
    "over_memory": (
        "应用占用了 {used} MB 内存，超过了 {limit} MB 的上限，已被停止。",
        "减少一次加载的数据量，或调高该应用的内存上限（memory_mb）。",
    ),
    "over_processes": (
        "应用有 {used} 个进程，超过了 {limit} 个的上限，已被停止。",
        "减少同时启动的进程，或调高该应用的进程数上限（processes）。",
    ),
    "over_disk": (
        "应用的文件占用了 {used} MB，超过了 {limit} MB 的上限，已被停止。",
        "删除不再需要的文件，或调高该应用的磁盘上限（disk_mb）。",
    ),
}
