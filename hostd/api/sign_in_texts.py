"""What the sign-in page says."""

from __future__ import annotations

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Sign in",
        "name": "Name",
        "password": "Password",
        "send": "Sign in",
        "provider": "Sign in with your company account",
        "or": "or",
        "nobody": "Nobody can sign in here yet: there are no users.",
        "wrong": "The name or the password is not right.",
        "wait": "Too many wrong attempts. Wait {seconds} s and try again.",
        "stale": "This page was open for too long, or cookies are off. Please try again.",
        "provider_away": "The sign-in provider does not answer. Please try again later.",
        "provider_refused": "The sign-in provider did not let you in here. Try again, or ask an admin.",
    },
    "zh": {
        "title": "登录",
        "name": "用户名",
        "password": "密码",
        "send": "登录",
        "provider": "使用公司账号登录",
        "or": "或",
        "nobody": "目前还没有任何用户，无法登录。",
        "wrong": "用户名或密码不正确。",
        "wait": "错误次数过多，请等待 {seconds} 秒后重试。",
        "stale": "页面打开时间过长，或浏览器禁用了 Cookie，请重试。",
        "provider_away": "登录服务暂时没有响应，请稍后再试。",
        "provider_refused": "登录服务未允许您进入，请重试或联系管理员。",
    },
}
