"""Who looks at the console: the sign-in card, and the name at the foot of the sidebar.

A browser's cookie says who it is; it comes with the page's own WebSocket, and this server, not the page,
makes the bearer of its calls from it. Where there are no people, somebody types the admin token.
"""

from __future__ import annotations

from html import escape
from urllib.parse import quote, urlsplit

import streamlit as st

from console.client import Hostd, TokenNeeded
from console.desk import Desk, plain
from console.people import Me

COOKIES = ("__Secure-hostd-console", "hostd-console")
"""The names of the console's cookie, on https and on http (hostd/people/cookies.py)."""


def bearer() -> str | None:
    """What to show to hostd: the token that was typed, else the browser's cookie."""
    typed = st.session_state.get("token")
    found = (st.context.cookies.get(name) for name in COOKIES)
    return typed or next(filter(None, found), None)


def who(hostd: Hostd, shown: str | None) -> Me:
    """Who looks: asked once per bearer. Raises ApiError."""
    kept = st.session_state.get("me")
    if kept is None or kept[0] != shown:
        kept = st.session_state["me"] = (shown, hostd.me())
    me: Me = kept[1]
    return me


def forget() -> None:
    """Ask again who looks."""
    st.session_state.pop("me", None)


def foot(desk: Desk) -> None:
    """Who is signed in, and the way out."""
    if not desk.me.is_user:
        return
    with st.sidebar, st.container(key="who"):
        role = desk.say(f"role_{desk.me.role}")
        st.caption(desk.say("signed_in_as", name=f"**{plain(desk.me.name)}**", role=role))
        if desk.me.means == "session" and st.button(
            desk.say("sign_out"), icon=":material/logout:", type="tertiary", key="sign_out"
        ):
            desk.do(desk.say("sign_out_busy"), desk.hostd.sign_out)
            st.session_state.pop("token", None)
            forget()
            st.rerun()


def ask(desk: Desk, needed: TokenNeeded | None, trouble: str = "") -> None:
    """The card that asks who somebody is: the way to the sign-in page, or a field for the token."""
    forget()
    say = desk.say
    if st.session_state.pop("token", None) and not trouble:
        trouble = say("token_wrong")
    if needed is not None and needed.sign_in:
        with st.container(border=True, width=440):
            st.subheader(say("token_title"), anchor=False)
            st.write(say("sign_in_text"))
            _link(say("token_send"), needed.sign_in)
        with st.expander(say("sign_in_token"), width=440):
            _token_form(desk, say("sign_in_token_text"))
    else:
        _token_form(desk, say("token_text"), title=say("token_title"))
    if trouble:
        st.error(trouble, icon=":material/key_off:", width=440)


def _link(label: str, page: str) -> None:
    """In this tab: st.link_button would open another."""
    path = urlsplit(page).path  # of the address that this page has: it may have several
    back = urlsplit(st.context.url or "").path or path.removesuffix("/sign-in") + "/console/"
    url = f"{path}?next={quote(back, safe='')}"
    st.markdown(
        f'<a class="hostd-sign-in" href="{escape(url)}" target="_self">{escape(label)}</a>',
        unsafe_allow_html=True,
    )


def _token_form(desk: Desk, text: str, title: str = "") -> None:
    say = desk.say
    with st.form("sign_in", width=440, border=bool(title)):
        if title:
            st.subheader(title, anchor=False)
        st.write(text)
        token = st.text_input(say("token"), type="password", autocomplete="current-password")
        sent = st.form_submit_button(
            say("token_send") if title else say("sign_in_token_send"),
            type="primary" if title else "secondary",
        )
    if sent and token:
        st.session_state["token"] = token
        st.rerun()
