"""The frame around every page: language, navigation, and what is shown when hostd can't be asked."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import httpx
import streamlit as st

from console import about_page, app_page, apps_page, new_page
from console.client import ApiError, Hostd, Refused, TokenNeeded, Unreachable
from console.desk import Desk, plain, tell_now, watch
from console.texts import LANGUAGES, Language, Say, language_of

HERE = Path(__file__).resolve().parent
STYLE = HERE / "style.css"
LOGO = HERE / "logo.svg"
ICON = HERE / "icon.svg"


PAGES = {
    "apps": (apps_page.show, ":material/apps:"),
    "new": (new_page.show, ":material/add_circle:"),
    "app": (app_page.show, ":material/web:"),
    "about": (about_page.show, ":material/info:"),
}


def main(http: httpx.Client, public_base: str) -> None:
    """Draw the console for one visitor. Everything from outside is handed in."""
    st.set_page_config(page_title="hostd", page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    st.logo(str(LOGO), size="large", icon_image=str(ICON))
    say = _language()
    pages: dict[str, st.Page] = {}
    desk = Desk(Hostd(http, st.session_state.get("token")), say, pages, public_base, st.empty())
    pages |= {name: _page(desk, name) for name in PAGES}
    page = st.navigation(list(pages.values()))
    tell_now()
    _run(desk, page)


def _page(desk: Desk, name: str) -> st.Page:
    show, icon = PAGES[name]
    return st.Page(
        partial(show, desk),
        title=desk.say(name),
        icon=icon,
        url_path=name,
        default=name == "apps",
        visibility="hidden" if name == "app" else "visible",
    )


def _language() -> Say:
    """The browser's language, or the one chosen here; the address keeps the choice."""
    codes: list[Language] = list(LANGUAGES)
    chosen = st.sidebar.segmented_control(
        "Language / 语言",
        codes,
        default=language_of(st.context.locale),
        required=True,
        format_func=lambda code: LANGUAGES[code],
        label_visibility="collapsed",
        key="lang",
        bind="query-params",
    )
    return Say(chosen or "en")


def _run(desk: Desk, page: st.Page) -> None:
    try:
        with st.spinner(desk.say("working")):
            health = desk.hostd.health()
        if health.get("open_without_token"):
            st.warning(desk.say("open_warning"), icon=":material/lock_open:")
        page.run()
    except Unreachable:
        _away(desk)
    except TokenNeeded:
        _sign_in(desk)
    except Refused as error:
        st.error(desk.say("refused", detail=plain(str(error))), icon=":material/error:")


def _away(desk: Desk) -> None:
    with st.container(border=True, key="away"):
        st.subheader(desk.say("away_title"), anchor=False)
        st.write(desk.say("away_text"))
        st.caption(desk.say("away_hint"))
        st.markdown(f":gray-badge[:material/sync: {desk.say('away_retrying')}]")
    watch(None, lambda: _answers(desk), every=2)


def _answers(desk: Desk) -> bool | None:
    """True as soon as hostd says anything at all, be it that it wants a token."""
    try:
        desk.hostd.health()
    except Unreachable:
        return None
    except ApiError:
        return True
    return True


def _sign_in(desk: Desk) -> None:
    say = desk.say
    with st.container(key="sign_in"), st.form("token", width=440):
        st.subheader(say("token_title"), anchor=False)
        st.write(say("token_text"))
        token = st.text_input(say("token"), type="password", key="token_typed")
        sent = st.form_submit_button(say("token_send"), type="primary")
    if sent and token:
        st.session_state["token"] = token
        st.rerun()
    if "token" in st.session_state:
        st.error(say("token_wrong"), icon=":material/key_off:", width=440)
