"""Which process a request of an app with several releases goes to."""

from __future__ import annotations

import gzip
import threading
import zlib
from types import MappingProxyType

import pytest
from websockets.sync.client import connect
from websockets.sync.server import serve

from hostd.gateway import GatewayOptions
from hostd.gateway.affinity import Sessions, session_in
from hostd.gateway.page import MAX_PAGE
from hostd.gateway.paths import Kind, locate
from hostd.gateway.refusal import Refused
from hostd.models import Route, RoutingTable, Status

from .conftest import CONSOLE_DOWN, Running, StartBackend, StartGateway
from .wire import SWITCH, UPGRADE, Answer, Backend, Script, Wire, closed_port, get, plain, visit, wait_until

SESSION = "7f0c1a52-9d3e-4c55-8a11-0123456789ab"
NEW_SESSION = b"\x22\x40\x0a\x3e\x0a\x10installation2$" + SESSION.encode() + b"rest"
HTML = "Accept: text/html,application/xhtml+xml"
PAGE = (
    b'<!doctype html><html><head lang="en"><title>x</title></head><body><div id="root"></div></body></html>'
)


def deployed(active: Backend | int, *draining: Backend | int, number: int = 9) -> Route:
    """A route whose active release is ``number``; the older ones count down from it."""
    ports = [release if isinstance(release, int) else release.port for release in (active, *draining)]
    older = {number - distance: port for distance, port in enumerate(ports) if distance}
    return Route(Status.RUNNING, ports[0], "Demo", number, MappingProxyType(older))


def says(name: bytes, missing: bytes = b"/nothing", heads: list[bytes] | None = None) -> Script:
    """An app that answers with its name, 404 below ``missing``, and WebSockets with its name."""

    def script(wire: Wire) -> None:
        while head := wire.head():
            if heads is not None:
                heads.append(head)
            if b"Upgrade:" in head:
                wire.send(SWITCH + name)
                assert wire.ended()
                return
            if b"POST" in head:
                wire.more()  # and no answer
                assert wire.ended()
            elif missing in head.split(b" ")[1]:
                wire.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")
            else:
                wire.send(plain(name))

    return script


def ask(door: Running, path: str, *fields: str, method: str = "GET") -> Answer:
    """One request on a connection of its own."""
    with visit(door.port) as visitor:
        visitor.send(get(path, *fields, method=method))
        return visitor.answer(method)


@pytest.mark.parametrize(
    ("path", "release", "rest"),
    [
        (b"/apps/x/~r3/", 3, b""),
        (b"/apps/x/~r12/media/a.png", 12, b"media/a.png"),
        (b"/apps/x/~r3/~r4/a", 3, b"~r4/a"),
        (b"/apps/x/~r3", None, b"~r3"),
        (b"/apps/x/~r03/a", None, b"~r03/a"),
        (b"/apps/x/~r/a", None, b"~r/a"),
        (b"/apps/x/~rx/a", None, b"~rx/a"),
        (b"/apps/x/a/~r3/b", None, b"a/~r3/b"),
        (b"/apps/x/~r1234567890/a", None, b"~r1234567890/a"),
    ],
)
def test_a_mark_names_a_release(path: bytes, release: int | None, rest: bytes) -> None:
    """Only digits between '~r' and a slash, right behind the id, are a mark; what remains has none."""
    for whole, prefix in ((path, b""), (b"/tools" + path, b"/tools")):
        place = locate(whole, prefix)
        assert (place.kind, place.app_id, place.release, place.rest) == (Kind.APP, "x", release, rest)
        assert place.local == b"/apps/x/" + rest


@pytest.mark.parametrize(
    "path", [b"/apps/x/%7er3/a", b"/apps/x/~r3%2fa", b"/apps/x/~%72%33/a", b"/apps/x/~r3/../a"]
)
def test_a_mark_is_not_encoded(path: bytes) -> None:
    """Two readings of a mark are refused."""
    with pytest.raises(Refused):
        locate(path, b"")


def test_operators_endpoints_stay_hidden_behind_a_mark() -> None:
    """A mark opens nothing."""
    assert locate(b"/apps/x/~r3/_stcore/metrics", b"").hidden
    assert locate(b"/apps/x/~r3//_stcore/m%65trics", b"").hidden


