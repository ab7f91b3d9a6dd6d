"""What a person sends: form fields and files, however they came."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Self

ARCHIVES = (".zip", ".tar.gz", ".tgz")
LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".pytest_cache",
     ".ruff_cache", ".ipynb_checkpoints", ".DS_Store", "Thumbs.db"}
)  # fmt: skip
"""Folders and files that no app needs and many folders have."""

Part = tuple[str, tuple[str | None, str | bytes]]


@dataclass(frozen=True, slots=True)
class Upload:
    """``files`` are (form field, name, content). ``title`` is a name for the app, if the source has one."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, str, bytes], ...] = ()
    title: str = ""

    def having(self, **fields: str) -> Self:
        """With these fields as well; empty ones are not sent."""
        return replace(self, fields={**self.fields, **{key: value for key, value in fields.items() if value}})

    @property
    def what(self) -> tuple[str, ...]:
        """The source in short: a choice of the entry belongs to it, and to no other."""
        source = [self.fields.get(key, "") for key in ("git", "git_ref", "git_subdir", "template")]
        return (*source, *(name for _, name, _ in self.files))

    def parts(self) -> list[Part]:
        """The multipart body, for httpx: it is only one when it has a file part, so fields are such too."""
        body: list[Part] = [(key, (None, value)) for key, value in self.fields.items()]
        return body + [(key, (name, content)) for key, name, content in self.files]


class Unusable(Exception):
    """What was given can't be sent; the text is the key of the sentence that says so."""


def of_files(files: Iterable[tuple[str, bytes]]) -> Upload:
    """Several files, or one archive."""
    given = list(files)
    if not given:
        raise Unusable("upload_nothing")
    packed = [name for name, _ in given if name.lower().endswith(ARCHIVES)]
    if not packed:
        return Upload(files=tuple(("files", name, content) for name, content in given))
    if len(given) > 1:
        raise Unusable("upload_archives")
    title = packed[0][: -len(next(end for end in ARCHIVES if packed[0].lower().endswith(end)))]
    return Upload(files=(("bundle", *given[0]),), title=title)


def of_folder(files: Iterable[tuple[str, bytes]]) -> Upload:
    """A folder: names are paths that begin with the folder's own."""
    kept = [(name, content) for name, content in files if not LEFT_OUT & set(PurePosixPath(name).parts)]
    if not kept:
        raise Unusable("upload_nothing")
    title = PurePosixPath(kept[0][0]).parts[0]
    return Upload(files=tuple(("files", name, content) for name, content in kept), title=title)


def of_text(code: str, requirements: str) -> Upload:
    """Pasted code."""
    if not code.strip():
        raise Unusable("paste_nothing")
    files = [("app", "app.py", code.encode())]
    if requirements.strip():
        files.append(("requirements", "requirements.txt", requirements.encode()))
    return Upload(files=tuple(files))


def of_git(url: str, ref: str, subdir: str) -> Upload:
    """A repository."""
    if not url:
        raise Unusable("git_nothing")
    title = (subdir or url).rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1].removesuffix(".git")
    return Upload({"git": url}, title=title).having(git_ref=ref, git_subdir=subdir)


def of_template(name: str, title: str) -> Upload:
    """An app of the gallery."""
    return Upload({"template": name}, title=title)


def environment(text: str) -> tuple[dict[str, str], int | None]:
    """NAME=value lines, and the number of the first line that is none."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, sign, value = line.strip().partition("=")
        if sign and name.strip():
            found[name.strip()] = value.strip()
        elif line.strip() and not name.startswith("#"):
            return found, number
    return found, None


def environment_field(values: Mapping[str, str]) -> str:
    """Environment variables as hostd takes them."""
    return json.dumps(dict(values), ensure_ascii=False)
