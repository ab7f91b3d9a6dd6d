"""supervisord over XML-RPC on its unix socket. The only module that speaks to it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import xmlrpc.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from supervisor.states import RUNNING_STATES, ProcessStates
from supervisor.xmlrpc import Faults

from hostd.errors import SupervisorEnds, SupervisorFault, SupervisorUnavailable

STOPPED = ProcessStates.STOPPED
STARTING = ProcessStates.STARTING
RUNNING = ProcessStates.RUNNING
BACKOFF = ProcessStates.BACKOFF
STOPPING = ProcessStates.STOPPING
EXITED = ProcessStates.EXITED
FATAL = ProcessStates.FATAL
USERNAME = "hostd"
"""Whom supervisord's socket lets in (templates/supervisord.conf.j2)."""


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A program as supervisord sees it. ``state`` is one of supervisor/states.py ``ProcessStates``.

    ``pid`` is 0 when nothing runs; ``started`` says whether it ever ran under this supervisord; ``exit``
    is the last exit code, or minus the signal's number.
    """

    state: int
    pid: int
    started: bool
    exit: int

    @property
    def alive(self) -> bool:
        """Starting or running (or between the tries of a crash loop: BACKOFF)."""
        return self.state in RUNNING_STATES

    @property
    def halted(self) -> bool:
        """Nothing runs, and nothing will by itself."""
        return self.state in (STOPPED, EXITED, FATAL)


class Supervisor:
    """Calls to one supervisord; safe to share between threads. ``password`` is the file that holds it."""

    def __init__(self, uds: Path, password: Path, timeout: float = 10.0) -> None:
        auth = (USERNAME, password.read_text(encoding="ascii") if password.is_file() else "")
        # No kept-alive connections: a restarted supervisord must not leave us a dead one.
        transport = httpx.HTTPTransport(uds=str(uds), limits=httpx.Limits(max_keepalive_connections=0))
        self._client = httpx.Client(
            transport=transport, timeout=timeout, base_url="http://supervisord", auth=auth
        )
        self._asking = threading.Lock()
        self._journal, self._seen = "", 0
        self._states: dict[str, ProcessState] = {}

    def close(self) -> None:
        """Give the client's descriptors back."""
        self._client.close()

    def states(self) -> Mapping[str, ProcessState]:
        """Every program by name; only what changed since the last call travels.

        Raises SupervisorUnavailable, also while supervisord shuts down.
        """
        with self._asking:  # answers are taken in the order they were given
            told = self._call("hostd.getChanges", self._journal, self._seen)
            found = {} if told["whole"] else {**self._states}
            for name in told["gone"]:
                found.pop(name, None)
            found.update((name, _state(row)) for name, row in told["programs"].items())
            self._journal, self._seen, self._states = told["journal"], told["now"], found
            return found

    def last_states(self) -> Mapping[str, ProcessState]:
        """Every program as it was at the last ``states``; costs nothing."""
        return self._states

    def state(self, name: str) -> ProcessState | None:
        """One program, or None when supervisord does not know it."""
        row = self._call("hostd.getState", name)
        return _state(row) if row else None

    def identify(self) -> dict[str, Any]:
        """``{"state", "pid", "version"}`` of supervisord itself."""
        return {
            "state": self._call("supervisor.getState")["statename"],
            "pid": self._call("supervisor.getPID"),
            "version": self._call("supervisor.getSupervisorVersion"),
        }

    def put(self, name: str, section: Path, text: str) -> bool:
        """Make ``name`` known with the (already checked) section ``text``; others stay untouched and unread.

        Returns whether it is new to supervisord: then nothing of it can be running.
        """
        if not section.is_file() or section.read_text(encoding="utf-8") != text:
            _write(section, text)
        return bool(self._call("hostd.addProgram", name))

    def start(self, name: str) -> None:
        """Start ``name`` unless it runs. A STOPPING one is waited out: startProcess would do nothing then."""
        self._wait_while(name, STOPPING, 30.0)
        self.start_new(name)

    def start_new(self, name: str) -> None:
        """Start ``name``, which is not STOPPING."""
        with self._tolerating(Faults.ALREADY_STARTED):
            self._call("supervisor.startProcess", name, False)

    def stop(self, name: str, timeout: float = 30.0) -> None:
        """Stop ``name`` and wait until its process is gone; an unknown or stopped one is fine."""
        with self._tolerating(Faults.NOT_RUNNING, Faults.BAD_NAME):
            self._call("supervisor.stopProcess", name, False)
        self._wait_while(name, STOPPING, timeout)

    def remove(self, name: str, section: Path) -> None:
        """Stop ``name`` and forget it: section, and the spec beside it, included."""
        self.stop(name)
        section.unlink(missing_ok=True)  # first: a reread in between must not bring it back
        self._call("hostd.removeProgram", name)
        section.with_suffix(".json").unlink(missing_ok=True)

    def _wait_while(self, name: str, state: int, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while (now := self.state(name)) is not None and now.state == state:
            if time.monotonic() > deadline:
                raise SupervisorUnavailable(f"supervisord: {name} did not stop in {timeout:.0f} s")
            time.sleep(0.02)

    @contextlib.contextmanager
    def _tolerating(self, *codes: int) -> Iterator[None]:
        try:
            yield
        except SupervisorFault as fault:
            if fault.code not in codes:
                raise

    def _call(self, method: str, *params: Any) -> Any:
        body = xmlrpc.client.dumps(params, method)
        try:
            answer = self._client.post("/RPC2", content=body, headers={"Content-Type": "text/xml"})
            answer.raise_for_status()
            return xmlrpc.client.loads(answer.content)[0][0]
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.SHUTDOWN_STATE:
                raise SupervisorEnds("supervisord is shutting down") from None
            raise SupervisorFault(fault.faultCode, fault.faultString) from None
        except (httpx.HTTPError, OSError) as error:
            raise SupervisorUnavailable(f"supervisord does not answer: {error}") from None


def _state(row: Mapping[str, int]) -> ProcessState:
    return ProcessState(row["state"], row["pid"], row["start"] > 0, row["exit"])


class Changes:
    """Hears of changes of state, as datagrams from hostd/supervisor_plugin.py."""

    def __init__(self, address: Path) -> None:
        address.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        address.chmod(0o600)

    def wait(self, timeout: float) -> None:
        """Return at the next change, or after ``timeout`` seconds; what came meanwhile counts as one."""
        self._socket.settimeout(timeout)
        with contextlib.suppress(OSError):
            self._socket.recv(16)
            self._socket.setblocking(False)
            while True:
                self._socket.recv(16)

    def close(self) -> None:
        """Stop hearing."""
        self._socket.close()


def _write(section: Path, text: str) -> None:
    """Whole or not at all; the temporary name is outside supervisord's ``*.conf``."""
    temporary = section.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(section)