def test_marks_lead_to_their_release(gateway: StartGateway, backend: StartBackend) -> None:
    """Each mark to its process, an ended release's and none at all to the active one; no app sees a mark."""
    heads: list[bytes] = []
    nine, eight, seven = (backend(says(name, heads=heads)) for name in (b"nine", b"eight", b"seven"))
    door = gateway({"x": deployed(nine, eight, seven)}, GatewayOptions(prefix="/p"))
    expected = {"": b"nine", "~r9/": b"nine", "~r8/": b"eight", "~r7/": b"seven", "~r6/": b"nine"}
    for mark, name in expected.items():
        assert ask(door, f"/p/apps/x/{mark}a%20b?c=~r8/").body == name
    assert {head.split(b"\r\n")[0] for head in heads} == {b"GET /p/apps/x/a%20b?c=~r8/ HTTP/1.1"}


def test_the_last_session_of_a_stopped_app_goes_on(gateway: StartGateway, backend: StartBackend) -> None:
    """With no active process an older one still answers those who belong to it, and nobody else."""
    eight = backend(says(b"eight"))
    route = Route(Status.FAILED, None, "Demo", 9, MappingProxyType({8: eight.port}))
    door = gateway({"x": route})
    assert ask(door, "/apps/x/~r8/a").body == b"eight"
    assert ask(door, "/apps/x/a").status == 503


