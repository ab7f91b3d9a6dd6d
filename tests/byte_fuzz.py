"""What is to hold for any bytes at all: of a request's head, an answer, a Cookie field, an archive.

Each takes bytes and raises when it does not hold. For coverage-guided fuzzing (``python -m bench.fuzz``).
"""

from __future__ import annotations

import io
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

import h11
import httptools

from hostd.bundles import Limits, Upload
from hostd.errors import Invalid
from hostd.gateway.cookies import is_ours, ours, without_ours
from hostd.gateway.head import STRIPPED, Field, Forwarding, Head, upstream_head
from hostd.gateway.paths import Kind, locate
from hostd.gateway.refusal import Refused
from hostd.gateway.response import BrokenResponse, ResponseReader, visitor_head
from hostd.people import People
from hostd.people.cookies import Cookies
from tests.laying import Folder
from tests.test_fuzz import good_tar, good_zip, names_in

FORWARDED = {b"x-forwarded-for": b"198.51.100.7", b"x-forwarded-proto": b"http"}
PEOPLE = People(Path("/nowhere"), Cookies("https://a.example/b"), sign_in=True)
BASE = b"GET /apps/x/ HTTP/1.1\r\nHost: h\r\n"


class _Reads:
    """llhttp's callbacks, as the gateway's connection has them."""

    def __init__(self) -> None:
        self.url, self.fields, self.heads = b"", list[Field](), list[Head]()
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), name, value))

    def on_headers_complete(self) -> None:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        upgrade, keep_alive = self.parser.should_upgrade(), self.parser.should_keep_alive()
        self.heads.append(
            Head(method, self.url, version, self.fields, upgrade=upgrade, keep_alive=keep_alive)
        )
        self.url, self.fields = b"", []


def heads(data: bytes) -> None:
    """What an app is sent is one request beyond doubt, for that app; it names nobody of the sender's."""
    reads = _Reads()
    with suppress(httptools.HttpParserError, httptools.HttpParserUpgrade, Refused):
        reads.parser.feed_data(data)
    for head in reads.heads[:4]:
        with suppress(Refused):
            _sent_on(head)


def _sent_on(head: Head) -> None:
    place = locate(head.target.partition(b"?")[0], b"")
    if place.kind is not Kind.APP or place.rest is None:
        return
    decoded = unquote_to_bytes(place.local)
    assert b"\0" not in decoded and b"/../" not in decoded + b"/" and b"//" not in decoded[:2]
    assert decoded.startswith(f"/apps/{place.app_id}/".encode("latin-1")), place
    written = upstream_head(head, place.local, Forwarding("198.51.100.7", "http", trusted=False), b"local")
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=200_000)
    parser.receive_data(written)
    request = parser.next_event()
    assert isinstance(request, h11.Request), written
    assert (request.method, request.target.partition(b"?")[0]) == (head.method, place.local)
    assert sum(name == b"host" for name, _ in request.headers) == 1
    for name, value in request.headers:
        if name.replace(b"_", b"-").startswith(STRIPPED):
            assert FORWARDED.get(name, value) == value and name.startswith(b"x-forwarded-"), (name, value)
        if name == b"cookie":
            assert not any(is_ours(one.encode("latin-1")) for one in names_in(value)), value


def answers(data: bytes) -> None:
    """An answer in two pieces is read as in one, or refused; what a visitor gets is one head."""
    cut = len(data) // 2
    assert _answer([data]) == _answer([data[:cut], data[cut:]]) or _is_chunked(data)


def _answer(pieces: list[bytes]) -> tuple[object, ...]:
    reader, found, body = ResponseReader(for_head=False, unchunk=False), None, b""
    try:
        for piece in pieces:
            rest = piece
            while found is None or found[0] < 200:
                one = reader.head(rest)
                if one is None:
                    rest = b""
                    break
                found, rest = one, one[2]
            if rest:
                body += reader.body(rest)
    except BrokenResponse:
        return ("refused",)
    if found is None:
        return ("nothing",)
    head = visitor_head(found[1], reader.known, close=True, unchunk=False, port=8501)
    assert head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1, head
    return (found[0], head, body, reader.complete)


def _is_chunked(data: bytes) -> bool:
    """Of such a body the gateway may have passed a piece on before it meets what can't be read."""
    return b"chunked" in data.lower()


def cookies(data: bytes) -> None:
    """No app gets the platform's, and nobody is anybody by chance."""
    field = data.translate(None, b"\r\n\0")
    left = without_ours(field)
    assert without_ours(left) == left
    assert not any(is_ours(name.encode("latin-1")) for name in names_in(left)), left
    assert PEOPLE.whose(field) is None and PEOPLE.whose(ours(field)) is None


def archives(data: bytes) -> None:
    """An archive is laid down within its folder, or refused with a reason."""
    with tempfile.TemporaryDirectory(prefix="byte-fuzz-") as place:
        root = Path(place, "root")
        folder, name = Folder(root), "app.tar" if data[257:262] == b"ustar" else "app.zip"
        upload = Upload(bundle=io.BytesIO(data), bundle_name=name)
        try:
            folder.lay(upload, limits=Limits(size=200_000, files=50))
        except Invalid as error:
            assert error.field in ("bundle", "entry", "app", "requirements"), error
            assert not list(folder.app.releases.iterdir())
        assert [path.name for path in Path(place).iterdir()] == ["root"]
        for path in root.rglob("*"):
            assert not path.is_symlink() or path.resolve().is_relative_to(root), path
        shutil.rmtree(root)


TARGETS = {one.__name__: one for one in (heads, answers, cookies, archives)}
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
SEEDS = {
    "heads": [
        BASE + b"\r\n",
        BASE + b"Cookie: hostd=1; a=2\r\nX-Forwarded-For: x\r\nX_Hostd_User: y\r\n\r\n",
        BASE + b"Connection: X, close\r\nX: y\r\n\r\n" + BASE + b"Host: two\r\n\r\n",
        BASE + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"POST http://h/apps/x/%41?b HTTP/1.1\r\nHost: h\r\n" + CHUNKED,
        b"PUT /apps/x/a HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc" + BASE + b"\r\n",
    ],
    "answers": [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/html\r\n\r\nok",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nSet-Cookie: hostd=1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: X, close\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:8501/a\r\n\r\n",
    ],
    "cookies": [b"hostd=a; b=c", b'a="; hostd=b"', b"__Host-Http-hostd=x; hostd-console=y", b"hostd"],
    "archives": [good_zip(), good_tar()],
}
