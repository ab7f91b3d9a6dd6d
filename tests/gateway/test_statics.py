"""Streamlit's files from the platform's copy, and compressed from an app where there is none."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import brotli
import h11
import pytest

from hostd import static_files
from hostd.gateway import GatewayOptions
from hostd.gateway.statics import accepted
from hostd.models import Route, RoutingTable, Status
from hostd.static_files import StaticCopies

from .conftest import CONSOLE_DOWN, Loop, Running, StartBackend, StartGateway, running, up
from .static_wheel import FILES, LARGE, SCRIPT, copied, lay_down
from .test_backpressure import FLAT, LOOPS, drain, held, stands_still
from .wire import Answer, Script, Wire, get, plain, visit, wait_until

PREFIX = "/tools/st"
JS, BIG, HUGE = "static/js/index.DormvYxC.js", "static/js/big.Bk-DBRSw.js", "static/media/huge.Czj7AKwE.png"
NOISE = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(500_000))
"""16 MB: more than the kernel's buffers of two sockets take."""
HTML = "Accept: text/html"
PAGE = (
    b'<html><head><link rel="icon" href="./favicon.png"><script src="./static/js/index.DormvYxC.js"></script>'
    b'<link rel="stylesheet" href="./static/css/index.C1JORDN2.css"><script>x</script>%b</head><body>'
    b'<div id="root" title="./static/js/index.DormvYxC.js"></div></body></html>'
)


@dataclass(frozen=True)
class Shared:
    """A gateway with a copy; ``base`` is the copy's address."""

    door: Running
    key: str
    base: str
    folder: Path

    def ask(self, path: str, *headers: str, method: str = "GET") -> Answer:
        """One answer, on a connection of its own."""
        with visit(self.door.port) as visitor:
            visitor.send(get(path, *headers, method=method))
            return visitor.answer(method)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """One for all tests here."""
    root = tmp_path_factory.mktemp("static")
    key, copies = copied(lay_down(root / "venv", {**FILES, HUGE: NOISE}), root / "copies")
    with running(options=GatewayOptions(prefix=PREFIX), copies=copies) as door:
        yield Shared(door, key, f"{PREFIX}/apps/~static/{key}/", root / "copies")


def route(shared: Shared, script: Script, backend: StartBackend, key: str | None = None) -> None:
    """Have the app ``x`` behind the gateway, its release's Streamlit being the copy's."""
    static = shared.key if key is None else key
    found = Route(Status.RUNNING, backend(script).port, "x", 9, MappingProxyType({}), "9.9.9", static)
    shared.door.table = RoutingTable(CONSOLE_DOWN, MappingProxyType({"x": found}))


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        *(("gzip, deflate, br, zstd", b"br"), ("gzip", b"gzip"), ("GZIP;q=0.5, br; q=0", b"gzip")),
        *(("br;q=0.000, identity", b""), ("deflate", b""), ("", b""), ("*", b"")),
    ],
)
def test_each_visitor_gets_the_best_coding_they_take(shared: Shared, accept: str, coding: bytes) -> None:
    """Brotli before gzip before none, each with a tag of its own; caches are told what it depends on."""
    for name in (JS, BIG, JS):  # the second time from memory
        answer = shared.ask(shared.base + name, f"Accept-Encoding: {accept}")
        open_it = {b"br": brotli.decompress, b"gzip": gzip.decompress, b"": bytes}[coding]
        assert (answer.status, open_it(answer.body)) == (200, FILES[name])
        assert answer.all("content-encoding") == ([coding] if coding else [])
        assert answer.one("content-type") == b"text/javascript; charset=utf-8"
        assert answer.one("cache-control") == b"public, max-age=31536000, immutable"
        assert answer.one("vary") == b"Accept-Encoding"
        assert answer.one("x-content-type-options") == b"nosniff"
        assert int(answer.one("content-length")) == len(answer.body)
        assert answer.one("etag").strip(b'"').endswith(coding)
    assert accepted(accept.encode())[:1] == ([coding.decode()] if coding else [])


def test_pictures_are_not_compressed(shared: Shared) -> None:
    """What does not get smaller goes as it is, whoever asks."""
    answer = shared.ask(f"{shared.base}static/media/picture.BsWL4Kly.png", "Accept-Encoding: br, gzip")
    assert answer.body == FILES["static/media/picture.BsWL4Kly.png"]
    assert (answer.one("content-type"), answer.all("content-encoding")) == (b"image/png", [])


