"""Every call of the API on the real platform: answers, shapes, and the problem for each mistake."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Message

from hostd import bundles
from hostd.events import EventStream, event, events

from .platform import HELLO, Platform, assert_problem, get, still, until

STATUSES = {"created", "installing", "starting", "running", "stopped", "failed", "sleeping"}
APP_KEYS = {
    "app_id", "name", "status", "port", "pid", "error", "access_url", "created_at", "updated_at",
    "requirements_sha256", "app_sha256", "streamlit_version", "release", "deploying", "draining", "warning",
    "entry", "options", "scale", "awake_until", "replicas", "access",
}  # fmt: skip
OPTIONS: dict[str, Any] = {
    "environment": {}, "drain_minutes": None, "strategy": "auto",
    "python": None, "as_of": None, "entry": None, "build_from_source": False,
}  # fmt: skip
OPERATIONS = {
    "list_apps", "create_app", "get_app", "update_app", "delete_app", "start_app", "stop_app", "restart_app",
    "get_logs", "stream_logs", "get_file", "get_health", "list_releases", "create_release", "get_release",
    "get_bundle", "get_diff", "activate_release", "drain_release", "list_files", "list_gallery",
    "keep_app_awake", "make_link", "revoke_link",
    "list_variables", "set_variables", "set_variable", "delete_variable",
    "list_secrets", "set_secrets", "set_secret", "delete_secrets", "delete_secret",
    "sign_in", "sign_out", "get_session", "list_users", "create_user", "get_user", "update_user",
    "delete_user", "set_password", "list_tokens", "create_token", "delete_token", "list_audit",
}  # fmt: skip
PER_APP = [
    ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/start"), ("POST", "/stop"), ("POST", "/restart"),
    ("GET", "/logs"), ("GET", "/logs/stream"), ("GET", "/files/app.py"),
    ("GET", "/variables"), ("PUT", "/variables"), ("PUT", "/variables/a"), ("DELETE", "/variables/a"),
    ("GET", "/secrets"), ("PUT", "/secrets"), ("PUT", "/secrets/a"),
    ("DELETE", "/secrets"), ("DELETE", "/secrets/a"),
    ("GET", "/files"), ("GET", "/releases"), ("POST", "/releases"), ("GET", "/releases/1"),
    ("GET", "/releases/1/bundle"), ("GET", "/releases/1/diff"), ("POST", "/releases/1/activate"),
    ("POST", "/releases/1/drain"), ("POST", "/releases/1/drain?now=true"),
]  # fmt: skip
Files = dict[str, tuple[str, bytes]]
SHORT: dict[str, Any] = {"data": {"name": "x"}}


def files(app: bytes = HELLO, requirements: bytes | None = None) -> Files:
    """The multipart files of a create or an update."""
    found = {"app": ("app.py", app)}
    return found if requirements is None else {**found, "requirements": ("requirements.txt", requirements)}


@contextlib.contextmanager
def created(platform: Platform, **form: Any) -> Iterator[httpx.Response]:
    """A create, and the app's end behind it."""
    answer = platform.api.post("/apps", **form)
    try:
        yield answer
    finally:
        if answer.status_code == 201:
            assert platform.api.delete(f"/apps/{answer.json()['app_id']}").status_code == 200


@pytest.fixture(scope="module")
def app_id(platform: Platform) -> Iterator[str]:
    """A running app that no test changes for long."""
    made = platform.running("api tests", requirements=b"streamlit\n")
    yield made
    platform.api.delete(f"/apps/{made}")


