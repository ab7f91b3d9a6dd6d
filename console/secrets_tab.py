"""What an app finds in its environment and in st.secrets: variables, and secrets, which nobody sees."""

from __future__ import annotations

import zlib

import streamlit as st

from console.answers import App, Secret
from console.desk import Desk, plain, tell
from console.options_form import WrongLine, variables_field
from console.upload import environment


def secrets_tab(desk: Desk, app: App) -> None:
    """Variables first, then the names of the secrets, then the ways to set some."""
    st.caption(desk.say("secrets_text"))
    _variables(desk, app)
    st.subheader(desk.say("secrets_title"), anchor=False)
    _names(desk, app, desk.ask(lambda: desk.hostd.secrets(app.app_id)))
    one, paste = st.columns(2)
    with one:
        _one(desk, app)
    with paste:
        _paste(desk, app)


def _variables(desk: Desk, app: App) -> None:
    now = app.options.environment
    seen = zlib.crc32(repr(now).encode())
    with st.form("variables", border=False):
        text = variables_field(desk.say, lambda name: f"{name}_{app.app_id}_{seen}", now)
        if not st.form_submit_button(desk.say("variables_save"), icon=":material/save:"):
            return
    values, wrong = environment(text)
    if wrong is not None:
        st.error(desk.say("environment_wrong", line=WrongLine(wrong)))
    elif values == now:
        st.info(desk.say("code_same"))
    else:
        _done(desk, desk.do(desk.say("code_busy"), lambda: desk.hostd.set_variables(app.app_id, values)))


def _names(desk: Desk, app: App, secrets: tuple[Secret, ...]) -> None:
    if not secrets:
        st.caption(desk.say("secrets_none"))
    for secret in secrets:
        name, notes, button = st.columns((3, 4, 1), vertical_alignment="center")
        name.markdown(f":material/key: {plain(secret.name)}")
        told = [desk.say("secret_in_environment")] if secret.in_environment else []
        told += [] if secret.scrubbed else [desk.say("secret_not_scrubbed")]
        notes.caption(" · ".join(told))
        with button:
            _delete(desk, app, secret.name)


def _delete(desk: Desk, app: App, name: str) -> None:
    """Asked first: nobody can read the value to set it again."""
    label = desk.say("secret_delete", name=plain(name))
    with st.popover("", icon=":material/delete:", help=label, key=f"ask_secret_{name}"):
        st.write(desk.say("secret_delete_text", name=f"**{plain(name)}**"))
        if st.button(label, type="primary", key=f"delete_secret_{name}"):
            _done(desk, desk.do(desk.say("code_busy"), lambda: desk.hostd.delete_secret(app.app_id, name)))


def _one(desk: Desk, app: App) -> None:
    say = desk.say
    with st.form("secret", clear_on_submit=True, enter_to_submit=False):
        name = st.text_input(say("secret_name"), placeholder="database.password", max_chars=200)
        value = st.text_input(say("secret_value"), type="password", autocomplete="off")
        sent = st.form_submit_button(say("secret_save"), icon=":material/key:")
    if sent and (name or "").strip():
        found, given = (name or "").strip(), value or ""
        _done(desk, desk.do(say("code_busy"), lambda: desk.hostd.set_secret(app.app_id, found, given)))


_EXAMPLE = 'api_key = "…"\n\n[database]\npassword = "…"'


def _paste(desk: Desk, app: App) -> None:
    say = desk.say
    with st.form("secrets_toml", clear_on_submit=True, enter_to_submit=False):
        text = st.text_area(
            say("secrets_paste"), height=140, placeholder=_EXAMPLE, help=say("secrets_paste_help")
        )
        sent = st.form_submit_button(say("secrets_paste_save"), icon=":material/content_paste:")
    if sent and (text or "").strip():
        given = text or ""
        _done(desk, desk.do(say("code_busy"), lambda: desk.hostd.set_secrets(app.app_id, given)))


def _done(desk: Desk, done: bool) -> None:
    """What was taken shows in the list; what was refused is told by a note."""
    if done:
        tell(desk.say("secrets_saved"), ":material/check_circle:")
    st.rerun()