def test_conditions_and_heads(shared: Shared) -> None:
    """304 to whoever has that very coding; HEAD tells the length; both leave the connection in step."""
    with visit(shared.door.port) as visitor:
        visitor.send(get(shared.base + JS, "Accept-Encoding: br"))
        whole = visitor.answer()
        tag = whole.one("etag").decode()
        for condition in (tag, f'"x", W/{tag}', "*"):
            visitor.send(get(shared.base + JS, "Accept-Encoding: br", f"If-None-Match: {condition}"))
            answer = visitor.answer()
            assert (answer.status, answer.body, answer.all("content-length")) == (304, b"", [])
            assert (answer.one("etag"), answer.one("vary")) == (tag.encode(), b"Accept-Encoding")
        visitor.send(get(shared.base + JS, "Accept-Encoding: gzip", f"If-None-Match: {tag}"))
        assert gzip.decompress(visitor.answer().body) == SCRIPT
        for name in (JS, BIG):
            visitor.send(get(shared.base + name, "Accept-Encoding: br", method="HEAD"))
            answer = visitor.answer("HEAD")
            assert (answer.status, answer.body) == (200, b"")
        visitor.send(get(shared.base + JS))
        assert visitor.answer().body == SCRIPT


def test_pipelined_files_come_in_order(shared: Shared) -> None:
    """Small and large ones, from memory or not, each whole and in its place."""
    names = [JS, BIG, JS, "static/nothing.js", BIG, "static/css/index.C1JORDN2.css"] * 5
    with visit(shared.door.port) as visitor:
        visitor.send(b"".join(get(shared.base + name) for name in names))
        for name in names:
            assert visitor.answer().body == FILES.get(name) or name == "static/nothing.js"


def test_a_prefix_may_have_been_taken_off(shared: Shared) -> None:
    """An outer proxy that strips the public prefix changes nothing."""
    assert shared.ask(shared.base.removeprefix(PREFIX) + JS).body == SCRIPT


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("static/js/none.js", 404), ("", 404), ("static/js/", 404), ("index.html", 404)),
        *(("static/js/..%2f..%2fsecret", 400), ("../../secret", 400), ("static/../static/js/x.js", 400)),
        *(("static%2fjs%2findex.DormvYxC.js", 404), ("static/js/%00", 400), ("static\\js", 400)),
        (f"{JS}/", 404),
    ],
)
def test_only_what_is_in_the_copy_can_be_named(shared: Shared, path: str, status: int) -> None:
    """Everything else is not there, or no path."""
    assert shared.ask(shared.base + path).status == status


def test_strange_addresses(shared: Shared) -> None:
    """Keys that there are not; a base without more; an id that only looks like it; other methods."""
    for path in ("/apps/~static", "/apps/~static/", "/apps/~static/x/y", "/apps/~static/../x/y"):
        assert shared.ask(path).status in (400, 404)
    assert shared.ask(f"/apps/%7Estatic/{shared.key}/{JS}").status == 400
    assert shared.ask(f"/apps/~statics/{shared.key}/{JS}").status == 404
    answer = shared.ask(shared.base + JS, "Content-Length: 0", method="POST")
    assert (answer.status, answer.one("allow")) == (405, b"GET, HEAD")


def test_a_slow_reader_is_sent_slowly(shared: Shared) -> None:
    """A large file is read as the visitor takes it; the others go on; it comes whole in the end."""
    with visit(shared.door.port, receive_buffer=262_144) as slow:
        slow.send(get(shared.base + HUGE))
        assert stands_still(lambda: held(shared.door)) <= FLAT
        assert shared.ask(shared.base + JS).body == SCRIPT
        assert slow.answer().body == NOISE
    with visit(shared.door.port, receive_buffer=262_144) as leaver:
        leaver.send(get(shared.base + HUGE))
        leaver.head()
        leaver.reset()
    assert shared.ask(shared.base + JS).body == SCRIPT


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(("path", "many"), [(JS, 1500), ("static/nothing.js", 30_000)])
def test_answers_at_once_wait_for_their_reader_too(shared: Shared, loop: Loop, path: str, many: int) -> None:
    """Pipelined in one piece, or each in a segment of its own: nobody reads, and little is held."""
    copies, apart = StaticCopies(shared.folder), 300
    with running(copies=copies, loop=loop) as door, visit(door.port, receive_buffer=16_384) as visitor:
        request = get(f"/apps/~static/{shared.key}/{path}")
        visitor.send(request)
        head = visitor.head()
        size = len(head) + len(visitor.exactly(int(head.lower().split(b"content-length: ")[1].split()[0])))
        visitor.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(apart):
            visitor.send(request)
        visitor.sock.settimeout(60)
        pump = threading.Thread(target=visitor.sock.sendall, args=(request * many,))
        pump.start()
        wait_until(lambda: held(door) > 0, "no more fits into the sockets")
        assert 0 < stands_still(lambda: held(door)) < FLAT
        drain(visitor, (apart + many) * size)
        pump.join(60)
        visitor.send(b"nonsense\r\n\r\n")
        assert visitor.answer().status == 400


