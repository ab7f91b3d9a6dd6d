"""State files: JSON read and written whole. Only here meta.json and the records of releases are touched."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import json
import logging
import os
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from hostd.errors import DiskFull
from hostd.layout import AppLayout, Layout, ReleaseLayout
from hostd.models import App, Asked
from hostd.outcome import Outcome

SCHEMA = 1
T = TypeVar("T")
log = logging.getLogger(__name__)


class BadState(Exception):
    """A state file does not hold what it should; the text says which and why."""


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file that is either the old or the new, whatever happens: temporary, fsync, rename, fsync.

    Raises DiskFull when no space is left; then the old file is untouched.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise translated(error) from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that no other user can take, once it is free: who opens a file can lock it (flock(2))."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def translated(error: OSError) -> Exception:
    """DiskFull for an OSError that means it, else the error itself."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"No space is left on the disk of the data folder ({error.strerror}). Free some and try again."
        )
    return error


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """``value`` as JSON, whole. Raises DiskFull."""
    write_whole(path, json.dumps({"schema": SCHEMA, **value}, ensure_ascii=False, indent=1).encode())


def read_json(path: Path) -> dict[str, Any]:
    """The object in ``path``. Raises BadState, also when the file is not there."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BadState(f"{path.name} can't be read: {error}") from None
    if not isinstance(value, dict):
        raise BadState(f"{path.name} holds no object")
    return value


class Store:
    """Every app's meta.json."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def save(self, app: App) -> None:
        """Write ``app`` whole. Raises DiskFull."""
        self.save_in(self._layout.app(app.app_id), app)

    def save_in(self, folder: AppLayout, app: App) -> None:
        """Write ``app`` whole into a folder that is not yet the app's own. Raises DiskFull."""
        write_json(folder.meta, dataclasses.asdict(app))

    def load_all(self) -> Iterator[App]:
        """Every app on disk. One with a bad meta.json is reported in the log and left as it is."""
        for folder in sorted(self._layout.apps.iterdir()):
            if folder.name.startswith(".") or not folder.is_dir():
                continue
            try:
                yield parse_app(read_json(folder / "meta.json"), folder.name)
            except BadState as error:
                log.error("app %s is passed over: %s", folder.name, error)


def parse_app(value: Mapping[str, Any], app_id: str) -> App:
    """An App from the content of its meta.json. Raises BadState when a part is missing or of another kind."""
    app = parse(App, value, "meta.json")
    if app.app_id != app_id:
        raise BadState(f"meta.json is not as expected: it belongs to {app.app_id!r}")
    return app


def parse(kind: type[T], value: Mapping[str, Any], name: str) -> T:
    """One of our values from the content of its file; parts it does not know are passed over.

    Raises BadState when a part is missing or of another kind.
    """
    try:
        found: T = _adapter(cast(Hashable, kind)).validate_json(json.dumps(value), strict=True)
    except (ValidationError, ValueError) as error:
        raise BadState(f"{name} is not as expected: {_first_line(error)}") from None
    return found


@cache  # making one costs 25 ms
def _adapter(kind: Hashable) -> Any:
    return TypeAdapter(cast(Any, kind))


def _first_line(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def read_asked(release: ReleaseLayout) -> Asked:
    """What was asked for with a release. Raises BadState."""
    return parse(Asked, read_json(release.asked), release.asked.name)


def read_outcome(release: ReleaseLayout) -> Outcome | None:
    """How a release's last deploy ended; None while it has not. Raises BadState."""
    if not release.outcome.is_file():
        return None
    return parse(Outcome, read_json(release.outcome), release.outcome.name)


def write_value(path: Path, value: Asked | Outcome) -> None:
    """One of our values as JSON, whole. Raises DiskFull."""
    write_json(path, dataclasses.asdict(value))
