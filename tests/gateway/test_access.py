"""Who may see an app: every kind of request, open sockets, headers and cookies in both directions."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import pytest

from hostd.access import Access, Visibility
from hostd.gateway import GatewayOptions
from hostd.gateway.hand_over import HandOver
from hostd.models import Route, RoutingTable, Status
from hostd.viewer import environment, viewer_key

from .conftest import CONSOLE_DOWN, Running, StartBackend, running
from .wire import SWITCH, UPGRADE, Answer, Backend, Wire, get, plain, visit, wait_until

KEY = viewer_key("cookie secret")
PRIVATE = Access(visibility=Visibility.PRIVATE, owner="ann", viewers=("bob",))
SIGNED_IN = Access(visibility=Visibility.SIGNED_IN, owner="ann")
BY_LINK = replace(PRIVATE, visibility=Visibility.LINK, link_sha256=hashlib.sha256(b"s3cret").hexdigest())
PAGE = ("Accept: text/html,*/*;q=0.8", "Sec-Fetch-Dest: document")
STREAM = "/apps/private/_stcore/stream"


@dataclass(frozen=True)
class Somebody:
    """A person as the gateway sees one."""

    name: str
    role: str = "viewer"
    email: str = ""
    groups: frozenset[str] = frozenset()


@dataclass
class House:
    """A gateway before one app, which runs under several names, and those who are signed in to it."""

    door: Running
    app: Backend
    people: dict[bytes, Somebody] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return self.door.port

    def set(self, app_id: str, **changes: object) -> None:
        """Another route for one app."""
        table = self.door.table
        apps = {**table.apps, app_id: replace(table.apps[app_id], **changes)}  # type: ignore[arg-type]
        self.door.table = RoutingTable(table.console, MappingProxyType(apps))

    def seen(self) -> list[bytes]:
        """The heads that the app got."""
        return self.app.heads


def whose(people: dict[bytes, Somebody], called: str = "hostd") -> Callable[[bytes], Somebody | None]:
    """Reads ``hostd=<name>``, or as the cookie is ``called``."""

    def look(cookie: bytes) -> Somebody | None:
        pairs = dict(pair.strip().partition(b"=")[::2] for pair in cookie.split(b";"))
        return people.get(pairs.get(called.encode(), b""))

    return look


@pytest.fixture
def house(stack: ExitStack, backend: StartBackend) -> Iterator[House]:
    """Ann owns the apps, Bob may see the private one, Eve is signed in and no more, Root is an admin."""
    heads: list[bytes] = []

    def script(wire: Wire) -> None:
        while True:
            head = wire.head()
            heads.append(head)
            if b"Upgrade: websocket" in head:
                wire.send(SWITCH)
                while data := wire.more():
                    wire.send(data)
                return
            wire.send(plain(b"app", b"Set-Cookie: mine=1", b"Set-Cookie: hostd=stolen; Path=/"))

    app = backend(script)
    app.heads = heads
    route = Route(Status.RUNNING, app.port, "Demo", 1, viewer_key=KEY)
    apps = {
        "public": replace(route, viewer_key=""),
        "signed-in": replace(route, access=SIGNED_IN),
        "private": replace(route, access=PRIVATE),
        "link": replace(route, access=BY_LINK),
    }
    people = {
        name.encode(): Somebody(name, role)
        for name, role in (("ann", "publisher"), ("bob", "viewer"), ("eve", "viewer"), ("root", "admin"))
    }
    people[b"bob"] = Somebody("bob", "viewer", "bob@x.example", frozenset(("b", "销售")))
    options = GatewayOptions(whose=whose(people), sign_in="/sign-in", recheck=0.02)
    console = replace(CONSOLE_DOWN, status=Status.RUNNING, port=app.port)
    door = stack.enter_context(running(apps, console, options))
    yield House(door, app, people)


def ask(house: House, request: bytes) -> Answer:
    """One request on a connection of its own."""
    with visit(house.port) as wire:
        wire.send(request)
        return wire.answer()


def status_of(house: House, request: bytes) -> int:
    """What is answered first."""
    with visit(house.port) as wire:
        wire.send(request)
        return int(wire.head().split(b" ")[1])


def body(path: str, *headers: str, method: str = "POST") -> bytes:
    """A request with a body."""
    return get(path, "Content-Length: 4", *headers, method=method) + b"data"


KINDS = {
    "page": get("/apps/APP/", "Accept: text/html", "COOKIE"),
    "deep page": get("/apps/APP/a/b?c=d", "Accept: text/html", "COOKIE"),
    "without slash": get("/apps/APP", "Accept: text/html", "COOKIE"),
    "marked page": get("/apps/APP/~r1/", "Accept: text/html", "COOKIE"),
    "media": get("/apps/APP/media/1234.png", "COOKIE"),
    "marked media": get("/apps/APP/~r1.2/media/1234.png", "COOKIE"),
    "static": get("/apps/APP/static/js/main.js", "COOKIE"),
    "health": get("/apps/APP/_stcore/health", "COOKIE"),
    "hidden": get("/apps/APP/_stcore/metrics", "COOKIE"),
    "generation": get("/apps/APP/~generation", "COOKIE"),
    "head": get("/apps/APP/", "COOKIE", method="HEAD"),
    "old http": get("/apps/APP/", "COOKIE", version="1.0"),
    "upload": body("/apps/APP/_stcore/upload_file/x/y", "COOKIE", method="PUT"),
    "post": body("/apps/APP/x", "COOKIE"),
    "options": get("/apps/APP/", "COOKIE", method="OPTIONS"),
    "websocket": get("/apps/APP/_stcore/stream", *UPGRADE, "COOKIE"),
    "marked websocket": get("/apps/APP/~r1/_stcore/stream", *UPGRADE, "COOKIE"),
    "any websocket": get("/apps/APP/x/y", *UPGRADE, "COOKIE"),
    "absolute": get("http://visitor.example:8080/apps/APP/", "COOKIE"),
}


def of(kind: str, app_id: str, name: str = "") -> bytes:
    """A request of that kind, by somebody."""
    cookie = f"Cookie: a=b; hostd={name}; c=d" if name else "X-Nothing: 1"
    return KINDS[kind].replace(b"APP", app_id.encode()).replace(b"COOKIE", cookie.encode())


@pytest.mark.parametrize("app_id", ["private", "signed-in", "link"])
def test_who_may_not_see_an_app_gets_nothing_of_it(house: House, app_id: str) -> None:
    """Of every kind of request not one byte reaches the app; nobody: 401 or the sign-in; Eve: 403."""
    for kind in KINDS:
        outside = 303 if kind in ("page", "deep page", "without slash", "marked page") else 401
        for name, status in (("", outside), ("nobody", outside), ("eve", 403)):
            if (app_id, name) != ("signed-in", "eve"):
                assert status_of(house, of(kind, app_id, name)) == status, (kind, name)
    assert house.seen() == []
    assert house.app.connections == 0
    assert house.door.protocol.gateway.last_seen(app_id) == 0.0


@pytest.mark.parametrize("name", ["ann", "bob", "root"])
def test_who_may_see_it_reaches_it(house: House, name: str) -> None:
    """Each of them, by each kind of request; what is no visitor's business stays none."""
    ours = {"hidden": 404, "without slash": 307, "generation": 200}
    for kind in KINDS:
        before = len(house.seen())
        status = status_of(house, of(kind, "private", name))
        assert status == ours.get(kind, 101 if "websocket" in kind else 200), kind
        assert len(house.seen()) - before == (kind not in ours), kind


