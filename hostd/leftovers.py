"""What a platform before left in the data folder, and running: taken away before another one starts."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

from uv import find_uv_bin

from hostd import builds, programs, uids
from hostd.identity import owner_of
from hostd.layout import Layout
from hostd.processes import running, who
from hostd.program_names import is_of_an_app
from hostd.settings import Settings


def end_orphans(settings: Settings, layout: Layout) -> list[int]:
    """SIGKILL what still runs from this data folder though no platform does. Returns the pids."""
    marks = tuple(os.fsencode(f"{folder}/") for folder in (layout.apps, layout.sections))
    users = _users(settings, layout)
    ended = []
    for pid in running().keys() - {os.getpid()}:
        if who(pid)[0] in users or _runs_from(Path(f"/proc/{pid}"), marks):
            with contextlib.suppress(OSError):  # it ended by itself meanwhile, or is another user's
                os.kill(pid, signal.SIGKILL)
                ended.append(pid)
    return ended


def _users(settings: Settings, layout: Layout) -> set[int]:
    """Who the folder's apps and their builders are: ``home`` is an app's own (lifecycle/owners.py)."""
    if os.geteuid() != 0 or settings.uid_min == 0:
        return set()
    numbers = uids.Uids(settings.uid_min, settings.uid_max).all()
    apps = {owner_of(folder / "home")[0] for folder in layout.apps.iterdir()}
    return {uid for app in apps if app in numbers for uid in (app, app + 1) if not uids.is_somebodys(uid)}


def _runs_from(process: Path, marks: tuple[bytes, ...]) -> bool:
    """Ours: an app's own interpreter, our Python or uv at work on that folder, or with an app's HOME.

    Not somebody's ``tail``.
    """
    program, *arguments = _read(process / "cmdline")
    tools = [os.fsencode(tool) for tool in (sys.executable, builds.interpreter(), find_uv_bin())]
    return (
        program.startswith(marks)
        or (program in tools and any(argument.startswith(marks) for argument in arguments))
        or any(one.startswith(b"HOME=" + marks[0]) for one in _read(process / "environ"))
    )


def _read(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\0")
    except OSError:  # it has ended, or the kernel tells only its own user
        return [b""]


def drop_sections(layout: Layout) -> None:
    """Take away the sections and specs of apps and installs: hostd makes those anew that are to run.

    supervisord would read all of them before anything starts, those that stay stopped as well.
    """
    for path in layout.sections.iterdir():
        if path.suffix in (".conf", ".json") and is_of_an_app(path.stem):
            path.unlink()


def set_bad_sections_aside(layout: Layout) -> list[str]:
    """Rename every section that supervisor's parser refuses to ``.bad``: one would keep all from starting."""
    problems = []
    for path in sorted(layout.sections.glob("*.conf")):
        try:
            groups = programs.parse(path.read_text(encoding="utf-8"))
            if [group.name for group in groups] != [path.stem]:
                raise programs.BadSection(f"it holds {[group.name for group in groups]}")
        except (programs.BadSection, UnicodeDecodeError, OSError) as error:
            path.rename(path.with_suffix(".bad"))
            problems.append(f"{path.name} is set aside as {path.stem}.bad: {error}")
    return problems