def test_sessions_go_back_to_their_process(gateway: StartGateway, backend: StartBackend) -> None:
    """Uploads and reconnects that show a session's id find the process that it began in, marks or none."""
    nine, eight = backend(says(b"nine")), backend(says(NEW_SESSION))
    door = gateway({"x": deployed(eight, number=8)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/_stcore/stream", *UPGRADE))
        visitor.until(b"rest")
        door = gateway({"x": deployed(nine, eight)})
        upload = f"/apps/x/_stcore/upload_file/{SESSION}/1"
        for path in (upload, upload.replace("x/", "x/~r9/"), upload.replace("x/", "x/~r5/")):
            assert ask(door, path, method="DELETE").body == NEW_SESSION
        assert ask(door, upload.replace("7", "8"), method="DELETE").body == b"nine"
    with visit(door.port) as visitor:
        again = f"Sec-WebSocket-Protocol: streamlit, token, {SESSION}"
        visitor.send(get("/apps/x/_stcore/stream", *UPGRADE, again))
        visitor.until(NEW_SESSION)
    door = gateway({"x": deployed(nine)})
    assert ask(door, upload, method="DELETE").body == b"nine"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["media/nothing.png", "component/c/nothing", "app/static/nothing"])
def test_files_are_looked_for_in_older_releases(
    gateway: StartGateway, backend: StartBackend, path: str, method: str
) -> None:
    """What the active release has not got is asked of the draining ones, newest first."""
    nine, eight = backend(says(b"nine")), backend(says(b"eight"))
    seven = backend(says(b"seven", missing=b"/else"))
    door = gateway({"x": deployed(nine, eight, seven)})
    answer = ask(door, f"/apps/x/{path}", method=method)
    assert (answer.status, answer.one("content-length")) == (200, b"5")
    assert [app.connections for app in (nine, eight, seven)] == [1, 1, 1]
    assert ask(door, f"/apps/x/~r8/{path}", method=method).status == 404  # the tab's own release decides
    assert ask(door, f"/apps/x/other/{path}", method=method).status == 404
    assert seven.connections == 1


def test_a_404_of_all_is_passed_on(gateway: StartGateway, backend: StartBackend) -> None:
    """Also past a release that has ended; the connection serves on, and none is left busy."""
    nine, eight = backend(says(b"nine")), backend(says(b"eight"))
    door = gateway({"x": deployed(nine, closed_port(), eight)})
    with visit(door.port) as visitor:
        for _ in range(2):
            visitor.send(get("/apps/x/media/nothing"))
            answer = visitor.answer()
            assert (answer.status, answer.body) == (404, b"none")
    shared = door.protocol.gateway
    wait_until(lambda: shared.busy(nine.port) == shared.busy(eight.port) == 0, "nothing busy")


def test_a_page_in_a_scripts_place_is_none(gateway: StartGateway, backend: StartBackend) -> None:
    """From 1.36 on Streamlit answers unknown files with its page: an older release's chunks are found."""
    page = plain(PAGE, b"Content-Type: text/html")

    def newer(wire: Wire) -> None:
        while wire.head():
            wire.send(page)

    door = gateway({"x": deployed(backend(newer), backend(says(b"eight")))})
    assert ask(door, "/apps/x/static/js/old.js").body == b"eight"
    assert ask(door, "/apps/x/somewhere").body == PAGE


@pytest.mark.parametrize("request_", [get("/apps/x/~r8/s", *UPGRADE), get("/apps/x/~r8/_stcore/health")])
def test_a_release_that_has_just_ended(gateway: StartGateway, backend: StartBackend, request_: bytes) -> None:
    """Its tabs reach the active one before the routes know."""
    door = gateway({"x": deployed(backend(says(b"nine")), closed_port())})
    with visit(door.port) as visitor:
        visitor.send(request_)
        visitor.until(b"nine")


def test_what_a_process_is_busy_with(gateway: StartGateway, backend: StartBackend) -> None:
    """WebSockets and requests under way count, resting connections don't."""
    nine = backend(says(b"nine"))
    door = gateway({"x": deployed(nine)}, fresh=True)
    shared = door.protocol.gateway
    ask(door, "/apps/x/a")
    assert (shared.busy(nine.port), shared.tunnels(nine.port)) == (0, 0)
    with visit(door.port) as visitor, visit(door.port) as other:
        visitor.send(get("/apps/x/s", *UPGRADE))
        visitor.until(b"nine")
        other.send(get("/apps/x/a", "Content-Length: 5", method="POST"))
        wait_until(lambda: (shared.busy(nine.port), shared.tunnels(nine.port)) == (2, 1), "both counted")
    wait_until(lambda: shared.busy(nine.port) == shared.tunnels(nine.port) == 0, "none left")


def test_sessions_are_heard_through_compression(gateway: StartGateway) -> None:
    """An app may compress its messages; the id is found, and the messages arrive."""
    with serve(lambda connection: connection.send(NEW_SESSION * 20), "127.0.0.1", 0) as app:
        door = gateway({"x": deployed(app.socket.getsockname()[1])}, fresh=True)
        thread = threading.Thread(target=app.serve_forever)
        thread.start()
        with connect(f"ws://127.0.0.1:{door.port}/apps/x/_stcore/stream") as visitor:
            assert visitor.protocol.extensions
            assert visitor.recv() == NEW_SESSION * 20
        app.shutdown()
        thread.join(10)
        assert len(door.protocol.gateway.sessions) == 1


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_half_a_message_tells_nothing_yet(cut: int) -> None:
    """Whole or not, plain or compressed, the bytes that are there are read without an error."""
    frame = bytes([0x82, len(NEW_SESSION)]) + NEW_SESSION
    assert session_in(frame) == SESSION.encode()
    assert session_in(frame[:cut]) is None
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(NEW_SESSION) + packer.flush(zlib.Z_SYNC_FLUSH)
    for head in (bytes([0xC2, len(packed)]), b"\xc2\x7e\x00" + bytes([len(packed)])):
        assert session_in(head + packed) == SESSION.encode()
        assert session_in((head + packed)[:cut]) is None
    assert session_in(b"\xc2\x7fnot deflated at all, and never will be") is None


def test_sessions_are_forgotten() -> None:
    """With their release, with their app, and when there are too many."""
    sessions = Sessions()
    both = RoutingTable(CONSOLE_DOWN, {"x": deployed(9, 8), "y": deployed(7)})
    for app, port, session in (("x", 9, b"a"), ("x", 8, b"b"), ("y", 7, b"c"), ("x", 5, b"never")):
        sessions.learn(both, app, port, session)
    assert [sessions.port_of("x", name) for name in (b"a", b"b", b"c", b"never")] == [9, 8, None, None]
    sessions.learn(RoutingTable(CONSOLE_DOWN, {"x": deployed(9)}), "x", 9, b"d")
    assert len(sessions) == 2
    for number in range(20_000):
        sessions.learn(both, "x", 9, str(number).encode())
    assert len(sessions) == 10_000


# Pages


def page_backend(backend: StartBackend, heads: list[bytes], *fields: bytes, body: bytes = PAGE) -> Backend:
    """An app that answers everything with a page."""

    def script(wire: Wire) -> None:
        while head := wire.head():
            heads.append(head.lower())
            answer = plain(body, *(fields or (b"Content-Type: text/html; charset=utf-8", b'ETag: "1"')))
            wire.send(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if head[:4] == b"HEAD" else answer)

    return backend(script)


def test_a_page_is_told_its_release(gateway: StartGateway, backend: StartBackend) -> None:
    """A script right behind the head's tag; nobody keeps the page; the app is asked for all of it."""
    heads: list[bytes] = []
    door = gateway({"x": deployed(page_backend(backend, heads))}, GatewayOptions(prefix="/p"))
    known = ('If-None-Match: "1"', "If-Modified-Since: x", "Accept-Encoding: gzip, br", "Range: bytes=0-1")
    for path in ("/p/apps/x/", "/p/apps/x/deep/link", "/p/apps/x/~r3/"):
        answer = ask(door, path, HTML, *known)
        before, script, after = answer.body.partition(b"<script")
        assert before == b'<!doctype html><html><head lang="en">'
        assert after.endswith(PAGE.removeprefix(before))
        assert b'("/p/apps/x/", "~r9/", "", "9.0.0", false, false)' in script + after
        assert int(answer.one("content-length")) == len(answer.body)
        assert (answer.one("cache-control"), answer.all("etag")) == (b"no-store", [])
    assert all(b"accept-encoding: identity" in head for head in heads)
    assert not any(name in head for head in heads for name in (b"if-", b"range", b"gzip", b"~r"))
    answer = ask(door, "/p/apps/x/", HTML, method="HEAD")
    assert (answer.one("cache-control"), answer.all("content-length")) == (b"no-store", [])


def test_new_pages_come_from_the_active_release(gateway: StartGateway, backend: StartBackend) -> None:
    """Also when their address carries an older one's mark."""
    heads: list[bytes] = []
    door = gateway({"x": deployed(page_backend(backend, heads), backend(says(b"eight")))})
    assert b'"~r9/"' in ask(door, "/apps/x/~r8/page", HTML).body


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ((b"Content-Type: application/json",), PAGE),
        ((b"Content-Type: text/html",), b"<html><head></head>not Streamlit's</html>"),
        ((b"Content-Type: text/html",), b'<div id="root"></div>'),
        ((b"Content-Type: text/html",), b"<head>" + PAGE.ljust(MAX_PAGE)),
        ((b"Content-Type: text/html", b"Content-Encoding: gzip"), gzip.compress(PAGE)),
    ],
)
def test_what_is_no_page_is_not_touched(
    gateway: StartGateway, backend: StartBackend, fields: tuple[bytes, ...], body: bytes
) -> None:
    """Other types, other pages, big ones, compressed ones: byte for byte, with what says how to keep them."""
    app = page_backend(backend, [], *fields, b'ETag: "1"', b"Cache-Control: public", body=body)
    answer = ask(gateway({"x": deployed(app)}), "/apps/x/", HTML)
    assert answer.body == body
    assert (answer.one("etag"), answer.one("cache-control")) == (b'"1"', b"public")


