"""Who may call the API: token, origin, host, size; on a platform with a token and on one without."""

from __future__ import annotations

import asyncio
import hmac
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from hostd import guard, settings
from hostd.guard import WRONG_TOKEN_DELAY, WRONG_TOKENS_AT_ONCE, Guard

from .machine import Stopwatch
from .platform import HELLO, KEPT, Platform, assert_problem, until
from .platform import platform as running_platform

TOKEN = "s3cret-t0ken"
CALLS = [
    ("GET", "/apps"), ("POST", "/apps"), ("GET", "/apps/x"), ("PATCH", "/apps/x"), ("DELETE", "/apps/x"),
    ("POST", "/apps/x/start"), ("POST", "/apps/x/stop"), ("POST", "/apps/x/restart"), ("GET", "/apps/x/logs"),
    ("GET", "/apps/x/logs/stream"), ("GET", "/apps/x/files/app.py"), ("GET", "/health"), ("GET", "/nothing"),
    ("GET", "/apps/x/files"), ("GET", "/gallery"), ("GET", "/apps/x/releases"), ("POST", "/apps/x/releases"),
    ("GET", "/apps/x/releases/1"), ("GET", "/apps/x/releases/1/bundle"), ("GET", "/apps/x/releases/1/diff"),
    ("POST", "/apps/x/releases/1/activate"), ("POST", "/apps/x/releases/1/drain"),
]  # fmt: skip


@pytest.fixture(scope="module")
def closed() -> Iterator[Platform]:
    """A platform of its own with a token, a path prefix, and a limit of 1 MB."""
    made = Platform(STREAMLIT_HOST_ADMIN_TOKEN=TOKEN, STREAMLIT_HOST_MAX_UPLOAD_MB="1")
    made.settings["STREAMLIT_HOST_PUBLIC_BASE"] = f"http://apps.corp.example:{made.port}/tools/st"
    made.start()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def stranger(closed: Platform) -> Iterator[httpx.Client]:
    """Somebody without a token."""
    with httpx.Client(base_url=closed.url, trust_env=False, timeout=30, limits=KEPT) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    """The header that a token travels in."""
    return {"Authorization": f"Bearer {token}"}


# With a token


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_no_token(stranger: httpx.Client, method: str, path: str) -> None:
    """Every call without a token is 401 at once, with and without the public prefix, existing or not."""
    for prefix in ("", "/tools/st"):
        answer = stranger.request(method, f"{prefix}/api{path}")
        assert "Bearer" in assert_problem(answer, 401)["detail"]
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "path", ["/%61pi/apps", "/api%2fapps", "/api/./apps", "//api/apps", "/api//apps", "/api/docs/../apps"]
)
def test_no_way_around_the_token(closed: Platform, path: str) -> None:
    """Another spelling of a path never reaches a call without the token."""
    target = httpx.URL(closed.url).copy_with(raw_path=path.encode())
    answer = httpx.get(target, trust_env=False)
    assert answer.status_code in (400, 401, 404)
    assert "access_url" not in answer.text


@pytest.mark.parametrize(
    "header",
    [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN}"],
)
def test_right_token(stranger: httpx.Client, header: str) -> None:
    """The token opens, whatever the case of the scheme (RFC 9110)."""
    for prefix in ("", "/tools/st"):
        answer = stranger.get(f"{prefix}/api/health", headers={"Authorization": header})
        assert answer.status_code == 200
        assert answer.json()["auth_required"] is True


@pytest.mark.parametrize(
    "header",
    [
        b"Bearer wrong",
        f"Bearer {TOKEN}x".encode(),
        f"Basic {TOKEN}".encode(),
        b"Bearer schl\xc3\xbcssel",
        b"Bearer \xff",
    ],
)
def test_wrong_token_is_slowed_down(stranger: httpx.Client, header: bytes) -> None:
    """A wrong token, of whatever bytes, waits for its 401."""
    begun = time.monotonic()
    answer = stranger.get("/api/apps", headers={b"Authorization": header})
    assert_problem(answer, 401)
    assert time.monotonic() - begun >= WRONG_TOKEN_DELAY
    assert TOKEN not in answer.text


@pytest.mark.parametrize("header", ["", "Bearer", "Basic", TOKEN])
def test_no_token_in_the_header(stranger: httpx.Client, header: str) -> None:
    """A header without a token is the same as none: 401 at once."""
    assert_problem(stranger.get("/api/apps", headers={"Authorization": header}), 401)


