"""What a platform before left in the data folder, and running: taken away before another one starts."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

from uv import find_uv_bin

from hostd import builds, programs
from hostd.layout import Layout, is_of_an_app


def end_orphans(layout: Layout) -> list[int]:
    """SIGKILL what still runs from this data folder though no platform does. Returns the pids."""
    marks = tuple(os.fsencode(f"{folder}/") for folder in (layout.apps, layout.sections))
    ended = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid() and _runs_from(entry, marks):
            with contextlib.suppress(OSError):  # it ended by itself meanwhile, or is another user's
                os.kill(int(entry.name), signal.SIGKILL)
                ended.append(int(entry.name))
    return ended


def _runs_from(process: Path, marks: tuple[bytes, ...]) -> bool:
    """Ours: an app's own interpreter, or our Python or uv at work on that folder. Not somebody's ``tail``."""
    try:
        program, *arguments = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    tools = [os.fsencode(tool) for tool in (sys.executable, builds.interpreter(), find_uv_bin())]
    return program.startswith(marks) or (program in tools and any(a.startswith(marks) for a in arguments))


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
