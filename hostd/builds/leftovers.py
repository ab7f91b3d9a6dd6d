"""What a build leaves in the upload's own folder: taken away where nothing needs it, else reported."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_USELESS = ("build", "__pycache__", ".eggs")
"""Folders that build backends make, and that no import needs."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """The paths that were in ``folder`` before a build."""

    folder: Path
    known: frozenset[str]

    @classmethod
    def before(cls, folder: Path) -> Leftovers:
        """Remember what is there now."""
        return cls(folder, frozenset(_paths(folder)))

    def clear(self) -> list[str]:
        """Delete what a build left and nobody needs; what else is new, in order.

        An editable package may need a module that its build made, such as one that holds its version.
        """
        for path in [path for path in _paths(self.folder) if path not in self.known]:
            if (name := os.path.basename(path)) in _USELESS or name.endswith(".egg-info"):  # noqa: PTH119
                shutil.rmtree(self.folder / path, ignore_errors=True)
        return sorted(path for path in _paths(self.folder) if path not in self.known)


def _paths(folder: Path) -> Iterator[str]:
    for base, folders, names in os.walk(folder):
        inner = os.path.relpath(base, folder)
        yield from (os.path.normpath(f"{inner}/{name}") for name in [*folders, *names])
