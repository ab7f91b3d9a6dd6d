"""Values that travel between the rooms. All frozen: shared state is replaced, never edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from hostd.access import Access
from hostd.scale import Scale

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
    SLEEPING = "sleeping"


class Wish(StrEnum):
    """What people asked of an app; ``meta.json`` keeps it, reconciliation brings it about."""

    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"


class FailureKind(StrEnum):
    """Why an app, or one of its releases, failed."""

    PYTHON_UNAVAILABLE = "python_unavailable"
    RESOLVE_FAILED = "resolve_failed"
    BUILD_FAILED = "build_failed"
    INSTALL_FAILED = "install_failed"
    INSTALL_TIMEOUT = "install_timeout"
    START_TIMEOUT = "start_timeout"
    CRASHED = "crashed"
    FIRST_PAGE_FAILED = "first_page_failed"
    OUT_OF_MEMORY = "out_of_memory"
    PORT_UNAVAILABLE = "port_unavailable"
    DISK_FULL = "disk_full"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure, told to a person.

    ``message`` says the cause and ``advice`` what to do, in English; ``code`` and ``values`` give both in
    any language (hostd/words.py), '' when there is no translation. ``log_tail`` are the lines that show it.
    """

    kind: FailureKind
    message: str
    log_tail: str = ""
    advice: str = ""
    code: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


class Step(StrEnum):
    """Where a release that is on its way stands."""

    WAITING = "waiting"
    INSTALLING = "installing"
    STARTING = "starting"
    FIRST_SESSION = "first_session"
    SWITCHING = "switching"


@dataclass(frozen=True, slots=True)
class Deploying:
    """The release on its way, and since when (ISO 8601, UTC) it is at its step."""

    release: int
    step: Step
    since: str


@dataclass(frozen=True, slots=True)
class Draining:
    """A release whose open sessions go on; it ends with the last of them, or at ``until`` (ISO 8601, UTC).

    ``ended`` means that no visitor gets there any more, and its program is being taken away.
    """

    release: int
    port: int
    pid: int | None
    since: str
    until: str
    ended: bool = False


class Strategy(StrEnum):
    """How a new release takes over: beside the old one, or after it (for files written beside the code)."""

    AUTO = "auto"
    OVERLAP = "overlap"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What people set for an app; part of each release, so that a rollback brings it back.

    ``drain_minutes`` None is the platform's default, 0 ends open sessions at once. ``python`` is a version
    (``3.11``) or a specifier (``>=3.10``), ``as_of`` a date (``2023-06-15``): packages newer than that are
    passed over. ``entry`` is the script to run, from the bundle's root. ``build_from_source`` lets packages
    be built that are there as source only.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    drain_minutes: float | None = None
    strategy: Strategy = Strategy.AUTO
    python: str | None = None
    as_of: str | None = None
    entry: str | None = None
    build_from_source: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a bundle came from, and what was found in it. Paths are from its root, with slashes.

    ``kind`` is one of files, bundle, git, template. ``sha256`` is the digest of bundle.zip, ``size`` the
    bytes of the tree. ``dependencies`` is the file that names them (None: streamlit alone), ``python`` what
    the tree asks for, ``packages`` the lines of packages.txt, which are reported and not installed.
    """

    kind: str = "files"
    entry: str = "app.py"
    sha256: str = ""
    size: int = 0
    files: int = 0
    dependencies: str | None = None
    python: str | None = None
    packages: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    url: str | None = None
    ref: str | None = None
    commit: str | None = None
    subdir: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The content of a release's ``asked.json``: never changed once written."""

    release: int
    created_at: str
    source: Source
    options: Options = Options()
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class App:
    """One app: what was asked, and what was last known. The content of its ``meta.json``.

    ``release`` is the release that serves or last served (None before the first), ``target`` the
    one asked for: they differ while a deploy is on its way, and ``deploying`` tells how far it is. ``pid``
    belongs to ``release``, and so does ``port``, which a stopped app gets again if it is free. ``restart``
    marks a restart that was asked for and is not carried out yet, ``force`` that the target may serve
    although its first page raises. ``files_in`` is the release that holds what ``release`` wrote beside its
    code, while one replaces the other. ``awake_until``: it does not sleep before. ``uid``: the
    Unix user that it runs as, None for the platform's own. ``entry``, ``options``,
    digests are the target's. Times: ISO 8601 UTC.
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
    warning: Failure | None = None
    deploying: Deploying | None = None
    draining: tuple[Draining, ...] = ()
    force: bool = False
    files_in: int | None = None
    entry: str = "app.py"
    options: Options = Options()
    scale: Scale = field(default_factory=Scale)
    access: Access = field(default_factory=Access)
    awake_until: str | None = None
    uid: int | None = None
    requirements_sha256: str | None = None
    app_sha256: str | None = None
    streamlit_version: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Where the gateway sends the visitors of one app (or of the console).

    ``port`` is the upstream's on 127.0.0.1, or None when nothing answers there now; then ``status`` chooses
    the page that visitors see. An app that is being updated keeps its old ``port``. ``release`` is the one
    behind ``port``, and ``draining`` the ports of older ones whose sessions go on, newest first.
    ``streamlit`` is the version behind ``port`` ('1.67.0'), which decides what the page can be told, and
    ``static`` the key of the platform's copy of its files for browsers, '' when there is none. ``generation``
    changes with each process. ``wakes``: nothing answers now, but a request that is held will be answered:
    the app sleeps, or starts again. ``grows``: when every process is full there will be one more.
    ``replicas`` are the active release's processes that take new sessions, by number; empty when there is
    none but ``port``. ``leaving`` are those whose sessions go on, beside these and ``draining``, by release
    and number. ``sessions_per_replica`` is each one's limit, None for none; ``pids`` are by port, where there
    are several. ``access``: who may see it; None: everybody, untold to the app; else with ``viewer_key``.
    """

    status: Status
    port: int | None
    name: str
    release: int | None = None
    draining: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    streamlit: str = ""
    static: str = ""
    generation: int = 0
    wakes: bool = False
    grows: bool = False
    replicas: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    pids: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    leaving: Mapping[tuple[int, int], int] = field(default_factory=lambda: MappingProxyType({}))
    sessions_per_replica: int | None = None
    access: Access | None = None
    viewer_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """Every route of the one port. Replaced whole, so a reader never sees half a change."""

    console: Route
    apps: Mapping[str, Route] = field(default_factory=lambda: MappingProxyType({}))
