"""Pieces that more than one page shows."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from console.client import ApiError, App, Missing, Refused
from console.desk import Desk, heading, plain, tell
from console.texts import TEXTS, Say

LOG_LINES = 400
LOG_HEIGHT = 380
WHOLE_LOG = 10_000

COLOURS = {"created": "gray", "installing": "blue", "starting": "blue", "running": "green",
           "stopped": "gray", "failed": "red"}  # fmt: skip
ICONS = {"created": "hourglass_empty", "installing": "downloading", "starting": "rocket_launch",
         "running": "check_circle", "stopped": "pause_circle", "failed": "error"}  # fmt: skip
STEPS = ("created", "installing", "starting", "running")


def badge(app: App, say: Say) -> None:
    """What the app is doing, in a word, a colour and a sign."""
    colour, icon = COLOURS.get(app.status, "gray"), ICONS.get(app.status, "help")
    with st.container(key=f"status_{app.app_id}", width="content"):
        st.markdown(f":{colour}-badge[:material/{icon}: {say(app.status)}]")


def open_link(app: App, label: str, *, primary: bool = False) -> None:
    """The link to the app, alive when there is something behind it."""
    st.link_button(
        label,
        app.access_url,
        icon=":material/open_in_new:",
        type="primary" if primary else "secondary",
        disabled=app.status in {"stopped", "failed"},
    )


def progress(app: App, say: Say) -> None:
    """What is happening to it now, in a sentence."""
    text = say(f"now_{app.status}", name=f"**{plain(app.name)}**")
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


def steps(app: App, say: Say) -> None:
    """How far a new app has come."""
    reached = STEPS.index(app.status) if app.status in STEPS else 0
    with st.container(horizontal=True, gap="small", key="steps"):
        for number, step in enumerate(STEPS):
            st.markdown(_step(number, reached, say(f"step_{step}")), width="content")


def _step(number: int, reached: int, label: str) -> str:
    if number < reached or reached == len(STEPS) - 1 or number == 0:
        return f":green-badge[:material/check: {label}]"
    if number == max(reached, 1):
        return f":blue-badge[:material/more_horiz: {label}]"
    return f":gray-badge[{label}]"


def failure(app: App, say: Say) -> None:
    """What went wrong, in which lines, and what to do about it."""
    if app.error is None:
        return
    todo = f"todo_{app.error.kind}"
    text = f"{plain(app.error.message)}\n\n{say(todo if todo in TEXTS else 'todo_internal')}"
    if app.status == "failed":
        st.error(text, title=say("failed_title"), icon=":material/error:")
    else:
        st.warning(text, title=say("update_failed_title"), icon=":material/warning:")
    if app.error.log_tail:
        with st.expander(say("last_lines"), expanded=True, type="compact"):
            st.code(app.error.log_tail, language=None, wrap_lines=True)


def failure_line(app: App) -> None:
    """The failure in one line, for a list."""
    if app.error is not None:
        first = (app.error.message.splitlines() or [app.error.kind])[0]
        st.markdown(f":red[:small[{plain(first[:160])}]]")


def live_log(desk: Desk, app: App) -> None:
    """The end of ``run.log``, following it."""
    refresh, scroll = _log_bar(desk, app)
    text = ""

    @st.fragment(run_every=(1 if app.busy else 2) if refresh else None)
    def follow() -> None:
        nonlocal text
        with suppress(ApiError):  # the page's own watch finds out, and says so
            text = desk.hostd.logs(app.app_id, LOG_LINES)
        with st.container(height=LOG_HEIGHT, autoscroll=scroll, border=True, key="log"):
            st.code(text or desk.say("log_empty"), language=None, wrap_lines=True)

    follow()


def _log_bar(desk: Desk, app: App) -> tuple[bool, bool]:
    with st.container(horizontal=True, vertical_alignment="center"):
        refresh = st.toggle(desk.say("log_refresh"), value=True, key="log_refresh")
        scroll = st.toggle(desk.say("log_scroll"), value=True, key="log_scroll")
        st.space("stretch")
        st.download_button(
            desk.say("log_download"),
            lambda: desk.hostd.logs(app.app_id, WHOLE_LOG),
            f"{app.app_id}.log",
            "text/plain",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )
    return refresh, scroll


def ask_delete(app: App) -> None:
    """Remember the question: the page may be drawn again, by itself, before it is answered."""
    st.session_state["deleting"] = app.app_id


def _keep() -> None:
    st.session_state.pop("deleting", None)


def confirm_delete(desk: Desk, apps: list[App]) -> None:
    """The question whether to delete, if it was asked about one of these apps."""
    wanted = st.session_state.get("deleting")
    for app in apps:
        if app.app_id == wanted:
            st.dialog(desk.say("delete_title"), on_dismiss=_keep)(_delete_dialog)(desk, app)


def _delete_dialog(desk: Desk, app: App) -> None:
    st.write(desk.say("delete_text", name=f"**{plain(app.name)}**"))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(desk.say("delete_no"), key="delete_no"):
            _keep()
            st.rerun()
        if st.button(desk.say("delete_yes"), type="primary", key="delete_yes"):
            _delete(desk, app)


def _delete(desk: Desk, app: App) -> None:
    try:
        with st.spinner(desk.say("delete_busy")):
            desk.hostd.delete(app.app_id)
    except Missing:
        pass  # somebody else was faster
    except Refused as error:
        st.error(desk.say("refused", detail=plain(str(error))))
        return
    except ApiError:
        st.rerun()  # a dialog is a fragment: the frame around the page says what is wrong
    _keep()
    tell(desk.say("deleted", name=plain(app.name)), ":material/delete:")
    desk.go("apps")
