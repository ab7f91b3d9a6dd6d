"""Environment to Settings: every setting, every refusal, and that env.example tells of each."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from hostd.egress import COMMON
from hostd.errors import SettingsError
from hostd.isolation import NONE, Isolation
from hostd.origins import is_loopback
from hostd.setting_names import GONE, PREFIX
from hostd.settings import Settings, load

from .platform import ROOT

NAMES = sorted(f.metadata["name"].removeprefix(PREFIX) for f in fields(Settings) if f.metadata)

DEFAULTS: dict[str, Any] = {
    "DATA": Path("data").absolute(),
    "BIND": "127.0.0.1",
    "PORT": 8080,
    "PUBLIC_BASE": "http://127.0.0.1:8080",
    "PORT_MIN": 8501,
    "PORT_MAX": 8999,
    "CONSOLE_PORT": 8500,
    "ADMIN_TOKEN": "",
    "SECRETS_KEY": (),
    "SECRETS_KEY_FILE": None,
    "ALLOW_OPEN": False,
    "MAX_UPLOAD_MB": 200,
    "INSTALL_TIMEOUT": 900,
    "START_TIMEOUT": 60,
    "PARALLEL_INSTALLS": 2,
    "PARALLEL_STARTS": 2,
    "RETAIN_RELEASES": 10,
    "DRAIN_MINUTES": 30,
    "IDLE_MINUTES": 30.0,
    "MEMORY_RESERVE_MB": 300,
    "FIRST_SESSION_TIMEOUT": 60,
    "RESOLVE_AS_OF": True,
    "APPS_DOMAIN": "",
    "HAND_OVER": False,
    "APP_MEMORY_MB": 2000,
    "APP_DISK_MB": 10_000,
    "UID_MIN": 20_000,
    "UID_MAX": 59_999,
    "UID_LOCKS": Path("/run/hostd"),
    "APP_PROCESSES": 1000,
    "APP_OPEN_FILES": 4096,
    "APP_NICE": 5,
    "APP_CONNECT_PORTS": COMMON,
    "APP_MEMORY_MAX_MB": None,
    "APP_DISK_MAX_MB": None,
    "APP_PROCESSES_MAX": None,
    "APP_NICE_MIN": None,
    "APP_CONNECT_PORTS_MAX": None,
    "APP_REPLICAS_MAX": 16,
    "APP_READ": (),
    "APP_WRITE": (),
    "REQUIRE_ISOLATION": NONE,
    "TRUSTED_PROXIES": (),
    "SIGN_IN": False,
    "ADMIN_PASSWORD_FILE": None,
    "SESSION_HOURS": 12,
    "OIDC_ISSUER": "",
    "OIDC_CLIENT_ID": "",
    "OIDC_CLIENT_SECRET": "",
    "OIDC_CLIENT_SECRET_FILE": None,
    "OIDC_SCOPES": "openid profile email",
    "OIDC_NAME_CLAIM": "preferred_username",
    "OIDC_GROUPS_CLAIM": "groups",
    "OIDC_ADMIN_GROUPS": (),
    "OIDC_PUBLISHER_GROUPS": (),
    "OIDC_DEFAULT_ROLE": "viewer",
}
SECRET = ROOT / "console" / "__init__.py"
"""A file of one line."""
BESIDE = {"OIDC_ISSUER": {"OIDC_CLIENT_ID": "hostd"}, "OIDC_CLIENT_ID": {"OIDC_ISSUER": "https://id.example"}}
"""What a setting can't be without."""