def test_the_way_back_from_the_sign_in(house: House) -> None:
    """It is a path of this host, whatever the query holds, and quoted as one value."""
    answer = ask(house, get("/apps/private/a?x=//evil.example&y=%0d%0a", *PAGE))
    assert answer.status == 303
    back = "%2Fapps%2Fprivate%2Fa%3Fx%3D%2F%2Fevil.example%26y%3D%250d%250a"
    assert answer.one("location") == f"/sign-in?next={back}".encode()
    for frame in ("iframe", "object", "empty"):
        assert ask(house, get("/apps/private/", PAGE[0], f"Sec-Fetch-Dest: {frame}")).status == 401


def test_whom_to_ask(house: House) -> None:
    """The page says it in the visitor's language; one who is not signed in does not learn the app's name."""
    answer = ask(house, get("/apps/private/", *PAGE, "Accept-Language: zh", "Cookie: hostd=eve"))
    assert answer.status == 403
    assert "申请访问权限请联系： ann" in answer.body.decode()
    assert b"Demo" not in ask(house, get("/apps/private/", PAGE[0], "Sec-Fetch-Dest: iframe")).body


def identity(head: bytes) -> dict[str, str]:
    """The fields that say who looks."""
    lines = (line.partition(b": ") for line in head.split(b"\r\n")[1:] if line.lower().startswith(b"x-hostd"))
    return {name.decode(): value.decode() for name, _, value in lines}