def assert_app(value: Any) -> dict[str, Any]:
    """The shape of one App."""
    app = dict(value)
    assert set(app) == APP_KEYS
    assert app["status"] in STATUSES
    for key in ("created_at", "updated_at"):
        assert datetime.fromisoformat(app[key]).tzinfo == UTC
    for key in ("error", "warning"):
        assert app[key] is None or set(app[key]) == {"kind", "message", "advice", "log_tail", "log_url"}
    assert app["deploying"] is None or set(app["deploying"]) == {"release", "step", "since"}
    assert all(set(old) == {"release", "since", "until", "connections"} for old in app["draining"])
    assert set(app["options"]) == set(OPTIONS)
    assert set(app["scale"]) == {
        "idle_minutes", "always_on", "min_replicas", "max_replicas", "sessions_per_replica",
        "memory_mb", "disk_mb", "processes", "nice", "connect_ports",
    }  # fmt: skip
    assert set(app["access"]) == {
        "visibility", "owner", "collaborators", "viewers", "viewer_groups", "has_link",
    }  # fmt: skip
    shown = {"release", "replica", "state", "port", "pid", "sessions"}
    assert all(set(replica) == shown for replica in app["replicas"])
    return app


# What the table promises


def test_create_answers_at_once(platform: Platform) -> None:
    """POST answers 201 with the App before anything is installed; Location is where it can be asked for."""
    requirements = b"streamlit\n"
    with created(platform, data={"name": " Demo App "}, files=files(requirements=requirements)) as answer:
        assert answer.status_code == 201, answer.text
        assert answer.elapsed.total_seconds() < 2
        app = assert_app(answer.json())
        assert re.fullmatch(r"demo-app-[0-9a-f]{6}", app["app_id"])
        assert (app["name"], app["status"], app["pid"]) == ("Demo App", "created", None)
        assert (app["release"], app["deploying"]["release"], app["deploying"]["step"]) == (None, 1, "waiting")
        assert (app["draining"], app["warning"], app["entry"]) == ([], None, "app.py")
        assert app["options"] == OPTIONS
        assert app["port"] in platform.pool
        assert app["access_url"] == f"{platform.url}/apps/{app['app_id']}/"
        assert app["app_sha256"] == hashlib.sha256(HELLO).hexdigest()
        assert app["requirements_sha256"] == hashlib.sha256(requirements).hexdigest()
        assert answer.headers["location"] == f"{platform.url}/api/apps/{app['app_id']}"
        assert get(answer.headers["location"]).status_code == 200


def test_get_and_list(platform: Platform, app_id: str) -> None:
    """GET answers the App; the list holds it once, as the same."""
    app = assert_app(platform.app(app_id))
    assert app["status"] == "running"
    assert app["port"] in platform.pool
    assert app["pid"] > 1
    assert app["error"] is None
    assert (app["release"], app["deploying"], app["draining"]) == (1, None, [])
    assert re.fullmatch(r"\d+\.\d+.*", app["streamlit_version"])
    listed = platform.api.get("/apps")
    assert listed.status_code == 200
    assert [assert_app(other) for other in listed.json() if other["app_id"] == app_id] == [app]


def test_list_is_oldest_first(platform: Platform, app_id: str) -> None:
    """A new app stands behind the older ones."""
    with created(platform, data={"name": "aaa newest"}, files=files()) as answer:
        ids = [app["app_id"] for app in platform.api.get("/apps").json()]
        assert ids.index(app_id) < ids.index(answer.json()["app_id"])


def test_own_id(platform: Platform) -> None:
    """The caller's own slug becomes the id; the same slug again is a conflict that says so."""
    form: dict[str, Any] = {"data": {"name": "x", "app_id": "own-slug-7"}, "files": files()}
    with created(platform, **form) as answer:
        assert answer.json()["app_id"] == "own-slug-7"
        assert "own-slug-7" in assert_problem(platform.api.post("/apps", **form), 409)["detail"]


