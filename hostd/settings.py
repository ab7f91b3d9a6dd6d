"""Environment to one frozen Settings. The only reader of os.environ; env.example documents each name."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hostd import egress, passed_on
from hostd import setting_texts as texts
from hostd.egress import COMMON, Range
from hostd.errors import SettingsError
from hostd.isolation import NONE, Isolation
from hostd.isolation import parse as parse_isolation
from hostd.maxima import Maxima
from hostd.origins import Origins, is_loopback, plain_http
from hostd.scale import MAX_REPLICAS
from hostd.setting_names import PREFIX, ROOT_LACKS, check_names


def _setting(name: str, parse: Callable[[str], Any], default: Any = MISSING) -> Any:
    return field(default=default, metadata={"name": PREFIX + name, "parse": parse})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Durations in seconds, sizes in MB (10**6 bytes), ports as numbers."""

    data: Path = _setting("DATA", texts.data_dir, Path("data"))
    bind: str = _setting("BIND", texts.address, "127.0.0.1")
    port: int = _setting("PORT", texts.integer(1, 65535), 8080)
    public_base: str = _setting("PUBLIC_BASE", texts.public_base, "")
    port_min: int = _setting("PORT_MIN", texts.integer(1024, 65535), 8501)
    port_max: int = _setting("PORT_MAX", texts.integer(1024, 65535), 8999)
    console_port: int = _setting("CONSOLE_PORT", texts.integer(1024, 65535), 8500)
    admin_token: str = field(
        default="", repr=False, metadata={"name": PREFIX + "ADMIN_TOKEN", "parse": texts.token}
    )
    secrets_key: tuple[bytes, ...] = field(
        default=(), repr=False, metadata={"name": PREFIX + "SECRETS_KEY", "parse": texts.secrets_keys}
    )
    secrets_key_file: Path | None = _setting("SECRETS_KEY_FILE", texts.file, None)
    allow_open: bool = _setting("ALLOW_OPEN", texts.boolean, False)
    max_upload_mb: int = _setting("MAX_UPLOAD_MB", texts.integer(1, 100_000), 200)
    install_timeout: int = _setting("INSTALL_TIMEOUT", texts.integer(1, 86_400), 900)
    start_timeout: int = _setting("START_TIMEOUT", texts.integer(1, 3_600), 60)
    parallel_installs: int = _setting("PARALLEL_INSTALLS", texts.integer(1, 64), 2)
    parallel_starts: int = _setting("PARALLEL_STARTS", texts.integer(1, 64), 2)
    retain_releases: int = _setting("RETAIN_RELEASES", texts.integer(1, 10_000), 10)
    drain_minutes: int = _setting("DRAIN_MINUTES", texts.integer(0, 100_000), 30)
    idle_minutes: float = _setting("IDLE_MINUTES", texts.minutes, 30.0)
    memory_reserve_mb: int = _setting("MEMORY_RESERVE_MB", texts.integer(0, 100_000_000), 300)
    first_session_timeout: int = _setting("FIRST_SESSION_TIMEOUT", texts.integer(1, 3_600), 60)
    resolve_as_of: bool = _setting("RESOLVE_AS_OF", texts.boolean, True)
    trusted_proxies: tuple[str, ...] = _setting("TRUSTED_PROXIES", texts.networks, ())
    apps_domain: str = _setting("APPS_DOMAIN", texts.domain, "")
    hand_over: bool = _setting("HAND_OVER", texts.boolean, False)
    uid_min: int = _setting("UID_MIN", texts.integer(0, 999_999_999), 20_000)
    uid_max: int = _setting("UID_MAX", texts.integer(0, 999_999_999), 59_999)
    uid_locks: Path = _setting("UID_LOCKS", texts.file, Path("/run/hostd"))
    app_memory_mb: int = _setting("APP_MEMORY_MB", texts.integer(0, 100_000_000), 2_000)
    app_disk_mb: int = _setting("APP_DISK_MB", texts.integer(0, 100_000_000), 10_000)
    app_processes: int = _setting("APP_PROCESSES", texts.integer(0, 1_000_000), 1_000)
    app_open_files: int = _setting("APP_OPEN_FILES", texts.integer(64, 1_000_000), 4_096)
    app_nice: int = _setting("APP_NICE", texts.integer(0, 19), 5)
    app_connect_ports: tuple[Range, ...] = _setting("APP_CONNECT_PORTS", texts.port_ranges, COMMON)
    app_memory_max_mb: int | None = _setting("APP_MEMORY_MAX_MB", texts.integer(0, 100_000_000), None)
    app_disk_max_mb: int | None = _setting("APP_DISK_MAX_MB", texts.integer(0, 100_000_000), None)
    app_processes_max: int | None = _setting("APP_PROCESSES_MAX", texts.integer(0, 1_000_000), None)
    app_nice_min: int | None = _setting("APP_NICE_MIN", texts.integer(0, 19), None)
    app_connect_ports_max: tuple[Range, ...] | None = _setting(
        "APP_CONNECT_PORTS_MAX", texts.port_ranges, None
    )
    app_replicas_max: int = _setting("APP_REPLICAS_MAX", texts.integer(1, MAX_REPLICAS), MAX_REPLICAS)
    app_read: tuple[Path, ...] = _setting("APP_READ", texts.paths, ())
    app_write: tuple[Path, ...] = _setting("APP_WRITE", texts.paths, ())
    require_isolation: Isolation = _setting("REQUIRE_ISOLATION", parse_isolation, NONE)
    sign_in: bool = _setting("SIGN_IN", texts.boolean, False)
    admin_password_file: Path | None = _setting("ADMIN_PASSWORD_FILE", texts.password_file, None)
    session_hours: int = _setting("SESSION_HOURS", texts.integer(1, 8_760), 12)
    oidc_issuer: str = _setting("OIDC_ISSUER", texts.issuer, "")
    oidc_client_id: str = _setting("OIDC_CLIENT_ID", texts.token, "")
    oidc_client_secret: str = field(
        default="", repr=False, metadata={"name": PREFIX + "OIDC_CLIENT_SECRET", "parse": texts.token}
    )
    oidc_client_secret_file: Path | None = _setting("OIDC_CLIENT_SECRET_FILE", texts.secret_file, None)
    oidc_scopes: str = _setting("OIDC_SCOPES", texts.scopes, "openid profile email")
    oidc_name_claim: str = _setting("OIDC_NAME_CLAIM", texts.token, "preferred_username")
    oidc_groups_claim: str = _setting("OIDC_GROUPS_CLAIM", texts.token, "groups")
    oidc_admin_groups: tuple[str, ...] = _setting("OIDC_ADMIN_GROUPS", texts.names, ())
    oidc_publisher_groups: tuple[str, ...] = _setting("OIDC_PUBLISHER_GROUPS", texts.names, ())
    oidc_default_role: str = _setting(
        "OIDC_DEFAULT_ROLE", texts.one_of("viewer", "publisher", "none"), "viewer"
    )
    root_lacks: tuple[str, ...] = ()
    """Capabilities for lack of which the image's entry gave root up."""
    own_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    build_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    app_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    notices: tuple[str, ...] = ()

    @property
    def path_prefix(self) -> str:
        """The path of the public base: '' or such as '/tools/st'."""
        return urlsplit(self.public_base).path

    @property
    def origins(self) -> Origins:
        """Where visitors reach each app."""
        return Origins(self.public_base, self.apps_domain)

    @property
    def app_limits(self) -> Mapping[str, int | str]:
        """What an app has by itself, by the fields of Scale."""
        return {
            "memory_mb": self.app_memory_mb,
            "disk_mb": self.app_disk_mb,
            "processes": self.app_processes,
            "nice": self.app_nice,
            "connect_ports": egress.text(self.app_connect_ports),
        }

    @property
    def maxima(self) -> Maxima:
        """What publishers may give their apps: unless set, what the platform gives them by itself."""
        return Maxima(
            memory_mb=_either(self.app_memory_max_mb, self.app_memory_mb),
            disk_mb=_either(self.app_disk_max_mb, self.app_disk_mb),
            processes=_either(self.app_processes_max, self.app_processes),
            nice=_either(self.app_nice_min, self.app_nice),
            connect_ports=_either(self.app_connect_ports_max, self.app_connect_ports),
            replicas=self.app_replicas_max,
        )

    @property
    def local_url(self) -> str:
        """Where this machine reaches the one port, whatever the public base says."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.bind, self.bind)  # noqa: S104 - a lookup
        return f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{self.port}"

    @property
    def wants_people(self) -> bool:
        """Whether one must sign in though there is no user yet."""
        return self.sign_in or self.admin_password_file is not None or bool(self.oidc_issuer)

    @property
    def guarded(self) -> bool:
        """Whether these settings alone ask everybody who they are."""
        return bool(self.admin_token) or self.wants_people

    @property
    def open_without_token(self) -> bool:
        """Whether anybody who reaches the port from elsewhere may change everything."""
        return not self.guarded and not is_loopback(self.public_base)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from ``environ`` (default: the process's own).

    Raises SettingsError with one line that names the variable, when a name is unknown, a value is bad,
    or the port would be open to strangers without a token.
    """
    env = dict(os.environ if environ is None else environ)
    known = {f.metadata["name"]: f for f in fields(Settings) if f.metadata}
    notices = check_names(env, known)
    values = {
        f.name: _parse(name, env[name], f.metadata["parse"]) for name, f in known.items() if env.get(name)
    }
    port = values.get("port", 8080)
    settings = Settings(
        **{"data": texts.data_dir("data"), "public_base": f"http://127.0.0.1:{port}", **values},
        root_lacks=tuple(filter(None, env.get(ROOT_LACKS, "").split(","))),
        own_environment={name: value for name, value in env.items() if name.startswith(PREFIX) and value},
        build_environment=passed_on.to_builds(env),
        app_environment=passed_on.to_apps(env),
        notices=notices,
    )
    _check_whole(settings)
    return replace(settings, notices=notices + _warnings(settings))


