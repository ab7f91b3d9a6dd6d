"""Which Python a venv is made with: the platform's own where it fits, else the newest that uv finds.

uv is asked in a folder that nobody can write, and without any settings file: an upload's uv.toml could name
its own list of Pythons to download, and whatever is in the shared folder of Pythons is run by every install.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from uv import find_uv_bin

from hostd.builds.exits import NO_PYTHON, Stop
from hostd.builds.poetry import version_specifier
from hostd.builds.steps import Steps
from hostd.identity import is_reachable

_ONE_VERSION = re.compile(r"\d+(\.\d+){0,2}")
_NAMED = re.compile(
    r"(?:(?:cpython|python|pypy|graalpy)[-@]?)?\d+(?:\.\d+){0,2}(?:(?:a|b|rc)\d+)?(?:t|d|td)?"
)
"""Of what uv understands besides specifiers: no path and no option of its own."""
_PYTHON = (find_uv_bin(), "--no-config", "python")


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter on this machine."""

    path: str
    version: Version
    implementation: str = "cpython"

    def __str__(self) -> str:
        return f"{'' if self.implementation == 'cpython' else self.implementation + ' '}{self.version}"


def interpreter() -> str:
    """The Python under the platform's own venv, which venvs are made with unless another is asked for."""
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def own() -> Python:
    """The same, with its version."""
    return Python(interpreter(), Version(".".join(map(str, sys.version_info[:3]))), sys.implementation.name)


def nearest(steps: Steps) -> Python:
    """Our own; where installs can't run it, the nearest that they can. Raises Stop when there is none."""
    ours = own()
    if steps.identity is None or is_reachable(Path(ours.path)):
        return ours
    version = ours.version
    found = [python for python in installed(steps) if is_reachable(Path(python.path))]
    if chosen := pick(found, f"=={version.major}.{version.minor}.*") or pick(found, ">=3.9"):
        return chosen
    raise Stop(NO_PYTHON, f"error: no Python is where installs can run it, as they can't {interpreter()}")


def normal(wanted: str | None) -> str | None:
    """A wish as we read it: ``python-3.11.4`` and ``cpython@3.11.4`` are 3.11.4."""
    text = re.sub(r"^(?:c?python)?\s*[-@]?\s*(?=[\d<>=!~])", "", (wanted or "").strip().lower())
    text = version_specifier(text) if re.match(r"\^|~(?!=)", text) else text
    return text.removesuffix(".x") or None


def specifier(wanted: str) -> SpecifierSet | None:
    """The versions that ``wanted`` allows; None for one that only uv understands, such as pypy@3.10."""
    if _ONE_VERSION.fullmatch(wanted):
        wanted = f"=={wanted}" if wanted.count(".") == 2 else f"=={wanted}.*"
    elif re.fullmatch(r"\d+(\.\d+)?\.\*", wanted):
        wanted = f"=={wanted}"
    try:
        return SpecifierSet(wanted)
    except InvalidSpecifier:
        return None


def choose(steps: Steps, wanted: str | None) -> Python:
    """The interpreter for a release that asks for ``wanted``. Raises Stop that names those there are."""
    wish = normal(wanted)
    here = nearest(steps)
    if wish is None or fits(here, wish):
        return here
    found = installed(steps)
    if chosen := pick(found, wish) or _named(steps, wish):
        return chosen
    if near := _same_minor([here, *found], wish):
        steps.say(f"warning: Python {wish} is not on this machine, Python {near} is taken instead")
        return near
    if chosen := _fetched(steps, wish):
        return chosen
    there = ", ".join(sorted({str(python) for python in [here, *found]}, reverse=True))
    raise Stop(NO_PYTHON, f"error: Python {wish} is not on this machine; there is: {there}")


def candidates(steps: Steps, wanted: str | None) -> list[Python]:
    """Every interpreter that fits, one of each version, newest first."""
    wish = normal(wanted)
    if wish is not None and specifier(wish) is None:
        return [choose(steps, wanted)]
    here = nearest(steps)
    found = [python for python in [here, *installed(steps)] if wish is None or fits(python, wish)]
    found.sort(key=lambda one: (one.version.release[:2], one == here, one.version))
    newest = {one.version.release[:2]: one for one in found if one.implementation == "cpython"}
    return list(reversed(newest.values())) or [choose(steps, wanted)]


def fits(python: Python, wish: str) -> bool:
    """Whether ``python`` is a CPython of a version that ``wish`` allows."""
    allowed = specifier(wish)
    return allowed is not None and python.implementation == "cpython" and python.version in allowed


def pick(found: Iterable[Python], wish: str) -> Python | None:
    """The newest that fits."""
    return max((one for one in found if fits(one, wish)), key=lambda one: one.version, default=None)


def _same_minor(found: Iterable[Python], wish: str) -> Python | None:
    """Another patch level of the version that was asked for exactly: packages can't tell the difference."""
    match = re.fullmatch(r"(?:==)?(\d+\.\d+)\.\d+(?:\.\*)?", wish)
    return pick(found, match[1]) if match else None


def installed(steps: Steps) -> list[Python]:
    """What uv finds on this machine."""
    command = [*_PYTHON, "list", "--only-installed", "--no-python-downloads", "--output-format", "json"]
    code, text = _apart(steps).ask(command)
    return parse(text) if code == 0 else []


def _apart(steps: Steps) -> Steps:
    """As the platform, and where no upload has put anything."""
    return replace(steps.platform or steps, folder=Path("/"))


def parse(text: str) -> list[Python]:
    """Interpreters from uv's JSON; pre-releases and free-threaded ones are left out."""
    found = []
    for entry in json.loads(text or "[]"):
        try:
            version = Version(entry["version"])
        except InvalidVersion:
            continue
        if entry["variant"] == "default" and not version.is_prerelease and entry["path"]:
            found.append(Python(entry["path"], version, entry["implementation"]))
    return found


def _named(steps: Steps, wish: str) -> Python | None:
    """What only uv understands, such as ``pypy@3.10`` or ``3.13t``, if it is here."""
    if specifier(wish) is not None or not _NAMED.fullmatch(wish):
        return None
    command = [*_PYTHON, "find", "--no-project", "--no-python-downloads", "--", wish]
    code, text = _apart(steps).ask(command)
    return asked(steps, text.strip()) if code == 0 and text.strip() else None


def _fetched(steps: Steps, wish: str) -> Python | None:
    """An interpreter that uv downloads, where that is allowed and possible, from its own list."""
    if specifier(wish) is None and not _NAMED.fullmatch(wish):
        return None
    if _apart(steps).run([*_PYTHON, "install", "--", wish]) != 0:
        return None
    return pick(installed(steps), wish) or _named(steps, wish)


def asked(steps: Steps, path: str) -> Python | None:
    """The interpreter at ``path``, asked for its version; nothing but its standard library runs."""
    program = "import platform, sys; print(platform.python_version(), sys.implementation.name)"
    code, text = steps.ask([path, "-I", "-S", "-c", program])
    if code != 0:
        return None
    version, implementation = text.split()
    return Python(path, Version(version), implementation)
