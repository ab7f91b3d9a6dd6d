"""State files: JSON read and written whole. The only module that touches meta.json and release.json."""

from __future__ import annotations

import dataclasses
import errno
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from hostd.errors import DiskFull
from hostd.layout import AppLayout, Layout
from hostd.models import App, Failure, FailureKind, Status, Wish

SCHEMA = 1
T = TypeVar("T", App, Failure)
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
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise translated(error) from None


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
    known = {field.name for field in dataclasses.fields(App)}
    values = {name: part for name, part in value.items() if name in known}
    try:
        if values["app_id"] != app_id:
            raise ValueError(f"it belongs to {values['app_id']!r}")
        error = values.get("error")
        values |= {
            "status": Status(values["status"]),
            "wish": Wish(values["wish"]),
            "error": _typed(Failure(**{**error, "kind": FailureKind(error["kind"])})) if error else None,
        }
        return _typed(App(**values))
    except (KeyError, TypeError, ValueError) as error:
        raise BadState(f"meta.json is not as expected: {error}") from None


def _typed(value: T) -> T:
    """``value``, if each of its fields holds what it is annotated with. Raises TypeError."""
    for name, kind in get_type_hints(type(value)).items():
        if not isinstance(getattr(value, name), kind):
            raise TypeError(f"{name} is {getattr(value, name)!r:.100}")
    return value