GOOD = [
    ("DATA", "/srv/apps", Path("/srv/apps")),
    ("DATA", "relative/我的 data", Path("relative/我的 data").absolute()),
    ("BIND", "::1", "::1"),
    ("BIND", "localhost", "127.0.0.1"),
    ("PORT", " 9000 ", 9000),
    ("PUBLIC_BASE", "http://localhost:9000/tools/st/", "http://localhost:9000/tools/st"),
    ("PUBLIC_BASE", "HTTP://LocalHost:9000", "http://localhost:9000"),
    ("PORT_MIN", "8600", 8600),
    ("PORT_MAX", "9500", 9500),
    ("CONSOLE_PORT", "8400", 8400),
    ("ADMIN_TOKEN", "s3cret+/=", "s3cret+/="),
    ("SECRETS_KEY", f"{'01' * 32}, {'AgIC' * 10}AgI=", (b"\1" * 32, b"\2" * 32)),
    ("SECRETS_KEY_FILE", "/run/secrets/key", Path("/run/secrets/key")),
    ("ALLOW_OPEN", "1", True),
    ("ALLOW_OPEN", "No", False),
    ("MAX_UPLOAD_MB", "1", 1),
    ("INSTALL_TIMEOUT", "30", 30),
    ("START_TIMEOUT", "5", 5),
    ("PARALLEL_INSTALLS", "8", 8),
    ("PARALLEL_STARTS", "1", 1),
    ("RETAIN_RELEASES", "3", 3),
    ("DRAIN_MINUTES", "0", 0),
    ("IDLE_MINUTES", "2.5", 2.5),
    ("MEMORY_RESERVE_MB", "0", 0),
    ("FIRST_SESSION_TIMEOUT", "5", 5),
    ("RESOLVE_AS_OF", "0", False),
    ("APPS_DOMAIN", "Apps.Example.com:8443", "apps.example.com:8443"),
    ("HAND_OVER", "1", True),
    ("APP_MEMORY_MB", "0", 0),
    ("APP_DISK_MB", "500", 500),
    ("UID_MIN", "100000", 100_000),
    ("UID_MAX", "200000", 200_000),
    ("UID_LOCKS", "/run/lock/hostd", Path("/run/lock/hostd")),
    ("APP_PROCESSES", "64", 64),
    ("APP_OPEN_FILES", "64", 64),
    ("APP_NICE", "19", 19),
    ("APP_CONNECT_PORTS", "443, 8000-8100", ((443, 443), (8000, 8100))),
    ("APP_CONNECT_PORTS", "None", ()),
    ("APP_CONNECT_PORTS", "common,40000", (*COMMON, (40000, 40000))),
    ("APP_MEMORY_MAX_MB", "4000", 4000),
    ("APP_DISK_MAX_MB", "0", 0),
    ("APP_PROCESSES_MAX", "1000", 1000),
    ("APP_NICE_MIN", "0", 0),
    ("APP_CONNECT_PORTS_MAX", "1-65535", ((1, 65535),)),
    ("APP_REPLICAS_MAX", "1", 1),
    ("APP_READ", "/mnt/a:/srv/b", (Path("/mnt/a"), Path("/srv/b"))),
    ("APP_WRITE", "/dev/nvidia0", (Path("/dev/nvidia0"),)),
    ("REQUIRE_ISOLATION", "none", NONE),
    ("REQUIRE_ISOLATION", "landlock", Isolation(landlock=1)),
    ("REQUIRE_ISOLATION", "seccomp+uid+landlock6", Isolation(uid=True, landlock=6, seccomp=True)),
    ("TRUSTED_PROXIES", "10.0.0.0/8, ::1", ("10.0.0.0/8", "::1/128")),
    ("SIGN_IN", "1", True),
    ("ADMIN_PASSWORD_FILE", str(SECRET), SECRET),
    ("SESSION_HOURS", "1", 1),
    ("OIDC_ISSUER", "https://id.corp.example/realms/x", "https://id.corp.example/realms/x"),
    ("OIDC_ISSUER", "http://localhost:9400", "http://localhost:9400"),
    ("OIDC_CLIENT_ID", "hostd", "hostd"),
    ("OIDC_CLIENT_SECRET", "s3cret", "s3cret"),
    ("OIDC_CLIENT_SECRET_FILE", str(SECRET), SECRET),
    ("OIDC_SCOPES", "openid  groups", "openid groups"),
    ("OIDC_NAME_CLAIM", "email", "email"),
    ("OIDC_GROUPS_CLAIM", "roles", "roles"),
    ("OIDC_ADMIN_GROUPS", "ops, 平台", ("ops", "平台")),
    ("OIDC_PUBLISHER_GROUPS", "data", ("data",)),
    ("OIDC_DEFAULT_ROLE", "none", "none"),
]

