"""App: one app under ``?id=``: open, start, stop, restart, delete; its log, releases, files, settings."""

from __future__ import annotations

import streamlit as st

from console.answers import App
from console.client import Missing
from console.code_tab import code_tab
from console.deletion import ask_delete, confirm_delete
from console.desk import Desk, act, heading, local, plain, watch
from console.failures import failure
from console.parts import badge, draining, live_log, missing, on_its_way, open_link
from console.releases_tab import releases_tab
from console.scale_form import replicas_badge
from console.secrets_tab import secrets_tab
from console.settings_tab import settings_tab

TABS = {
    "log": live_log,
    "releases": releases_tab,
    "code": code_tab,
    "secrets": secrets_tab,
    "settings": settings_tab,
}


def show(desk: Desk) -> None:
    """The page."""
    app_id = st.query_params.get("id", "")
    try:
        app = desk.ask(lambda: desk.hostd.app(app_id))
    except Missing:
        missing(desk, app_id)
        return
    if not desk.me.manages(app):
        heading(plain(app.name))
        open_link(app, desk.say("app_open"), primary=True)
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
        draining(app, say)
        replicas_badge(app, say)
    st.caption(
        say(
            "app_facts",
            id=app.app_id,
            release=app.release or "–",
            version=app.streamlit_version or "–",
            time=local(app.updated_at),
        )
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        open_link(app, say("app_open"), primary=True)
        _actions(desk, app)


def _actions(desk: Desk, app: App) -> None:
    say, off = desk.say, app.status in {"stopped", "failed"}
    asleep = app.status == "sleeping"
    if (off or asleep) and st.button(say("start"), icon=":material/play_arrow:"):
        act(desk, app, "start")
    if not off and st.button(say("stop"), icon=":material/stop:"):
        act(desk, app, "stop")
    if not (off or asleep) and st.button(say("restart"), icon=":material/restart_alt:"):
        act(desk, app, "restart")
    if desk.me.owns(app) and st.button(say("delete"), icon=":material/delete:", type="tertiary"):
        ask_delete(app)


def _state(desk: Desk, app: App) -> None:
    # One container, full or empty: were what follows to change its place, tabs and edits would start anew.
    with st.container():
        if app.busy:
            on_its_way(app, desk.say)
        elif app.status == "sleeping":
            st.caption(desk.say("now_sleeping", name=plain(app.name)))
        else:
            failure(desk, app)


def _tabs(desk: Desk, app: App) -> None:
    """All are drawn, seen or not: so an edit survives a look at the log."""
    for tab, draw in zip(st.tabs([desk.say(f"tab_{name}") for name in TABS]), TABS.values(), strict=True):
        with tab:
            draw(desk, app)
