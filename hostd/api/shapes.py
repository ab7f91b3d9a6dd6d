"""What the API answers: the JSON of apps and releases."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hostd.access import Visibility
from hostd.api.limits import LimitOut
from hostd.models import FailureKind, Status, Step, Strategy
from hostd.outcome import ReleaseState
from hostd.scale import ReplicaState


class FailureOut(BaseModel):
    """Why an app or a release failed: the cause, what to do, the lines that show it, and all of the log."""

    kind: FailureKind
    message: str
    advice: str
    log_tail: str
    log_url: str


class DeployingOut(BaseModel):
    """The release on its way."""

    model_config = ConfigDict(from_attributes=True)
    release: int
    step: Step
    since: str


class DrainingOut(BaseModel):
    """A release whose open sessions go on until the last one has closed, or until ``until``."""

    release: int
    since: str
    until: str
    connections: int


class OptionsOut(BaseModel):
    """What people set for the app; part of each release."""

    model_config = ConfigDict(from_attributes=True)
    environment: dict[str, str]
    drain_minutes: float | None
    strategy: Strategy
    python: str | None
    as_of: str | None
    entry: str | None
    build_from_source: bool


class ScaleOut(BaseModel):
    """What people set of how the app runs, beside its releases."""

    model_config = ConfigDict(from_attributes=True)
    idle_minutes: float | None
    always_on: bool
    min_replicas: int
    max_replicas: int
    sessions_per_replica: int | None
    memory_mb: int | None
    processes: int | None
    disk_mb: int | None
    nice: int | None
    connect_ports: str | None


class AccessOut(BaseModel):
    """Who may see the app, and whose it is. ``has_link``: it has a secret link, shown when it was made."""

    model_config = ConfigDict(from_attributes=True)
    visibility: Visibility
    owner: str
    collaborators: tuple[str, ...]
    viewers: tuple[str, ...]
    viewer_groups: tuple[str, ...]
    has_link: bool


class LinkOut(BaseModel):
    """An app's new secret link."""

    app_id: str
    url: str


class ReplicaOut(BaseModel):
    """One of the app's processes. ``sessions`` are the WebSockets open there."""

    release: int
    replica: int
    state: ReplicaState
    port: int | None
    pid: int | None
    sessions: int

    @property
    def live(self) -> tuple[int, ...]:
        """All of it in numbers: another whenever anything of it is."""
        state = list(ReplicaState).index(self.state)
        return (self.release, self.replica, state, self.port or 0, self.pid or 0, self.sessions)


class AppOut(BaseModel):
    """One app. ``release`` serves; ``deploying`` is on its way beside it."""

    app_id: str
    name: str
    status: Status
    port: int | None
    pid: int | None
    error: FailureOut | None
    warning: FailureOut | None
    access_url: str
    created_at: str
    updated_at: str
    release: int | None
    deploying: DeployingOut | None
    draining: list[DrainingOut]
    entry: str
    options: OptionsOut
    scale: ScaleOut
    access: AccessOut
    replicas: list[ReplicaOut]
    awake_until: str | None
    requirements_sha256: str | None
    app_sha256: str | None
    streamlit_version: str | None


class SourceOut(BaseModel):
    """Where a bundle came from, and what was found in it."""

    model_config = ConfigDict(from_attributes=True)
    kind: str
    entry: str
    sha256: str
    size: int
    files: int
    dependencies: str | None
    python: str | None
    packages: tuple[str, ...]
    warnings: tuple[str, ...]
    url: str | None
    ref: str | None
    commit: str | None
    subdir: str | None


class ReleaseOut(BaseModel):
    """One release: what was asked, what was made of it, and how it ended."""

    app_id: str
    release: int
    state: ReleaseState
    created_at: str
    by: str
    note: str
    source: SourceOut
    options: OptionsOut
    python: str | None
    streamlit_version: str | None
    as_of: str | None
    strategy: Strategy | None
    ended_at: str | None
    error: FailureOut | None
    warning: FailureOut | None


class FileOut(BaseModel):
    """A file of a release, as uploaded. ``size`` in bytes."""

    path: str
    size: int


class ReleaseDetailOut(ReleaseOut):
    """One release with all there is of it. ``resolved`` as ``uv pip freeze`` prints it."""

    resolved: list[str]
    install_log: str
    files: list[FileOut]


class ChangeOut(BaseModel):
    """A file that differs. ``diff`` is a unified diff, null for what is no text or too long."""

    path: str
    status: Literal["added", "removed", "changed"]
    diff: str | None


class DiffOut(BaseModel):
    """What changed from ``base`` to ``release``."""

    release: int
    base: int
    files: list[ChangeOut]


class TemplateOut(BaseModel):
    """An app of the gallery, to begin with."""

    name: str
    title: str
    title_zh: str
    description: str
    description_zh: str


class LogsOut(BaseModel):
    """The last lines of an app's run.log."""

    app_id: str
    logs: str


class DeletedOut(BaseModel):
    """An app is gone."""

    deleted: Literal[True]
    app_id: str


class HealthOut(BaseModel):
    """How the platform is."""

    status: Literal["ok", "degraded"]
    version: str
    supervisord: dict[str, Any]
    apps: dict[str, int]
    installs: dict[str, int] = Field(description="running, queued, limit")
    data_dir: str
    public_base: str
    auth_required: bool
    open_without_token: bool
    isolation: str = Field(description="How apps are kept apart, as measured: uid+landlock7+seccomp, or less")
    missing_capabilities: list[str] = Field(description="What root lacks, so that all apps are one user")
    cpu_share: Literal["cgroup", "nice"] = Field(
        description="How apps share the CPU: as wholes, or by nice alone"
    )
    limits: dict[str, LimitOut] = Field(
        description="What apps have by themselves, and what you may give them"
    )
