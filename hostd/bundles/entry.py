"""Which script of a bundle is the app."""

from __future__ import annotations

import codecs
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from hostd import syntax
from hostd.bundles.paths import clean
from hostd.bundles.requirements import SOURCE_LIMIT
from hostd.errors import AmbiguousEntry, Invalid

NAMES = ("streamlit_app.py", "app.py", "main.py", "Home.py")
CANDIDATES = 50
_IMPORTS = re.compile(rb"^[ \t]*(?:import|from)[ \t]+(?:[\w.][\w., \t]*,[ \t]*)?streamlit\b", re.MULTILINE)
_NEVER = {"pages", "tests", "test"}


def find_entry(folder: Path, files: Sequence[str], asked: str | None = None, stripped: str = "") -> str:
    """The script to run. Raises Invalid('entry'), AmbiguousEntry.

    ``asked`` may still hold ``stripped``, the top folder that the bundle came in.
    """
    if asked is not None:
        return _asked(files, asked, stripped)
    scripts = [path for path in files if path.endswith(".py")]
    at_root = [path for path in scripts if "/" not in path]
    named = [name for name in NAMES if name in at_root]
    found = named[:1] or _importing(folder, at_root)
    if not found:
        found = _preferred(_importing(folder, (path for path in scripts if path.count("/") == 1)))
    if len(found) == 1:
        return found[0]
    raise _ambiguous(found or _importing(folder, scripts))


def check_entry(folder: Path, entry: str, field: str) -> None:
    """Raises Invalid(field) with the line when the script does not compile."""
    source = (folder / entry).read_bytes()
    if len(source) > SOURCE_LIMIT:
        raise Invalid(field, f"{entry} must be at most {SOURCE_LIMIT // 1_000_000} MB of text")
    if wrong := syntax.first_error(source, entry):
        raise Invalid(field, f"{entry}, line {wrong[0]}: {wrong[1]}")


def _asked(files: Sequence[str], asked: str, stripped: str) -> str:
    path = clean(asked.strip(), "entry")
    for candidate in (path, path.removeprefix(stripped)):
        if candidate in files:
            if not candidate.endswith(".py"):
                raise Invalid("entry", f"{candidate!r} is no Python file (.py)")
            return candidate
    raise Invalid("entry", f"there is no file {path!r} in the bundle")


def _importing(folder: Path, scripts: Iterable[str]) -> list[str]:
    """Those that import streamlit, and are no page, test or hidden file of one."""
    return [path for path in scripts if _may_be_entry(path) and _imports_streamlit(folder / path)]


def _may_be_entry(path: str) -> bool:
    *folders, name = path.split("/")
    hidden = any(part.startswith(".") for part in folders)
    return not hidden and _NEVER.isdisjoint(folders) and not name.startswith("test_")


def _imports_streamlit(script: Path) -> bool:
    with script.open("rb") as file:
        source = file.read(SOURCE_LIMIT).removeprefix(codecs.BOM_UTF8)
    return bool(_IMPORTS.search(source.replace(b"\r", b"\n")))


def _preferred(scripts: list[str]) -> list[str]:
    """Those of the first usual name that there is, else all."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for path in scripts:
        by_name[path.rpartition("/")[2]].append(path)
    return next((by_name[name] for name in NAMES if name in by_name), scripts)


def _ambiguous(found: list[str]) -> Invalid:
    candidates = tuple(found[:CANDIDATES])
    if not candidates:
        return Invalid("entry", "there is no Python file that imports streamlit; name the one to run")
    listed = ", ".join(candidates[:10]) + (", …" if len(candidates) > 10 else "")
    return AmbiguousEntry(f"more than one script may be meant, or it is not at the top: {listed}", candidates)
