"""The first session of a process that answers its health endpoint: does its first page raise?

A visitor's own protocol, so that what passes here passes in a browser, and what a visitor would have to wait
for (imports, caches) is done. An exception that is shown may be one that the app caught and shows on purpose
(``st.exception``). Then Streamlit itself is asked: its script-health-check runs the page once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from hostd.health import LOOPBACK
from hostd.streamlit_messages import Finished, Raised, Said, read, rerun
from hostd.tracebacks import without_paths

STREAMS = ("/_stcore/stream", "/stream")
"""Streamlit's WebSocket: the second up to 1.13 or so."""
CHECKS = ("/_stcore/script-health-check", "/script-health-check")
FRAMES = 10
_TOO_OFTEN = 10
"""A page that reruns itself that often without raising is a live one; the rest of the time is not needed."""
_CHECK_LEAST, _CHECK_LIMIT = 10.0, 20.0  # seconds: a busy machine takes its time to say that a page raised
_OWN_LOOP = ("/script_runner.py", "/exec_code.py")  # frames above the app's code, if it did not catch
_REDACTED = "original error message is redacted"  # Streamlit does that to uncaught exceptions only
_BIGGEST = 512 * 2**20  # server.maxMessageSize is 200 MB unless the app says otherwise


class SessionEnd(Enum):
    """How a first session ended."""

    FINISHED = auto()
    RAISED = auto()
    UNFINISHED = auto()
    SILENT = auto()
    REFUSED = auto()
    TOLD_TO_STOP = auto()


@dataclass(frozen=True, slots=True)
class FirstSession:
    """What a first session saw. ``duration`` in seconds.

    ``shown`` is whether a person would have seen anything; ``type``, ``message`` and ``frames`` are of the
    exception that ended a page (RAISED), or why no session was to be had (REFUSED). An app may hide its
    exceptions' details (``client.showErrorDetails``): then they are empty, and only the log has them.
    """

    end: SessionEnd
    type: str = ""
    message: str = ""
    frames: tuple[str, ...] = ()
    shown: bool = False
    duration: float = 0.0


@dataclass(slots=True)
class _Seen:
    """What a session has seen so far."""

    end: SessionEnd | None = None
    shown: bool = False
    reruns: int = 0
    raised: Raised | None = None
    raised_last: bool = False
    uncompiled: bool = False
    why: str = ""
    deadline: float = field(default=0.0)

    def take(self, said: Said) -> None:
        """Note one message."""
        self.shown = self.shown or said.shown
        if said.started:
            self.raised = None
        if said.raised is not None:
            self.raised = said.raised
        if said.compiling:
            self.end = SessionEnd.RAISED
        if said.shown:
            self.raised_last = said.raised is not None
        if said.finished is Finished.EARLY_FOR_RERUN:
            self.reruns += 1
            if self.reruns >= _TOO_OFTEN and self.shown:
                self.end = SessionEnd.UNFINISHED
        elif said.finished is Finished.WITH_COMPILE_ERROR:
            self.deadline, self.uncompiled = min(self.deadline, time.monotonic() + 1), True
        elif said.finished is not None:
            self.end = self.end or SessionEnd.FINISHED

    def out_of_time(self) -> SessionEnd:
        """How it ends at the deadline; of a compile error only the exception was still to come."""
        if self.uncompiled:
            return SessionEnd.RAISED
        return SessionEnd.UNFINISHED if self.shown else SessionEnd.SILENT