def test_one_id_asked_for_twice_at_once(platform: Platform) -> None:
    """Of creates with one id at one moment one wins; the others are conflicts and take nothing away."""
    form: dict[str, Any] = {"data": {"name": "x", "app_id": "race"}, "files": files()}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: platform.api.post("/apps", **form), range(4)))
    try:
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
        with created(platform, data={"name": "next"}, files=files()) as other:
            assert other.json()["port"] != platform.app("race")["port"]
    finally:
        platform.api.delete("/apps/race")


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("demo", "demo-X"), ("Sales  Report (Q3)", "sales-report-q3-X"), ("数据看板", "app-X"),
        ("2024", "app-X"), ("🎈", "app-X"), ("Überblick", "uberblick-X"), ("数据 demo", "demo-X"),
        ("--", "app-X"), ("a" * 100, "a" * 30 + "-X"), ("2024 plan", "2024-plan-X"), ("ﬁne Ⅷ", "fine-viii-X"),
    ],
)  # fmt: skip
def test_made_id(name: str, pattern: str) -> None:
    """An id is made of the name's Latin letters and six random characters, else of 'app'."""
    made = bundles.make_id(name)
    assert re.fullmatch(pattern.replace("X", "[0-9a-f]{6}"), made)
    assert bundles.check_id(made) == made


