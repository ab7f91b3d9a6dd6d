"""My account: the password, and API tokens."""

from __future__ import annotations

import streamlit as st

from console.client import Refused
from console.desk import Desk, heading, local, plain, tell
from console.people import SCOPES, Token

DAYS = (30, 90, 365, 0)
"""How long a token may live; 0 is for ever."""


def show(desk: Desk) -> None:
    """The page."""
    heading(desk.say("account"))
    _tokens(desk)
    if desk.me.means == "session" and desk.me.source == "local":
        _password(desk)


def _tokens(desk: Desk) -> None:
    say = desk.say
    st.subheader(say("tokens"), anchor=False)
    st.caption(say("tokens_text"))
    made = st.session_state.pop("made_token", None)
    if made:
        st.success(say("token_made"), icon=":material/key:")
        st.code(made, language=None)
    found = desk.ask(desk.hostd.tokens)
    with st.container(border=bool(found), key="tokens"):
        for token in found:
            _row(desk, token)
    if desk.me.means == "session":
        _new(desk)


def _row(desk: Desk, token: Token) -> None:
    say = desk.say
    with st.container(key=f"row_token_{token.token_id}"):
        label, scope, used, act = st.columns([4, 2, 4, 1], vertical_alignment="center")
        label.markdown(f"**{plain(token.label)}**")
        scope.markdown(f":gray-badge[{say(f'scope_{token.scope}')}]")
        last = (
            say("token_used", time=local(token.last_used_at)) if token.last_used_at else say("token_unused")
        )
        ends = say("token_ends", time=local(token.expires_at)) if token.expires_at else say("token_endless")
        used.caption(f"{last} · {ends}")
        gone = act.button(
            ":material/delete:",
            type="tertiary",
            key=f"token_delete:{token.token_id}",
            help=say("token_delete"),
        )
    if gone:
        desk.do(say("working"), lambda: desk.hostd.delete_token(token.token_id), say("token_deleted"))
        st.rerun()


def _new(desk: Desk) -> None:
    say = desk.say
    scopes = SCOPES if desk.me.is_admin else SCOPES[:2]
    with st.form("token_form"), st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.text_input(say("token_label"), max_chars=100)
        scope = st.selectbox(
            say("token_scope"), scopes, index=1, format_func=lambda each: say(f"scope_{each}")
        )
        days = st.selectbox(say("token_days"), DAYS, index=1, format_func=lambda each: _days(desk, each))
        sent = st.form_submit_button(say("token_new"), type="primary")
    if not sent:
        return
    fields = {"label": label, "scope": scope} | ({"days": str(days)} if days else {})
    try:
        st.session_state["made_token"] = desk.hostd.add_token(**fields).token
    except Refused as error:
        st.error(say("refused", detail=plain(str(error))))
    else:
        st.rerun()


def _days(desk: Desk, days: int) -> str:
    return desk.say("days", count=days) if days else desk.say("token_endless")


def _password(desk: Desk) -> None:
    say = desk.say
    st.subheader(say("user_password"), anchor=False)
    with st.form("password_form", width=440):
        current = st.text_input(say("password_current"), type="password", autocomplete="current-password")
        new = st.text_input(say("password_new"), type="password", autocomplete="new-password")
        st.caption(say("user_password_text"))
        sent = st.form_submit_button(say("save"))
    if sent:
        done = say("password_saved")
        try:
            desk.hostd.set_password(desk.me.name, new, current)
        except Refused as error:
            st.error(say("refused", detail=plain(str(error))))
        else:
            tell(done, ":material/check_circle:")
            st.rerun()