BAD = [
    ("DATA", "/srv/a%b"),
    ("DATA", "/srv/a;b"),
    ("DATA", "/srv/a\nb"),
    ("DATA", "/srv/a'b"),
    ("DATA", "/srv/[a]"),
    ("DATA", "/srv/a*"),
    ("DATA", "/srv/a #b"),
    ("BIND", "example.com"),
    ("BIND", "127.0.0.1:80"),
    ("PORT", "eighty"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("PORT", "-1"),
    ("PORT", "80.5"),
    ("PUBLIC_BASE", "corp.example"),
    ("PUBLIC_BASE", "ftp://corp.example"),
    ("PUBLIC_BASE", "http://"),
    ("PUBLIC_BASE", "http://h:port"),
    ("PUBLIC_BASE", "http://h?q=1"),
    ("PUBLIC_BASE", "http://h#f"),
    ("PUBLIC_BASE", "http://me@h"),
    ("PUBLIC_BASE", "http://h/../x"),
    ("PUBLIC_BASE", "http://h/a b"),
    ("PUBLIC_BASE", "http://h/%2e"),
    ("PUBLIC_BASE", 'http://a"b'),
    ("PUBLIC_BASE", "http://a b"),
    ("PUBLIC_BASE", "http://例子.example"),
    ("PUBLIC_BASE", "http://a\n.example"),
    ("PORT_MIN", "80"),
    ("PORT_MAX", "x"),
    ("CONSOLE_PORT", "99999"),
    ("ADMIN_TOKEN", "two words"),
    ("SECRETS_KEY", "01" * 31),
    ("SECRETS_KEY", f"{'01' * 32},zz"),
    ("SECRETS_KEY_FILE", "/run/\1"),
    ("ADMIN_TOKEN", "schlüssel"),
    ("ALLOW_OPEN", "maybe"),
    ("MAX_UPLOAD_MB", "0"),
    ("INSTALL_TIMEOUT", "1h"),
    ("START_TIMEOUT", "0"),
    ("PARALLEL_INSTALLS", "65"),
    ("PARALLEL_STARTS", "two"),
    ("RETAIN_RELEASES", "0"),
    ("DRAIN_MINUTES", "-1"),
    ("IDLE_MINUTES", "-1"),
    ("MEMORY_RESERVE_MB", "much"),
    ("FIRST_SESSION_TIMEOUT", "0"),
    ("RESOLVE_AS_OF", "perhaps"),
    ("APP_MEMORY_MB", "2G"),
    ("APP_DISK_MB", "-1"),
    ("UID_MIN", "-1"),
    ("UID_MAX", "root"),
    ("UID_LOCKS", "/run/\1"),
    ("APP_PROCESSES", "many"),
    ("APP_OPEN_FILES", "63"),
    ("APP_NICE", "-5"),
    ("APP_CONNECT_PORTS", "443-80"),
    ("APP_CONNECT_PORTS", "0"),
    ("APP_CONNECT_PORTS", "443,"),
    ("APP_CONNECT_PORTS", "1-65536"),
    ("APP_MEMORY_MAX_MB", "1999"),
    ("APP_MEMORY_MAX_MB", "4G"),
    ("APP_DISK_MAX_MB", "9999"),
    ("APP_PROCESSES_MAX", "999"),
    ("APP_NICE_MIN", "6"),
    ("APP_CONNECT_PORTS_MAX", "443"),
    ("APP_REPLICAS_MAX", "17"),
    ("APP_REPLICAS_MAX", "0"),
    ("APP_READ", "data"),
    ("APP_WRITE", "./data"),
    ("REQUIRE_ISOLATION", "much"),
    ("REQUIRE_ISOLATION", "uid+uid"),
    ("REQUIRE_ISOLATION", "uid7"),
    ("REQUIRE_ISOLATION", "uid+"),
    ("APPS_DOMAIN", "https://apps.example.com"),
    ("APPS_DOMAIN", "*.apps.example.com"),
    ("HAND_OVER", "maybe"),
    ("TRUSTED_PROXIES", "10.0.0.0/8;10.1.0.0/16"),
    ("SIGN_IN", "maybe"),
    ("ADMIN_PASSWORD_FILE", "/nowhere/at/all"),
    ("ADMIN_PASSWORD_FILE", str(ROOT / "README.md")),
    ("ADMIN_PASSWORD_FILE", str(ROOT / ".gitignore")),
    ("SESSION_HOURS", "0"),
    ("OIDC_ISSUER", "id.corp.example"),
    ("OIDC_ISSUER", "http://id.corp.example"),
    ("OIDC_CLIENT_ID", "two words"),
    ("OIDC_CLIENT_SECRET", "schlüssel"),
    ("OIDC_CLIENT_SECRET_FILE", "/nowhere/at/all"),
    ("OIDC_SCOPES", "profile email"),
    ("OIDC_NAME_CLAIM", "two words"),
    ("OIDC_GROUPS_CLAIM", "two words"),
    ("OIDC_ADMIN_GROUPS", "a\nb"),
    ("OIDC_PUBLISHER_GROUPS", "a\tb"),
    ("OIDC_DEFAULT_ROLE", "admin"),
]


def value(settings: Settings, name: str) -> Any:
    """The setting of an environment variable, by the part of its name after the prefix."""
    return getattr(settings, name.lower())


def refusal(environ: dict[str, str]) -> str:
    """The line that stops the start."""
    with pytest.raises(SettingsError) as caught:
        load(environ)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", NAMES)
def test_default(name: str) -> None:
    """An empty environment, and an empty variable as compose files leave it, give the documented default."""
    assert value(load({}), name) == DEFAULTS[name]
    assert value(load({PREFIX + name: ""}), name) == DEFAULTS[name]


@pytest.mark.parametrize(("name", "text", "expected"), GOOD)
def test_good_value(name: str, text: str, expected: Any) -> None:
    """A good value is taken as what it means."""
    beside = {PREFIX + other: text for other, text in BESIDE.get(name, {}).items()}
    assert value(load({PREFIX + name: text, **beside}), name) == expected


def test_every_setting_has_a_good_and_a_bad_value_here() -> None:
    """A new setting without a test fails the build."""
    assert {name for name, _, _ in GOOD} == {name for name, _ in BAD} == set(NAMES) == set(DEFAULTS)


@pytest.mark.parametrize(("name", "text"), BAD)
def test_bad_value(name: str, text: str) -> None:
    """A bad value stops the start with one line that begins with the variable's name and says why."""
    line = refusal({PREFIX + name: text})
    assert line.startswith(PREFIX + name)
    assert "must" in line


def test_bad_token_is_not_shown() -> None:
    """A token with a typing error never reaches a log."""
    assert "hush" not in refusal({PREFIX + "ADMIN_TOKEN": "hush hush"})
    assert "hush" not in refusal({PREFIX + "SECRETS_KEY": "hush hush"})


def test_secrets_are_not_in_the_repr() -> None:
    """Printing the settings shows no token and nothing of the environment."""
    shown = repr(load({PREFIX + "ADMIN_TOKEN": "hush", "UV_INDEX": "https://me:hush@mirror.example"}))
    assert "hush" not in shown


@pytest.mark.parametrize(
    ("typed", "near"),
    [("PROT", "PORT"), ("ADMIN_TOKN", "ADMIN_TOKEN"), ("PUBLICBASE", "PUBLIC_BASE"), ("data", "DATA")],
)
def test_unknown_name(typed: str, near: str) -> None:
    """An unknown name stops the start, also when it is empty, and the line tells the nearest known one."""
    for text in ("x", ""):
        line = refusal({PREFIX + typed: text})
        assert line.startswith(f"{PREFIX + typed}: unknown setting")
        assert line.endswith(f"did you mean {PREFIX + near}?")


@pytest.mark.parametrize("name", sorted(GONE))
def test_gone_name(name: str) -> None:
    """A name of the original streamlit_host is passed over with a notice that says where its purpose went."""
    settings = load({PREFIX + name: "whatever it was"})
    (notice,) = settings.notices
    assert PREFIX + name in notice
    assert GONE[name] in notice


def test_original_compose_file_starts() -> None:
    """All names of the original streamlit_host together load, with a notice for each that has gone."""
    original = {
        "DATA": "/data", "PUBLIC_BASE": "http://localhost:8080", "API_BIND": "0.0.0.0", "API_PORT": "8080",
        "ADMIN_BIND": "0.0.0.0", "ADMIN_PORT": "8500", "API_URL": "http://api:8080",
        "PORT_MIN": "8501", "PORT_MAX": "8999",
    }  # fmt: skip
    settings = load({PREFIX + name: text for name, text in original.items()})
    assert len(settings.notices) == 5
    assert settings.data == Path("/data")


@pytest.mark.parametrize(
    "base", ["https://corp.example/tools", "http://10.0.0.7:8080", "http://0.0.0.0:8080"]
)
def test_open_without_token_is_refused(base: str) -> None:
    """A public base that is not this machine needs a token; the line names both ways out."""
    line = refusal({PREFIX + "PUBLIC_BASE": base})
    assert line.startswith(f"{PREFIX}ADMIN_TOKEN")
    assert f"{PREFIX}ALLOW_OPEN=1" in line
    assert base in line


def test_token_or_leave_opens() -> None:
    """With a token, or with ALLOW_OPEN, the same public base starts; without a token a warning is given."""
    base = {PREFIX + "PUBLIC_BASE": "https://corp.example"}
    assert not load({**base, PREFIX + "ADMIN_TOKEN": "s3cret"}).open_without_token
    assert load({**base, PREFIX + "ADMIN_TOKEN": "s3cret"}).notices == ()
    opened = load({**base, PREFIX + "ALLOW_OPEN": "1"})
    assert opened.open_without_token
    (notice,) = opened.notices
    assert notice.startswith("warning:")


def test_bind_without_token_warns() -> None:
    """Listening on every address without a token starts (containers do), with a warning."""
    (notice,) = load({PREFIX + "BIND": "0.0.0.0"}).notices
    assert notice.startswith("warning:")
    assert "0.0.0.0" in notice
    assert load({PREFIX + "BIND": "0.0.0.0", PREFIX + "ADMIN_TOKEN": "s3cret"}).notices == ()


@pytest.mark.parametrize(
    ("base", "prefix"),
    [
        ("http://localhost:8080", ""),
        ("http://localhost:8080/", ""),
        ("http://localhost/tools/st", "/tools/st"),
        ("http://localhost/tools/st///", "/tools/st"),
    ],
)
def test_prefix(base: str, prefix: str) -> None:
    """The path of the public base is the prefix, without a slash at its end."""
    settings = load({PREFIX + "PUBLIC_BASE": base})
    assert settings.path_prefix == prefix
    assert settings.public_base.endswith(prefix or "8080")


def test_public_base_follows_the_port() -> None:
    """Without a public base every link names the port that was set."""
    assert load({PREFIX + "PORT": "9000"}).public_base == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    ("bind", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("::1", "http://[::1]:8080"),
        ("192.0.2.7", "http://192.0.2.7:8080"),
    ],
)
def test_local_url(bind: str, url: str) -> None:
    """The console reaches the one port at an address of this machine, whatever hostd listens on."""
    assert load({PREFIX + "BIND": bind}).local_url == url


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"PORT_MIN": "9000", "PORT_MAX": "8600"}, "PORT_MIN"),
        ({"PORT": "8600"}, "PORT"),
        ({"CONSOLE_PORT": "8501"}, "CONSOLE_PORT"),
        ({"PORT": "8500"}, "CONSOLE_PORT"),
    ],
)
def test_ports_that_clash(environ: dict[str, str], named: str) -> None:
    """Ports that can't all be had at once stop the start."""
    assert refusal({PREFIX + name: text for name, text in environ.items()}).startswith(f"{PREFIX}{named}=")


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost", True), ("http://LOCALHOST:1", True), ("http://127.8.9.1", True),
        ("http://[::1]:80", True), ("http://localhost.", True), ("http://localhost.example", False),
        ("http://127.0.0.1.example", False), ("http://0.0.0.0", False), ("http://10.0.0.1", False),
    ],
)  # fmt: skip
def test_loopback(url: str, loopback: bool) -> None:
    """Only names and addresses of the loopback interface are this machine itself."""
    assert is_loopback(url) is loopback


