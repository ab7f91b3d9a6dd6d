"""What supervisord lacks, at its own extension point (``[rpcinterface:hostd]``). Runs inside supervisord.

- One program added from its own file: ``reloadConfig`` parses all of them, 3.3 CPU seconds at 1,000.
- The state of one program, or of those that changed, with their true last exit: ``getAllProcessInfo`` takes
  a second at 1,000.
- A datagram to hostd at each change of state, so that nobody has to poll.
- Starts that do not close thousands of descriptors one by one.
- All groups stopped at once at shutdown: stock supervisord takes a second or more per group
  (supervisor/supervisord.py ``ordered_stop_groups_phase_1``).
"""

from __future__ import annotations

import configparser
import os
import re
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supervisor import events
from supervisor.options import UnhosedConfigParser
from supervisor.states import SupervisorStates
from supervisor.xmlrpc import Faults, RPCError

from hostd import supervised_secrets

GONE_KEPT = 1000
"""Names of removed programs kept for ``getChanges``; past that it tells everything once more."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class HostdInterface:
    """XML-RPC namespace ``hostd``."""

    def __init__(self, supervisord: Any, sections: str) -> None:
        self._supervisord = supervisord
        self._sections = Path(sections)
        self._exits: dict[Any, int] = {}
        self._journal = Journal()
        self._journal.subscribe()
        _record_exits(supervisord.options, self._exits)

    def getState(self, name: str) -> dict[str, Any]:  # noqa: N802 - supervisor's own naming
        """``state``, ``pid``, ``start`` (0: never), ``exit`` (code, or minus the signal); {} when unknown."""
        self._check_mood()
        group = self._supervisord.process_groups.get(name)
        process = None if group is None else group.processes.get(name)
        return {} if process is None else self._describe(process)

    def getChanges(self, journal: str, since: int) -> dict[str, Any]:  # noqa: N802
        """What changed after ``since`` in ``journal``, both as the last answer told them ('' and 0 at first).

        ``programs`` are those that changed, as in getState, by name, ``gone`` those that were removed;
        ``whole`` says that ``programs`` are all there are.
        """
        self._check_mood()
        mine = self._journal
        whole = journal != mine.name or since < mine.begins
        processes = {
            process.config.name: process
            for group in list(self._supervisord.process_groups.values())
            for process in group.processes.values()
            if whole or mine.stamps.get(group.config.name, 0) > since
        }
        return {
            "journal": mine.name,
            "now": mine.now,
            "whole": whole,
            "programs": {name: self._describe(process) for name, process in processes.items()},
            "gone": [name for name, stamp in mine.gone.items() if stamp > since],
        }

    def addProgram(self, name: str) -> bool:  # noqa: N802
        """Read the section file of ``name``, that one alone, and make the program known, not started.

        False when it is known just so; one that is known otherwise is replaced. Faults: BAD_NAME for what
        is no name, CANT_REREAD for a file that is not there or holds anything but that one program,
        STILL_RUNNING when the one to replace runs.
        """
        self._check_mood()
        config = self._read(name)
        known = self._supervisord.process_groups.get(name)
        if known is not None and known.config == config:
            self._configure(name, known.config)
            return False
        if known is not None and not self._supervisord.remove_process_group(name):
            raise RPCError(Faults.STILL_RUNNING, name)
        self._exits.pop(name, None)
        self._configure(name, config)
        self._supervisord.add_process_group(config)
        return True

    def removeProgram(self, name: str) -> bool:  # noqa: N802
        """Forget a program that does not run; False when it is not known. Fault: STILL_RUNNING."""
        self._check_mood()
        known = self._supervisord.process_groups.get(name)
        if known is not None and not self._supervisord.remove_process_group(name):
            raise RPCError(Faults.STILL_RUNNING, name)
        self._exits.pop(name, None)
        self._configure(name, None)
        return known is not None

    def _check_mood(self) -> None:
        if self._supervisord.options.mood < SupervisorStates.RUNNING:
            raise RPCError(Faults.SHUTDOWN_STATE)

    def _read(self, name: str) -> Any:
        """The group in the section file of ``name``, as ``reloadConfig`` would make it."""
        if not _NAME.fullmatch(name):
            raise RPCError(Faults.BAD_NAME, name)
        options = self._supervisord.options
        parser = UnhosedConfigParser()
        parser.expansions = options.environ_expansions
        try:
            path = self._sections / f"{name}.conf"
            parser.read_string(path.read_text(encoding="utf-8"), str(path))
            if parser.sections() != [f"program:{name}"]:
                raise ValueError(f"holds {parser.sections()}")
            parser.expand_here(str(self._sections))
            groups = options.process_groups_from_parser(parser)
        except (OSError, ValueError, configparser.Error) as error:
            raise RPCError(Faults.CANT_REREAD, f"{name}.conf: {error}") from None
        if [process.name for group in groups for process in group.process_configs] != [name]:
            raise RPCError(Faults.CANT_REREAD, f"{name}.conf: is not one process of that name")
        process = groups[0].process_configs[0]
        process.environment = {**options.configroot.supervisord.environment, **process.environment}
        return groups[0]

    def _configure(self, name: str, config: Any) -> None:
        """Keep supervisord's configuration in step, or ``supervisorctl update`` would undo it."""
        configured = self._supervisord.options.process_group_configs
        others = [other for other in configured if other.name != name]
        configured[:] = others if config is None else [*others, config]

    def _describe(self, process: Any) -> dict[str, Any]:
        return {
            "state": int(process.get_state()),
            "pid": process.pid,
            "start": int(process.laststart),
            "exit": self._exits.get(process.config.name, 0),
        }


