"""The apps in tests/apps/: what their uploads look like, and how each should end.

A folder holds ``tree/``, the upload, and ``expect.json``::

    shape         what this one is, in a line
    send          zip (default), tar.gz, files, git
    top           the folder that everything in it is in
    names         the encoding of the names in a zip
    fields        further fields of the form
    write         further files; {python} is the version that the tests run on
    wheels        wheels to make, with their files
    made          uv.lock or pylock.toml, made by uv: a lock holds the address of an index, so none is kept
    raw           sent as the bundle instead of an archive
    impatient     for the platform with short limits

    first_words   how the page begins; then, then_words: a link on it, and how the page behind it begins
    source        what is recorded of the source
    warning       said in its warnings or its install log
    kind, sentence       the failure, and a pattern for its cause and what to do
    status, field, sentence, candidates      a refusal
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uv import find_uv_bin

APPS = Path(__file__).resolve().parent / "apps"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
Form = tuple[dict[str, str], list[tuple[str, tuple[str, bytes]]]]


@dataclass(frozen=True)
class Case:
    """One app of the corpus."""

    name: str
    expect: dict[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def refused(self) -> bool:
        """Whether the request itself is answered with a problem."""
        return "status" in self.expect

    @property
    def told(self) -> bool:
        """Whether a failure is told of the app."""
        return "kind" in self.expect

    @property
    def impatient(self) -> bool:
        """Whether it is meant for the platform with short limits."""
        return bool(self.expect.get("impatient"))


def cases() -> list[Case]:
    """All of them."""
    return [_read(folder) for folder in sorted(APPS.iterdir()) if folder.is_dir()]


def _read(folder: Path) -> Case:
    text = (folder / "expect.json").read_text(encoding="utf-8").replace("{python}", PYTHON)
    return Case(folder.name, json.loads(text))


def tree(case: Case) -> dict[str, bytes]:
    """The files of the upload, by their path in it."""
    root = APPS / case.name / "tree"
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in _files(root)}
    for path, text in case.expect.get("write", {}).items():
        found[path] = text.encode()
    for path, content in case.expect.get("wheels", {}).items():
        found[path] = wheel(Path(path).name, content)
    if "made" in case.expect:
        found[case.expect["made"]] = _lock(root, case.expect["made"])
    return found


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def wheel(name: str, content: dict[str, str]) -> bytes:
    """A wheel with these files."""
    project, version = name.split("-")[:2]
    info = f"{project}-{version}.dist-info"
    whole = {
        **content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*whole, f"{info}/RECORD"))
    return _zip({path: text.encode() for path, text in {**whole, f"{info}/RECORD": record}.items()})


def _lock(root: Path, name: str) -> bytes:
    """The lock that uv makes of the app's pyproject.toml."""
    with tempfile.TemporaryDirectory(prefix="hostd-") as folder:
        shutil.copy(root / "pyproject.toml", folder)
        export = ["export", "--quiet", "--format", "pylock.toml", "--no-emit-project", "-o", "pylock.toml"]
        for command in [["lock", "--quiet"], export]:
            subprocess.run([find_uv_bin(), *command], cwd=folder, check=True, timeout=120)
        return Path(folder, name).read_bytes()


def form(case: Case, repositories: str = "") -> Form:
    """Fields and files of the request. ``repositories`` is the URL that apps from git lie under."""
    fields, files = {"name": case.name, **case.expect.get("fields", {})}, tree(case)
    top = f"{case.expect['top']}/" if "top" in case.expect else ""
    files = {top + path: content for path, content in files.items()}
    send = case.expect.get("send", "zip")
    if send == "git":
        return {**fields, "git": f"{repositories}/{case.name}"}, []
    if send == "files":
        return fields, [("files", (path, content)) for path, content in files.items()]
    if "raw" in case.expect:
        packed = case.expect["raw"].encode()
    else:
        packed = _tar(files) if send == "tar.gz" else _zip(files, case.expect.get("names"))
    return fields, [("bundle", (f"{case.name}.{send}", packed))]


def _tar(files: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return whole.getvalue()


class _Named(zipfile.ZipInfo):
    """A member whose name is written in an encoding that the zip does not tell."""

    encoding: str | None = None

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's own
        if self.encoding is None:
            return self.filename.encode(), 0x800
        return self.filename.encode(self.encoding), 0


def _zip(files: dict[str, bytes], encoding: str | None = None) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for path, content in files.items():
            member = _Named(path)
            member.encoding = encoding
            archive.writestr(member, content)
    return whole.getvalue()


def repository(case: Case, folder: Path) -> None:
    """A bare git repository with the case's tree, for any plain web server."""
    with tempfile.TemporaryDirectory(prefix="hostd-") as work:
        for path, content in tree(case).items():
            Path(work, path).parent.mkdir(parents=True, exist_ok=True)
            Path(work, path).write_bytes(content)
        author = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
        for command in (
            ["init", "-q", "-b", "main"],
            ["add", "-A"],
            [*author, "commit", "-q", "-m", "first"],
            ["clone", "-q", "--bare", ".", str(folder / case.name)],
            ["-C", str(folder / case.name), "update-server-info"],
        ):
            subprocess.run(["git", *command], cwd=work, check=True, timeout=60)
