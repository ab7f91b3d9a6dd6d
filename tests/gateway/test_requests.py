"""What an app gets, and what its visitor gets back."""

from __future__ import annotations

import json

import pytest

from hostd.gateway import GatewayOptions
from hostd.models import Route, Status

from .conftest import StartBackend, StartGateway, up
from .wire import HOST, Wire, get, plain, visit


def echo(wire: Wire) -> None:
    """An app whose body is the head that it got."""
    while True:
        wire.send(plain(wire.head()))


def named(name: bytes) -> object:
    """An app that says its name."""

    def script(wire: Wire) -> None:
        while True:
            wire.head()
            wire.send(plain(name))

    return script


def test_each_request_is_routed_by_itself(gateway: StartGateway, backend: StartBackend) -> None:
    """On one kept-alive connection, each path leads to its own app, or to our own routes."""
    one, two = backend(named(b"one")), backend(named(b"two"))
    door = gateway({"one": up(one.port), "two": up(two.port)}, console=up(two.port))
    with visit(door.port) as visitor:
        for path, body in (("/apps/one/", b"one"), ("/apps/two/", b"two"), ("/console/", b"two")) * 2:
            visitor.send(get(path))
            assert visitor.answer().body == body
            visitor.send(get("/api/echo/a?b=c"))
            assert json.loads(visitor.answer().body)["path"] == "/api/echo/a"
    assert (one.connections, two.connections) == (1, 1)


def test_pipelined_requests_are_answered_in_order(gateway: StartGateway, backend: StartBackend) -> None:
    """Requests sent in one piece are answered one by one, whoever answers them."""
    app = backend(named(b"app"))
    door = gateway({"x": up(app.port)})
    paths = ["/apps/x/", "/api/echo/1", "/", "/apps/none/", "/apps/x/", "/apps/x/", "/apps/x"] * 20
    with visit(door.port) as visitor:
        visitor.send(b"".join(get(path) for path in paths))
        statuses = {"/": 307, "/apps/x": 307, "/apps/none/": 404}
        for path in paths:
            answer = visitor.answer()
            assert answer.status == statuses.get(path, 200)
            if path.startswith("/api"):
                assert json.loads(answer.body)["path"] == path


