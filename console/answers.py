"""What hostd answers, as typed values; comparable, so that "has anything changed?" is ``==``.

Fields that a newer hostd adds are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

BUSY = frozenset({"created", "installing", "starting"})


def known(cls: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an answer that ``cls`` has fields for; null is the field's default."""
    found = {each.name: data[each.name] for each in fields(cls) if data.get(each.name) is not None}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed: ``message`` is the cause, ``advice`` what to do; in the console's language."""

    kind: str
    message: str
    advice: str = ""
    log_tail: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Self | None:
        """One failure, or none."""
        return cls(**known(cls, data)) if data else None


@dataclass(frozen=True, slots=True)
class Deploying:
    """The release on its way, and how far it is."""

    release: int
    step: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Self | None:
        """One, or none."""
        return cls(**known(cls, data)) if data else None


@dataclass(frozen=True, slots=True)
class Draining:
    """A release that only goes on for the sessions that began on it."""

    release: int
    until: str = ""
    connections: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """What people set for an app."""

    entry: str | None = None
    python: str | None = None
    as_of: str | None = None
    drain_minutes: float | None = None
    strategy: str | None = None
    build_from_source: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret's name; its value nobody is told."""

    name: str
    in_environment: bool = False
    scrubbed: bool = True


@dataclass(frozen=True, slots=True)
class Scale:
    """How an app runs, beside its releases."""

    min_replicas: int = 1
    max_replicas: int = 1
    sessions_per_replica: int | None = None
    idle_minutes: float | None = None
    always_on: bool = False
    memory_mb: int | None = None
    processes: int | None = None
    disk_mb: int | None = None
    nice: int | None = None
    connect_ports: str | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be given to an app; None is no bound. ``default`` is what it has by itself."""

    default: int | str = 0
    most: int | str | None = None
    least: int | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see an app, and whose it is."""

    visibility: str = "public"
    owner: str = ""
    collaborators: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()
    viewer_groups: tuple[str, ...] = ()
    has_link: bool = False


@dataclass(frozen=True, slots=True)
class Replica:
    """One of an app's processes."""

    replica: int
    state: str
    port: int | None = None
    pid: int | None = None
    sessions: int = 0


@dataclass(frozen=True, slots=True)
class App:
    """An app as ``/api`` tells it."""

    app_id: str
    name: str
    status: str
    access_url: str
    created_at: str
    updated_at: str
    error: Failure | None = None
    warning: Failure | None = None
    release: int | None = None
    deploying: Deploying | None = None
    draining: tuple[Draining, ...] = ()
    options: Options = Options()
    scale: Scale = Scale()
    access: Access = Access()
    replicas: tuple[Replica, ...] = ()
    entry: str = "app.py"
    port: int | None = None
    pid: int | None = None
    streamlit_version: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """One app."""
        inner = {
            "error": Failure.from_json(data.get("error")),
            "warning": Failure.from_json(data.get("warning")),
            "deploying": Deploying.from_json(data.get("deploying")),
            "draining": tuple(Draining(**known(Draining, item)) for item in data.get("draining") or ()),
            "options": Options(**known(Options, data.get("options") or {})),
            "scale": Scale(**known(Scale, data.get("scale") or {})),
            "access": Access(**known(Access, data.get("access") or {})),
            "replicas": tuple(Replica(**known(Replica, item)) for item in data.get("replicas") or ()),
        }
        return cls(**{**known(cls, data), **inner})

    @property
    def busy(self) -> bool:
        """On its way somewhere: worth looking at every second."""
        return self.status in BUSY or self.deploying is not None


@dataclass(frozen=True, slots=True)
class Apps:
    """One page of a list of apps: how many match in all, and the cursor of the next page, '' when it is last.

    ``tag`` says to hostd which answer this was; two pages that show the same are equal all the same.
    """

    apps: tuple[App, ...] = ()
    total: int = 0
    next: str = ""
    tag: str = field(default="", compare=False)
