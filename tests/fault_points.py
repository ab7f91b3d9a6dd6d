"""Where a test kills hostd or supervisord while a release is on its way.

tests/faulted.py copies hostd, adds this module to the copy, and imports it at the end of the copy's main.py;
hostd itself knows nothing of it. ``fault.json`` in the data folder names the point and the victim; it is
renamed to ``fault.<pid>`` when the kill comes.
"""

from __future__ import annotations

import fnmatch
import functools
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostd import bundles
from hostd.bundles import moving
from hostd.lifecycle import outcomes
from hostd.lifecycle.deploy import Deployer
from hostd.lifecycle.draining import Drainer
from hostd.lifecycle.gate import Gate
from hostd.lifecycle.installing import Installer
from hostd.lifecycle.launching import Launcher
from hostd.lifecycle.registry import Registry
from hostd.lifecycle.takeover import Takeover
from hostd.models import Step
from hostd.supervisor import Supervisor

DATA = Path(os.environ.get("STREAMLIT_HOST_DATA", "/nonexistent"))
PLACES: dict[Any, tuple[str, ...]] = {
    bundles: ("lay_down", "leave_to", "move_written", "point_at", "sweep"),
    moving: ("rename_below",),
    outcomes: ("served", "failed"),
    Deployer: ("deploy", "fail", "_fall_back", "_switch", "_serve"),
    Drainer: ("begin", "end"),
    Gate: ("bring_up", "_first_page"),
    Installer: ("install", "_begin", "_await", "_link", "forget"),
    Launcher: ("start", "_launch", "await_ready", "stop", "drop", "drop_others"),
    Registry: ("ask", "amend", "progress"),
    Supervisor: ("put", "start_new", "start", "stop", "remove"),
    Takeover: ("make_way", "give_back"),
}
_lock = threading.Lock()


def _reach(point: str) -> None:
    """The one that the file names ends here."""
    with _lock:
        armed = DATA / "fault.json"
        if not armed.exists():
            return
        fault = json.loads(armed.read_text(encoding="utf-8"))
        if not fnmatch.fnmatchcase(point, fault["point"]):
            return
        if fault["skip"]:
            armed.write_text(json.dumps({**fault, "skip": fault["skip"] - 1}), encoding="utf-8")
            return
        victim = os.getpid() if fault["victim"] == "hostd" else os.getppid()
        armed.rename(DATA / f"fault.{victim}")
        os.kill(victim, signal.SIGKILL)
        threading.Event().wait()  # the death of the parent brings ours


def _watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def watched(*args: Any, **kwargs: Any) -> Any:
        step = next((f".{arg}" for arg in args if isinstance(arg, Step)), "")
        _reach(f"before {name}{step}")
        result = call(*args, **kwargs)
        _reach(f"after {name}{step}")
        return result

    return watched


for _place, _names in PLACES.items():
    for _name in _names:
        _label = f"{_place.__name__.rpartition('.')[2]}.{_name}"
        setattr(_place, _name, _watched(_label, getattr(_place, _name)))