def test_pipelined_uploads_keep_their_bodies(gateway: StartGateway, backend: StartBackend) -> None:
    """Bodies of requests that wait for their turn reach the app whole, in order and unmixed."""

    def script(wire: Wire) -> None:
        while True:
            length = int(wire.head().lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            wire.send(plain(wire.exactly(length)))

    app = backend(script)
    door = gateway({"x": up(app.port)})
    bodies = [bytes([65 + number]) * (number * 997) for number in range(1, 9)]
    with visit(door.port) as visitor:
        for body in bodies:
            visitor.send(
                b"POST /apps/x/ HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (HOST, len(body), body)
            )
        assert [visitor.answer().body for _ in bodies] == bodies


def test_the_head_passes_byte_for_byte(gateway: StartGateway, backend: StartBackend) -> None:
    """Names keep their case, repeated fields their order; only hop-by-hop fields go."""
    app = backend(echo)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(
            get(
                *("/apps/x/a%20b?q=%2F&x", "ACCEPT-encoding: gzip", "Cookie: a=1; b=2", "cookie: c=3"),
                *("Origin: https://visitor.example", "Range: bytes=0-3", 'If-None-Match: "e"'),
                *("Connection: keep-alive, X-Secret", "X-Secret: 1", "Keep-Alive: timeout=5", "TE: trailers"),
            )
        )
        head = visitor.answer().body
    assert head == (
        b"GET /apps/x/a%20b?q=%2F&x HTTP/1.1\r\n" + HOST + b"ACCEPT-encoding: gzip\r\nCookie: a=1; b=2\r\n"
        b'cookie: c=3\r\nOrigin: https://visitor.example\r\nRange: bytes=0-3\r\nIf-None-Match: "e"\r\n'
        b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
        b"X-Forwarded-Host: visitor.example:8080\r\n\r\n"
    )


def test_the_answers_head_passes_byte_for_byte(gateway: StartGateway, backend: StartBackend) -> None:
    """Several Set-Cookie, odd cases and a 404's body reach the visitor as they are."""
    head = (
        b'HTTP/1.1 404 Nix da\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\nETag: "x"\r\n'
        b"X-Odd:  y \r\nContent-Length: 3\r\n\r\n"
    )

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(head + b"404")
        wire.ended()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        assert visitor.until(b"\r\n\r\n404") == head + b"404"


def test_the_apps_hop_by_hop_fields_stay_behind(gateway: StartGateway, backend: StartBackend) -> None:
    """Connection, Keep-Alive and what Connection names are between app and gateway only."""
    fields = (b"Connection: keep-alive, X-Hop", b"Keep-Alive: timeout=5", b"x-hop: 1", b"X-Hopper: 2")

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(plain(b"x", *fields))
        wire.ended()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        assert visitor.head() == b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Hopper: 2\r\n\r\n"


FORGED = (
    *(
        "X-Forwarded-For: 6.6.6.6",
        "x-forwarded-proto: https",
        "X-Forwarded-Host: evil",
        "Forwarded: for=6.6.6.6",
    ),
    *("X-Forwarded-Prefix: /evil", "X-Real-IP: 6.6.6.6"),
    *("Remote-User: evil", "x-remote-user: evil", "X-Streamlit-User: evil", "X-Auth-Request-Email: evil"),
    *("X-Auth-Request-User: evil", "X-Forwarded-User: evil", "X-Forwarded-Email: evil"),
    *("X-Forwarded-Groups: evil", "X-Forwarded-Preferred-Username: evil"),
)


def test_forged_forwarding_is_dropped(gateway: StartGateway, backend: StartBackend) -> None:
    """Nobody but a trusted proxy can say that somebody else, or from elsewhere, sent the request."""
    app = backend(echo)
    door = gateway({"x": up(app.port)}, GatewayOptions(trusted_proxies=("10.0.0.0/8",)))
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/", *FORGED))
        head = visitor.answer().body.lower()
    assert b"6.6.6.6" not in head
    assert b"evil" not in head
    assert head.count(b"x-forwarded-for: 127.0.0.1\r\n") == 1


def test_a_trusted_proxy_is_appended_to(gateway: StartGateway, backend: StartBackend) -> None:
    """Behind a trusted proxy the app sees the visitor's address, scheme and host, and the proxy's.

    Whatever says who somebody is the proxy may have passed on from anybody.
    """
    app = backend(echo)
    door = gateway({"x": up(app.port)}, GatewayOptions(trusted_proxies=("127.0.0.0/8",)))
    with visit(door.port) as visitor:
        real = ("Forwarded: for=10.1.1.1", "X-Real-IP: 10.1.1.1")
        where = ("X-Forwarded-For: 10.1.1.1", "X-Forwarded-For: 10.2.2.2", *FORGED[1:3])
        visitor.send(get("/apps/x/", *real, *where, *FORGED[4:5], *FORGED[6:], "X_Real_IP: evil"))
        head = visitor.answer().body
    assert b"X-Forwarded-For: 10.1.1.1, 10.2.2.2, 127.0.0.1\r\n" in head
    assert b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n" in head
    assert b"Forwarded: for=10.1.1.1\r\nX-Real-IP: 10.1.1.1\r\n" in head
    assert head.count(b"evil") == 1


@pytest.mark.parametrize("path", ["/apps/x/a?b", "/tools/st/apps/x/a?b"])
def test_the_app_is_always_sent_the_public_path(
    gateway: StartGateway, backend: StartBackend, path: str
) -> None:
    """Whether or not an outer proxy took the prefix off, the app sees its own base path."""
    app = backend(echo)
    door = gateway({"x": up(app.port)}, GatewayOptions(prefix="/tools/st", public_scheme="https"))
    with visit(door.port) as visitor:
        visitor.send(get(path))
        head = visitor.answer().body
        assert head.startswith(b"GET /tools/st/apps/x/a?b HTTP/1.1\r\n")
        assert b"X-Forwarded-Proto: https\r\n" in head
        visitor.send(get(path.replace("apps/x", "api/echo")))
        assert json.loads(visitor.answer().body)["path"] == "/api/echo/a"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/", "/tools/st/console/"),
        ("/tools/st", "/tools/st/console/"),
        ("/tools/st/?a=b", "/tools/st/console/?a=b"),
        ("/console?a=b", "/tools/st/console/?a=b"),
        ("/apps/x?embed=true&p=%2F", "/tools/st/apps/x/?embed=true&p=%2F"),
        ("/tools/st/apps/x", "/tools/st/apps/x/"),
    ],
)
def test_a_missing_slash_is_added(gateway: StartGateway, path: str, location: str) -> None:
    """Home leads to the console, and a base without its slash to the base; the query stays."""
    door = gateway({"x": Route(Status.STOPPED, None, "X")}, GatewayOptions(prefix="/tools/st"))
    with visit(door.port) as visitor:
        visitor.send(get(path))
        answer = visitor.answer()
    assert (answer.status, answer.one("location")) == (307, location.encode())