def test_the_app_is_told_who_looks(house: House) -> None:
    """By names for Streamlit that only this app knows, and by fields with a signature that it can check."""
    status_of(house, of("websocket", "private", "bob"))
    told = identity(house.seen()[0])
    names = json.loads(environment(KEY)["STREAMLIT_SERVER_TRUSTED_USER_HEADERS"])
    user = {key: told[name] for name, key in names.items()}
    groups = "b,%E9%94%80%E5%94%AE"
    assert user == {"name": "bob", "email": "bob@x.example", "groups": groups, "is_logged_in": "true"}
    assert told["X-Hostd-User"] == "bob"
    at, signature = (part.partition("=")[2] for part in told["X-Hostd-Signature"].split(","))
    signed = f"{at}\nbob\nbob@x.example\n{groups}"
    assert hmac.new(KEY.encode(), signed.encode(), "sha256").hexdigest() == signature
    assert KEY not in house.seen()[0].decode()


def test_a_public_app_is_not_told(house: House) -> None:
    """Nor is one told of a visitor who has only its link."""
    status_of(house, of("websocket", "public", "bob"))
    ask(house, get("/apps/link/media/x", "Cookie: hostd-link=s3cret"))
    assert [identity(head) for head in house.seen()] == [{}, {}]


FORGED = (
    *("X-Hostd-User", "x_hostd_user", "X-HOSTD_Email", "X-Hostd-Signature", "X-Forwarded-User"),
    *("X_Forwarded_Email", "Remote-User", "Remote_User", "REMOTE-GROUPS", "X-Remote-User"),
    *("X-Auth-Request-Email", "X_Auth_Request_User", "X-Streamlit-User", "X-Authentik-Username"),
    *("X-WebAuth-User", "Tailscale-User-Login", "X-Goog-Authenticated-User-Email", "X-Amzn-Oidc-Data"),
    *("X-MS-CLIENT-PRINCIPAL-NAME", "Cf-Access-Authenticated-User-Email", "X-Forwarded-Preferred-Username"),
)


@pytest.mark.parametrize("app_id", ["public", "private"])
def test_forged_identity_is_stripped(house: House, app_id: str) -> None:
    """Under every name that is customary, in any case, with _ for -; what only looks like one stays."""
    own = [f"X-Hostd-{'0' * 32}-name: admin", "X-My-User: me", "X_Own: 1", "Authorization: Bearer mine"]
    forged = [f"{name}: admin" for name in FORGED]
    ask(house, get(f"/apps/{app_id}/x", *forged, *own, "Cookie: hostd=bob"))
    (head,) = house.seen()
    assert b"admin" not in head
    assert b"X-My-User: me\r\nX_Own: 1\r\nAuthorization: Bearer mine\r\n" in head


