"""Compiled bytecode, shared between venvs: what one install compiled, the next one links.

Without it each install compiles the same thousands of files again (12 CPU seconds for Streamlit), and the
first start after an install waits for its part of that. An entry is found by the source's content, and by
the time and size that Python checks before it believes a .pyc (PEP 552; importlib corrects co_filename).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

TAG = sys.implementation.cache_tag
"""Names the bytecode of one Python version: 'cpython-311'. This is our own; venvs may have another."""

UNUSED_DAYS = 30
"""An entry that no venv links is dropped when it is older than this."""


def store_in(cache: Path, tag: str = TAG) -> Path:
    """The folder of all entries of a Python version, in the platform's cache."""
    return cache / f"bytecode-{tag}"


def drop_foreign(packages: Path) -> None:
    """Take away the bytecode that packages brought: it need not be of the source beside it.

    One for a copy of another package's file would otherwise get into the store, and from there to other apps.
    """
    for folder, _, names in os.walk(packages):
        if folder.endswith("/__pycache__"):
            for name in names:
                with contextlib.suppress(OSError):
                    os.unlink(f"{folder}/{name}")  # noqa: PTH108 - thousands of files


def link_known(packages: Path, store: Path, tag: str = TAG) -> int:
    """Give the sources under ``packages`` the bytecode that the store has. Returns how many files."""
    known = {entry.name for entry in os.scandir(store)} if store.is_dir() else set()
    if not known:
        return 0
    linked = 0
    for source in _sources(packages):
        key = _key(source)
        if key in known:
            compiled = _compiled(source, tag)
            with contextlib.suppress(OSError):  # without it Python compiles by itself
                os.makedirs(os.path.dirname(compiled), exist_ok=True)  # noqa: PTH103, PTH120 - thousands of files
                os.link(store / key, compiled)
                linked += 1
    return linked


def keep(packages: Path, store: Path, tag: str = TAG) -> None:
    """Put what was compiled under ``packages`` into the store, and drop what nobody uses any more."""
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    for source in _sources(packages):
        with contextlib.suppress(OSError):
            os.link(_compiled(source, tag), store / _key(source))
    oldest = time.time() - UNUSED_DAYS * 86_400
    for entry in os.scandir(store):
        if (stat := entry.stat()).st_nlink == 1 and stat.st_mtime < oldest:
            Path(entry).unlink(missing_ok=True)


def _sources(packages: Path) -> Iterator[str]:
    for folder, _, names in os.walk(packages):
        yield from (f"{folder}/{name}" for name in names if name.endswith(".py"))


def _compiled(source: str, tag: str) -> str:
    """Where Python looks for the bytecode of ``source`` (PEP 3147)."""
    folder, _, name = source.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{tag}.pyc"


def _key(source: str) -> str:
    with open(source, "rb", buffering=0) as file:  # noqa: PTH123 - thousands of files
        stat = os.fstat(file.fileno())
        digest = hashlib.blake2b(file.read(), digest_size=16).hexdigest()
    return f"{digest}-{int(stat.st_mtime)}-{stat.st_size}"
