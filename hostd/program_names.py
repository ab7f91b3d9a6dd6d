"""The names of supervisord's programs: which release of which app each one runs, or installs for."""

from __future__ import annotations

from hostd.models import PROGRAM_SEPARATOR

BUILD_PREFIX = "build."
"""Begins the name of the one-shot program that installs for an app (``build.demo-3f9a2c``)."""


def program_name(app_id: str, release: int, replica: int = 1) -> str:
    """The supervisord program that runs ``release`` of an app: ``demo-3f9a2c.r1``, or one more of its
    processes: ``demo-3f9a2c.r1-2``.
    """
    first = f"{app_id}{PROGRAM_SEPARATOR}{release}"
    return first if replica == 1 else f"{first}-{replica}"


def build_name(app_id: str) -> str:
    """The supervisord program that installs for an app: ``build.demo-3f9a2c``."""
    return BUILD_PREFIX + app_id


def parse_program(program: str) -> tuple[str, int] | None:
    """(app_id, release) of the name of a release's first program, or None when it is none."""
    app_id, separator, number = program.rpartition(PROGRAM_SEPARATOR)
    if not separator or not number.isdecimal() or app_id.startswith(BUILD_PREFIX):
        return None
    return app_id, int(number)


def is_of_an_app(program: str) -> bool:
    """Whether a program runs a release of an app, or its install."""
    parsed = parse_program(program) or parse_replica(program)
    return program.startswith(BUILD_PREFIX) or parsed is not None


def parse_replica(program: str) -> tuple[str, int, int] | None:
    """(app_id, release, replica) of the name of a release's second, third, … program, or None."""
    first, separator, replica = program.rpartition("-")
    release = parse_program(first) if separator and replica.isdecimal() else None
    return None if release is None else (*release, int(replica))


def owner(program: str) -> tuple[str, int]:
    """(app_id, release) of the name of any program of a release. Raises ValueError when it is none's."""
    first = parse_program(program)
    if first is not None:
        return first
    more = parse_replica(program)
    if more is None:
        raise ValueError(f"{program!r} runs no release")
    return more[:2]


def app_id_of(program: str) -> str:
    """The id of the app that a program runs a release of; '' when it runs none."""
    parsed = parse_program(program) or parse_replica(program)
    return parsed[0] if parsed else ""