def test_a_trusted_proxy_can_not_say_who_looks(stack: ExitStack, house: House) -> None:
    """It may say where a request came from; the rest it may have got from anybody."""
    options = replace(house.door.protocol.gateway.options, trusted_proxies=("127.0.0.1",))
    behind = stack.enter_context(running(dict(house.door.table.apps), options=options))
    forged = [f"{name}: admin" for name in FORGED]
    with visit(behind.port) as wire:
        wire.send(get("/apps/private/x", *forged, "X-Real-IP: 10.1.1.1", "Cookie: hostd=bob"))
        assert wire.answer().status == 200
    (head,) = house.seen()
    assert b"X-Real-IP: 10.1.1.1" in head
    assert b"admin" not in head


COOKIES = (
    (b"hostd=1", b""),
    (b"a=b; hostd=1; c=d", b"a=b; c=d"),
    (b"hostd-console=1;hostd-link=2; x=y", b"x=y"),
    (b"__Host-hostd=1; __Secure-hostd-console=2; __host-HOSTD=3; __Host-Http-hostd=4", b""),
    (b"hostd; hostd =1;  hostd\t=2", b""),
    (b"hostdata=1; my-hostd=2; x=hostd", b"hostdata=1; my-hostd=2; x=hostd"),
    (b'_streamlit_xsrf="2|a|b"; hostd=1', b'_streamlit_xsrf="2|a|b"'),
)


@pytest.mark.parametrize(("sent", "left"), COOKIES)
def test_our_cookies_do_not_reach_an_app(house: House, sent: bytes, left: bytes) -> None:
    """The others do, as they came; the console gets all."""
    for path in ("/apps/public/x", "/console/x"):
        ask(house, get(path, f"Cookie: {sent.decode()}"))
    app, console = house.seen()
    assert b"Cookie: " + left.strip() + b"\r\n" in app
    assert b"Cookie: " + sent.strip() + b"\r\n" in console


def test_one_connection_serves_console_apps_and_people_apart(house: House) -> None:
    """Heads that repeat byte for byte: neither cookies nor identity go from one place to another."""
    paths = ("/console/x", "/apps/public/x", "/apps/private/x", "/console/x", "/apps/public/x")
    with visit(house.port) as wire:
        for path in (*paths, *paths):
            wire.send(get(path, "Cookie: hostd=bob"))
            assert wire.answer().status == 200
        heads = house.seen()
        assert ["hostd=bob" in head.decode() for head in heads] == [path == paths[0] for path in paths] * 2
        assert [bool(identity(head)) for head in heads] == [path == paths[2] for path in paths] * 2
        del house.people[b"bob"]
        wire.send(get("/apps/private/x", "Cookie: hostd=bob"))
        assert wire.answer().status == 401
        wire.send(get("/apps/public/x", "Cookie: hostd=bob"))
        assert wire.answer().status == 200
    assert len(house.seen()) == 11


def test_an_app_can_not_set_our_cookies(house: House, backend: StartBackend) -> None:
    """Nor reach beyond its path by other fields; not in a 101 either."""
    ours = (
        *(b"Set-Cookie: hostd=1; Path=/", b"set-cookie:hostd-console = 2", b"SET-COOKIE: __Host-hostd=3"),
        *(b"Set-Cookie:  =hostd=4", b"Set-Cookie: __secure-hostd-link=5; Secure", b"Set-Cookie: hostd"),
        *(b"Service-Worker-Allowed: /", b'Clear-Site-Data: "*"', b"Strict-Transport-Security: max-age=1"),
        *(b'NEL: {"report_to":"x"}', b"Report-To: {}", b'reporting-endpoints: x="https://x.example"'),
        *(b"Secure-Session-Registration: (ES256)", b"Sec-Session-Registration: (ES256)"),
        *(b'Use-As-Dictionary: match="/*"', b"Set-Login: logged-in"),
    )
    theirs = (
        b"Nelson: 1",
        b"X-Report-To: x",
        b"Set-Cookie: hostdata=1",
        b"Set-Cookie: a=hostd=1",
        b"X-Mine: hostd=1",
    )
    lines = b"".join(line + b"\r\n" for line in (*ours, *theirs))

    def script(wire: Wire) -> None:
        upgrades = b"Upgrade: websocket" in wire.head()
        wire.send(SWITCH.replace(b"Set-Cookie: b=2\r\n", lines) if upgrades else plain(b"x", *ours, *theirs))

    house.set("public", port=backend(script).port)
    for request in (of("media", "public"), of("websocket", "public")):
        with visit(house.port) as wire:
            wire.send(request)
            head = wire.head()
        assert all(line in head for line in theirs)
        assert not any(line + b"\r\n" in head for line in ours)