def _either(own: Any, otherwise: Any) -> Any:
    return otherwise if own is None else own


def _parse(name: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text.strip())
    except ValueError as error:
        shown = "" if name.endswith(("TOKEN", "SECRET", "_KEY")) else f"={text!r}"
        raise SettingsError(f"{name}{shown}: {error}") from None


def _warnings(settings: Settings) -> tuple[str, ...]:
    where = "" if ipaddress.ip_address(settings.bind).is_loopback else f"listening on {settings.bind}"
    if settings.open_without_token:
        where = f"reachable as {settings.public_base}"
    if settings.wants_people and plain_http(settings.public_base):
        return (
            f"warning: people sign in over plain http at {settings.public_base}: passwords can be read on the"
            " way, and browsers don't say which page asks (docs/security.md); put https before it",
        )
    if settings.guarded or not where:
        return ()
    return (f"warning: {where} without {PREFIX}ADMIN_TOKEN: whoever reaches this port may change everything",)


def _check_whole(settings: Settings) -> None:
    if settings.port_min > settings.port_max:
        raise SettingsError(
            f"{PREFIX}PORT_MIN={settings.port_min}: is above {PREFIX}PORT_MAX={settings.port_max}"
        )
    for name, port in (("PORT", settings.port), ("CONSOLE_PORT", settings.console_port)):
        if settings.port_min <= port <= settings.port_max:
            raise SettingsError(
                f"{PREFIX}{name}={port}: lies in the apps' pool {settings.port_min}-{settings.port_max}"
            )
    if settings.port == settings.console_port:
        raise SettingsError(f"{PREFIX}CONSOLE_PORT={settings.console_port}: is the same as {PREFIX}PORT")
    settings.maxima.check_defaults(settings.app_limits)
    if settings.open_without_token and not settings.allow_open:
        raise SettingsError(
            f"{PREFIX}ADMIN_TOKEN: is not set, and {PREFIX}PUBLIC_BASE={settings.public_base} is not this "
            f"machine; set a token, or {PREFIX}SIGN_IN=1, or {PREFIX}ALLOW_OPEN=1 to let everybody in"
        )
    if settings.origins.below(urlsplit(settings.public_base).netloc) is not None:
        raise SettingsError(f"{PREFIX}APPS_DOMAIN={settings.apps_domain}: {PREFIX}PUBLIC_BASE lies in it")
    if plain_http(settings.oidc_issuer):
        raise SettingsError(f"{PREFIX}OIDC_ISSUER={settings.oidc_issuer}: must be https")
    if bool(settings.oidc_issuer) != bool(settings.oidc_client_id):
        name = "OIDC_CLIENT_ID" if settings.oidc_issuer else "OIDC_ISSUER"
        raise SettingsError(f"{PREFIX}{name}: is not set; an OpenID provider needs both")