@pytest.mark.parametrize(
    ("path", "fields"),
    [("", ()), ("media/a.html", (HTML,)), ("component/a/index.html", (HTML,)), ("static/a", (HTML,))],
)
def test_what_no_browser_opens_is_not_touched(
    gateway: StartGateway, backend: StartBackend, path: str, fields: tuple[str, ...]
) -> None:
    """Programs and the files of a page get the app's bytes, and what they know is told to the app."""
    heads: list[bytes] = []
    door = gateway({"x": deployed(page_backend(backend, heads))})
    answer = ask(door, f"/apps/x/{path}", *fields, 'If-None-Match: "1"', "Accept-Encoding: gzip")
    assert (answer.body, answer.one("etag")) == (PAGE, b'"1"')
    assert b'if-none-match: "1"' in heads[0]
    assert b"accept-encoding: gzip" in heads[0]


def test_a_page_that_is_cut_is_not_whole(gateway: StartGateway, backend: StartBackend) -> None:
    """An app that dies in the middle of its page: nothing of it was sent, so the visitor is told."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(plain(PAGE, b"Content-Type: text/html")[:-5])

    door = gateway({"x": deployed(backend(script))})
    with visit(door.port) as visitor:
        for _ in range(2):
            visitor.send(get("/apps/x/", HTML))
            answer = visitor.answer()
            assert (answer.status, b'id="root"' in answer.body) == (502, False)
