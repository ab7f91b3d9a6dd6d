"""What hostd answers about releases and templates, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from console.answers import Failure, known


@dataclass(frozen=True, slots=True)
class Source:
    """Where a release came from, and what was found in it."""

    kind: str = "files"
    entry: str = ""
    url: str = ""
    ref: str = ""
    commit: str = ""
    subdir: str = ""
    dependencies: str = ""
    sha256: str = ""
    size: int = 0
    files: int = 0
    packages: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """One release; ``resolved`` and ``install_log`` come with a single one only."""

    release: int
    state: str
    created_at: str = ""
    ended_at: str = ""
    by: str = ""
    note: str = ""
    source: Source = Source()
    python: str = ""
    streamlit_version: str = ""
    strategy: str = ""
    as_of: str = ""
    error: Failure | None = None
    warning: Failure | None = None
    resolved: tuple[str, ...] = ()
    install_log: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """One release."""
        inner = {
            "source": Source(**known(Source, data.get("source") or {})),
            "error": Failure.from_json(data.get("error")),
            "warning": Failure.from_json(data.get("warning")),
        }
        return cls(**{**known(cls, data), **inner})


@dataclass(frozen=True, slots=True)
class FileChange:
    """What became of one file between two releases; ``diff`` is None when it is not text."""

    path: str
    status: str
    diff: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """One app of the gallery."""

    name: str
    title: str = ""
    title_zh: str = ""
    description: str = ""
    description_zh: str = ""

    def told(self, language: str) -> tuple[str, str]:
        """Title and description."""
        english = (self.title or self.name, self.description)
        chinese = (self.title_zh or english[0], self.description_zh or english[1])
        return chinese if language == "zh" else english
