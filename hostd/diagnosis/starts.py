"""Why an app did not come up, or its first page did not come out well."""

from __future__ import annotations

import re
import signal

from hostd.diagnosis.raised import cause_of, place_of
from hostd.first_session import FirstSession, SessionEnd
from hostd.health import End
from hostd.models import Failure, FailureKind
from hostd.tracebacks import Trace, end_of, last, plain, without_paths
from hostd.words import make

_STARTED = re.compile(r"^\S+Z \[hostd\] start: release \d+ on port (?P<port>\d+).*$", re.MULTILINE)
_TAKEN = re.compile(r"Port (?P<port>\d+) is (?:not available|already in use)")
_LISTENS = re.compile(r"(?:server started on \S+?:|URL: https?://[^\s/]+?:)(?P<port>\d+)")
_SERVER_SETTINGS = re.compile(r"sslCertFile|sslKeyFile|ssl_cert|SSLError|certificate file")
_NO_ENTRY = re.compile(r"File does not exist: (?P<entry>.+)")
_NOT_PYTHON = re.compile(r"requires raw Python \(\.py\) files, not (?P<suffix>\S*?)\.?$", re.MULTILINE)
_NO_STREAMLIT = re.compile(
    r"^(?:FileNotFoundError|hostd: this program can't be started): .*/venv/bin/(?:streamlit|python)'$",
    re.MULTILINE,
)
_REFUSED = re.compile(r"hostd: this program can't be started: ")
_CONFIG = re.compile(
    r"Error parsing config toml[\s\S]*?^[\w.]*TomlDecodeError: (?P<reason>.+)$", re.MULTILINE | re.IGNORECASE
)
_OVER = re.compile(
    r"\[hostd\] failed: (?P<kind>out_of_memory|crashed): The app (?:used|had) (?P<used>\d+) [^\n]*?"
    r" more than the (?P<limit>\d+) "
)
_LONGEST = 200


def start_failure(end: End, exit_code: int | None, log_tail: str, start_timeout: float) -> Failure:
    """What people are told about an app that never answered. ``exit_code`` may be minus a signal's number."""
    log, asked = _since_start(log_tail)
    if found := _said(log, asked):
        return found
    if end is End.OUT_OF_TIME:
        return make(FailureKind.START_TIMEOUT, "start_timeout", end_of(log), seconds=f"{start_timeout:g}")
    if over := _over(log):
        return over
    trace = last(log)
    if trace is not None:
        return _raised(FailureKind.CRASHED, "crashed_raising", trace, end_of(log))
    return _exited(exit_code, end_of(log))


def first_page_failure(session: FirstSession, log_tail: str) -> Failure:
    """What people are told about a first session that was not FINISHED with something shown."""
    log, _ = _since_start(log_tail)
    seconds = f"{session.duration:.0f}"
    if session.end is SessionEnd.RAISED:
        trace = _trace(session, log)
        code = "page_raises_at" if place_of(trace) else "page_raises"
        return _raised(FailureKind.FIRST_PAGE_FAILED, code, trace, _with_trace(log, trace))
    if session.end is SessionEnd.REFUSED:
        reason = plain(session.message) or "-"
        return make(FailureKind.CRASHED, "page_refused", end_of(log), reason=reason)
    if session.end is SessionEnd.FINISHED:
        return make(FailureKind.FIRST_PAGE_FAILED, "page_empty", end_of(log))
    return make(FailureKind.FIRST_PAGE_FAILED, "page_silent", end_of(log), seconds=seconds)


def _since_start(log: str) -> tuple[str, str | None]:
    """The log from the last start on, and the port that the app was given then."""
    starts = list(_STARTED.finditer(log))
    return (log[starts[-1].end() :].lstrip("\n"), starts[-1]["port"]) if starts else (log, None)


