"""What is said about variables and secrets."""

from __future__ import annotations

SECRETS: dict[str, tuple[str, str]] = {
    "tab_secrets": ("Variables and secrets", "变量与密钥"),
    "secrets_text": (
        "Each change is a new release, which takes over once its first page is shown.",
        "每次改动都是一个新版本，首页能够显示后才会接替当前版本。",
    ),
    "variables_save": ("Set variables", "保存变量"),
    "secrets_title": ("Secrets", "密钥"),
    "secrets_none": (
        "None yet. The app finds them in st.secrets.",
        "还没有密钥。应用通过 st.secrets 读取它们。",
    ),
    "secret_in_environment": ("also in the environment", "同时是环境变量"),
    "secret_not_scrubbed": ("too short to be taken out of logs", "太短，无法从日志中去除"),
    "secret_delete": ("Delete {name}", "删除 {name}"),
    "secret_delete_text": (
        "The app runs on without {name}, as a new release. Its value can't be read again.",
        "删除 {name} 后，应用会以一个新版本继续运行。它的值无法再读出。",
    ),
    "secret_name": ("Name of the secret", "密钥名称"),
    "secret_value": ("Value", "值"),
    "secret_save": ("Set this secret", "设置这个密钥"),
    "secrets_paste": ("Or all of them, as a secrets.toml", "或者粘贴整个 secrets.toml"),
    "secrets_paste_help": (
        "What is not in it is deleted. Nobody can read the values again, here or by the API.",
        "其中没有的会被删除。之后无论在这里还是通过 API 都无法再读出这些值。",
    ),
    "secrets_paste_save": ("Replace all secrets", "替换全部密钥"),
    "secrets_saved": ("Set. A new release is on its way.", "已设置，新版本正在部署。"),
    "secrets_field": ("Secrets (secrets.toml)", "密钥（secrets.toml）"),
    "secrets_field_help": (
        "The app finds them in st.secrets. Nobody can read the values again.",
        "应用通过 st.secrets 读取它们。之后谁也无法再读出这些值。",
    ),
}
