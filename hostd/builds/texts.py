"""Requirement files as text: decoded, joined to logical lines, followed to the files that they name.

As pip's documentation "Requirements File Format" has it: ``-r`` and ``-c`` are relative to the file that
names them, local paths to the working directory.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NESTED = re.compile(r"(?:-r|-c|--requirements?|--constraints?)(?:\s*=\s*|\s+|(?<=-[rc]))(\S.*)")
_CONSTRAINT = re.compile(r"-c|--constraint")
_OPTION = re.compile(r"(?:-e|--editable|-f|--find-links)(?:\s*=\s*|\s+|(?<=-[ef]))(\S.*)")
_FILES = 100
TEXT_LIMIT = 20_000_000
"""Bytes of one file, a lock file included."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A requirements file with all that it names: files in order, and their requirement lines."""

    files: tuple[Path, ...]
    lines: tuple[str, ...]
    constraints: tuple[str, ...]
    hashed: bool


def decode(data: bytes) -> str:
    """Text in UTF-8, with or without a BOM, or in UTF-16 with one; what is neither is marked."""
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    return data.decode(encoding, "replace")


def read(path: Path) -> str:
    """The text of a file; '' when it is not there. Raises ValueError for one that is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(TEXT_LIMIT + 1)
    except OSError:
        return ""
    if len(data) > TEXT_LIMIT:
        raise ValueError(f"{path.name} is larger than {TEXT_LIMIT // 1_000_000} MB")
    return decode(data)


def logical_lines(text: str) -> list[str]:
    """Continuations joined, comments cut off, blank lines left out."""
    joined = re.sub(r"\\\r?\n", " ", text)
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def tree(root: Path, path: Path) -> Tree:
    """``path`` and every file that it names with -r or -c, each once. Outside of ``root`` none is read."""
    files: dict[Path, None] = {}
    found: list[tuple[bool, str]] = []
    hashed = False
    for constraint, line in _walk(root.resolve(), path.resolve(), False, files):
        hashed = hashed or "--hash" in line
        if not _NESTED.fullmatch(line):
            found.append((constraint, re.split(r"\s--(?:hash|config-settings?|global-option)\b", line)[0]))
    lines = tuple(line for constraint, line in found if not constraint)
    return Tree(tuple(files), lines, tuple(line for constraint, line in found if constraint), hashed)


def _walk(root: Path, path: Path, constraint: bool, seen: dict[Path, None]) -> Iterator[tuple[bool, str]]:
    """(whether it only limits, logical line) of all files, which are put into ``seen``."""
    if path in seen or len(seen) > _FILES:
        return
    seen[path] = None
    if not path.is_relative_to(root):
        return
    for line in logical_lines(read(path)):
        yield constraint, line
        nested = _NESTED.fullmatch(line)
        if nested and "://" not in nested[1]:
            target = Path(path.parent, nested[1].strip("\"'")).resolve()
            yield from _walk(root, target, constraint or bool(_CONSTRAINT.match(line)), seen)


def local_path(line: str) -> str | None:
    """The path on this machine that a requirement line installs from; None for any other line."""
    option = _OPTION.fullmatch(line)
    place = option[1] if option else re.sub(r"^[\w.\[\],-]+\s*@\s*", "", line)
    place = re.split(r"(?<!\s)\s+[;#]|\s--", place, maxsplit=1)[0].strip().strip("\"'")
    if place.startswith("file:"):
        return re.sub(r"^file:(//(?=/))?", "", place)
    if "://" in place or (line.startswith("-") and not option):
        return None
    place = re.sub(r"\[[^\[\]]*\]$", "", place)
    is_path = bool(option) or place.startswith(".") or "/" in place.split(";")[0]
    return place if is_path or re.fullmatch(r"\S+\.(whl|zip|tar\.gz)", place) else None


def is_editable(line: str) -> bool:
    """Whether the line asks for an editable install."""
    return line.startswith(("-e", "--editable"))
