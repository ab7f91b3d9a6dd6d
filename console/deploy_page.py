"""Deploy, under ``?id=``: the way of one app from upload to link, live."""

from __future__ import annotations

import streamlit as st

from console.client import App, Missing
from console.desk import Desk, heading, plain, watch
from console.parts import failure, live_log, missing, open_link, progress, steps


def show(desk: Desk) -> None:
    """The page."""
    app_id = st.query_params.get("id", "")
    try:
        app = desk.ask(lambda: desk.hostd.app(app_id))
    except Missing:
        missing(desk, app_id)
        return
    watch(desk, app, lambda: desk.hostd.app(app_id), every=1 if app.busy else 2)
    heading(plain(app.name))
    with st.container():  # one place, however much is in it: the log below stays where it is
        if app.status == "failed":
            failure(app, desk.say)
        else:
            steps(app, desk.say)
            progress(app, desk.say)
        _next(desk, app)
    live_log(desk, app)


def _next(desk: Desk, app: App) -> None:
    if app.busy:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if app.status == "running":
            open_link(app, desk.say("app_open"), primary=True)
        if st.button(desk.say("new_manage"), icon=":material/tune:"):
            desk.go("app", id=app.app_id)
        if st.button(desk.say("new_another"), type="tertiary"):
            desk.go("new")
