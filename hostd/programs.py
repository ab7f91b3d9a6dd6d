"""Programs as supervisord sections: a value, its text, and the text parsed back before it counts.

Nothing a user wrote enters a section: there is no complete escaping (supervisor/options.py expands %,
cuts at ' ;', reads new lines). It holds slugs, integers and paths of our own.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.options import ServerOptions

from hostd.errors import HostdError
from hostd.launch import REFUSED
from hostd.layout import Layout
from hostd.templating import Templates

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9])?")
LAUNCHER = Path(__file__).with_name("launch.py")


class BadSection(HostdError):
    """A section is not what it should be; supervisord never gets to see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One supervisord program. Seconds; ``log_bytes`` per log file, 0 = not rotated."""

    name: str
    spec: Path
    log: Path
    autostart: bool = False
    autorestart: str = "unexpected"
    exitcodes: int = REFUSED
    startsecs: int = 10
    startretries: int = 3
    stopwaitsecs: int = 5
    log_bytes: int = 10_000_000
    log_backups: int = 3
    priority: int = 999

    @property
    def command(self) -> list[str]:
        """The launcher with the program's spec."""
        return [sys.executable, "-I", "-S", str(LAUNCHER), str(self.spec)]


def app_program(layout: Layout, name: str, log: Path) -> Program:
    """The program that runs a release of an app. startsecs: a shorter one restarts a crash loop for ever."""
    return Program(name=name, spec=layout.spec(name), log=log)


def build_program(layout: Layout, name: str, log: Path) -> Program:
    """The one-shot program that installs a release's dependencies."""
    return Program(
        name=name, spec=layout.spec(name), log=log, autorestart="false", exitcodes=0, startsecs=0,
        startretries=0, stopwaitsecs=2,
    )  # fmt: skip


def render(templates: Templates, program: Program) -> str:
    """The section of ``program``, checked. Raises BadSection when it does not read back as meant."""
    text = _section(templates, program)
    verify(text, program)
    return text


def render_main(templates: Templates, layout: Layout, platform: list[Program], password: str) -> str:
    """supervisord.conf with the sections of the platform's own programs, and the socket's password."""
    return templates.render(
        "supervisord.conf.j2",
        socket=_plain(layout.socket),
        password=_plain(password),
        logfile=_plain(layout.supervisor / "supervisord.log"),
        pidfile=_plain(layout.supervisor / "supervisord.pid"),
        events_socket=_plain(layout.events_socket),
        section_folder=_plain(layout.sections),
        sections=_plain(layout.sections.relative_to(layout.supervisor)),  # supervisor cuts this at blanks
        platform_sections=[render(templates, program) for program in platform],
    )


@functools.lru_cache(maxsize=1024)  # an app that wakes has the section of its last start
def verify(text: str, program: Program) -> None:
    """Parse ``text`` with supervisor's own parser; it must hold exactly ``program``. Raises BadSection."""
    groups = parse(text)
    if [group.name for group in groups] != [program.name]:
        raise BadSection(f"section of {program.name}: holds {[group.name for group in groups]}")
    found = groups[0].process_configs[0]
    if found.command != shlex.join(program.command) or found.stdout_logfile != str(program.log):
        raise BadSection(f"section of {program.name}: reads back as another command or log")


def parse(text: str) -> list[Any]:
    """The process groups that supervisor's parser finds in ``text``. Raises BadSection."""
    with tempfile.TemporaryDirectory(prefix="hostd-") as folder:
        candidate, main = Path(folder, "candidate.conf"), Path(folder, "main.conf")
        candidate.write_text(text, encoding="utf-8")
        main.write_text("[supervisord]\n[include]\nfiles=candidate.conf\n", encoding="utf-8")
        options = ServerOptions()
        options.configfile = str(main)
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                options.process_config(do_usage=False)
        except (ValueError, SystemExit) as error:
            raise BadSection(f"supervisor can't read it: {error} {said.getvalue().strip()}".strip()) from None
        return list(options.process_group_configs)


def _section(templates: Templates, program: Program) -> str:
    if not NAME.fullmatch(program.name):
        raise BadSection(f"{program.name!r} can't be the name of a program")
    return templates.render(
        "program.conf.j2",
        program=program,
        command=_plain(shlex.join(program.command)),
        log=_plain(program.log),
    )


def _plain(value: object) -> str:
    """``value`` for a section: % is doubled for supervisor's expansion; what can't be escaped is refused."""
    text = str(value)
    if re.search(r"[\x00-\x1f\x7f]| ;", text):
        raise BadSection(f"{text!r} can't stand in a section")
    return text.replace("%", "%%")
