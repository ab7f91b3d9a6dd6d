"""Environment to one frozen Settings. The only reader of os.environ; env.example documents each name."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hostd.errors import SettingsError

PREFIX = "STREAMLIT_HOST_"

GONE = {
    "API_BIND": "STREAMLIT_HOST_BIND",
    "API_PORT": "STREAMLIT_HOST_PORT",
    "ADMIN_BIND": "STREAMLIT_HOST_BIND",
    "ADMIN_PORT": "STREAMLIT_HOST_PORT",
    "API_URL": "STREAMLIT_HOST_PUBLIC_BASE",
}
"""Names of the original streamlit_host that no longer act, and where their purpose went."""

_BUILD_PATTERN = re.compile(
    r"UV_\w+|(?i:https?|all|no|ftp)_(?i:proxy)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|PATH|HOME|LANG|LC_ALL|LC_CTYPE|TZ|TMPDIR|NETRC|LD_LIBRARY_PATH"
)
_APP_PATTERN = re.compile(
    r"(?i:https?|all|no|ftp)_(?i:proxy)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|PATH|LANG|LC_ALL|LC_CTYPE|TZ|LD_LIBRARY_PATH"
)
_BARE_URL = re.compile(r"(?i:https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[^?#]*)?")
_LOOPBACK_NAMES = {"localhost", "localhost.localdomain", "ip6-localhost"}


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _minutes(text: str) -> float:
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text):
        raise ValueError("must be a number of minutes from 0 to 999999")
    return float(text)


def _boolean(text: str) -> bool:
    yes, no = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
    words = dict.fromkeys(yes, True) | dict.fromkeys(no, False)
    if text.lower() not in words:
        raise ValueError("must be 1 or 0 (true/false, yes/no, on/off)")
    return words[text.lower()]


def _data_dir(text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not str(path).isprintable() or re.search(r"[%;#*?\[\]\"'\\]", str(path)):
        raise ValueError("must not hold quotes, any of %;#*?[] backslashes or control characters")
    return path


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if text == "localhost":
            return "127.0.0.1"
        raise ValueError("must be an IP address of this machine, such as 127.0.0.1 or 0.0.0.0") from None


def _public_base(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("must be a URL such as https://apps.example.com/tools/st") from None
    path = parts.path.rstrip("/")
    if not _BARE_URL.fullmatch(text) or port == 0 or not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", path):
        raise ValueError("must be http(s)://host[:port][/path] in ASCII, without query, user or %-escapes")
    if any(part in (".", "..") for part in path.split("/")):
        raise ValueError("must not hold . or .. in its path")
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def _networks(text: str) -> tuple[str, ...]:
    items = [item.strip() for item in text.split(",") if item.strip()]
    try:
        return tuple(str(ipaddress.ip_network(item, strict=False)) for item in items)
    except ValueError:
        raise ValueError("must be addresses or networks with commas between, such as 10.0.0.0/8") from None


def _token(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without spaces")
    return text


def _setting(name: str, parse: Callable[[str], Any], default: Any = MISSING) -> Any:
    return field(default=default, metadata={"name": PREFIX + name, "parse": parse})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Durations in seconds, sizes in MB (10**6 bytes), ports as numbers."""

    data: Path = _setting("DATA", _data_dir, Path("data"))
    bind: str = _setting("BIND", _address, "127.0.0.1")
    port: int = _setting("PORT", _integer(1, 65535), 8080)
    public_base: str = _setting("PUBLIC_BASE", _public_base, "")
    port_min: int = _setting("PORT_MIN", _integer(1024, 65535), 8501)
    port_max: int = _setting("PORT_MAX", _integer(1024, 65535), 8999)
    console_port: int = _setting("CONSOLE_PORT", _integer(1024, 65535), 8500)
    admin_token: str = field(
        default="", repr=False, metadata={"name": PREFIX + "ADMIN_TOKEN", "parse": _token}
    )
    allow_open: bool = _setting("ALLOW_OPEN", _boolean, False)
    max_upload_mb: int = _setting("MAX_UPLOAD_MB", _integer(1, 100_000), 200)
    install_timeout: int = _setting("INSTALL_TIMEOUT", _integer(1, 86_400), 900)
    start_timeout: int = _setting("START_TIMEOUT", _integer(1, 3_600), 60)
    parallel_installs: int = _setting("PARALLEL_INSTALLS", _integer(1, 64), 2)
    parallel_starts: int = _setting("PARALLEL_STARTS", _integer(1, 64), 2)
    retain_releases: int = _setting("RETAIN_RELEASES", _integer(1, 10_000), 10)
    drain_minutes: int = _setting("DRAIN_MINUTES", _integer(0, 100_000), 30)
    idle_minutes: float = _setting("IDLE_MINUTES", _minutes, 30.0)
    memory_reserve_mb: int = _setting("MEMORY_RESERVE_MB", _integer(0, 100_000_000), 300)
    first_session_timeout: int = _setting("FIRST_SESSION_TIMEOUT", _integer(1, 3_600), 60)
    resolve_as_of: bool = _setting("RESOLVE_AS_OF", _boolean, True)
    trusted_proxies: tuple[str, ...] = _setting("TRUSTED_PROXIES", _networks, ())
    hand_over: bool = _setting("HAND_OVER", _boolean, False)
    own_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    build_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    app_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    notices: tuple[str, ...] = ()

    @property
    def path_prefix(self) -> str:
        """The path of the public base: '' or such as '/tools/st'."""
        return urlsplit(self.public_base).path

    @property
    def local_url(self) -> str:
        """Where this machine reaches the one port, whatever the public base says."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.bind, self.bind)  # noqa: S104 - a lookup
        return f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{self.port}"

    @property
    def open_without_token(self) -> bool:
        """Whether anybody who reaches the port from elsewhere may change everything."""
        return not self.admin_token and not is_loopback(self.public_base)


def is_loopback(url: str) -> bool:
    """Whether the host of ``url`` is this machine itself, by name or address."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in _LOOPBACK_NAMES


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from ``environ`` (default: the process's own).

    Raises SettingsError with one line that names the variable, when a name is unknown, a value is bad,
    or the port would be open to strangers without a token.
    """
    env = dict(os.environ if environ is None else environ)
    known = {f.metadata["name"]: f for f in fields(Settings) if f.metadata}
    notices = _check_names(env, known)
    values = {
        f.name: _parse(name, env[name], f.metadata["parse"]) for name, f in known.items() if env.get(name)
    }
    port = values.get("port", 8080)
    settings = Settings(
        **{"data": _data_dir("data"), "public_base": f"http://127.0.0.1:{port}", **values},
        own_environment={name: value for name, value in env.items() if name.startswith(PREFIX) and value},
        build_environment=_select(env, _BUILD_PATTERN),
        app_environment=_select(env, _APP_PATTERN),
        notices=notices,
    )
    _check_whole(settings)
    return replace(settings, notices=notices + _warnings(settings))


def _parse(name: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text.strip())
    except ValueError as error:
        shown = "" if name.endswith("TOKEN") else f"={text!r}"
        raise SettingsError(f"{name}{shown}: {error}") from None


def _select(env: Mapping[str, str], pattern: re.Pattern[str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if pattern.fullmatch(name)}


def _check_names(env: Mapping[str, str], known: Mapping[str, object]) -> tuple[str, ...]:
    notices = []
    for name in sorted(env):
        short = name.removeprefix(PREFIX)
        if short == name or name in known:
            continue
        if short not in GONE:
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)
            shown = name if name.isprintable() else ascii(name)
            raise SettingsError(f"{shown}: unknown setting; did you mean {near[0]}?")
        notices.append(f"{name} is passed over: everything is on one port now, see {GONE[short]}")
    return tuple(notices)


def _warnings(settings: Settings) -> tuple[str, ...]:
    where = "" if ipaddress.ip_address(settings.bind).is_loopback else f"listening on {settings.bind}"
    if settings.open_without_token:
        where = f"reachable as {settings.public_base}"
    if settings.admin_token or not where:
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
    if settings.open_without_token and not settings.allow_open:
        raise SettingsError(
            f"{PREFIX}ADMIN_TOKEN: is not set, and {PREFIX}PUBLIC_BASE={settings.public_base} is not this "
            f"machine; set a token, or {PREFIX}ALLOW_OPEN=1 to let everybody in"
        )
