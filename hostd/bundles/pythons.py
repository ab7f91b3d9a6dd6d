"""Which Python a bundle asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from hostd.bundles.dependencies import places, table, toml
from hostd.errors import Invalid

_VERSION = re.compile(r"\d(\.\d{1,3}){0,2}")
_PLAIN = re.compile(r"(?:c?python[-@]?)?(\d\.\d{1,3})(?:\.\d{1,3})?(?:\.\*)?", re.IGNORECASE)
_CONDA = re.compile(r"^[ \t]*-[ \t]*[\"']?python[ \t]*([=<>!~][^#\"'\n]*)", re.MULTILINE)


def check_python(asked: str | None) -> str | None:
    """The version or specifier that a person asks for. Raises Invalid('python')."""
    text = (asked or "").strip()
    if not text:
        return None
    if not _VERSION.fullmatch(text) and not _is_specifier(text):
        raise Invalid("python", "must be a version such as 3.11, or a specifier such as >=3.10,<3.13")
    return text


def find_python(folder: Path, files: Sequence[str], entry: str) -> tuple[str | None, list[str]]:
    """What the tree asks for, a version or a specifier, and what to tell about what is not understood."""
    told: list[str] = []
    for path, text in _wanted(folder, files, entry):
        if (version := _PLAIN.fullmatch(text)) is not None:
            return version[1], told
        if _is_specifier(text):
            return text, told
        told.append(f"{path} asks for Python {text[:50]!r}, which is not understood and was passed over.")
    return None, told


def _is_specifier(text: str) -> bool:
    try:
        return len(text) <= 200 and len(SpecifierSet(text)) > 0
    except InvalidSpecifier:
        return False


def _wanted(folder: Path, files: Sequence[str], entry: str) -> Iterator[tuple[str, str]]:
    """(file, what it says) in the order of who is believed first."""
    for name, read in _READERS.items():
        for path in places(entry, name):
            if path in files and (text := read(folder / path).strip()):
                yield path, text


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        lines = file.read(10_000).decode("utf-8-sig", "replace").splitlines()
    return next((line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")), "")


def _pyproject(path: Path) -> str:
    value = toml(path)
    required = table(value, "project").get("requires-python")
    return _text(required) or _poetry(_text(table(value, "tool", "poetry", "dependencies").get("python")))


def _poetry(text: str) -> str:
    """Poetry's caret and tilde as specifiers of PEP 440."""
    if match := re.fullmatch(r"\^(\d+)((?:\.\d+)*)", text):
        return f">={match[1]}{match[2]},<{int(match[1]) + 1}"
    if match := re.fullmatch(r"~(\d+\.\d+)(?:\.\d+)?", text):
        return f"=={match[1]}.*"
    return text


def _pipfile(path: Path) -> str:
    requires = table(toml(path), "requires")
    return _text(requires.get("python_version")) or _text(requires.get("python_full_version"))


def _conda(path: Path) -> str:
    """``python=3.10`` is conda's ``==3.10.*``."""
    with path.open("rb") as file:
        match = _CONDA.search(file.read(1_000_000).decode("utf-8-sig", "replace"))
    text = match[1].strip() if match else ""
    return re.sub(r"^=+(?=\d)", "", text)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


_READERS = {
    ".python-version": _first_line,
    "runtime.txt": _first_line,
    "pyproject.toml": _pyproject,
    "Pipfile": _pipfile,
    "environment.yml": _conda,
    "environment.yaml": _conda,
}