def test_chinese_name(platform: Platform) -> None:
    """A Chinese name is kept as it is; the id and the address are plain."""
    with created(platform, data={"name": "销售数据看板 📊"}, files=files()) as answer:
        app = assert_app(answer.json())
        assert app["name"] == "销售数据看板 📊"
        assert re.fullmatch(r"app-[0-9a-f]{6}", app["app_id"])
        assert platform.app(app["app_id"])["name"] == app["name"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
def test_requirements_of_windows_editors(encoding: str) -> None:
    """Requirements with a BOM, and as UTF-16 of either order, become plain UTF-8."""
    text = "streamlit>=1.28  # 看板\r\npandas\r\n"
    plain = encoding.removesuffix("-bom")
    bom = {"utf-16-le-bom": b"\xff\xfe", "utf-16-be-bom": b"\xfe\xff"}.get(encoding, b"")
    checked = bundles.check(bundles.Upload(requirements=bom + text.encode(plain)))
    assert checked.requirements == text.encode()


def test_utf16_requirements_run(platform: Platform) -> None:
    """An app whose requirements came as UTF-16 runs, and shows them as text."""
    made = platform.running("utf16", requirements="streamlit\r\n".encode("utf-16"))
    try:
        assert platform.api.get(f"/apps/{made}/files/requirements.txt").text == "streamlit\r\n"
    finally:
        platform.api.delete(f"/apps/{made}")


def test_app_with_bom_is_accepted(platform: Platform) -> None:
    """An app.py that begins with a BOM is Python."""
    with created(platform, files=files(b"\xef\xbb\xbf" + HELLO), **SHORT) as answer:
        assert answer.status_code == 201, answer.text


def test_empty_requirements_field_of_a_browser_form(platform: Platform) -> None:
    """A form whose second file was not chosen is an app without requirements."""
    with created(platform, files={**files(), "requirements": ("", b"")}, **SHORT) as answer:
        assert answer.status_code == 201, answer.text
        assert answer.json()["requirements_sha256"] is None


def test_files(platform: Platform, app_id: str) -> None:
    """Each file that was sent can be read back as text; another path, in or out of the bundle, is refused."""
    answer = platform.api.get(f"/apps/{app_id}/files/app.py")
    assert answer.content == HELLO
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert platform.api.get(f"/apps/{app_id}/files/requirements.txt").text == "streamlit\n"
    for path in ("meta.json", "pages/", "APP.PY", "app.py/x"):
        assert_problem(platform.api.get(f"/apps/{app_id}/files/{path}"), 422, "path")
    for path in ("../asked.json", "..%2Fasked.json", "%2e%2e/asked.json", "/etc/passwd", "%2Fetc%2Fpasswd"):
        target = httpx.URL(platform.url).copy_with(raw_path=f"/api/apps/{app_id}/files/{path}".encode())
        answer = httpx.get(target, trust_env=False)
        assert_problem(answer, answer.status_code)
        assert answer.status_code in (400, 404, 422)


def test_rename(platform: Platform, app_id: str) -> None:
    """PATCH of the name alone renames, and leaves the process alone."""
    before = platform.app(app_id)
    for name in ("Renamed 看板", "api tests"):
        answer = platform.api.patch(f"/apps/{app_id}", files={"name": (None, name)})
        assert answer.status_code == 200, answer.text
        app = assert_app(answer.json())
        assert (app["name"], app["pid"], app["status"]) == (name, before["pid"], "running")
    assert app["updated_at"] > before["updated_at"]


def test_scale_is_set_at_once(platform: Platform, app_id: str) -> None:
    """What is set beside the releases makes no release, and touches no process; '' is the default again."""
    before = platform.app(app_id)
    for sent, found in (
        ({"idle_minutes": "2.5", "always_on": "true"}, {"idle_minutes": 2.5, "always_on": True}),
        ({"idle_minutes": "0"}, {"idle_minutes": 0, "always_on": True}),
        ({"idle_minutes": "", "always_on": "false"}, {"idle_minutes": None, "always_on": False}),
        ({"sessions_per_replica": "20"}, {"sessions_per_replica": 20, "min_replicas": 1, "max_replicas": 1}),
        ({"sessions_per_replica": "", "replicas": ""}, {"sessions_per_replica": None, "max_replicas": 1}),
    ):
        answer = platform.api.patch(f"/apps/{app_id}", data=sent)
        assert answer.status_code == 200
        assert found.items() <= answer.json()["scale"].items()
    after = platform.app(app_id)
    assert (after["pid"], after["release"], after["deploying"]) == (before["pid"], before["release"], None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("idle_minutes", "soon"), ("always_on", "perhaps"), ("replicas", "0"), ("replicas", "17"),
        ("replicas", "²"), ("min_replicas", "2"), ("max_replicas", "-1"), ("sessions_per_replica", "0"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_bad_scale(platform: Platform, app_id: str, method: str, field: str, value: str) -> None:
    """What can't be set is named, and makes no app."""
    before = platform.still()
    path, more = ("/apps", files()) if method == "POST" else (f"/apps/{app_id}", None)
    answer = platform.api.request(method, path, data={"name": "x", field: value}, files=more)
    assert_problem(answer, 422, field)
    assert platform.still() == before


def test_same_files_again_change_nothing(platform: Platform, app_id: str) -> None:
    """PATCH with the very same files neither redeploys nor reinstalls."""
    before = platform.app(app_id)
    answer = platform.api.patch(f"/apps/{app_id}", files=files(requirements=b"streamlit\n"))
    assert answer.status_code == 200
    assert still(answer.json()) == still(before)


def test_changed_file_redeploys(platform: Platform) -> None:
    """PATCH with a changed app.py ends in a new process that runs the new file, without another install."""
    made = platform.running("patched")
    try:
        old, source = platform.app(made), b"import streamlit as st\nst.title('second')\n"
        answer = platform.api.patch(f"/apps/{made}", files=files(source))
        assert answer.status_code == 202
        assert answer.headers["location"] == f"{platform.url}/api/apps/{made}/releases/2"
        app = assert_app(answer.json())
        assert (app["status"], app["release"], app["deploying"]["release"]) == ("running", 1, 2)
        assert app["app_sha256"] == hashlib.sha256(source).hexdigest()
        until(lambda: platform.app(made)["pid"] not in (None, old["pid"]), what="a new process")
        after = platform.wait(made, "running")
        assert (after["release"], after["deploying"], after["requirements_sha256"]) == (2, None, None)
        assert platform.api.get(f"/apps/{made}/files/app.py").content == source
        assert platform.logs(made).count("Resolved") <= 1
    finally:
        platform.api.delete(f"/apps/{made}")


def test_start_of_a_running_app_changes_nothing(platform: Platform, app_id: str) -> None:
    """POST start is idempotent."""
    before = platform.app(app_id)
    for _ in range(2):
        answer = platform.api.post(f"/apps/{app_id}/start")
        assert answer.status_code == 200
        assert still(answer.json()) == still(before)


def test_stop_start_restart(platform: Platform, app_id: str) -> None:
    """Stop twice is stopped once; start and restart bring a new process on the same address."""
    pid = platform.app(app_id)["pid"]
    stopped = [assert_app(platform.api.post(f"/apps/{app_id}/stop").json()) for _ in range(2)]
    assert [(app["status"], app["pid"]) for app in stopped] == [("stopped", None)] * 2
    assert stopped[0] == stopped[1]
    for call in ("start", "restart"):
        answer = platform.api.post(f"/apps/{app_id}/{call}")
        assert answer.status_code == 200
        assert answer.json()["status"] == "starting"
        again = platform.wait(app_id, "running")
        assert again["pid"] not in (None, pid)
        pid = again["pid"]
    assert platform.serves(app_id)


def test_delete(platform: Platform) -> None:
    """DELETE answers what it did; then the app, its page and its folder are gone, and again is 404."""
    made = platform.create("short life")
    answer = platform.api.delete(f"/apps/{made}")
    assert (answer.status_code, answer.json()) == (200, {"deleted": True, "app_id": made})
    assert_problem(platform.api.delete(f"/apps/{made}"), 404)
    assert platform.page(made).status_code == 404
    assert not (platform.data / "apps" / made).exists()


@pytest.mark.parametrize("tail", [1, 200, 10_000])
def test_logs(platform: Platform, app_id: str, tail: int) -> None:
    """GET logs answers at most ``tail`` last lines."""
    answer = platform.api.get(f"/apps/{app_id}/logs", params={"tail": tail})
    assert answer.status_code == 200
    assert set(answer.json()) == {"app_id", "logs"}
    assert 1 <= len(answer.json()["logs"].splitlines()) <= tail


@pytest.mark.parametrize("call", ["logs", "logs/stream"])
@pytest.mark.parametrize("tail", ["0", "10001", "-1", "many", ""])
def test_tail_limits(platform: Platform, app_id: str, call: str, tail: str) -> None:
    """A tail outside 1 to 10000 is refused by name."""
    assert_problem(platform.api.get(f"/apps/{app_id}/{call}", params={"tail": tail}), 422, "tail")


def test_health(platform: Platform, app_id: str) -> None:
    """GET health tells version, supervisord's state, and counts that add up."""
    answer = platform.api.get("/health")
    assert answer.status_code == 200
    health = answer.json()
    assert health["status"] == "ok"
    assert re.fullmatch(r"\d+\.\d+\.\d+", health["version"])
    assert health["supervisord"]["state"] == "RUNNING"
    counts = health["apps"]
    assert counts.pop("total") == sum(counts.values()) >= 1
    assert set(counts) == STATUSES
    assert (health["public_base"], health["auth_required"]) == (platform.url, False)


# Every mistake is a problem


@pytest.mark.parametrize(("method", "path"), PER_APP)
@pytest.mark.parametrize("unknown", ["nobody-000000", "..", "%F0%9F%8E%88", "a%20b"])
def test_unknown_app(platform: Platform, method: str, path: str, unknown: str) -> None:
    """Each call on an app that is not there is 404 (or 400 for a path that no one may send)."""
    takes_form = method in ("PATCH", "PUT") or (method, path) == ("POST", "/releases")
    fields = {"name": (None, "x"), "value": (None, ""), "environment": (None, "{}"), "secrets": (None, "")}
    form: dict[str, Any] = {"files": fields} if takes_form else {}
    answer = platform.api.request(method, f"{platform.url}/api/apps/{unknown}{path}", **form)
    if unknown == "..":  # httpx resolves it: another path, which is not there either
        assert answer.status_code in (404, 405)
    else:
        assert "GET /api/apps" in assert_problem(answer, 404)["detail"]


def test_unknown_path(platform: Platform) -> None:
    """A path that is nobody's says where the calls are listed; one slash too many is such a path."""
    for path in ("/api/nothing", "/api", "/api/apps/", "/nothing"):
        assert "/api/docs" in assert_problem(httpx.get(platform.url + path, trust_env=False), 404)["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/apps", "GET, POST"),
        ("DELETE", "/apps", "GET, POST"),
        ("PUT", "/apps/x", "GET, PATCH, DELETE"),
        ("GET", "/apps/x/start", "POST"),
        ("POST", "/health", "GET"),
    ],
)
def test_method_not_allowed(platform: Platform, method: str, path: str, allow: str) -> None:
    """Another method is 405, and Allow names all that the path has."""
    answer = platform.api.request(method, path)
    assert_problem(answer, 405)
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "multipart/mixed; boundary=x"])
def test_wrong_media_type(platform: Platform, app_id: str, method: str, kind: str) -> None:
    """A body that is no form is 415."""
    path = "/apps" if method == "POST" else f"/apps/{app_id}"
    headers = {"content-type": kind} if kind else {}
    answer = platform.api.request(method, path, content=b'{"name": "x"}', headers=headers)
    assert "curl -F" in assert_problem(answer, 415)["detail"]


