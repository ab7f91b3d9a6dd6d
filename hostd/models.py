"""Values that travel between the rooms. All frozen: shared state is replaced, never edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

PROGRAM_SEPARATOR = ".r"
"""Between an app's id and its release number in a supervisord program's name (``demo-3f9a2c.r1``)."""


class Status(StrEnum):
    """What an app is doing, as API and console say it."""

    CREATED = "created"
    INSTALLING = "installing"
    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"


class Wish(StrEnum):
    """What people asked of an app; ``meta.json`` keeps it, reconciliation brings it about."""

    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"


class FailureKind(StrEnum):
    """Why an app (or its last update) failed."""

    INSTALL_FAILED = "install_failed"
    START_TIMEOUT = "start_timeout"
    CRASHED = "crashed"
    PORT_UNAVAILABLE = "port_unavailable"
    DISK_FULL = "disk_full"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure, told to a person: a sentence, and the last lines that show it."""

    kind: FailureKind
    message: str
    log_tail: str = ""


@dataclass(frozen=True, slots=True)
class App:
    """One app: what was asked, and what was last known. The content of its ``meta.json``.

    ``release`` is the release that serves or last served (None before the first), ``target`` the
    newest one asked for: they differ while a deploy is on its way. ``pid`` belongs to ``release``, and so
    does ``port``, which a stopped app gets again if it is free. ``restart`` marks a restart that was asked
    for and is not carried out yet. Times are ISO 8601, UTC.
    """

    app_id: str
    name: str
    status: Status
    wish: Wish
    target: int
    cookie_secret: str
    created_at: str
    updated_at: str
    release: int | None = None
    restart: bool = False
    port: int | None = None
    pid: int | None = None
    error: Failure | None = None
    requirements_sha256: str | None = None
    app_sha256: str | None = None
    streamlit_version: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Where the gateway sends the visitors of one app (or of the console).

    ``port`` is the upstream's on 127.0.0.1, or None when nothing answers there now; then ``status``
    chooses the page that visitors see. An app that is being updated keeps its old ``port``.
    """

    status: Status
    port: int | None
    name: str


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """Every route of the one port. Replaced whole, so a reader never sees half a change."""

    console: Route
    apps: Mapping[str, Route] = field(default_factory=lambda: MappingProxyType({}))
