"""Every failure in Chinese: code, then (cause, what to do)."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # Of an install.
    "package_unknown": (
        "找不到名为 {package} 的软件包。",
        "请检查依赖清单中的拼写；如果它是私有包，平台需要配置提供它的软件源。",
    ),
    "version_unknown": (
        "{package} 没有满足 {wanted} 的版本。",
        "请改用存在的版本，或者不指定版本。",
    ),
    "version_too_new": (
        "在指定的日期，{package} 还没有满足 {wanted} 的版本。",
        "请改用更早的版本、更晚的日期，或者不指定日期。",
    ),
    "python_unfit": (
        "{package} 需要 Python {wanted}，而应用使用的是 {python}。",
        "请为应用选择其他 Python 版本，或者选用与之匹配的 {package} 版本。",
    ),
    "source_only": (
        "{package} 没有可用的 wheel 安装包，而这里默认不从源码构建。",
        "请选用 {package} 的其他版本或其他 Python；或者允许该应用从源码构建："
        "控制台选项“允许从源码构建依赖”，API 为 build_from_source=1。",
    ),
    "no_build_fits": (
        "{package} 没有适用于当前 Python 或当前机器类型的安装包。",
        "请为应用选择其他 Python 版本，或者选用 {package} 的其他版本。",
    ),
    "conflict_needs": (
        "依赖互相冲突：{first} 需要 {needs}，而清单同时要求 {second}。",
        "请放宽其中一个的版本限制。",
    ),
    "package_confused": (
        "{package} 并不是想要的软件包，应为 {better}。",
        "请在依赖清单中改写为 {better}。",
    ),
    "conflict": (
        "依赖互相冲突：{first} 与 {second}。",
        "请放宽其中一个的版本限制。",
    ),
    "no_solution": (
        "依赖互相冲突：{reason}",
        "请放宽其中提到的版本限制。",
    ),
    "needs_compiler": (
        "{package} 需要编译，但平台上没有 {tool}。",
        "请选用为应用所用 Python 提供 wheel 的 {package} 版本，或者请管理员在平台上安装 {tool}。",
    ),
    "needs_library": (
        "{package} 需要编译，但平台上没有 {library}。",
        "请改用提供 wheel 的软件包（例如用 psycopg2-binary 代替 psycopg2），或者请管理员在平台上安装"
        " {library} 的开发文件。",
    ),
    "build_failed": (
        "{package} 无法从源码构建：{reason}",
        "请选用提供 wheel 的 {package} 版本，或者选择较旧的 Python；详情见日志。",
    ),
    "some_build_failed": (
        "有一个软件包无法从源码构建：{reason}",
        "请选用提供 wheel 的版本；如果是应用自带的软件包，请修正它的构建；详情见日志。",
    ),
    "install_timeout": (
        "安装耗时超过 {seconds} 秒。",
        "请减少依赖或改用较小的软件包，也可以调大 STREAMLIT_HOST_INSTALL_TIMEOUT。",
    ),
    "disk_full": (
        "平台的磁盘已满。",
        "请清理出一些空间后重试。",
    ),
    "python_unavailable": (
        "平台上没有 Python {wanted}；现有的是 {available}。",
        "请选用其中之一，或者请管理员在平台上安装所需的版本。",
    ),
    "index_unreachable": (
        "无法连接软件源：{reason}",
        "请重试；如果仍然失败，请检查平台的网络、代理和证书。",
    ),
    "index_refuses": (
        "软件源拒绝了请求：{reason}",
        "请检查平台访问软件源所用的用户名和密码。",
    ),
    "hash_mismatch": (
        "{package} 的文件与依赖清单中的哈希值不符。",
        "请重新生成哈希值；如果哈希值无误，则说明软件源上的文件被改动过。",
    ),
    "hash_missing": (
        "{package} 没有哈希值，而其他依赖都有。",
        "请为每个软件包都写上哈希值，或者都不写。",
    ),
    "git_failed": (
        "无法获取 {package} 的 Git 仓库：{reason}",
        "请检查仓库地址和分支，以及平台是否有权读取它。",
    ),
    "git_missing": (
        "{package} 来自 Git 仓库，但平台上没有 git。",
        "请管理员在平台上安装 git，或者改用该软件包的正式版本。",
    ),
    "requirement_invalid": (
        "依赖清单中有一行无法识别：{reason}",
        "请更正这一行。",
    ),
    "requirement_file_missing": (
        "依赖清单引用了 {path}，但应用的文件中没有它。",
        "请一并上传该文件，或者删去这一行。",
    ),
    "install_out_of_memory": (
        "安装过程被强制终止，很可能是因为机器内存不足。",
        "请在负载较低时重试，或者为平台增加内存。",
    ),
    "install_failed": (
        "无法安装依赖：{reason}",
        "详情见日志。",
    ),
    # Of a start and a first page.
    "module_missing": (
        "应用导入了 {module}，但没有安装它。",
        "请在依赖清单中加入 {package}。",
    ),
    "module_part_missing": (
        "应用导入了 {module}，但它既不在应用的文件中，也不在已安装的软件包中。",
        "请上传该文件，或者选用包含它的软件包版本。",
    ),
    "module_shadowed": (
        "应用自己的文件 {file} 遮盖了软件包 {module}。",
        "请为这个文件改名。",
    ),
    "name_missing": (
        "{module} 中没有 {name}。",
        "请在依赖清单中指定编写应用时所用的软件包版本。",
    ),
    "dependencies_unfit": (
        "已安装的软件包互不匹配：{type}: {message}",
        "请固定编写应用时所用的版本，或者给出它最后能正常运行的日期（as_of）。",
    ),
    "library_missing": (
        "某个软件包需要系统库 {library}，但平台上没有。",
        "请管理员在平台上安装它，或者改用不需要它的软件包（例如用 opencv-python-headless 代替"
        " opencv-python）。",
    ),
    "secret_missing": (
        "应用要读取密钥 {name}，但没有设置它。",
        "请在“变量与密钥”中设置它。",
    ),
    "secrets_missing": (
        "应用要读取密钥，但一个也没有设置。",
        "请在“变量与密钥”中设置。",
    ),
    "environment_missing": (
        "应用要读取环境变量 {name}，但没有设置它。",
        "请在“变量与密钥”中设置它。",
    ),
    "program_missing": (
        "应用要运行程序 {program}，但平台上没有它。",
        "请管理员在平台上安装它，或者改为不使用它。",
    ),
    "file_missing": (
        "应用要打开 {path}，但应用的文件中没有它。",
        "请一并上传该文件；路径以上传内容的根目录为准。",
    ),
    "syntax_error": (
        "{place} 不是有效的 Python 代码：{message}",
        "请更正这一行，或者选择编写应用时所用的 Python 版本。",
    ),
    "port_unavailable": (
        "应用的端口被其他程序占用了。",
        "请重试：应用会换用另一个端口。",
    ),
    "port_hard_coded": (
        "应用自行指定了监听端口 {port}。",
        "请从代码和 .streamlit/config.toml 中去掉端口设置：端口由平台分配。",
    ),
    "server_inside": (
        "应用自行启动了服务器。",
        "请去掉这部分代码：平台会用 streamlit run 运行应用，并决定它的地址。",
    ),
    "address_hard_coded": (
        "应用没有在平台指定的地址上监听。",
        "请从代码和 .streamlit/config.toml 中去掉服务器设置（port、address、baseUrlPath、TLS）。",
    ),
    "entry_not_python": (
        "入口是 {suffix} 文件，而 Streamlit 只运行 .py 文件。",
        "请选择其他入口脚本。",
    ),
    "entry_missing": (
        "应用的文件中没有要运行的脚本 {entry}。",
        "请选择其他入口脚本，或者上传该文件。",
    ),
    "streamlit_missing": (
        "已安装的软件包中没有 Streamlit。",
        "请在依赖清单中加入 streamlit。",
    ),
    "config_invalid": (
        "应用的 .streamlit/config.toml 无法读取：{reason}",
        "请更正该文件。",
    ),
    "out_of_memory": (
        "应用被强制终止（信号 9），很可能是因为机器内存不足。",
        "请减少一次加载的数据，或者为平台增加内存；日志中可能有更多信息。",
    ),
    "crashed_raising": (
        "应用因 {type} 而退出：{message}",
        "最后几行日志指出了出错位置。",
    ),
    "crashed": (
        "应用自行退出，退出码为 {exit_code}。",
        "原因见最后几行日志。",
    ),
    "crashed_by_signal": (
        "应用因 {signal} 而终止：可能是某个编译型软件包崩溃，也可能是有人终止了它。",
        "最后几行日志中可能有更多信息；换用该软件包的其他版本或许有效。",
    ),
    "crashed_again": (
        "应用反复自行退出。",
        "原因见最后几行日志。",
    ),
    "start_refused": (
        "平台无法运行应用的程序。",
        "请重新部署；如果仍然失败，请查看平台日志。",
    ),
    "start_timeout": (
        "应用在 {seconds} 秒内没有响应。",
        "请检查它在提供服务之前做了什么，或者调大 STREAMLIT_HOST_START_TIMEOUT。",
    ),
    "page_raises": (
        "首页抛出了 {type}：{message}",
        "请修正应用；最后几行日志指出了出错位置。",
    ),
    "page_raises_at": (
        "首页在 {place} 处抛出了 {type}：{message}",
        "请修正应用；最后几行日志指出了出错位置。",
    ),
    "page_silent": (
        "首页在 {seconds} 秒内没有显示任何内容。",
        "请检查应用在等待什么；如果确实需要这么久，请先显示一些内容。",
    ),
    "page_empty": (
        "首页运行结束，但没有显示任何内容。",
        "请确认入口脚本就是生成页面的脚本，并且调用了 Streamlit。",
    ),
    "page_refused": (
        "应用有响应，但无法打开页面：{reason}",
        "最后几行日志中可能有原因；它也许刚好在那时退出了。",
    ),
}
