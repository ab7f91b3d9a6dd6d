"""What supervisord lacks, at its own extension point (``[rpcinterface:hostd]``). Runs inside supervisord.

Three things: the state of all programs in one cheap call, with their true last exit; a datagram to hostd
at each change of state, so that nobody has to poll; and stopping all groups at once at shutdown (stock
supervisord takes a second or more per group, supervisor/supervisord.py ``ordered_stop_groups_phase_1``).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from supervisor import events
from supervisor.states import SupervisorStates
from supervisor.xmlrpc import Faults, RPCError


class HostdInterface:
    """XML-RPC namespace ``hostd``."""

    def __init__(self, supervisord: Any) -> None:
        self._supervisord = supervisord
        self._exits: dict[Any, int] = {}
        _record_exits(supervisord.options, self._exits)

    def getStates(self) -> list[dict[str, Any]]:  # noqa: N802 - supervisor's own naming
        """Name, state, pid, start (0 = never started), exit (code, or minus the signal) of every program."""
        if self._supervisord.options.mood < SupervisorStates.RUNNING:
            raise RPCError(Faults.SHUTDOWN_STATE)
        groups = list(self._supervisord.process_groups.values())
        return [self._describe(process) for group in groups for process in group.processes.values()]

    def _describe(self, process: Any) -> dict[str, Any]:
        return {
            "name": process.config.name,
            "state": int(process.get_state()),
            "pid": process.pid,
            "start": int(process.laststart),
            "exit": self._exits.get(process.config.name, 0),
        }


def _record_exits(options: Any, exits: dict[Any, int]) -> None:
    """Remember how each program last ended: Subprocess.finish forgets it when it ended too quickly."""
    waitpid: Callable[[], tuple[int | None, int | None]] = options.waitpid

    def recording() -> tuple[int | None, int | None]:
        pid, status = waitpid()
        process = options.pidhistory.get(pid)
        if process is not None and status is not None:
            exits[process.config.name] = os.waitstatus_to_exitcode(status)
        return pid, status

    options.waitpid = recording


def _stop_all_at_once(supervisord: Any) -> None:
    def phase_1() -> None:
        for group in supervisord.stop_groups or ():
            group.stop_all()

    def phase_2() -> None:
        supervisord.stop_groups = [g for g in supervisord.stop_groups or () if g.get_unstopped_processes()]

    supervisord.ordered_stop_groups_phase_1 = phase_1
    supervisord.ordered_stop_groups_phase_2 = phase_2


def _announce_changes(address: str) -> None:
    out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    out.setblocking(False)

    def announce(_event: Any) -> None:
        try:
            out.sendto(b"changed", address)
        except OSError:
            return  # hostd is away or busy; it asks for all states when it is back

    events.subscribe(events.ProcessStateEvent, announce)


def make(supervisord: Any, events_socket: str = "", **_config: Any) -> HostdInterface:
    """The factory that ``supervisor.rpcinterface_factory`` names."""
    _stop_all_at_once(supervisord)
    if events_socket:
        _announce_changes(events_socket)
    return HostdInterface(supervisord)