def open_socket(house: House, stack: ExitStack, path: str, cookie: str = "") -> Wire:
    """A WebSocket that the app echoes."""
    wire = stack.enter_context(visit(house.port))
    wire.send(get(path, *UPGRADE, *([f"Cookie: {cookie}"] if cookie else [])))
    assert wire.head().startswith(b"HTTP/1.1 101")
    echoes(wire)
    return wire


def echoes(wire: Wire) -> None:
    """It is still open, after a look at who may see what."""
    wire.send(b"ping")
    assert wire.exactly(4) == b"ping"


def test_a_socket_ends_with_its_session(house: House, stack: ExitStack) -> None:
    """And nobody else's does."""
    bob = open_socket(house, stack, STREAM, "hostd=bob")
    ann = open_socket(house, stack, STREAM, "hostd=ann")
    anybody = open_socket(house, stack, "/apps/public/_stcore/stream", "hostd=bob")
    del house.people[b"bob"]
    assert bob.ended()
    echoes(ann)
    echoes(anybody)
    wait_until(lambda: house.app.open == 2, "the app's side of it")


@pytest.mark.parametrize(
    ("path", "cookie", "change"),
    [
        (STREAM, "hostd=bob", {"access": replace(PRIVATE, viewers=())}),
        ("/apps/public/_stcore/stream", "", {"access": PRIVATE}),
        ("/apps/public/_stcore/stream", "hostd=eve", {"access": PRIVATE}),
        ("/apps/link/_stcore/stream", "hostd-link=s3cret", {"access": BY_LINK.with_link("")}),
        ("/apps/link/_stcore/stream", "hostd-link=s3cret", {"access": BY_LINK.with_link("new")}),
        ("/apps/signed-in/_stcore/stream", "hostd=eve", {"access": PRIVATE}),
    ],
)
def test_a_socket_ends_with_the_right_to_it(
    house: House, stack: ExitStack, path: str, cookie: str, change: dict[str, object]
) -> None:
    """Whatever takes it: the list of viewers, the visibility, the link."""
    wire = open_socket(house, stack, path, cookie)
    ann = open_socket(house, stack, path, "hostd=ann")
    house.set(path.split("/")[2], **change)
    assert wire.ended()
    echoes(ann)


def test_a_socket_ends_when_its_person_is_another(house: House, stack: ExitStack) -> None:
    """The app was told a name and groups that are no longer so."""
    wire = open_socket(house, stack, STREAM, "hostd=bob")
    house.people[b"bob"] = Somebody("bob", "viewer", "bob@x.example", frozenset())
    assert wire.ended()


def test_what_is_watched_is_forgotten(house: House, stack: ExitStack) -> None:
    """No socket that has ended is kept, and no timer without a socket."""
    keeper = house.door.protocol.gateway.keeper
    for path in (STREAM, "/apps/public/_stcore/stream"):
        wire = open_socket(house, stack, path, "hostd=ann")
        assert keeper.watched == 1
        wire.close()
        wait_until(lambda: keeper.watched == 0, "the end of it")