def test_many_wrong_tokens_at_once(closed: Platform) -> None:
    """Beyond a few at once guesses are turned away with 429; the right token is served without delay."""

    number = WRONG_TOKENS_AT_ONCE * 3
    together, context = threading.Barrier(number), httpx.create_ssl_context()

    def guess(at: int) -> httpx.Response:
        with httpx.Client(
            base_url=closed.url, verify=context, trust_env=False, timeout=60, limits=KEPT
        ) as client:
            assert client.get("/api/health").status_code in (200, 401)  # its connection is there
            together.wait(60)
            return client.get("/api/apps", headers=bearer(f"guess{at}"))

    with ThreadPoolExecutor(number) as pool:
        guesses = [pool.submit(guess, at) for at in range(number)]
        until(lambda: any(g.done() for g in guesses), 60, 0.01, what="the first one turned away")
        with Stopwatch() as watch:
            assert closed.api.get("/health").status_code == 200
        assert watch.took < WRONG_TOKEN_DELAY
    codes = [guess.result().status_code for guess in guesses]
    assert set(codes) == {401, 429}
    assert codes.count(401) >= WRONG_TOKENS_AT_ONCE
    turned_away = next(g.result() for g in guesses if g.result().status_code == 429)
    assert_problem(turned_away, 429)
    assert int(turned_away.headers["retry-after"]) > 0


def test_descriptions_need_no_token(stranger: httpx.Client) -> None:
    """The docs and the OpenAPI document hold nothing of anybody's; they show the public prefix."""
    assert stranger.get("/api/docs").status_code == 200
    assert "apps.corp.example" in stranger.get("/tools/st/api/docs").text
    assert stranger.get("/api/openapi.json").json()["servers"] == [{"url": "/tools/st"}]
    assert_problem(stranger.get("/api/docs/x"), 404)


def test_viewers_need_no_token(closed: Platform, stranger: httpx.Client) -> None:
    """Apps and the console's page are reached without a token, with and without the prefix."""
    closed.wait_for_console()
    made = closed.running("seen by all")
    assert closed.app(made)["access_url"] == f"{closed.settings['STREAMLIT_HOST_PUBLIC_BASE']}/apps/{made}/"
    for prefix in ("", "/tools/st"):
        assert stranger.get(f"{prefix}/apps/{made}/_stcore/health").text == "ok"
        assert stranger.get(f"{prefix}/console/_stcore/health").text == "ok"
    assert stranger.get("/apps/nobody/").status_code == 404
    assert closed.api.delete(f"/apps/{made}").status_code == 200


def test_token_is_in_no_command_line(closed: Platform) -> None:
    """The token stands in no process's command line."""
    assert closed.processes()
    assert not [line for line in closed.processes().values() if TOKEN in line]


def test_location_has_the_prefix(closed: Platform) -> None:
    """Links that a create answers begin with the public base."""
    answer = closed.api.post("/apps", data={"name": "x"}, files={"app": ("app.py", HELLO)})
    own = f"{closed.settings['STREAMLIT_HOST_PUBLIC_BASE']}/api/apps/{answer.json()['app_id']}"
    assert answer.headers["location"] == own
    changed = closed.api.patch(f"/apps/{answer.json()['app_id']}", data={"environment": '{"A": "b"}'})
    assert (changed.status_code, changed.headers["location"]) == (202, f"{own}/releases/2")
    release = closed.api.get(own[own.index("/apps/") :] + "/releases/2").json()
    assert release["by"].startswith("token (")
    assert TOKEN not in str(release)
    assert closed.api.delete(f"/apps/{answer.json()['app_id']}").status_code == 200


# Origins and names


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://[", "http://127.0.0.1:1", "file://", "x"]
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_foreign_origin(platform: Platform, method: str, origin: str) -> None:
    """A page of another site can't change anything, though the browser stands on this machine."""
    assert_problem(platform.api.request(method, "/apps/x", headers={"Origin": origin}), 403)


def test_foreign_page_may_not_create(platform: Platform) -> None:
    """The form that any page could submit without asking makes no app."""
    before = platform.still()
    headers = {"Origin": "https://evil.example"}
    files = {"name": (None, "x"), "app": ("app.py", HELLO)}
    answer = platform.api.post("/apps", headers=headers, files=files)  # type: ignore[arg-type]
    assert "evil.example" in assert_problem(answer, 403)["detail"]
    assert '"act": "foreign_page"' in (platform.data / "logs" / "audit.log").read_text()
    assert platform.still() == before


