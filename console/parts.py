"""Pieces that more than one page shows."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from console.answers import App
from console.client import ApiError
from console.desk import Desk, heading, plain
from console.failures import log_download
from console.texts import Say

LOG_LINES = 400
LOG_HEIGHT = 380

COLOURS = {"created": "gray", "installing": "blue", "starting": "blue", "running": "green",
           "stopped": "gray", "failed": "red", "sleeping": "violet"}  # fmt: skip
ICONS = {"created": "hourglass_empty", "installing": "downloading", "starting": "rocket_launch",
         "running": "check_circle", "stopped": "pause_circle", "failed": "error",
         "sleeping": "bedtime"}  # fmt: skip
STEPS = ("waiting", "installing", "starting", "first_session", "switching")
STEP_OF = {"created": "waiting", "installing": "installing", "starting": "starting"}
"""A new app's status, where hostd names no step."""


def badge(app: App, say: Say) -> None:
    """What the app is doing, in a word, a colour and a sign."""
    colour, icon = COLOURS.get(app.status, "gray"), ICONS.get(app.status, "help")
    with st.container(key=f"status_{app.app_id}", width="content"):
        st.markdown(f":{colour}-badge[:material/{icon}: {say(app.status)}]")


def draining(app: App, say: Say) -> None:
    """How many old releases go on for open sessions."""
    if app.draining:
        count = say("draining_count", count=len(app.draining))
        st.markdown(f":gray-badge[:material/hourglass_bottom: {count}]", width="content")


def under_way(app: App, say: Say) -> None:
    """The step of the release on its way to an app that runs meanwhile."""
    if app.deploying and app.release is not None:
        step = say(f"step_{app.deploying.step}")
        text = say("release_short", step=step, release=app.deploying.release)
        st.markdown(f":blue-badge[:material/rocket_launch: {text}]", width="content")


def open_link(app: App, label: str, *, primary: bool = False) -> None:
    """The link to the app, alive when there is something behind it."""
    st.link_button(
        label,
        app.access_url,
        icon=":material/open_in_new:",
        type="primary" if primary else "secondary",
        disabled=app.status in {"stopped", "failed"},
    )


def step_of(app: App) -> str | None:
    """How far the release on its way has come."""
    return app.deploying.step if app.deploying else STEP_OF.get(app.status)


def progress(app: App, say: Say) -> None:
    """What is happening to it now, in a sentence."""
    step = step_of(app)
    if app.status == "created" or step is None:
        step = app.status
    text = say(f"now_{step}", name=f"**{plain(app.name)}**")
    if app.busy:
        st.info(text, icon="spinner")
    elif app.status == "running":
        st.success(text, icon=":material/check_circle:")
    else:
        st.info(text)


def missing(desk: Desk, app_id: str) -> None:
    """Instead of an app that is not there."""
    heading(desk.say("app"))
    st.info(f"{desk.say('app_missing', id=plain(app_id))} {desk.say('app_missing_text')}")
    if st.button(desk.say("apps"), icon=":material/arrow_back:"):
        desk.go("apps")


def on_its_way(app: App, say: Say) -> None:
    """The steps of the release on its way, and what visitors see meanwhile."""
    steps(step_of(app), say)
    progress(app, say)
    if app.deploying and app.release is not None:
        st.caption(say("now_updating", release=app.deploying.release))


def steps(step: str | None, say: Say) -> None:
    """How far a release has come; None is all the way."""
    reached = STEPS.index(step) if step in STEPS else len(STEPS)
    with st.container(horizontal=True, gap="small", key="steps"):
        for number, name in enumerate(STEPS):
            st.markdown(_step(number, reached, say(f"step_{name}")), width="content")


def _step(number: int, reached: int, label: str) -> str:
    if number < reached or number == 0:
        return f":green-badge[:material/check: {label}]"
    if number == max(reached, 1):
        return f":blue-badge[:material/more_horiz: {label}]"
    return f":gray-badge[{label}]"


def live_log(desk: Desk, app: App) -> None:
    """The end of ``run.log``, following it."""
    refresh, scroll = _log_bar(desk, app)
    kept = f"log_text_{desk.me.name}_{app.app_id}"

    @st.fragment(run_every=(1 if app.busy else 2) if refresh else None)
    def follow() -> None:
        if refresh or kept not in st.session_state:
            with suppress(ApiError):  # the page's own watch finds out, and says so
                st.session_state[kept] = desk.hostd.logs(app.app_id, LOG_LINES)
        text = st.session_state.get(kept, "")
        with st.container(height=LOG_HEIGHT, autoscroll=scroll, border=True, key="log"):
            st.code(text or desk.say("log_empty"), language=None, wrap_lines=True)

    follow()


def _log_bar(desk: Desk, app: App) -> tuple[bool, bool]:
    with st.container(horizontal=True, vertical_alignment="center"):
        refresh = st.toggle(desk.say("log_refresh"), value=True, key="log_refresh")
        scroll = st.toggle(desk.say("log_scroll"), value=True, key="log_scroll")
        st.space("stretch")
        log_download(desk, app, desk.say("log_download"), "log_download")
    return refresh, scroll
