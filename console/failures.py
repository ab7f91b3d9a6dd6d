"""What went wrong, what to do about it, and the lines that show it: in hostd's own words."""

from __future__ import annotations

import streamlit as st

from console.answers import App, Failure
from console.desk import Desk, plain

WHOLE_LOG = 10_000


def failure(desk: Desk, app: App) -> None:
    """How the last deploy failed, or what was wrong with a first page that is served all the same."""
    if app.error is not None:
        failed = app.status == "failed"
        _tell(desk, app, app.error, desk.say("failed_title" if failed else "update_failed_title"), bad=failed)
    if app.warning is not None:
        _tell(desk, app, app.warning, desk.say("warning_title"), bad=False)


def release_failure(desk: Desk, app: App, error: Failure, number: int) -> None:
    """How a release failed that was to follow one that runs."""
    key = "failed_title" if app.status == "failed" else "release_failed_title"
    _tell(desk, app, error, desk.say(key, release=number), bad=True)


def _tell(desk: Desk, app: App, error: Failure, title: str, *, bad: bool) -> None:
    text = _cause(error)
    if bad:
        st.error(text, title=title, icon=":material/error:")
    else:
        st.warning(text, title=title, icon=":material/warning:")
    if error.log_tail:
        with st.expander(desk.say("last_lines"), expanded=bad, type="compact"):
            st.code(error.log_tail, language=None, wrap_lines=True)
    log_download(desk, app, desk.say("whole_log"), f"log_{error.kind}_{title}")


def _cause(error: Failure) -> str:
    """Cause and advice as Markdown."""
    return "\n\n".join(plain(text) for text in (error.message or error.kind, error.advice) if text)


def failure_line(error: Failure | None) -> None:
    """The failure in one line, for a list."""
    if error is not None:
        first = (error.message.splitlines() or [error.kind])[0]
        st.markdown(f":red[:small[{plain(first[:160])}]]")


def log_download(desk: Desk, app: App, label: str, key: str) -> None:
    """All of run.log that hostd gives out, as a file: a link would lack the token."""
    st.download_button(
        label,
        lambda: desk.hostd.logs(app.app_id, WHOLE_LOG),
        f"{app.app_id}.log",
        "text/plain",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key=key,
    )