def gone(path: Path) -> bool:
    """Whether there is no such file."""
    return not path.exists()


def test_a_damaged_pack_is_not_sent_as_whole(tmp_path: Path) -> None:
    """Bytes that are not those that were written end the connection; the next install makes the pack anew."""
    files = {**FILES, HUGE: NOISE[:1_000_000]}
    packages, copies = lay_down(tmp_path / "venv", files), StaticCopies(tmp_path)
    with running(copies=copies) as door:
        for name in (JS, HUGE):
            key, _ = copied(packages, tmp_path)
            path = static_files.pack(tmp_path, key)
            path.write_bytes(path.read_bytes().replace(files[name][:50], b"x" * 50))
            with visit(door.port) as visitor, pytest.raises((EOFError, OSError, h11.RemoteProtocolError)):
                visitor.send(get(f"/apps/~static/{key}/{name}"))
                visitor.answer()
            wait_until(partial(gone, path), "the pack removed")
            with visit(door.port) as visitor:
                visitor.send(get(f"/apps/~static/{key}/{name}"))
                assert visitor.answer().status == 404
            copied(packages, tmp_path)
            with visit(door.port) as visitor:
                visitor.send(get(f"/apps/~static/{key}/{name}"))
                assert visitor.answer().body == files[name]


# The page


def page(body: bytes) -> Script:
    """An app that answers everything with this page."""

    def script(wire: Wire) -> None:
        while wire.head():
            wire.send(plain(body, b"Content-Type: text/html"))

    return script


def test_a_page_names_the_copys_files(shared: Shared, backend: StartBackend) -> None:
    """Every reference, wherever the page is; texts and the app's own files stay."""
    own = b'<script src="./app/static/a.js"></script><img src="./media/b.png">'
    route(shared, page(PAGE % own), backend)
    for path in ("", "deep", "deep/er/"):
        got = shared.ask(f"{PREFIX}/apps/x/{path}", HTML).body
        for name in (JS, "static/css/index.C1JORDN2.css"):
            assert f'="{shared.base}{name}"'.encode() in got
        assert b'title="./static/js/index.DormvYxC.js"' in got
        assert own in got and b'href="./favicon.png"' in got
        assert b', "%b", "' % shared.base.encode() in got  # the tab's script knows it as well


@pytest.mark.parametrize("key", ["", "9.9.9-0123456789abcdef", "../copies/x"])
def test_without_a_copy_a_page_is_as_it_was(shared: Shared, backend: StartBackend, key: str) -> None:
    """No key, or one whose copy is not there (any more)."""
    route(shared, page(PAGE % b""), backend, key)
    got = shared.ask(f"{PREFIX}/apps/x/", HTML).body
    assert b'"./static/js/index.DormvYxC.js"' in got and b"~static" not in got


def test_a_page_that_names_more_is_as_it_was(shared: Shared, backend: StartBackend) -> None:
    """An app that put a file of its own into Streamlit's folder: all or nothing."""
    route(shared, page(PAGE % b'<script src="./static/js/patched.js"></script>'), backend)
    got = shared.ask(f"{PREFIX}/apps/x/", HTML).body
    assert b'"./static/js/index.DormvYxC.js"' in got and b"~static" not in got


# Without a copy


def files(*fields: bytes, body: bytes = SCRIPT, status: bytes = b"200 OK") -> Script:
    """An app that answers everything with this."""

    def script(wire: Wire) -> None:
        while head := wire.head():
            first = b"304 Not Modified" if b"If-None-Match" in head else status
            length = b"" if first[:1] == b"3" else b"Content-Length: %d\r\n" % len(body)
            lines = b"".join(b"%b\r\n" % field for field in fields)
            wire.send(b"HTTP/1.1 %b\r\n%b%b\r\n%b" % (first, length, lines, body if length else b""))

    return script


