"""App: one app under ``?id=``: open, start, stop, restart, delete; its log, its code, its settings."""

from __future__ import annotations

import streamlit as st

from console.client import App, Missing, Refused
from console.code_tab import code_tab
from console.desk import Desk, act, heading, local, plain, tell, watch
from console.parts import (
    ask_delete,
    badge,
    confirm_delete,
    failure,
    live_log,
    missing,
    open_link,
    progress,
    steps,
)


def show(desk: Desk) -> None:
    """The page."""
    app_id = st.query_params.get("id", "")
    try:
        app = desk.ask(lambda: desk.hostd.app(app_id))
    except Missing:
        missing(desk, app_id)
        return
    watch(desk, app, lambda: desk.hostd.app(app_id), every=1 if app.busy else 2)
    _head(desk, app)
    _state(desk, app)
    _tabs(desk, app)
    confirm_delete(desk, [app])


def _head(desk: Desk, app: App) -> None:
    say = desk.say
    with st.container(horizontal=True, vertical_alignment="center"):
        heading(plain(app.name))
        badge(app, say)
    st.caption(
        say("app_facts", id=app.app_id, version=app.streamlit_version or "–", time=local(app.updated_at))
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        open_link(app, say("app_open"), primary=True)
        _actions(desk, app)


def _actions(desk: Desk, app: App) -> None:
    say, off = desk.say, app.status in {"stopped", "failed"}
    if off and st.button(say("start"), icon=":material/play_arrow:"):
        act(desk, app, "start")
    if not off and st.button(say("stop"), icon=":material/stop:"):
        act(desk, app, "stop")
    if not off and st.button(say("restart"), icon=":material/restart_alt:"):
        act(desk, app, "restart")
    if st.button(say("delete"), icon=":material/delete:", type="tertiary"):
        ask_delete(app)


def _state(desk: Desk, app: App) -> None:
    # One container, full or empty: were what follows to change its place, tabs and edits would start anew.
    with st.container():
        if app.busy:
            steps(app, desk.say)
            progress(app, desk.say)
            if app.pid:
                st.caption(desk.say("now_updating"))
        else:
            failure(app, desk.say)


def _tabs(desk: Desk, app: App) -> None:
    """All three are drawn, seen or not: so an edit survives a look at the log."""
    log, code, settings = st.tabs([desk.say(f"tab_{name}") for name in ("log", "code", "settings")])
    with log:
        live_log(desk, app)
    with code:
        code_tab(desk, app)
    with settings:
        _settings(desk, app)


def _settings(desk: Desk, app: App) -> None:
    with st.form("rename", border=False):
        label, hint = desk.say("new_name"), desk.say("rename_text")
        name = st.text_input(label, value=app.name, max_chars=100, help=hint)
        if st.form_submit_button(desk.say("rename_save")):
            _rename(desk, app, (name or "").strip())
    facts = {
        "fact_id": app.app_id,
        "fact_link": app.access_url,
        "fact_port": app.port,
        "fact_pid": app.pid,
        "fact_streamlit": app.streamlit_version,
        "fact_created": local(app.created_at),
        "fact_updated": local(app.updated_at),
    }
    st.table({desk.say(key): plain(str(value or "–")) for key, value in facts.items()}, border="horizontal")


def _rename(desk: Desk, app: App, name: str) -> None:
    try:
        with st.spinner(desk.say("code_busy")):
            desk.hostd.change(app.app_id, name=name)
    except Refused as error:
        st.error(plain(str(error)))
        return
    tell(desk.say("renamed"), ":material/check_circle:")
    st.rerun()