def _said(log: str, asked: str | None) -> Failure | None:
    """What Streamlit or the launcher said by themselves."""
    tail = end_of(log)
    if match := _NO_ENTRY.search(log):
        return make(FailureKind.CRASHED, "entry_missing", tail, entry=without_paths(match["entry"].strip()))
    if match := _NOT_PYTHON.search(log):
        return make(FailureKind.CRASHED, "entry_not_python", tail, suffix=match["suffix"] or "-")
    if _NO_STREAMLIT.search(log):
        return make(FailureKind.CRASHED, "streamlit_missing", tail)
    if _REFUSED.search(log):
        return make(FailureKind.INTERNAL, "start_refused", tail)
    if match := _CONFIG.search(log):
        return make(FailureKind.CRASHED, "config_invalid", tail, reason=plain(match["reason"]))
    if _SERVER_SETTINGS.search(log):
        return make(FailureKind.CRASHED, "address_hard_coded", tail)
    return _port(log, asked, tail)


def _port(log: str, asked: str | None, tail: str) -> Failure | None:
    for pattern in (_TAKEN, _LISTENS):
        ports = [match["port"] for match in pattern.finditer(log)]
        if asked is not None and ports and ports[-1] != asked:
            return make(FailureKind.CRASHED, "port_hard_coded", tail, port=ports[-1])
        if ports and pattern is _TAKEN:
            return make(FailureKind.PORT_UNAVAILABLE, "port_unavailable", tail)
    return None


def _over(log: str) -> Failure | None:
    """What the watchdog said, if nothing was raised since (hostd/lifecycle/watchdog.py)."""
    said = list(_OVER.finditer(log))
    if not said or last(log[said[-1].end() :]) is not None:
        return None
    values = {name: said[-1][name] for name in ("used", "limit")}
    if said[-1]["kind"] == FailureKind.OUT_OF_MEMORY:
        return make(FailureKind.OUT_OF_MEMORY, "over_memory", end_of(log), **values)
    return make(FailureKind.CRASHED, "over_processes", end_of(log), **values)


def _raised(kind: FailureKind, code: str, trace: Trace, tail: str) -> Failure:
    cause = cause_of(trace)
    if cause is not None:
        values = {name: without_paths(text) for name, text in cause.values.items()}
        return make(cause.kind or kind, cause.code, tail, **values)
    message = without_paths(trace.message).split("\n")[0][:_LONGEST] or "-"
    return make(
        kind, code, tail, type=trace.type or "-", message=message, place=without_paths(place_of(trace))
    )


def _exited(exit_code: int | None, tail: str) -> Failure:
    if exit_code == -signal.SIGKILL:
        return make(FailureKind.OUT_OF_MEMORY, "out_of_memory", tail)
    if exit_code is not None and exit_code < 0:
        return make(FailureKind.CRASHED, "crashed_by_signal", tail, signal=_signal(-exit_code))
    if not exit_code:  # supervisord says 0 of a program that it gave up
        return make(FailureKind.CRASHED, "crashed_again", tail)
    return make(FailureKind.CRASHED, "crashed", tail, exit_code=exit_code)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _trace(session: FirstSession, log: str) -> Trace:
    """The session's exception; from the log what the app does not show (``client.showErrorDetails``)."""
    seen = Trace(session.type, session.message, session.frames)
    logged = last(log)
    if logged is None or (session.message and session.frames):
        return seen
    same = not session.type or logged.type.rsplit(".", 1)[-1] == session.type.rsplit(".", 1)[-1]
    return logged if same else seen


def _with_trace(log: str, trace: Trace) -> str:
    """The log's last lines, with the exception when they do not show it from its beginning."""
    tail = end_of(log)
    logged = last(tail)
    if logged is not None and logged.type.rsplit(".", 1)[-1] == trace.type.rsplit(".", 1)[-1]:
        return tail
    shown = ["Traceback (most recent call last):", *(f"  {frame}" for frame in trace.frames)]
    return "\n".join([tail, *shown, f"{trace.type}: {trace.message}"]).strip()