def open_first_session(
    port: int, base: str, *, timeout: float, told_to_stop: Callable[[], bool]
) -> FirstSession:
    """Open a session on ``port`` at ``base`` (such as ``/apps/demo``) and watch its first page.

    Blocks this thread. ``timeout`` in seconds; ``told_to_stop`` is asked a few times a second, and ends it.
    """
    began = time.monotonic()
    seen = _Seen(deadline=began + timeout)
    try:
        with _connected(port, base, timeout) as connection:
            connection.send(rerun(f"http://{LOOPBACK}:{port}{base}/"))
            _watch(connection, seen, told_to_stop)
    except (OSError, InvalidHandshake, InvalidMessage, ConnectionClosed, ValueError) as error:
        seen.end, seen.why = SessionEnd.REFUSED, _why(error)
    took = time.monotonic() - began
    if seen.end is SessionEnd.FINISHED and seen.raised is not None and _is_uncaught(seen, port, base, took):
        seen.end = SessionEnd.RAISED
    return _result(seen, took)


@contextmanager
def _connected(port: int, base: str, timeout: float) -> Iterator[ClientConnection]:
    for path in STREAMS:
        try:
            with connect(
                f"ws://{LOOPBACK}:{port}{base}{path}",
                subprotocols=["streamlit"],  # type: ignore[list-item]  # websockets' NewType of str
                additional_headers={"Accept-Language": "en-US"},
                user_agent_header="Mozilla/5.0 (compatible; hostd)",
                compression=None,
                proxy=None,
                open_timeout=timeout,
                close_timeout=1,
                ping_interval=None,
                max_size=_BIGGEST,
            ) as connection:
                yield connection
                return
        except InvalidStatus as error:
            if path == STREAMS[-1] or error.response.status_code == httpx.codes.FORBIDDEN:
                raise


def _watch(connection: ClientConnection, seen: _Seen, told_to_stop: Callable[[], bool]) -> None:
    while seen.end is None:
        if told_to_stop():
            seen.end = SessionEnd.TOLD_TO_STOP
        elif (left := seen.deadline - time.monotonic()) <= 0:
            seen.end = seen.out_of_time()
        else:
            try:
                message = connection.recv(timeout=min(left, 0.2), decode=False)
            except TimeoutError:
                continue
            seen.take(read(message))


def _is_uncaught(seen: _Seen, port: int, base: str, took: float) -> bool:
    """Whether the exception that is shown is one that the app did not catch.

    The check says at once that a page raised. Up to 1.34 it waits in vain for one that ended by ``st.stop``,
    so no answer in time means that none was raised; its "ok" may be of a run that asked for another one.
    """
    raised = seen.raised or Raised("", "", ())
    if _REDACTED in raised.message or any(own in frame for own in _OWN_LOOP for frame in raised.frames[:4]):
        return True
    answer = _script_health(port, base, min(_CHECK_LIMIT, max(_CHECK_LEAST, 3 * took + 3)))
    if answer == "error":
        return True
    return seen.raised_last and (not answer or (answer == "ok" and seen.reruns > 0))


def _script_health(port: int, base: str, limit: float) -> str:
    """What Streamlit says of a run in a session of its own: ok, error, timeout; '' if it says nothing."""
    with httpx.Client(timeout=limit, trust_env=False) as client:
        for path in CHECKS:
            try:
                answer = client.get(f"http://{LOOPBACK}:{port}{base}{path}")
            except httpx.ReadTimeout:
                return "timeout"
            except httpx.HTTPError:
                return ""
            if (said := answer.text.strip().lower()[:20]) in ("ok", "error", "timeout"):
                return said
    return ""


def _why(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        return f"status {error.response.status_code}"
    return without_paths(str(error))[:300] or type(error).__name__


def _result(seen: _Seen, duration: float) -> FirstSession:
    end = seen.end or SessionEnd.REFUSED
    if end is SessionEnd.REFUSED:
        return FirstSession(end, message=seen.why, shown=seen.shown, duration=duration)
    if end is not SessionEnd.RAISED:
        return FirstSession(end, shown=seen.shown, duration=duration)
    raised = seen.raised or Raised("", "", ())
    return FirstSession(
        end,
        type=raised.type,
        message="" if _REDACTED in raised.message else without_paths(raised.message),
        frames=tuple(without_paths(frame) for frame in raised.frames[-FRAMES:]),
        shown=seen.shown,
        duration=duration,
    )
