"""Every sentence of the gateway's pages, in both languages."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """What a page says: a headline, one or two sentences, and the status in a word."""

    title: str
    detail: str
    status: str


TEXTS: dict[tuple[str, str], Text] = {
    ("en", "created"): Text(
        "Waiting for its turn", "The app was just uploaded. Its installation begins soon.", "created"
    ),
    ("zh", "created"): Text("正在排队", "应用刚刚上传，很快就会开始安装。", "已创建"),
    ("en", "installing"): Text(
        "Installing",
        "The libraries that the app needs are being installed. It opens here by itself.",
        "installing",
    ),
    ("zh", "installing"): Text("正在安装", "正在安装应用所需的依赖，完成后会自动打开。", "安装中"),
    ("en", "starting"): Text("Starting", "The app is starting. It opens here by itself.", "starting"),
    ("zh", "starting"): Text("正在启动", "应用正在启动，完成后会自动打开。", "启动中"),
    ("en", "sleeping"): Text(
        "Waking up", "The app was asleep and starts now. It opens here by itself.", "waking"
    ),
    ("zh", "sleeping"): Text("正在唤醒", "应用此前处于休眠，现在正在启动，完成后会自动打开。", "唤醒中"),
    ("en", "stopped"): Text(
        "Stopped", "The app is not running. Its owner can start it in the console.", "stopped"
    ),
    ("zh", "stopped"): Text("已停止", "应用当前没有运行，其负责人可以在控制台中启动它。", "已停止"),
    ("en", "failed"): Text(
        "Not available", "The app could not be started. Its owner finds the reason in the console.", "failed"
    ),
    ("zh", "failed"): Text("暂不可用", "应用未能启动，其负责人可以在控制台中查看原因。", "失败"),
    ("en", "unreachable"): Text(
        "One moment", "The app does not answer just now. It opens here as soon as it does.", "no answer"
    ),
    ("zh", "unreachable"): Text("请稍候", "应用暂时没有响应，恢复后会自动打开。", "无响应"),
    ("en", "broken"): Text(
        "One moment", "The app ended the connection without an answer. It is tried again.", "no answer"
    ),
    ("zh", "broken"): Text("请稍候", "应用没有回应就断开了连接，正在重试。", "无响应"),
    ("en", "silent"): Text(
        "No answer yet", "The app took too long to answer. It is tried again.", "no answer"
    ),
    ("zh", "silent"): Text("仍无响应", "应用响应时间过长，正在重试。", "无响应"),
    ("en", "busy"): Text("Very busy", "There are too many visitors just now. It is tried again.", "busy"),
    ("zh", "busy"): Text("访问繁忙", "当前访问的人太多，正在重试。", "繁忙"),
    ("en", "no_room"): Text(
        "No room just now", "The machine has no memory left for one more app. It is tried again.", "waiting"
    ),
    ("zh", "no_room"): Text("暂无空间", "服务器内存不足，暂时无法再启动应用，正在重试。", "等待中"),
    ("en", "no_port"): Text(
        "No port just now",
        "All ports for apps are taken, so it can't be started. It is tried again.",
        "waiting",
    ),
    ("zh", "no_port"): Text("暂无端口", "应用端口已全部占用，暂时无法启动应用，正在重试。", "等待中"),
    ("en", "full"): Text(
        "Every place is taken",
        "As many people use the app as it has room for. It opens here as soon as somebody leaves.",
        "full",
    ),
    ("zh", "full"): Text("人数已满", "当前使用该应用的人数已达上限，一有空位就会自动打开。", "已满"),
    ("en", "unknown"): Text(
        "No such app",
        "There is no app at this address. It may have been deleted, or the link is incomplete.",
        "404",
    ),
    ("zh", "unknown"): Text("应用不存在", "此地址没有应用：它可能已被删除，或者链接不完整。", "404"),
    ("en", "sign_in"): Text("Sign in first", "Who may see this app must be signed in.", "401"),
    ("zh", "sign_in"): Text("请先登录", "登录后才能查看此应用。", "401"),
    ("en", "forbidden"): Text(
        "Not for your account", "You are signed in, but this app is for others.", "403"
    ),
    ("zh", "forbidden"): Text("没有访问权限", "您已登录，但没有查看此应用的权限。", "403"),
    ("en", "no_link"): Text(
        "This link does not open anything",
        "It may have been replaced or withdrawn. Ask whoever gave it to you for a new one.",
        "404",
    ),
    ("zh", "no_link"): Text("链接无效", "该链接可能已被更换或撤销，请向提供者索取新的链接。", "404"),
}

OWNER = {"en": "Ask for access:", "zh": "申请访问权限请联系："}
"""In front of the name of whoever can let somebody in."""