def test_the_link(house: House) -> None:
    """It becomes a cookie on this app's path alone, which opens this app and no other."""
    answer = ask(house, get("/apps/link/~link/s3cret", *PAGE))
    assert answer.status == 303
    assert answer.one("location") == b"/apps/link/"
    cookie, *attributes = answer.one("set-cookie").decode().split("; ")
    assert cookie == "hostd-link=s3cret"
    assert {"Path=/apps/link/", "HttpOnly", "SameSite=Lax"} <= set(attributes)
    assert answer.one("referrer-policy") == b"no-referrer"
    assert ask(house, get("/apps/link/x", f"Cookie: {cookie}")).status == 200
    assert ask(house, get("/apps/private/x", f"Cookie: {cookie}")).status == 401
    assert b"s3cret" not in b"".join(house.seen())


@pytest.mark.parametrize("path", ["link/~link/wrong", "link/~link/", "private/~link/s3cret"])
def test_a_link_that_opens_nothing(house: House, path: str) -> None:
    """Wrong, or of an app that is not seen by link: nothing is set, and the app does not hear of it."""
    answer = ask(house, get(f"/apps/{path}", *PAGE))
    assert answer.status == 404
    assert answer.all("set-cookie") == []
    assert house.seen() == []
    assert ask(house, get("/apps/public/~link/x", *PAGE)).status == 404


def test_who_may_not_see_an_app_does_not_wake_it(house: House) -> None:
    """And who waits for it while it becomes private is turned away when it is there."""
    woken: list[str] = []
    asked = threading.Event()

    def wake(app_id: str) -> None:
        woken.append(app_id)
        house.set(app_id, status=Status.STARTING)
        asked.set()

    gateway = house.door.protocol.gateway
    gateway.waking.wake_by(wake)
    port = house.app.port
    for app_id in ("private", "public"):
        house.set(app_id, status=Status.SLEEPING, port=None, wakes=True)
    for name in ("", "eve"):
        for kind in ("page", "websocket", "post"):
            assert status_of(house, of(kind, "private", name)) in (303, 401, 403)
    with visit(house.port) as wire:
        wire.send(of("media", "public", "eve"))
        assert asked.wait(10)
        house.set("public", status=Status.RUNNING, port=port, wakes=False, access=PRIVATE)
        gateway.waking.routes_changed()
        assert wire.answer().status == 403
    assert woken == ["public"]
    assert house.seen() == []


