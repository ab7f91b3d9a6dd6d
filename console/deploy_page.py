"""Deploy, under ``?id=`` (and ``?release=`` for a later one): the way from upload to link, live."""

from __future__ import annotations

import streamlit as st

from console.answers import App
from console.client import Missing
from console.desk import Desk, heading, plain, watch
from console.failures import failure, release_failure
from console.parts import live_log, missing, on_its_way, open_link, progress, steps
from console.release_answers import Release


def show(desk: Desk) -> None:
    """The page."""
    app_id = st.query_params.get("id", "")
    try:
        app = desk.ask(lambda: desk.hostd.app(app_id))
        release = _release(desk, app)
    except Missing:
        missing(desk, app_id)
        return
    watch(desk, app, lambda: desk.hostd.app(app_id), every=1 if app.busy else 2)
    heading(plain(app.name))
    with st.container():  # one place, however much is in it: the log below stays where it is
        if release is None or app.release is None:
            _new_app(desk, app)
        else:
            _update(desk, app, release)
        _next(desk, app)
    live_log(desk, app)


def _release(desk: Desk, app: App) -> Release | None:
    number = st.query_params.get("release", "")
    return desk.hostd.release(app.app_id, int(number)) if number.isdecimal() else None


def _new_app(desk: Desk, app: App) -> None:
    if app.busy:
        on_its_way(app, desk.say)
    elif app.status == "failed":
        failure(desk, app)
    else:
        steps(None, desk.say)
        progress(app, desk.say)
        failure(desk, app)


def _update(desk: Desk, app: App, release: Release) -> None:
    if release.error is not None and release.state == "failed":
        release_failure(desk, app, release.error, release.release)
    elif release.state in {"pending", "deploying"}:
        on_its_way(app, desk.say)
    else:
        _ended(desk, app, release)


def _ended(desk: Desk, app: App, release: Release) -> None:
    said = {"active": "release_online", "cancelled": "release_called_off"}.get(
        release.state, "release_replaced"
    )
    text = desk.say(said, release=release.release, name=f"**{plain(app.name)}**")
    if release.state == "active":
        steps(None, desk.say)
        st.success(text, icon=":material/check_circle:")
        failure(desk, app)
    else:
        st.info(text)


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