def test_locations_lose_the_inner_address(gateway: StartGateway, backend: StartBackend) -> None:
    """A redirect that names the app's inner port becomes a path; any other stays as it is."""
    locations: list[bytes] = []

    def script(wire: Wire) -> None:
        while True:
            wire.head()
            wire.send(b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % locations[0])

    app = backend(script)
    door = gateway({"x": up(app.port)})
    inner = b"http://127.0.0.1:%d" % app.port
    public = b"http://visitor.example:8080/apps/x/"
    pairs = [(inner + b"/apps/x/?a", b"/apps/x/?a"), (public, public), (b"b", b"b"), (inner + b"//e", b"/e")]
    other = b"http://127.0.0.1:1/x"
    with visit(door.port) as visitor:
        for sent, seen in [*pairs, (other, other), (inner + b"0/", inner + b"0/")]:
            locations[:] = [sent]
            visitor.send(get("/apps/x/"))
            assert visitor.answer().one("location") == seen


def test_head_has_no_body(gateway: StartGateway, backend: StartBackend) -> None:
    """A HEAD's answer keeps its length, has no body, and leaves both connections usable."""

    def script(wire: Wire) -> None:
        while True:
            body = b"" if wire.head().startswith(b"HEAD") else b"12345"
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        for _ in range(2):
            visitor.send(get("/apps/x/", method="HEAD"))
            answer = visitor.answer("HEAD")
            assert (answer.one("content-length"), answer.body) == (b"5", b"")
            visitor.send(get("/apps/x/"))
            assert visitor.answer().body == b"12345"
    assert app.connections == 1


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answers_without_a_body_end_at_once(
    gateway: StartGateway, backend: StartBackend, status: bytes
) -> None:
    """204 and 304 have no body even when a length is named."""

    def script(wire: Wire) -> None:
        while True:
            wire.head()
            length = b"Content-Length: 7\r\n" if status.startswith(b"304") else b""
            wire.send(b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n")

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        for _ in range(3):
            visitor.send(get("/apps/x/"))
            assert visitor.answer().status == int(status[:3])
    assert app.connections == 1


def test_expect_continue_is_the_apps_to_answer(gateway: StartGateway, backend: StartBackend) -> None:
    """The app's 100 reaches the visitor before the body is sent, and the body then reaches the app."""

    def script(wire: Wire) -> None:
        assert b"Expect: 100-continue\r\n" in wire.head()
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.send(plain(wire.exactly(4)))
        wire.ended()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(
            b"POST /apps/x/ HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        )
        assert visitor.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        visitor.send(b"body")
        assert visitor.answer("POST").body == b"body"


def test_an_early_refusal_reaches_the_visitor(gateway: StartGateway, backend: StartBackend) -> None:
    """A 413 that comes before the upload's end is read by a visitor who is still sending."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        wire.rest()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(
            b"POST /apps/x/ HTTP/1.1\r\n" + HOST + b"Content-Length: 90000000\r\n\r\n" + b"x" * 100_000
        )
        answer = visitor.answer("POST")
        assert (answer.status, answer.body, answer.one("connection")) == (413, b"big", b"close")
        visitor.send(b"x" * 1_000_000)  # nobody reads it, and nobody resets the connection


def test_chunked_uploads_are_chunked_anew(gateway: StartGateway, backend: StartBackend) -> None:
    """Extensions and trailers of a chunked request stay behind; a trailer never becomes a header."""
    seen: list[bytes] = []

    def script(wire: Wire) -> None:
        while True:
            seen.append(wire.head())
            seen.append(wire.until(b"0\r\n\r\n"))
            wire.send(plain(b"ok"))

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        for _ in range(2):
            visitor.send(
                b"POST /apps/x/ HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
                b"5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
            )
            assert visitor.answer("POST").body == b"ok"
    assert seen[1] == seen[3] == b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
    assert b"Transfer-Encoding: chunked\r\n" in seen[2]
    assert b"X-T" not in seen[0] + seen[2]
    assert b"6.6.6.6" not in seen[0] + seen[2]


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
    b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX-T: 1\r\n\r\n"
)


def test_chunked_answers_pass_raw(gateway: StartGateway, backend: StartBackend) -> None:
    """Chunks, their extensions and the trailers of an answer pass byte for byte, however they are cut."""

    def script(wire: Wire) -> None:
        while True:
            wire.head()
            for byte in CHUNKED:
                wire.send(bytes([byte]))

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        for _ in range(2):
            visitor.send(get("/apps/x/"))
            assert visitor.until(b"X-T: 1\r\n\r\n") == CHUNKED
    assert app.connections == 1


def test_http_1_0_visitors_get_no_chunks(gateway: StartGateway, backend: StartBackend) -> None:
    """An HTTP/1.0 visitor gets the body without chunks and without a 1xx, ended by the connection's end."""

    def script(wire: Wire) -> None:
        head = wire.head()
        assert head.startswith(b"GET /apps/x/ HTTP/1.1\r\n")
        assert b"\r\nHost: 127.0.0.1:" in head
        wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + CHUNKED)
        wire.ended()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(b"GET /apps/x/ HTTP/1.0\r\n\r\n")
        assert visitor.rest() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello!"


def test_interim_answers_pass(gateway: StartGateway, backend: StartBackend) -> None:
    """Every 1xx reaches an HTTP/1.1 visitor before the answer."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + plain(b"x")
        )
        wire.ended()

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        answer = visitor.answer()
    assert (answer.interim, answer.body) == ([103, 102], b"x")


def test_a_body_until_eof_ends_with_the_connection(gateway: StartGateway, backend: StartBackend) -> None:
    """An answer without a length is complete when the app closes, and says so to the visitor."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(b"HTTP/1.0 200 OK\r\nX: y\r\n\r\n" + b"x" * 100_000)

    app = backend(script)
    door = gateway({"x": up(app.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        answer = visitor.answer()
        assert (answer.body, answer.one("connection")) == (b"x" * 100_000, b"close")
        assert visitor.ended()


def test_our_own_routes_are_plain_uvicorn(gateway: StartGateway) -> None:
    """Bodies, HEAD, Expect and keep-alive of our own routes are uvicorn's business."""
    door = gateway()
    with visit(door.port) as visitor:
        visitor.send(
            b"POST /api/echo/p?q HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
            b"3\r\nabc\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
        )
        said = json.loads(visitor.answer("POST").body)
        assert (said["path"], said["query"], said["body"]) == ("/api/echo/p", "q", "abc")
        assert ["x-a", "b"] in said["headers"]
        assert "6.6.6.6" not in str(said)
        visitor.send(get("/api/echo/h", method="HEAD"))
        assert visitor.answer("HEAD").status == 200
        visitor.send(
            b"POST /api/echo/e HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert visitor.head().startswith(b"HTTP/1.1 100")
        visitor.send(b"hi")
        assert json.loads(visitor.answer("POST").body)["body"] == "hi"


def test_the_routing_table_may_change_under_a_connection(
    gateway: StartGateway, backend: StartBackend
) -> None:
    """The table is asked for each request: a new port serves the next one."""
    old, new = backend(named(b"old")), backend(named(b"new"))
    door = gateway({"x": up(old.port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/"))
        assert visitor.answer().body == b"old"
        door.table = type(door.table)(door.table.console, {"x": up(new.port)})
        visitor.send(get("/apps/x/"))
        assert visitor.answer().body == b"new"