def test_own_origin(platform: Platform, closed: Platform) -> None:
    """Pages of the platform itself may: by the name that was asked, and by the public base's."""
    for api, origin in (
        (platform.api, platform.url),
        (closed.api, closed.url),
        (closed.api, f"http://apps.corp.example:{closed.port}"),
        (closed.api, f"https://apps.corp.example:{closed.port}"),
    ):
        assert_problem(api.post("/apps/x/stop", headers={"Origin": origin}), 404)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "[", "127.0.0.1.evil.example"]
)
def test_foreign_host_when_open(platform: Platform, host: str) -> None:
    """Without a token a name that strangers can point at this machine (DNS rebinding) is refused."""
    answer = platform.api.get("/apps", headers={"Host": host})
    assert answer.status_code in (400, 403)
    assert_problem(answer, answer.status_code)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:8080", "192.0.2.7", "127.1.2.3:1"]
)
def test_own_host_when_open(platform: Platform, host: str) -> None:
    """Every name of this machine itself, and every address, is its own."""
    assert platform.api.get("/apps", headers={"Host": host}).status_code == 200


def test_any_host_with_a_token(closed: Platform) -> None:
    """With a token the name does not matter: a page of a stranger does not have the token."""
    assert closed.api.get("/apps", headers={"Host": "other.example"}).status_code == 200


# Size


def big(size: int) -> Iterator[bytes]:
    """A multipart body without a length."""
    yield b'--b\r\nContent-Disposition: form-data; name="app"; filename="app.py"\r\n\r\n'
    for _ in range(size // 50_000):
        yield b"#" * 50_000
    yield b"\r\n--b--\r\n"


def test_body_without_length_is_counted(closed: Platform) -> None:
    """A chunked body over the limit is 413, however it is cut; one within it is read."""
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert_problem(closed.api.post("/apps", content=big(500_000), headers=headers), 422, "name")
    detail = assert_problem(closed.api.post("/apps", content=big(3_000_000), headers=headers), 413)["detail"]
    assert "1 MB" in detail
    assert "STREAMLIT_HOST_MAX_UPLOAD_MB" in detail


@pytest.mark.parametrize("path", ["/api/session", "/sign-in"])
@pytest.mark.parametrize("chunked", [False, True])
def test_strangers_send_little(closed: Platform, stranger: httpx.Client, path: str, chunked: bool) -> None:
    """A sign-in of more than 64 kB is turned away before anything is kept of it."""
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    body = b"".join(big(100_000))
    answer = stranger.post(path, content=big(100_000) if chunked else body, headers=headers)
    assert "64 kB" in assert_problem(answer, 413)["detail"]


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_sees_the_413(closed: Platform) -> None:
    """curl shows the problem of an upload that is too large, not a broken connection."""
    upload = closed.data / "big.py"
    upload.write_bytes(b"#" * 5_000_000)
    done = subprocess.run(
        ["curl", "-sS", "-X", "POST", f"{closed.url}/api/apps", "-H", f"Authorization: Bearer {TOKEN}",
         "-F", "name=x", "-F", f"app=@{upload}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    upload.unlink()
    assert '"status":413' in done.stdout
    assert done.returncode == 0, done.stderr


# The settings' other way in


def test_open_by_leave() -> None:
    """ALLOW_OPEN serves every name without a token, and health says so for the console's warning."""
    open_base = "http://apps.corp.example"
    with running_platform(STREAMLIT_HOST_PUBLIC_BASE=open_base, STREAMLIT_HOST_ALLOW_OPEN="1") as opened:
        health = opened.api.get("/health", headers={"Host": "apps.corp.example"}).json()
        assert (health["auth_required"], health["open_without_token"]) == (False, True)
        assert "warning: reachable as http://apps.corp.example" in opened.output.read_text()
        assert_problem(opened.api.post("/apps/x/stop", headers={"Origin": "https://evil.example"}), 403)


# Without a network: what the wrapped app gets to see


def test_comparison_takes_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are compared by hmac.compare_digest, whole, whatever was sent."""
    compared = []

    def compare(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    monkeypatch.setattr(guard, "WRONG_TOKEN_DELAY", 0.0)
    sent: list[Message] = []

    async def unreached(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("a wrong token came through")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    closed_settings = settings.load({"STREAMLIT_HOST_ADMIN_TOKEN": TOKEN})
    scope = {
        "type": "http", "method": "GET", "path": "/api/apps", "headers": [(b"authorization", b"Bearer s")]
    }  # fmt: skip
    asyncio.run(Guard(unreached, closed_settings)(scope, receive, send))
    assert sent[0]["status"] == 401
    assert compared == [(b"s", TOKEN.encode())]