def test_a_socket_of_a_private_app_is_not_handed_over(
    house: House, stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway could not end it."""
    offered: list[int] = []
    hand_over = HandOver(tmp_path)

    def give(port: int, packet: bytes, fd: int) -> bool:
        offered.append(port)
        return False

    monkeypatch.setattr(hand_over, "give", give)
    monkeypatch.setattr(house.door.protocol.gateway, "hand_over", hand_over)
    open_socket(house, stack, "/apps/private/~r1/_stcore/stream", "hostd=ann")
    assert offered == []
    open_socket(house, stack, "/apps/public/~r1/_stcore/stream", "hostd=ann")
    assert offered == [house.app.port]


def console_page(house: House, *headers: str) -> Answer:
    """The console's page, as a browser opens it."""
    return ask(house, get("/console/", *PAGE, *headers))


@pytest.fixture
def console(house: House, backend: StartBackend) -> House:
    """The console answers with a page of Streamlit's kind."""

    def script(wire: Wire) -> None:
        while True:
            head = wire.head()
            house.app.heads.append(head)
            if b"Upgrade: websocket" in head:
                wire.send(SWITCH)
                wire.more()
                return
            wire.send(plain(b'<head><div id="root">', b"Content-Type: text/html", b"ETag: x"))

    route = replace(house.door.table.console, port=backend(script).port)
    house.door.table = RoutingTable(route, house.door.table.apps)
    return house


def test_the_consoles_page_is_alone(console: House) -> None:
    """Nobody frames it, fetches it by a script, or keeps a hand on its window."""
    answer = console_page(console)
    assert answer.one("x-frame-options") == b"DENY"
    assert answer.one("content-security-policy") == b"frame-ancestors 'none'"
    assert answer.one("cross-origin-opener-policy") == b"same-origin"
    before = len(console.seen())
    for dest in ("empty", "iframe", "object", "embed", "script", "worker", "serviceworker", "style"):
        for path in ("/console/", "/console/apps?x=y", "/console/~t" + "0" * 32 + "/"):
            answer = ask(console, get(path, "Accept: text/html", f"Sec-Fetch-Dest: {dest}"))
            assert answer.status == 403
    assert len(console.seen()) == before
    for path, dest in (("static/x.js", "script"), ("favicon.png", "image"), ("_stcore/health", "empty")):
        assert ask(console, get(f"/console/{path}", f"Sec-Fetch-Dest: {dest}")).status == 200


def test_the_consoles_socket_needs_the_proof_of_its_page(console: House) -> None:
    """Where there is the console's cookie; the app behind sees neither proof nor mark."""
    cookie = "Cookie: a=b; hostd-console=value"
    page = console_page(console, cookie).body.decode()
    proof = re.search(r'"([0-9a-f]{32})"', page)
    assert proof is not None
    good, bad = f"/console/~t{proof[1]}/_stcore/stream", f"/console/~t{'0' * 32}/_stcore/stream"
    before = len(console.seen())
    assert status_of(console, get(good, *UPGRADE, cookie)) == 101
    assert console.seen()[-1].startswith(b"GET /console/_stcore/stream HTTP/1.1")
    assert status_of(console, get("/console/_stcore/stream", *UPGRADE)) == 101
    assert len(console.seen()) == before + 2
    for path in (bad, "/console/_stcore/stream", "/console/x/_stcore/stream", "/console/stream"):
        assert status_of(console, get(path, *UPGRADE, cookie)) == 403
    for more in ("hostd-console=mine; a=b; hostd-console=value", "hostd-console=v"):
        assert status_of(console, get(good, *UPGRADE, f"Cookie: {more}")) == 403
    crowd = "; ".join(["hostd-console=mine"] * 20)
    known = re.search(r'"([0-9a-f]{32})"', console_page(console, f"Cookie: {crowd}").body.decode())
    assert known is not None
    path = f"/console/~t{known[1]}/_stcore/stream"
    assert status_of(console, get(path, *UPGRADE, f"Cookie: {crowd}; hostd-console=value")) == 403


def test_the_console_of_another_sign_in_is_not_opened(stack: ExitStack, console: House) -> None:
    """Another host of the same domain can set its cookie: nobody works in somebody else's name unawares."""
    options = replace(
        console.door.protocol.gateway.options, is_one_sign_in=lambda cookie: b"stolen" not in cookie
    )
    behind = stack.enter_context(running(dict(console.door.table.apps), console.door.table.console, options))
    mixed = House(behind, console.app)
    for cookies, status in (("hostd-console=mine", 200), ("hostd-console=mine; hostd-console=stolen", 403)):
        assert console_page(mixed, f"Cookie: {cookies}").status == status
    shown = re.search(rb'"([0-9a-f]{32})"', console_page(mixed, "Cookie: hostd-console=mine").body)
    assert shown is not None
    path = f"/console/~t{shown[1].decode()}/_stcore/stream"
    assert status_of(mixed, get(path, *UPGRADE, "Cookie: hostd-console=mine")) == 101
    assert status_of(mixed, get("/console/_stcore/stream", *UPGRADE, "Cookie: x=stolen")) == 403


def test_a_page_without_a_cookie_needs_no_proof(console: House) -> None:
    """It is as Streamlit made it."""
    assert console_page(console, "Cookie: hostd=ann").body == b'<head><div id="root">'


@pytest.fixture
def paged(house: House, backend: StartBackend) -> House:
    """A private app that answers with a page of Streamlit's kind, and so does its neighbour."""

    def script(wire: Wire) -> None:
        while True:
            head = wire.head()
            house.app.heads.append(head)
            if b"Upgrade: websocket" in head:
                wire.send(SWITCH)
                wire.more()
                return
            wire.send(plain(b'<head><div id="root">', b"Content-Type: text/html"))

    port = backend(script).port
    for app_id in ("private", "signed-in", "public"):
        house.set(app_id, port=port)
    return house


OURS = ("Origin: http://visitor.example:8080", "Sec-Fetch-Site: same-origin", "Cookie: hostd=bob")
MARK = re.compile(r'"(~r1/~t[0-9a-f]{32}/)"')


def mark_of(house: House, app_id: str, cookie: str = "Cookie: hostd=bob") -> str:
    """What the app's page puts into the paths of what it asks for."""
    found = MARK.search(ask(house, get(f"/apps/{app_id}/", *PAGE, cookie)).body.decode())
    assert found is not None
    return found[1]


def test_a_page_of_another_app_can_not_ask_in_its_visitors_name(paged: House) -> None:
    """For its page, its WebSocket, or what runs it: its own page shows a proof, which is of this app."""
    mark, other = mark_of(paged, "private"), mark_of(paged, "signed-in")
    assert mark != other
    assert mark_of(paged, "private", "Cookie: hostd=ann") != mark
    before = len(paged.seen())
    for shown in ("", "~r1/", other, "~r1/~t" + "0" * 32 + "/"):
        for path in ("_stcore/stream", "x/_stcore/stream"):
            assert status_of(paged, get(f"/apps/private/{shown}{path}", *UPGRADE, *OURS)) == 403
        for path in (
            "",
            "page",
            "api/x",
            "_stcore/agent/",
            "_stcore/%61gent/",
            "_stcore/script-health-check",
        ):
            for dest in ("empty", "iframe", "worker"):
                asked = ("Accept: text/html", f"Sec-Fetch-Dest: {dest}", *OURS)
                assert status_of(paged, get(f"/apps/private/{shown}{path}", *asked)) == 403, (path, dest)
    assert len(paged.seen()) == before
    assert status_of(paged, get(f"/apps/private/{mark}_stcore/stream", *UPGRADE, *OURS)) == 101
    assert paged.seen()[-1].startswith(b"GET /apps/private/_stcore/stream HTTP/1.1")
    own = get(f"/apps/private/{mark}api/x", "Sec-Fetch-Dest: empty", *OURS)
    assert status_of(paged, own) == 200
    for path, dest in (("static/x.js", "script"), ("favicon.png", "image"), ("_stcore/health", "empty")):
        assert status_of(paged, get(f"/apps/private/{path}", f"Sec-Fetch-Dest: {dest}", *OURS)) == 200
    for dest, wanted in (("empty", 403), ("iframe", 403), ("font", 200), ("video", 200), ("image", 200)):
        file = get("/apps/private/app/static/data.csv", f"Sec-Fetch-Dest: {dest}", *OURS)
        assert status_of(paged, file) == wanted, dest
    file = get(f"/apps/private/{mark}app/static/data.csv", "Sec-Fetch-Dest: empty", *OURS)
    assert status_of(paged, file) == 200
    answer = ask(paged, get("/apps/private/", *PAGE, *OURS))
    assert answer.one("cross-origin-opener-policy") == b"noopener-allow-popups"
    portal = ("Accept: text/html", "Sec-Fetch-Dest: iframe", "Sec-Fetch-Site: same-site", OURS[2])
    assert ask(paged, get("/apps/private/", *portal)).status == 200


def test_a_public_app_needs_no_proof(paged: House) -> None:
    """Everybody may ask for it anyway."""
    assert ask(paged, get("/apps/public/", *PAGE)).all("cross-origin-opener-policy") == []
    assert status_of(paged, get("/apps/public/_stcore/stream", *UPGRADE, *OURS)) == 101
    assert status_of(paged, get("/apps/public/x", "Sec-Fetch-Dest: empty", *OURS)) == 200
