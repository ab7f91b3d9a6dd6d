"""Ports leased, and health asked until an end: ready, dead, told to stop, out of time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from enum import Enum, auto

import httpx

from hostd.errors import NoFreePort
from hostd.program_names import owner, parse_program

LOOPBACK = "127.0.0.1"
HEALTH_PATHS = ("/_stcore/health", "/healthz")
"""Streamlit's own health endpoints: the second up to 1.13."""


class End(Enum):
    """How a wait ended."""

    READY = auto()
    DEAD = auto()
    TOLD_TO_STOP = auto()
    OUT_OF_TIME = auto()


class Ports:
    """The apps' pool; a port is leased to one program at a time."""

    def __init__(self, low: int, high: int) -> None:
        self._pool = range(low, high + 1)
        self._leases: dict[str, int] = {}
        self._lock = threading.Lock()

    def lease(self, holder: str, preferred: int | None = None) -> int:
        """A port for ``holder``: the one it has, the preferred one if free, else the lowest free one.

        Raises NoFreePort when every port is leased or taken by a stranger.
        """
        with self._lock:
            if holder in self._leases:
                return self._leases[holder]
            for port in self._candidates(preferred):
                if is_free(port):
                    self._leases[holder] = port
                    return port
        raise NoFreePort(
            f"All ports from {self._pool[0]} to {self._pool[-1]} are in use. "
            "Stop or delete an app, or widen STREAMLIT_HOST_PORT_MIN and _MAX."
        )

    def hold(self, holder: str, port: int) -> bool:
        """Lease ``port`` to ``holder``, whose program listens on it already; False if another has it."""
        with self._lock:
            if port in self._pool and port not in (set(self._leases.values()) - {self._leases.get(holder)}):
                self._leases[holder] = port
                return True
            return False

    def release(self, holder: str) -> None:
        """Give the holder's port back, if it has one."""
        with self._lock:
            self._leases.pop(holder, None)

    def keep_only(self, app_id: str, *releases: int | None) -> None:
        """Give back every port that an app holds for other releases than these."""
        with self._lock:
            for holder in list(self._leases):
                owner = parse_program(holder)
                if owner is not None and owner[0] == app_id and owner[1] not in releases:
                    del self._leases[holder]

    def of(self, app_id: str) -> set[int]:
        """Every port that an app holds."""
        with self._lock:
            return {port for holder, port in self._leases.items() if owner(holder)[0] == app_id}

    def leased(self, holder: str) -> bool:
        """Whether ``holder`` has a port."""
        with self._lock:
            return holder in self._leases

    def exhausted(self) -> bool:
        """Whether a lease would be refused now."""
        with self._lock:
            return not any(is_free(port) for port in self._candidates(None))

    def _candidates(self, preferred: int | None) -> Iterator[int]:
        taken = set(self._leases.values())
        if preferred in self._pool and preferred is not None and preferred not in taken:
            yield preferred
        yield from (port for port in self._pool if port not in taken and port != preferred)


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether nobody listens on ``port``; connections of the past (TIME_WAIT) do not count."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


class Health:
    """Asks Streamlit processes whether they serve."""

    def __init__(self, timeout: float = 2.0) -> None:
        # Plain HTTP on loopback: no TLS context, no kept-alive connections, no proxy of the environment.
        transport = httpx.HTTPTransport(verify=False, limits=httpx.Limits(max_keepalive_connections=0))
        self._client = httpx.Client(transport=transport, timeout=timeout, trust_env=False)

    def close(self) -> None:
        """Give the client's descriptors back."""
        self._client.close()

    def ready(self, port: int, base: str) -> bool:
        """Whether Streamlit answers at ``base`` (such as ``/apps/demo``) on ``port``.

        Status 200 and the body ``ok``: from 1.36 on any unknown path answers 200 with a page.
        """
        try:
            return any(self._says_ok(f"http://{LOOPBACK}:{port}{base}{path}") for path in HEALTH_PATHS)
        except httpx.HTTPError:
            return False  # nobody listens yet, or a stranger who speaks something else

    def wait(
        self,
        port: int,
        base: str,
        *,
        timeout: float,
        dead: Callable[[], bool],
        told_to_stop: Callable[[], bool],
    ) -> End:
        """Ask until one of the four ends. ``timeout`` in seconds."""
        deadline = time.monotonic() + timeout
        next_look = time.monotonic() + 0.1
        while time.monotonic() < deadline:
            if told_to_stop():
                return End.TOLD_TO_STOP
            if self.ready(port, base):
                return End.READY
            if time.monotonic() >= next_look:
                if dead():
                    return End.DEAD
                next_look = time.monotonic() + 0.25
            time.sleep(0.008)
        return End.OUT_OF_TIME

    def _says_ok(self, url: str) -> bool:
        answer = self._client.get(url)
        return answer.status_code == httpx.codes.OK and answer.text.strip().lower() == "ok"
