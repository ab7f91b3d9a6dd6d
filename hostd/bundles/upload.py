"""What a request brings, and how much of it is taken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import BinaryIO

from hostd import syntax
from hostd.bundles.requirements import SOURCE_LIMIT, check_requirements
from hostd.errors import Invalid

APP, REQUIREMENTS = "app.py", "requirements.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an upload may unpack to. ``ratio`` counts from ``ratio_floor`` bytes on: small files pack well."""

    files: int = 10_000
    size: int = 1_000_000_000
    ratio: int = 200
    ratio_floor: int = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    """A repository, the branch, tag or commit in it (None: its default), and the folder that is the app."""

    url: str
    ref: str | None = None
    subdir: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What a request brought.

    ``app`` and ``requirements`` are the two-file form; they replace just those files of the tree of before.
    ``bundle`` is a seekable file, named ``bundle_name`` by its sender; ``files`` are relative paths with
    their content; ``template`` is a folder's name under templates/gallery/. With ``overlay`` bundle or
    files are laid over the tree of before instead of replacing it.
    """

    app: bytes | None = None
    requirements: bytes | None = None
    bundle: BinaryIO | None = None
    bundle_name: str = ""
    files: tuple[tuple[str, BinaryIO], ...] = ()
    git: GitSource | None = None
    template: str | None = None
    overlay: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to lay down."""
        return self.app is None and self.requirements is None and not self.trees

    @property
    def trees(self) -> tuple[str, ...]:
        """The fields that bring a tree; more than one is a mistake."""
        brought = {
            "bundle": self.bundle is not None,
            "files": bool(self.files),
            "git": self.git is not None,
            "template": self.template is not None,
        }
        return tuple(field for field, there in brought.items() if there)


def check(upload: Upload) -> Upload:
    """The upload, if its two-file part is fit to be started. Raises Invalid with field, line and reason."""
    for field, data in (("app", upload.app), ("requirements", upload.requirements)):
        if len(data or b"") > SOURCE_LIMIT:
            raise Invalid(field, f"must be at most {SOURCE_LIMIT // 1_000_000} MB of text")
    if len(upload.trees) > 1:
        raise Invalid(upload.trees[1], f"can't come together with {upload.trees[0]}")
    if upload.trees not in ((), ("files",)) and (upload.app is not None or upload.requirements is not None):
        field = "app" if upload.app is not None else "requirements"
        raise Invalid(field, f"can't come together with {upload.trees[0]}")
    if upload.app is not None:
        _check_app(upload.app)
    if upload.requirements is None:
        return upload
    return replace(upload, requirements=check_requirements(upload.requirements, "requirements").encode())


def _check_app(source: bytes) -> None:
    try:
        source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise Invalid("app", f"line {line}: is not UTF-8 ({error.reason}). Save the file as UTF-8.") from None
    if wrong := syntax.first_error(source, APP):
        raise Invalid("app", f"line {wrong[0]}: {wrong[1]}")
