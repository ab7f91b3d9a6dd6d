"""The frame around every page: language, navigation, and what is shown when hostd can't be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import streamlit as st

from console import (
    about_page,
    account_page,
    app_page,
    apps_page,
    audit_page,
    deploy_page,
    new_page,
    sign_in,
    users_page,
)
from console.client import ApiError, Hostd, Refused, TokenNeeded, Unreachable
from console.desk import Desk, heading, plain, tell_now, watch
from console.people import NOBODY, Me
from console.texts import LANGUAGES, Language, Say, language_of

HERE = Path(__file__).resolve().parent
STYLE = HERE / "style.css"
LOGO = HERE / "logo.svg"
ICON = HERE / "icon.svg"


PAGES = {
    "apps": (apps_page.show, ":material/apps:"),
    "new": (new_page.show, ":material/add_circle:"),
    "deploy": (deploy_page.show, ":material/rocket_launch:"),
    "app": (app_page.show, ":material/web:"),
    "account": (account_page.show, ":material/person:"),
    "users": (users_page.show, ":material/group:"),
    "audit": (audit_page.show, ":material/history:"),
    "about": (about_page.show, ":material/info:"),
}
UNDER_AN_ID = {"deploy", "app"}
SHOWN: dict[str, Callable[[Me], bool]] = {
    "new": lambda me: me.publishes,
    "account": lambda me: me.is_user,
    "users": lambda me: me.is_admin,
    "audit": lambda me: me.is_admin,
}
"""Whom the navigation leads there; hostd itself refuses the others."""


def _to_all(_me: Me) -> bool:
    return True


def main(http: httpx.Client, public_base: str) -> None:
    """Draw the console for one visitor. Everything from outside is handed in."""
    st.set_page_config(page_title="hostd", page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    st.logo(str(LOGO), size="large", icon_image=str(ICON))
    say = _language()
    pages: dict[str, st.Page] = {}
    shown = sign_in.bearer()
    desk = Desk(Hostd(http, shown, say.language), say, pages, public_base, st.empty())
    try:
        me, trouble = desk.ask(lambda: sign_in.who(desk.hostd, shown)), None
    except ApiError as error:
        me, trouble = NOBODY, error
    desk = replace(desk, me=me)
    pages |= {name: _page(desk, name) for name in PAGES}
    page = st.navigation(list(pages.values()))
    tell_now()
    sign_in.foot(desk)
    _run(desk, page, trouble)


def _page(desk: Desk, name: str) -> st.Page:
    show, icon = PAGES[name]
    return st.Page(
        partial(show, desk),
        title=desk.say(name),
        icon=icon,
        url_path=name,
        default=name == "apps",
        visibility="visible" if name not in UNDER_AN_ID and SHOWN.get(name, _to_all)(desk.me) else "hidden",
    )


def _language() -> Say:
    """The browser's language, or the one chosen here; then the address keeps the choice."""
    codes: list[Language] = list(LANGUAGES)
    browser = language_of(st.context.locale)
    asked = st.query_params.get("lang")
    chosen = st.sidebar.segmented_control(
        "Language / 语言",
        codes,
        default=next((code for code in codes if code == asked), browser),
        required=True,
        format_func=lambda code: LANGUAGES[code],
        label_visibility="collapsed",
        key="language",
    )
    language = chosen or browser
    if language != browser:
        st.query_params["lang"] = language
    elif asked:
        del st.query_params["lang"]
    return Say(language)


def _run(desk: Desk, page: st.Page, trouble: ApiError | None) -> None:
    try:
        if trouble is not None:
            raise trouble
        if desk.ask(desk.hostd.health).get("open_without_token"):
            st.warning(desk.say("open_warning"), icon=":material/lock_open:")
        page.run()
    except Unreachable:
        _away(desk)
    except TokenNeeded as needed:
        sign_in.ask(desk, needed)
    except Refused as error:
        text = desk.say("refused", detail=plain(str(error)))
        if error.status == 429:  # too many wrong tokens
            sign_in.ask(desk, None, text)
        else:
            st.error(text, icon=":material/error:")


def _away(desk: Desk) -> None:
    heading(desk.say("away_title"))
    st.write(desk.say("away_text"))
    st.info(desk.say("away_retrying"), icon="spinner")
    st.caption(desk.say("away_hint"))
    watch(desk, False, lambda: _answers(desk), every=2)


def _answers(desk: Desk) -> bool:
    """Whether hostd says anything at all, be it that it wants a token."""
    try:
        desk.hostd.health()
    except Unreachable:
        return False
    except ApiError:
        pass
    return True