def test_broken_multipart(platform: Platform) -> None:
    """A multipart body without boundary, and one that ends early, are the sender's mistake."""
    for kind, body in (
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"junk"),
    ):
        answer = platform.api.post("/apps", content=body, headers={"content-type": kind})
        assert_problem(answer, answer.status_code)
        assert answer.status_code in (400, 422)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "empty"), ("  ", "must not be empty"), ("x" * 101, "100"), ("a\nb", "control"),
        ("a\x00b", "control"), ("a\x1b[31mb", "control"), ("a\u2028b", "line breaks"), ("x" * 500_000, "100"),
    ],
)  # fmt: skip
def test_bad_name(platform: Platform, app_id: str, method: str, name: str, words: str) -> None:
    """A name that can't be one is refused by field, with the reason; nothing is made or changed."""
    path = "/apps" if method == "POST" else f"/apps/{app_id}"
    before = platform.still()
    # A file part without a filename is a field: so a browser's form sends it, and a line feed stays one.
    parts = {"name": (None, name.encode()), **(files() if method == "POST" else {})}
    answer = platform.api.request(method, path, files=parts)
    assert words in assert_problem(answer, 422, "name")["detail"]
    assert platform.still() == before


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (b"import streamlit as st\n\nst.title(\n", "line 3: '(' was never closed"),
        (b"x = 1\nif x\n", "line 2: expected ':'"),
        (b"# ok\nname = '\xe9'\n", "line 2: is not UTF-8"),
        ("title = '标题'\n".encode("gbk"), "line 1: is not UTF-8"),
        (b"\x00\x01", "null bytes"),
        (HELLO.decode().encode("utf-16"), "line 1: is not UTF-8"),
        (b"-" * 100_000 + b"1", "line 1: is nested too deeply"),
        (b"x" * 2_000_001, "at most 2 MB"),
        (b"PK\x03\x04\xff", "not UTF-8"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_bad_app(platform: Platform, app_id: str, method: str, app: bytes, words: str) -> None:
    """An app.py that can't be Python is refused with its line and the compiler's own words."""
    path = "/apps" if method == "POST" else f"/apps/{app_id}"
    before = platform.app(app_id)
    form = SHORT if method == "POST" else {}
    answer = platform.api.request(method, path, files=files(app), **form)
    assert words in assert_problem(answer, 422, "app")["detail"]
    assert still(platform.app(app_id)) == still(before)


@pytest.mark.parametrize(
    ("requirements", "words"),
    [
        (b"streamlit\npandas ==== 2\n", "line 2"),
        (b"# a comment\n\nstreamlit>=1.28,<2\nnot a requirement\n", "line 4"),
        (b"pandas \\\n  >=2 \\\n  !!\n", "line 1"),
        (b"streamlit\nnu\x00mpy\n", "line 2: holds control characters"),
        (b"streamlit\n\xe9\n", "line 2: is neither UTF-8 nor UTF-16"),
        (b"\xff\xfes\x00t", "line 1: is neither"),
        ("streamlit\n".encode("utf-16-le"), "line 1: holds control characters"),
        (b"a; " + b"(" * 50_000, "line 1: is nested too deeply"),
        (b"pandas ==== 2 \\", "line 1"),
        (b"x" * 2_000_001, "at most 2 MB"),
    ],
)
def test_bad_requirements(platform: Platform, requirements: bytes, words: str) -> None:
    """Requirements that don't parse are refused with the number of the first bad line."""
    answer = platform.api.post("/apps", files=files(requirements=requirements), **SHORT)
    assert words in assert_problem(answer, 422, "requirements")["detail"]


@pytest.mark.parametrize(
    "slug", ["Upper", "a_b", "-a", "a-", "a--b", "a.b", "a/b", "../x", "é", "x" * 51, " "]
)
def test_bad_id(platform: Platform, slug: str) -> None:
    """An id of the caller's that is no slug is refused by field."""
    data = {"name": "x", "app_id": slug}
    assert_problem(platform.api.post("/apps", data=data, files=files()), 422, "app_id")


def test_missing_fields(platform: Platform, app_id: str) -> None:
    """What is missing is named, all of it; an app sent as text says how to send a file."""
    assert "required" in assert_problem(platform.api.post("/apps", files=files()), 422, "name")["detail"]
    assert_problem(platform.api.post("/apps", data={"name": "x"}), 422, "app")
    both = assert_problem(platform.api.post("/apps", data={"other": "x"}), 422)
    assert {error["field"] for error in both["errors"]} == {"name", "app"}
    text = platform.api.post("/apps", files={"name": (None, "x"), "app": (None, "import streamlit")})
    assert "@file" in assert_problem(text, 422, "app")["detail"]
    assert_problem(platform.api.patch(f"/apps/{app_id}", files={"other": (None, "x")}), 422, "name")


def test_too_large_is_refused_before_the_body(platform: Platform) -> None:
    """413 by the Content-Length alone, with the limit and the setting in the words."""
    head = (
        f"POST /api/apps HTTP/1.1\r\nHost: 127.0.0.1:{platform.port}\r\nContent-Length: 250000000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", platform.port), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = b""  # head and body may come one after the other; the connection stays open
        while not answer.endswith(b"}") and (more := connection.recv(65536)):
            answer += more
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
    assert b"200 MB" in answer
    assert b"STREAMLIT_HOST_MAX_UPLOAD_MB" in answer


def test_refused_creates_leave_nothing(platform: Platform) -> None:
    """After a refused upload no folder and no section is left behind."""
    before = sorted((platform.data / "apps").iterdir())
    assert_problem(platform.api.post("/apps", files=files(b"if"), **SHORT), 422, "app")
    assert sorted((platform.data / "apps").iterdir()) == before


# Server-Sent Events


def datas(lines: Iterator[str], count: int) -> list[str]:
    """The next ``count`` data fields of a stream."""
    found: list[str] = []
    while len(found) < count:
        line = next(lines)
        if line.startswith("data: "):
            found.append(line.removeprefix("data: "))
    return found


def test_stream(platform: Platform, app_id: str) -> None:
    """The stream begins with the tail; then each new line comes as it is, blank or a progress bar too."""
    log = platform.data / "apps" / app_id / "run.log"
    last = platform.logs(app_id, 3).splitlines()
    with platform.api.stream("GET", f"/apps/{app_id}/logs/stream", params={"tail": 3}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        lines = answer.iter_lines()
        assert datas(lines, 3) == last
        for written, seen in (
            ("第一行 new line\n", ["第一行 new line"]),
            ("\n", [""]),
            ("10%\r20%\rdone\n", ["10%", "20%", "done"]),
            ("data: x\n", ["data: x"]),
        ):
            with log.open("ab") as file:
                file.write(written.encode())
            assert datas(lines, len(seen)) == seen


def test_stream_ends_with_the_app(platform: Platform) -> None:
    """Deleting an app ends the streams of its log."""
    made = platform.create("streamed")
    with platform.api.stream("GET", f"/apps/{made}/logs/stream", timeout=40) as answer:
        lines = answer.iter_lines()
        datas(lines, 1)
        with ThreadPoolExecutor(1) as pool:
            gone = pool.submit(platform.api.delete, f"/apps/{made}")
            list(lines)
            assert gone.result().status_code == 200


def descriptors(pid: int) -> int:
    """How many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_left_streams_leak_nothing(platform: Platform, app_id: str) -> None:
    """Clients that leave, politely or not, leave no descriptor behind."""
    pid = platform.pid("hostd")
    with httpx.Client(base_url=platform.url, trust_env=False) as client:
        client.get("/api/health")
        before = descriptors(pid)
        for _ in range(30):
            with client.stream("GET", f"/api/apps/{app_id}/logs/stream") as answer:
                next(answer.iter_lines())
        until(lambda: descriptors(pid) <= before, 10, what="descriptors closed")


def test_left_stream_stops_reading(tmp_path: Path) -> None:
    """When the client leaves, the log is no longer followed, though no line ever comes."""
    log = tmp_path / "run.log"
    log.write_text("a line\n")
    sent: list[Message] = []

    async def stream() -> None:
        followed = events(log, 10, lambda: False)
        served = asyncio.Event()

        async def receive() -> Message:
            await served.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)
            if message.get("body"):
                served.set()

        scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
        await asyncio.wait_for(EventStream(followed)(scope, receive, send), 10)
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(followed), 10)

    asyncio.run(stream())
    assert sent[1]["body"] == b"data: a line\n\n"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("plain", "data: plain\n\n"),
        ("", "data: \n\n"),
        ("windows\r", "data: windows\n\n"),
        ("1\r2", "data: 1\ndata: 2\n\n"),
        ("x\rid: 7", "data: x\ndata: id: 7\n\n"),
    ],
)
def test_event(line: str, text: str) -> None:
    """No line of a log can end its event or begin another field."""
    assert event(line) == text


# The documents


def references(value: Any) -> Iterator[str]:
    """Every $ref in a document."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "$ref":
                yield part
            else:
                yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def test_openapi(platform: Platform) -> None:
    """The document names every call by a stable operation id, and each of its references resolves."""
    answer = platform.api.get("/openapi.json")
    assert answer.status_code == 200
    document = answer.json()
    calls = [call for path in document["paths"].values() for call in path.values()]
    assert sorted(call["operationId"] for call in calls) == sorted(OPERATIONS)
    for reference in set(references(document)):
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    for form, field in (("create_app", "app"), ("create_app", "requirements"), ("update_app", "app")):
        described = document["components"]["schemas"][f"Body_{form}"]["properties"][field]
        assert described["type"] == "string", "a file; a form can't send null"
    for call in calls:
        assert "application/problem+json" in call["responses"]["422"]["content"]


@pytest.mark.parametrize("path", ["/api/docs", "/api/health", "/api/apps/nobody", "/sign-in", "/elsewhere"])
def test_no_page_frames_what_hostd_answers(platform: Platform, path: str) -> None:
    """Nor takes it for another kind than it says, nor keeps a hand on its window."""
    answer = httpx.get(f"{platform.url}{path}", trust_env=False)
    assert answer.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


def test_docs(platform: Platform) -> None:
    """The page for people shows every call with a curl line, and loads nothing from anywhere."""
    answer = platform.api.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    page = answer.text
    for operation in OPERATIONS:
        assert f'id="{operation}"' in page
    assert page.count("curl -sS") == len(OPERATIONS)
    assert f'curl -sS -X POST "{platform.url}/api/apps" -F' in page
    assert not re.search(r"<script|<link|<img|<iframe|url\(|@import", page)
    assert set(re.findall(r'(?:href|src)="([^"]*)"', page)) == {"openapi.json"}
    assert all(url.startswith(platform.url) for url in re.findall(r"https?://[^\s\"<]+", page))