def test_builds_see_the_company_mirror() -> None:
    """UV_*, proxy and CA variables reach builds as they are; the platform's own secrets don't."""
    passed = {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple", "UV_INDEX": "x=https://b.example",
        "UV_NATIVE_TLS": "1", "HTTPS_PROXY": "http://p:3128", "no_proxy": "corp.example",
        "SSL_CERT_FILE": "/ca.pem", "REQUESTS_CA_BUNDLE": "/ca.pem", "PATH": "/bin",
    }  # fmt: skip
    held = {
        PREFIX + "ADMIN_TOKEN": "s3cret",
        "AWS_SECRET_ACCESS_KEY": "x",
        "PYTHONPATH": "/x",
        "VIRTUAL_ENV": "/v",
    }
    settings = load({**passed, **held})
    assert settings.build_environment == passed


def test_apps_see_no_index() -> None:
    """An index address may hold a password: it never reaches an app."""
    settings = load(
        {"UV_INDEX": "https://me:pw@mirror.example", "HOME": "/root", "TZ": "UTC", PREFIX + "PORT": "1"}
    )
    assert settings.app_environment == {"TZ": "UTC"}


@pytest.mark.parametrize("base", ["https://example.com", "https://hostd.example.com:8443/st"])
def test_the_public_base_is_not_below_the_apps_domain(base: str) -> None:
    """Else the console would be taken for an app."""
    own = {PREFIX + "ADMIN_TOKEN": "s3cret", PREFIX + "PUBLIC_BASE": base}
    with pytest.raises(SettingsError, match=f"{PREFIX}APPS_DOMAIN"):
        load({**own, PREFIX + "APPS_DOMAIN": "example.com"})
    settings = load({**own, PREFIX + "APPS_DOMAIN": "apps.example.com"})
    assert settings.origins.url("x").startswith("https://x.apps.example.com")