TAKES = "Accept-Encoding: gzip, br"
AS_JS = b"Content-Type: text/javascript"


def test_an_apps_files_are_compressed(gateway: StartGateway, backend: StartBackend) -> None:
    """Where Streamlit left them as they are: weaker tag, a length nobody knows, everything else as it was."""
    fields = (AS_JS, b'ETag: "1"', b"Cache-Control: public", b"Accept-Ranges: bytes")
    door = gateway({"x": up(backend(files(*fields, body=LARGE)).port)})
    with visit(door.port) as visitor:
        for _ in range(2):
            visitor.send(get("/apps/x/static/js/a.js", TAKES))
            answer = visitor.answer()
            assert gzip.decompress(answer.body) == LARGE
            assert (answer.one("etag"), answer.one("vary")) == (b'W/"1"', b"Accept-Encoding")
            assert (answer.one("cache-control"), answer.one("content-encoding")) == (b"public", b"gzip")
            assert answer.all("accept-ranges") == answer.all("content-length") == []
        visitor.send(get("/apps/x/static/js/a.js", TAKES, 'If-None-Match: W/"1"'))
        assert visitor.answer().status == 304


def test_nothing_is_held_back(gateway: StartGateway, backend: StartBackend) -> None:
    """What an app has sent of a file can be read, though the rest does not come."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: 9999\r\n\r\n%b" % (AS_JS, SCRIPT[:2000]))
        assert wire.ended()

    door = gateway({"x": up(backend(script).port)})
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/static/js/a.js", TAKES))
        visitor.head()
        opened, got = zlib.decompressobj(31), b""
        while len(got) < 2000:
            size = int(visitor.until(b"\r\n"), 16)
            got += opened.decompress(visitor.exactly(size + 2)[:-2])
        assert got == SCRIPT[:2000]


@pytest.mark.parametrize(
    ("path", "fields", "asked"),
    [
        ("static/js/a.js", (AS_JS, b"Content-Encoding: br"), (TAKES,)),
        ("static/js/a.js", (AS_JS, b"Cache-Control: public, no-transform"), (TAKES,)),
        ("static/js/a.js", (AS_JS,), ()),
        ("static/js/a.js", (AS_JS,), ("Accept-Encoding: gzip;q=0",)),
        ("static/js/a.js", (AS_JS,), (TAKES, "Range: bytes=0-9")),
        ("static/media/a.woff2", (b"Content-Type: font/woff2",), (TAKES,)),
        ("app/static/a.js", (AS_JS,), (TAKES,)),
        ("media/a.js", (AS_JS,), (TAKES,)),
        ("component/x/static/a.js", (AS_JS,), (TAKES,)),
        ("_stcore/stream", (b"Content-Type: text/plain",), (TAKES,)),
    ],
)
def test_what_is_not_compressed(
    gateway: StartGateway, backend: StartBackend, path: str, fields: tuple[bytes, ...], asked: tuple[str, ...]
) -> None:
    """Compressed already, not to be, not for this visitor, in part, or the app's own: byte for byte."""
    door = gateway({"x": up(backend(files(*fields, b'ETag: "1"')).port)})
    with visit(door.port) as visitor:
        visitor.send(get(f"/apps/x/{path}", *asked))
        answer = visitor.answer()
        assert (answer.status, answer.body, answer.one("etag")) == (200, SCRIPT, b'"1"')
        assert int(answer.one("content-length")) == len(SCRIPT)


def test_small_and_failed_answers_stay(gateway: StartGateway, backend: StartBackend) -> None:
    """What compression would not help, and what is no file."""
    small = gateway({"x": up(backend(files(AS_JS, body=b"x" * 1000)).port)})
    with visit(small.port) as visitor:
        visitor.send(get("/apps/x/static/js/a.js", TAKES))
        assert visitor.answer().body == b"x" * 1000
    missing = gateway({"x": up(backend(files(AS_JS, status=b"404 Not Found")).port)})
    with visit(missing.port) as visitor:
        visitor.send(get("/apps/x/static/js/a.js", TAKES))
        answer = visitor.answer()
        assert (answer.status, answer.body) == (404, SCRIPT)
