"""What is said on the way from an upload to a running app."""

from __future__ import annotations

UPLOADS: dict[str, tuple[str, str]] = {
    # New app
    "new_text": (
        "A single app.py or a whole project. Streamlit itself is added if you don't name it.",
        "单个 app.py 或整个项目皆可。若未写明 Streamlit，会自动加入。",
    ),
    "new_name": ("Name", "名称"),
    "new_name_hint": ("Sales dashboard", "销售看板"),
    "new_deploy": ("Deploy", "部署"),
    "new_busy": ("Uploading…", "正在上传…"),
    "new_no_name": ("Give the app a name.", "请填写应用名称。"),
    "new_curl": ("Rather from a terminal?", "更喜欢命令行？"),
    "new_another": ("Deploy another", "再部署一个"),
    "new_manage": ("Manage this app", "管理此应用"),
    # The ways in which an app can come
    "way_upload": ("Upload", "上传"),
    "way_paste": ("Paste code", "粘贴代码"),
    "way_git": ("From git", "来自 git"),
    "way_template": ("Templates", "模板"),
    "upload_files": ("Files, or one .zip or .tar.gz", "文件，或单个 .zip、.tar.gz"),
    "upload_folder": ("Or a whole folder", "或整个文件夹"),
    "upload_hint": (
        "An app.py, and a requirements.txt if it needs packages; or a whole project, packed or as a folder."
        " Version control, virtual environments and caches in a folder are left out.",
        "上传 app.py，如需依赖再加上 requirements.txt；也可以上传整个项目（压缩包或文件夹）。"
        "文件夹中的版本控制、虚拟环境和缓存会被略过。",
    ),
    "upload_nothing": (
        "Choose what to deploy: files, a folder or an archive.",
        "请选择要部署的文件、文件夹或压缩包。",
    ),
    "upload_both": (
        "Files and a folder were chosen. Take one of the two away.",
        "同时选择了文件和文件夹，请移除其中一项。",
    ),
    "upload_archives": (
        "An archive comes alone. Take the other files away, or put them into it.",
        "压缩包须单独上传。请移除其他文件，或将它们放入压缩包。",
    ),
    "paste_nothing": ("Paste the code of app.py.", "请粘贴 app.py 的代码。"),
    "paste_optional": ("requirements.txt (optional)", "requirements.txt（可选）"),
    "git_url": ("Repository", "仓库地址"),
    "git_ref": ("Branch, tag or commit", "分支、标签或提交"),
    "git_ref_hint": ("the default branch", "默认分支"),
    "git_subdir": ("Subfolder", "子目录"),
    "git_subdir_hint": ("the root", "根目录"),
    "git_help": (
        "https or ssh. What the server may read, it can fetch: a token in the URL is used and not logged.",
        "支持 https 与 ssh，须为服务器有权读取的仓库；地址中的令牌只用于拉取，不会写入日志。",
    ),
    "git_nothing": ("Give the repository's URL.", "请填写仓库地址。"),
    "template_use": ("Deploy this", "部署此模板"),
    "template_none": ("This hostd has no templates.", "此 hostd 没有模板。"),
    "template_nothing": ("Choose one of the templates.", "请选择一个模板。"),
    "pick_entry": ("Which file is the app?", "哪个文件是应用入口？"),
    "pick_text": (
        "More than one file could be the app. Pick the one to run, and send again.",
        "有多个文件可能是应用入口。请选择要运行的文件，然后重新提交。",
    ),
    # What can be set
    "more_options": ("More options", "更多选项"),
    "entry": ("File to run", "入口文件"),
    "entry_hint": ("found by itself", "自动识别"),
    "python": ("Python version", "Python 版本"),
    "python_hint": ("as the project asks", "按项目要求"),
    "as_of": ("Packages as of", "依赖截止日期"),
    "as_of_help": (
        "Packages that were published later are passed over: for old apps.",
        "忽略此日期之后发布的依赖版本，适用于旧应用。",
    ),
    "build_from_source": ("Build packages from source", "允许从源码构建依赖"),
    "build_from_source_help": (
        "For packages that have no wheel. Building runs their code on the server, apart from other apps.",
        "用于没有 wheel 安装包的依赖。构建时会在服务器上运行其代码，但与其他应用隔离。",
    ),
    "drain": ("Open sessions may stay (minutes)", "旧会话保留时间（分钟）"),
    "drain_hint": ("the platform's default", "平台默认值"),
    "drain_help": (
        "How long open sessions go on with the release that they began on. 0 ends them at once.",
        "部署后，已打开的会话可在原版本上继续的时间；0 表示立即结束。",
    ),
    "strategy": ("How a new release takes over", "新版本的接替方式"),
    "strategy_auto": ("Automatic", "自动"),
    "strategy_overlap": ("Beside the old one", "与旧版本并行"),
    "strategy_replace": ("After the old one has stopped", "先停止旧版本"),
    "strategy_help": (
        "An app that writes files beside its code can't run twice at once: stop the old one first.",
        "若应用会在代码旁写入文件，则不能同时运行两份：需先停止旧版本。",
    ),
    "environment": ("Environment variables", "环境变量"),
    "environment_help": ("One NAME=value on each line.", "每行一个 NAME=value。"),
    "environment_wrong": (
        "Environment variables, line {line}: write NAME=value.",
        "环境变量第 {line} 行：请写成 NAME=value。",
    ),
    "note": ("Note", "备注"),
    "note_hint": ("What is new?", "更新了什么？"),
    "force": ("Accept a first page that raises", "首页出错也接受"),
    "force_help": (
        "Otherwise a release whose first page raises an exception never replaces one that works.",
        "否则，首页抛出异常的版本不会替换正常运行的版本。",
    ),
    # The way to running
    "step_waiting": ("Uploaded", "已上传"),
    "step_installing": ("Install", "安装依赖"),
    "step_starting": ("Start", "启动"),
    "step_first_session": ("First page", "首页检查"),
    "step_switching": ("Online", "上线"),
    "now_created": (
        "Waiting for a free install slot: hostd installs only a few apps at once.",
        "正在等待空闲的安装名额：hostd 同时只安装少数几个应用。",
    ),
    "now_waiting": ("Waiting for its turn…", "正在排队…"),
    "now_installing": ("Installing what the app needs…", "正在安装应用所需的依赖…"),
    "now_starting": ("Installed. Waiting for the app's first answer…", "安装完成，正在等待应用响应…"),
    "now_first_session": (
        "It answers. Opening its first page, as a visitor would…",
        "应用已响应，正在模拟访客打开首页…",
    ),
    "now_switching": ("All is well. Sending new visitors over…", "一切正常，正在切换新访客…"),
    "now_running": ("{name} is online.", "{name} 已上线。"),
    "now_stopped": ("{name} is stopped.", "{name} 已停止。"),
    "now_sleeping": (
        "{name} sleeps, and wakes by itself at the next visit.",
        "{name} 正在休眠，下次访问时会自动唤醒。",
    ),
    "now_updating": (
        "Release {release} is on its way. Visitors keep the old one until it has proved itself.",
        "版本 {release} 正在部署。在它通过检查之前，访客仍使用旧版本。",
    ),
}
