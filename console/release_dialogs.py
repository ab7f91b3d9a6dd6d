"""What is asked or told about one release in a dialog."""

from __future__ import annotations

import streamlit as st

from console.answers import App
from console.client import ApiError, Missing, Refused
from console.desk import Desk, local, plain
from console.release_answers import Release
from console.release_texts import when, where
from console.texts import TEXTS, Say

ASKED = "release_asked"
"""Remembered, for the page may be drawn again, by itself, while the dialog is open."""


def ask(what: str, app: App, number: int) -> None:
    """Open a dialog: ``activate`` or ``details``."""
    st.session_state[ASKED] = (what, app.app_id, number)


def _close() -> None:
    st.session_state.pop(ASKED, None)


def dialogs(desk: Desk, app: App) -> None:
    """The dialog that is open, if it is about this app."""
    what, app_id, number = st.session_state.get(ASKED, ("", "", 0))
    if app_id != app.app_id or "deleting" in st.session_state:
        return
    if what == "activate":
        title = desk.say("activate_title", release=number)
        st.dialog(title, on_dismiss=_close)(_activate)(desk, app, number)
    elif what == "details":
        title = desk.say("release", release=number)
        st.dialog(title, width="large", on_dismiss=_close)(_details)(desk, app, number)


def _activate(desk: Desk, app: App, number: int) -> None:
    st.write(desk.say("activate_text", release=number))
    force = st.checkbox(desk.say("force"), help=desk.say("force_help"), key=f"force_{app.app_id}_{number}")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(desk.say("activate_no"), key="activate_no"):
            _close()
            st.rerun()
        if st.button(desk.say("activate_yes", release=number), type="primary", key="activate_yes"):
            _go(desk, app, number, force=force)


def _go(desk: Desk, app: App, number: int, *, force: bool) -> None:
    try:
        with st.spinner(desk.say("activate_busy", release=number)):
            desk.hostd.activate(app.app_id, number, force=force)
    except Refused as error:
        st.error(desk.say("refused", detail=plain(str(error))))
        return
    except ApiError:
        st.rerun()  # a dialog is a fragment: the frame around the page says what is wrong
    _close()
    st.rerun()


def _details(desk: Desk, app: App, number: int) -> None:
    try:
        release = desk.hostd.release(app.app_id, number)
    except Missing as error:
        st.info(plain(str(error)))
        return
    except ApiError:
        st.rerun()
    say = desk.say
    facts = {say(key): plain(value) for key, value in _facts(say, release).items() if value}
    st.table(facts, border="horizontal")
    if release.source.packages:
        st.info(say("detail_packages", names=plain(" ".join(release.source.packages))))
    for key, text in (
        ("detail_resolved", "\n".join(release.resolved)),
        ("last_lines", release.error.log_tail if release.error else ""),
        ("detail_install_log", release.install_log),
    ):
        if text:
            with st.expander(say(key), type="compact", expanded=key == "last_lines"):
                st.code(text, language=None, wrap_lines=True, height=min(400, 60 + 22 * text.count("\n")))


def _facts(say: Say, release: Release) -> dict[str, str]:
    source = release.source
    strategy = f"strategy_{release.strategy}"
    size = say("detail_size_value", files=source.files, size=-(-source.size // 1024)) if source.files else ""
    return {
        "detail_note": release.note,
        "detail_state": say(f"release_{release.state}"),
        "detail_when": when(say, release),
        "detail_ended": local(release.ended_at),
        "detail_source": where(say, release),
        "detail_entry": source.entry,
        "detail_dependencies": source.dependencies,
        "detail_python": release.python,
        "fact_streamlit": release.streamlit_version,
        "as_of": release.as_of,
        "detail_strategy": say(strategy) if strategy in TEXTS else release.strategy,
        "detail_size": size,
        "detail_sha256": source.sha256,
    }
