"""An upload, checked and laid down as an immutable release. The only module that reads what users sent."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hostd import syntax
from hostd.errors import Invalid
from hostd.layout import AppLayout, ReleaseLayout
from hostd.store import sync_folder, translated, write_whole

APP, REQUIREMENTS = "app.py", "requirements.txt"
FILES = (APP, REQUIREMENTS)
SOURCE_LIMIT = 2_000_000
"""Bytes; a longer app.py or requirements.txt is no source that a person wrote."""
NAME_LIMIT = 100
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True, slots=True)
class Upload:
    """What a request brought: the bytes of either file, None for one that it does not touch."""

    app: bytes | None = None
    requirements: bytes | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to lay down."""
        return self.app is None and self.requirements is None


def check_name(name: str) -> str:
    """The name without outer blanks. Raises Invalid('name')."""
    name = name.strip()
    if not name:
        raise Invalid("name", "must not be empty")
    if len(name) > NAME_LIMIT:
        raise Invalid("name", f"must have at most {NAME_LIMIT} characters, this one has {len(name)}")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name):
        raise Invalid("name", "must not hold control characters or line breaks")
    return name


def check_id(app_id: str) -> str:
    """The caller's own slug. Raises Invalid('app_id')."""
    if len(app_id) > 50 or not _SLUG.fullmatch(app_id):
        raise Invalid("app_id", "must be 1 to 50 characters of a-z, 0-9 and single hyphens between them")
    return app_id


def make_id(name: str) -> str:
    """A slug of ``name`` and six random characters: ``demo-3f9a2c``; 'app' where no Latin letter is."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:30].strip("-")
    return f"{slug if re.search('[a-z]', slug) else 'app'}-{secrets.token_hex(3)}"


def check(upload: Upload) -> Upload:
    """The upload, if it is fit to be started. Raises Invalid that names field, line and reason."""
    for field, data in (("app", upload.app), ("requirements", upload.requirements)):
        if len(data or b"") > SOURCE_LIMIT:
            raise Invalid(field, f"must be at most {SOURCE_LIMIT // 1_000_000} MB of text")
    if upload.app is not None:
        _check_app(upload.app)
    if upload.requirements is None:
        return upload
    return Upload(upload.app, _check_requirements(upload.requirements).encode())


def _check_app(source: bytes) -> None:
    try:
        source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise Invalid("app", f"line {line}: is not UTF-8 ({error.reason}). Save the file as UTF-8.") from None
    if wrong := syntax.first_error(source, APP):
        raise Invalid("app", f"line {wrong[0]}: {wrong[1]}")


def _check_requirements(data: bytes) -> str:
    try:
        text = data.decode(_BOMS.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Invalid("requirements", f"line {line}: is neither UTF-8 nor UTF-16 with a BOM") from None
    for number, requirement in logical_lines(text):
        _check_requirement(number, requirement)
    return text


def _check_requirement(number: int, line: str) -> None:
    if any(unicodedata.category(c) == "Cc" for c in line.replace("\t", " ")):
        raise Invalid("requirements", f"line {number}: holds control characters")
    if is_pip_syntax(line):
        return
    try:
        Requirement(line)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0][:200]
        raise Invalid("requirements", f"line {number}: {line[:100]!r} is no requirement: {reason}") from None
    except RecursionError:
        raise Invalid("requirements", f"line {number}: is nested too deeply") from None


def logical_lines(text: str) -> list[tuple[int, str]]:
    """(line number, content) of each requirement: continuations joined, comments and hashes cut off.

    As pip's documentation "Requirements File Format" has it.
    """
    found: list[tuple[int, str]] = []
    start, parts = 0, ""
    lines = text.split("\n")
    for number, raw in enumerate(lines, 1):
        start = start if parts else number
        line = raw.rstrip("\r")
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            line = line[:-1] + " "
            if number < len(lines):
                parts += line
                continue
        whole = re.sub(r"(^|\s)#.*$", "", parts + line)
        parts = ""
        whole = re.split(r"\s--(?:hash|config-settings?|global-option)\b", whole)[0].strip()
        if whole:
            found.append((start, whole))
    return found


def is_pip_syntax(line: str) -> bool:
    """Whether the line is an option, a path or a URL: pip's own syntax, which uv judges at install."""
    return line.startswith(("-", "./", "../", "/", "file:")) or bool(
        re.match(r"[a-z+]+://|[\w./-]+\.(whl|zip|tar\.gz)\b", line)
    )


