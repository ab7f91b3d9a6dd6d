"""Apps that each take more than they may, in a way that might not be counted, at the same time."""

from __future__ import annotations

from functools import partial

from tests.attacks.target import FOLDER, Target, create, tries
from tests.platform import until

WAYS = {
    "hold memory in a process that has left the app": {"memory_mb": "250"},
    "hold memory in files of /dev/shm": {"memory_mb": "250"},
    "hold memory in deleted files of /dev/shm": {"memory_mb": "250"},
    "fill the disk by files without a name": {"disk_mb": "20"},
    "make very many empty files": {"disk_mb": "20"},
}
"""Each with the limit that it goes over."""
STOPPED = ("failed: out_of_memory: The app used ", "failed: disk_full: The app")


def begin(target: Target) -> dict[str, str]:
    """Create them; their ids by way."""
    code = ("app.py", (FOLDER / "glutton.py").read_bytes())
    return {way: create(target, "glutton", {"WAY": way}, app=code, **limit) for way, limit in WAYS.items()}


def tried(target: Target, made: dict[str, str]) -> dict[str, str]:
    """Whether hostd ended what they did, or them."""
    return {way: until(partial(_came, target, app_id, way), 300, 0.3, way) for way, app_id in made.items()}


def _came(target: Target, app_id: str, way: str) -> str:
    log = target.log(app_id)
    stopped = any(one in line for line in log for one in STOPPED)
    return "stopped" if stopped else tries(log).get(way, "")
