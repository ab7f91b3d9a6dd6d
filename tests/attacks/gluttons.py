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


TRIES = 3


def begin(target: Target) -> dict[str, str]:
    """Create them; their ids by way."""
    return {way: _create(target, way) for way in WAYS}


def _create(target: Target, way: str) -> str:
    code = ("app.py", (FOLDER / "glutton.py").read_bytes())
    return create(target, "glutton", {"WAY": way}, app=code, **WAYS[way])


def tried(target: Target, made: dict[str, str]) -> dict[str, str]:
    """Whether hostd ended what they did, or them. One without an answer proves nothing: it tries anew."""
    return {way: _outcome(target, way, made) for way in made}


def _outcome(target: Target, way: str, made: dict[str, str]) -> str:
    said = []
    for _ in range(TRIES):
        try:
            return until(partial(_came, target, made[way], way), 150, 0.3, way)
        except AssertionError:
            said += [str(target.app(made[way])), *target.log(made[way])[-60:]]
            target.api.delete(f"/apps/{made[way]}", timeout=120)
            target.shell(f"rm -rf /dev/shm/*{made[way]}*")
            made[way] = _create(target, way)
    raise AssertionError("\n".join([way, *said]))


def _came(target: Target, app_id: str, way: str) -> str:
    log = target.log(app_id)
    stopped = any(one in line for line in log for one in STOPPED)
    return "stopped" if stopped else tries(log).get(way, "")