def names_streamlit(text: str) -> bool:
    """Whether the requirements themselves say which Streamlit to install."""
    for _, line in logical_lines(text):
        with contextlib.suppress(InvalidRequirement):
            if not is_pip_syntax(line) and canonicalize_name(Requirement(line).name) == "streamlit":
                return True
    return False


def lay_down(app: AppLayout, number: int, upload: Upload, base: ReleaseLayout | None = None) -> ReleaseLayout:
    """Release ``number`` with the upload's files, the others taken from ``base``. Durable when it returns.

    Raises DiskFull; then nothing of it is left.
    """
    release = app.release(number)
    temporary = app.releases / f".{number}.tmp"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()  # not its parents: a deleted app must not come back as a folder
        (temporary / "bundle").mkdir()
        for name, sent in zip(FILES, (upload.app, upload.requirements), strict=True):
            data = sent if sent is not None else _content(base, name)
            if data is not None:
                write_whole(temporary / "bundle" / name, data)
        temporary.rename(release.root)
        sync_folder(app.releases)
    except OSError as error:
        raise translated(error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return release


def _content(release: ReleaseLayout | None, name: str) -> bytes | None:
    path = release.bundle / name if release else None
    return path.read_bytes() if path and path.is_file() else None


def read(release: ReleaseLayout, name: str) -> str:
    """The text of one of FILES; '' when the release has none."""
    return (_content(release, name) or b"").decode("utf-8-sig", "replace")


def digests(release: ReleaseLayout) -> dict[str, Any]:
    """``app_sha256`` and ``requirements_sha256`` of the release's files; None for one that is missing."""
    found = {"app_sha256": _content(release, APP), "requirements_sha256": _content(release, REQUIREMENTS)}
    return {key: None if data is None else hashlib.sha256(data).hexdigest() for key, data in found.items()}


def numbers(app: AppLayout) -> list[int]:
    """The numbers of all releases on disk, oldest first."""
    if not app.releases.is_dir():
        return []
    return sorted(int(entry.name) for entry in app.releases.iterdir() if entry.name.isdecimal())


def point_at(app: AppLayout, release: ReleaseLayout) -> None:
    """Make ``app.py``, ``requirements.txt`` and ``venv`` in the app's folder links to the release's."""
    for link in (APP, REQUIREMENTS, "venv"):
        target = release.venv if link == "venv" else release.bundle / link
        temporary = app.root / f".{link}.link"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.path.relpath(target, app.root))
        temporary.replace(app.root / link)


def written_beside(release: ReleaseLayout) -> list[Path]:
    """What the app added to its working directory: everything there that was not uploaded."""
    kept = {*FILES, "__pycache__"}
    return sorted(entry for entry in release.bundle.iterdir() if entry.name not in kept)


def move_written(old: ReleaseLayout, new: ReleaseLayout) -> None:
    """Move what the app wrote beside its code from one release's working directory to another's."""
    for entry in written_beside(old):
        target = new.bundle / entry.name
        if not target.exists():
            entry.rename(target)


def sweep(app: AppLayout, *, keep: set[int], retain: int) -> None:
    """Delete old releases beyond the newest ``retain``.

    Never one in ``keep``, nor one whose venv a kept release links to.
    """
    found = numbers(app)
    wanted = set(found[-retain:]) | keep
    wanted |= {owner for n in wanted if (owner := venv_owner(app, n)) is not None}
    for number in set(found) - wanted:
        shutil.rmtree(app.release(number).root, ignore_errors=True)


def venv_owner(app: AppLayout, number: int) -> int | None:
    """The release whose folder holds the venv of release ``number``; None when it has no venv."""
    venv = app.release(number).venv
    if not venv.exists():
        return None
    owner = venv.resolve().parent.name
    return int(owner) if owner.isdecimal() else None