class Journal:
    """When each group changed last, counted; ``name`` is another in each life of supervisord."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(8)
        self.now = 1
        self.begins = 1
        self.stamps: dict[str, int] = {}
        self.gone: dict[str, int] = {}

    def subscribe(self) -> None:
        """Hear of all changes. supervisord forgets its subscribers when it begins anew (``run``)."""
        events.subscribe(
            events.ProcessStateEvent, lambda event: self._changed(event.process.group.config.name)
        )
        events.subscribe(events.ProcessGroupAddedEvent, lambda event: self._changed(event.group))
        events.subscribe(events.ProcessGroupRemovedEvent, lambda event: self._removed(event.group))

    def _changed(self, group: str) -> None:
        self.now += 1
        self.stamps[group] = self.now
        self.gone.pop(group, None)

    def _removed(self, group: str) -> None:
        self.now += 1
        self.stamps.pop(group, None)
        self.gone[group] = self.now
        if len(self.gone) > GONE_KEPT:
            self.gone.clear()
            self.begins = self.now


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


def _close_at_once(options: Any) -> None:
    """A child closes its descriptors from 3 to ``minfds`` one by one (supervisor/process.py
    ``_prepare_child_fds``), 9 ms of each start: here it closes them in one call.
    """
    close_one: Callable[[int], None] = options.close_fd
    supervisord, closed = os.getpid(), False

    def close(descriptor: int) -> None:
        nonlocal closed
        if closed:
            return
        if descriptor == 3 and os.getpid() != supervisord:
            os.closerange(3, options.minfds)
            closed = True
        else:
            close_one(descriptor)

    options.close_fd = close


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
            return  # hostd is away or busy; it asks for what changed when it is back

    events.subscribe(events.ProcessStateEvent, announce)


def make(supervisord: Any, sections: str, events_socket: str = "", **_config: Any) -> HostdInterface:
    """The factory that ``supervisor.rpcinterface_factory`` names. ``sections`` is the folder of sections."""
    _stop_all_at_once(supervisord)
    _close_at_once(supervisord.options)
    supervised_secrets.watch()
    if events_socket:
        _announce_changes(events_socket)
    return HostdInterface(supervisord, sections)