def test_own_environment_is_handed_on_whole() -> None:
    """The service that supervisord starts reads the very settings that the door has read."""
    own = {PREFIX + "PORT": "9000", PREFIX + "ADMIN_TOKEN": "s3cret"}
    settings = load({**own, "UV_INDEX": "https://x.example", PREFIX + "DATA": ""})
    assert settings.own_environment == own
    assert load(settings.own_environment).port == 9000


def test_start_stops_with_one_line() -> None:
    """`python -m hostd` with an unknown setting exits with 2 and says one line, no traceback."""
    environ = {"PATH": "/usr/bin:/bin", PREFIX + "PROT": "80"}
    done = subprocess.run(
        [sys.executable, "-m", "hostd"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"hostd: STREAMLIT_HOST_PROT: unknown setting; did you mean .*PORT\?\n", done.stderr)


def test_env_example_documents_every_setting_and_nothing_else() -> None:
    """env.example names each setting once, set or commented out, and none that is not known."""
    text = (ROOT / "env.example").read_text(encoding="utf-8")
    named = re.findall(rf"^#? ?{PREFIX}(\w+)=", text, re.MULTILINE)
    assert sorted(named) == NAMES
    assert set(re.findall(rf"{PREFIX}(\w+)", text)) <= {*NAMES, *GONE}


def test_env_example_is_itself_a_good_environment() -> None:
    """What env.example sets when copied to .env is accepted."""
    text = (ROOT / "env.example").read_text(encoding="utf-8")
    pairs = re.findall(rf"^({PREFIX}\w+)=(.*)$", text, re.MULTILINE)
    load(dict(pairs))


def test_provider_needs_both_names() -> None:
    """An issuer without a client id, or the other way round, is a typing error and no half sign-in."""
    for name, missing in (("OIDC_ISSUER", "OIDC_CLIENT_ID"), ("OIDC_CLIENT_ID", "OIDC_ISSUER")):
        line = refusal({PREFIX + name: BESIDE[missing][name]})
        assert line.startswith(PREFIX + missing)


@pytest.mark.parametrize(
    "wish", [{"SIGN_IN": "1"}, {"ADMIN_PASSWORD_FILE": str(SECRET)}, BESIDE["OIDC_ISSUER"]]
)
def test_people_guard_as_a_token_does(wish: dict[str, str]) -> None:
    """Where people sign in nothing is open, and no token is needed; plain http is warned of."""
    wish = wish | (BESIDE["OIDC_CLIENT_ID"] if "OIDC_CLIENT_ID" in wish else {})
    names = {PREFIX + name: text for name, text in wish.items()}
    closed = load({**names, PREFIX + "PUBLIC_BASE": "https://corp.example", PREFIX + "BIND": "0.0.0.0"})
    assert closed.wants_people
    assert (closed.open_without_token, closed.notices) == (False, ())
    (notice,) = load({**names, PREFIX + "PUBLIC_BASE": "http://corp.example"}).notices
    assert "plain http" in notice
