"""An app's answer is read by the gateway as h11 reads it, or the visitor gets none of it."""

from __future__ import annotations

from collections.abc import Iterator

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.gateway import GatewayOptions

from .conftest import Running, running, up
from .test_differential import BOUNDED, CHANGES, changed
from .wire import Backend, Wire, get, visit

Answer = tuple[int, bytes]
"""Status and body."""

SCRIPTED: list[bytes] = []
"""What the app answers in this example."""


def scripted(wire: Wire) -> None:
    """An app that answers anything once, and closes."""
    wire.head()
    wire.send(SCRIPTED[0])


@pytest.fixture(scope="module")
def door() -> Iterator[Running]:
    """A gateway with the scripted app behind it."""
    app = Backend(scripted)
    with running({"x": up(app.port)}, options=GatewayOptions()) as opened:
        yield opened
    app.close()


def read(data: bytes, method: str) -> Answer | None:
    """What h11 makes of a connection that carries ``data`` and ends; None when it is no whole answer."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    parser.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        for piece in (data, b""):
            parser.receive_data(piece)
            while (event := parser.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    return status, body
                elif isinstance(event, h11.ConnectionClosed):
                    return None
    except h11.RemoteProtocolError:
        pass
    return None


FIELDS = st.lists(
    st.sampled_from(
        [
            b"Content-Type: text/plain\r\n",
            b"X:\r\n",
            b'ETag: "a"\r\n',
            b"Connection: close\r\n",
            b"Content-Length: 3\r\n",
            b"Content-Length: 03\r\n",
            b"Content-Length: +3\r\n",
            b"Content-Length: 3, 3\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: gzip, chunked\r\n",
            b"Set-Cookie: a=b\r\n",
        ]
    ),
    max_size=4,
)
BODIES = st.sampled_from(
    [b"", b"abc", b"abcd", b"3\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\nX: y\r\n\r\n", b"3\r\nab"]
)
LINES = st.sampled_from(
    [
        *([b"HTTP/1.1 200 OK\r\n"] * 4),
        b"HTTP/1.1 404 \r\n",
        b"HTTP/1.1 304 Not Modified\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 200\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
    ]
)
ANSWERS = st.builds(
    lambda line, fields, body: line + b"".join(fields) + b"\r\n" + body, LINES, FIELDS, BODIES
)


@BOUNDED
@given(ANSWERS, st.just([]) | CHANGES, st.sampled_from(["GET", "GET", "HEAD"]))
def test_gateway_and_h11_read_the_same_answer(
    door: Running, answer: bytes, changes: list[tuple[float, int, bytes]], method: str
) -> None:
    """The visitor reads what h11 would read without a gateway, or an answer of the gateway's, or a cut."""
    SCRIPTED[:] = [changed(answer, changes)]
    with visit(door.port) as visitor:
        visitor.send(get("/apps/x/", "Connection: close", method=method))
        reply = visitor.rest()
    seen = read(reply, method)
    if seen is not None and seen[0] != 502:
        assert seen == read(SCRIPTED[0], method), (SCRIPTED[0], reply)
