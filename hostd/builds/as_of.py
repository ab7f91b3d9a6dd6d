"""Packages as of a date: which date, and whether that resolves.

Old versions of Streamlit say little about the versions that they need, so today's newest break them. What
was on the index on the day of their release works with them, if there are wheels for a Python that is here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from uv import find_uv_bin

from hostd import bounded_toml
from hostd.builds.exits import Stop
from hostd.builds.interpreters import Python
from hostd.builds.steps import Steps

STRIDES = (0, 30, 60, 120, 240, 365, 540, 730)
"""Days after the pinned versions' release, tried in turn: wheels for a newer Python come later than that."""
CLOSE_ENOUGH = 10
"""Days; a step that resolves is not narrowed down further than this."""


NATIVE = (
    "cryptography",
    "grpcio",
    "lxml",
    "matplotlib",
    "numpy",
    "opencv-python",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "psycopg2",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "tensorflow",
    "torch",
)
"""Packages whose build takes minutes and a tool chain."""


@dataclass(frozen=True, slots=True)
class Day:
    """A date, and the interpreter that has packages on it."""

    on: date
    python: Python


def until(on: date) -> list[str]:
    """uv's options for packages that were there at the end of that day (UTC)."""
    return ["--exclude-newer", f"{on + timedelta(days=1)}T00:00:00Z"]


def wheels_only(on: date, sources: Sequence[str] = ()) -> list[str]:
    """The same, and nothing is built but what is in ``sources``."""
    return [*until(on), "--only-binary", ":all:", *(f"--no-binary={name}" for name in sources)]


def few_builds(on: date) -> list[str]:
    """The same, and what is native and big is not built: that takes long, and then mostly fails."""
    return [*until(on), *(f"--only-binary={name}" for name in NATIVE)]


def released(steps: Steps, pins: Sequence[str], pythons: Sequence[Python]) -> tuple[date, list[str]]:
    """(day by which all pinned versions were there, names of those that have no wheel). Raises Stop."""
    newest, sources = date.min, []
    for package in _packages(steps, pins, pythons):
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        times = [file["upload-time"] for file in files if "upload-time" in file]
        if not times:
            raise Stop(1, "error: the index does not tell when versions were uploaded: no way to look back")
        newest = max(newest, min(times).astimezone(UTC).date())
        if not package.get("wheels"):
            sources.append(package["name"])
    return newest, sources


def _packages(steps: Steps, pins: Sequence[str], pythons: Sequence[Python]) -> list[dict[str, Any]]:
    """The pinned versions as the index knows them (PEP 751), on the first Python that they allow."""
    asked = steps.write("pins.txt", "".join(f"{pin}\n" for pin in pins))
    command = [find_uv_bin(), "pip", "compile", "--quiet", "--no-deps", "--no-header"]
    for python in pythons:
        code, text = steps.ask([*command, "--python", python.path, "--format", "pylock.toml", str(asked)])
        if code == 0:
            return list(bounded_toml.loads(text, bounded_toml.LOCK_ITEMS).get("packages", []))
    raise Stop(1, f"error: the index does not have {', '.join(pins)}: no way to look back")


def earliest(start: date, pythons: Sequence[Python], resolves: Callable[[Day], bool]) -> Day | None:
    """The first day from ``start`` on that has packages for one of ``pythons``; the newest of them."""

    def ask(on: date) -> Day | None:
        return next((day for python in pythons if resolves(day := Day(on, python))), None)

    today = datetime.now(UTC).date()
    before = start
    for days in STRIDES:
        on = min(start + timedelta(days=days), today)
        if found := ask(on):
            return _narrowed(before, found, ask)
        before = on
    return None


def _narrowed(before: date, found: Day, ask: Callable[[date], Day | None]) -> Day:
    """The first day between one that fails and one that resolves, to CLOSE_ENOUGH."""
    while (found.on - before).days > CLOSE_ENOUGH:
        middle = before + (found.on - before) // 2
        earlier = ask(middle)
        found, before = (earlier, before) if earlier else (found, middle)
    return found
