"""What is said of an app that went over its limits, or wanted what it may not; in English and Chinese."""

from __future__ import annotations

EN: dict[str, tuple[str, str]] = {
    "memory_error": (
        "The app ran out of the memory that it may use.",
        "Load less at once, or give the app more memory.",
    ),
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
    "file_not_allowed": (
        "The app may not open {path}.",
        "Upload the file with the app; what should be kept belongs into its HOME. Folders of the machine are"
        " opened for apps by STREAMLIT_HOST_APP_READ and STREAMLIT_HOST_APP_WRITE.",
    ),
    "port_not_allowed": (
        "The app may not connect to port {port}.",
        "Allow the port in the app's settings (connect_ports), or for all apps by"
        " STREAMLIT_HOST_APP_CONNECT_PORTS.",
    ),
    "connection_not_allowed": (
        "The app may not connect to that port.",
        "Allow the port in the app's settings (connect_ports), or for all apps by"
        " STREAMLIT_HOST_APP_CONNECT_PORTS.",
    ),
}
ZH: dict[str, tuple[str, str]] = {
    "memory_error": (
        "应用用完了可用的内存。",
        "请减少一次加载的数据，或者为应用增加内存。",
    ),
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
    "file_not_allowed": (
        "应用无权打开 {path}。",
        "请把该文件随应用一起上传；需要长期保留的数据应放在应用的 HOME 目录。机器上的其他目录由"
        " STREAMLIT_HOST_APP_READ 和 STREAMLIT_HOST_APP_WRITE 向应用开放。",
    ),
    "port_not_allowed": (
        "应用无权连接端口 {port}。",
        "请在应用的设置中允许该端口（connect_ports），"
        "或通过 STREAMLIT_HOST_APP_CONNECT_PORTS 向所有应用开放。",
    ),
    "connection_not_allowed": (
        "应用无权连接该端口。",
        "请在应用的设置中允许该端口（connect_ports），"
        "或通过 STREAMLIT_HOST_APP_CONNECT_PORTS 向所有应用开放。",
    ),
}
