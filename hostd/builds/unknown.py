"""Entries that came from conda, and that the package index has never heard of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from packaging.utils import canonicalize_name
from uv import find_uv_bin

from hostd.builds.dependencies import Wanted
from hostd.builds.interpreters import nearest
from hostd.builds.names import parsed
from hostd.builds.steps import Steps

_LIMIT = 50
_NOT_FOUND = re.compile(r"\b(\S+) was not found in the package registry")


def without_unknown(steps: Steps, wanted: Wanted) -> Wanted:
    """``wanted`` without those of its uncertain lines whose name is unknown, which become a warning."""
    gone: list[str] = []
    while len(gone) < _LIMIT and (name := _first_unknown(steps, _left(wanted.uncertain, gone))):
        gone.append(name)
    if not gone:
        return wanted
    lines = _left((wanted.converted or "").splitlines(), gone)
    warning = f"environment.yml: no package index has these, they are not installed: {', '.join(gone)}"
    return replace(
        wanted,
        converted="".join(f"{line}\n" for line in lines),
        lines=tuple(_left(wanted.lines, gone)),
        warnings=(*wanted.warnings, warning),
    )


def _first_unknown(steps: Steps, lines: list[str]) -> str | None:
    if not lines:
        return None
    asked = steps.write("uncertain.txt", "".join(f"{line}\n" for line in lines))
    command = [find_uv_bin(), "pip", "compile", "--no-deps", "--python", nearest(steps).path, str(asked)]
    match = _NOT_FOUND.search(" ".join(steps.ask(command, errors=True)[1].split()))
    return canonicalize_name(match[1]) if match else None


def _left(lines: Iterable[str], gone: list[str]) -> list[str]:
    return [line for line in lines if not ((found := parsed(line)) and canonicalize_name(found.name) in gone)]
