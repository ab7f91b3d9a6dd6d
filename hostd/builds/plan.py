"""With which interpreter, and with the packages of which day, a venv is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from uv import find_uv_bin

from hostd.builds import as_of, interpreters
from hostd.builds.as_of import Day
from hostd.builds.dependencies import Wanted
from hostd.builds.exits import Stop
from hostd.builds.interpreters import Python
from hostd.builds.job import Job
from hostd.builds.names import pins
from hostd.builds.steps import Steps


@dataclass(frozen=True, slots=True)
class Plan:
    """The interpreter, uv's options, and the day whose packages are taken; None: today's."""

    python: Python
    flags: list[str]
    day: date | None = None


def planned(job: Job, steps: Steps, wanted: Wanted, files: Sequence[str], python: str | None) -> Plan:
    """The plan for ``job``, whose release asks for ``python``. Raises Stop."""
    if job.as_of and not wanted.locked:
        return _as_asked(date.fromisoformat(job.as_of), steps, files, interpreters.choose(steps, python))
    if job.look_back and not wanted.locked:
        return _looked_back(steps, wanted, files, interpreters.candidates(steps, python))
    return Plan(interpreters.choose(steps, python), [])


def _as_asked(on: date, steps: Steps, files: Sequence[str], python: Python) -> Plan:
    steps.say(f"packages as of {on}, on Python {python}")
    wheels = as_of.wheels_only(on)
    return Plan(python, wheels if _resolves(steps, files, python, wheels) else as_of.few_builds(on), on)


def _looked_back(steps: Steps, wanted: Wanted, files: Sequence[str], pythons: Sequence[Python]) -> Plan:
    found = pins(wanted.lines, wanted.constraints)
    if not found:
        raise Stop(1, "error: no version is pinned: no way to look back")
    start, sources = as_of.released(steps, found, pythons)
    steps.say(f"{', '.join(found)}: there since {start}; looking for packages of that time")
    for flags in (lambda on: as_of.wheels_only(on, sources), as_of.few_builds):
        if day := as_of.earliest(start, pythons, _asks(steps, files, flags)):
            steps.say(f"resolved as of {day.on}, on Python {day.python}")
            return Plan(day.python, flags(day.on), day.on)
    there = ", ".join(map(str, pythons))
    raise Stop(1, f"error: since {start} on no day did the packages fit together on Python {there}")


def _asks(steps: Steps, files: Sequence[str], flags: Callable[[date], list[str]]) -> Callable[[Day], bool]:
    return lambda day: _resolves(steps, files, day.python, flags(day.on))


def _resolves(steps: Steps, files: Sequence[str], python: Python, flags: Sequence[str]) -> bool:
    command = [find_uv_bin(), "pip", "compile", "--quiet", "--python", python.path]
    return steps.ask([*command, *flags, *files])[0] == 0
