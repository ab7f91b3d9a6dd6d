"""The gateway and h11 read the same bytes: what they read differently must have been refused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import h11
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hostd.gateway import GatewayOptions

from .conftest import Running, running, up
from .wire import Backend, Wire, plain, visit

Request = tuple[bytes, bytes, bytes]
"""Method, target and body."""


class Reader:
    """One side of a connection, read by h11; stops for good at the first thing that h11 refuses."""

    def __init__(self) -> None:
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=200_000)
        self._head: h11.Request | None = None
        self._body = b""
        self.refused = False

    def feed(self, data: bytes) -> Iterator[Request]:
        """The requests that ``data`` completes."""
        self._parser.receive_data(data)
        try:
            while (event := self._parser.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if (found := self._take(event)) is not None:
                    yield found
        except h11.RemoteProtocolError:
            self.refused = True

    def _take(self, event: object) -> Request | None:
        if isinstance(event, h11.Request):
            self._head, self._body = event, b""
        elif isinstance(event, h11.Data):
            self._body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert self._head is not None
            self._parser.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
            self._parser.send(h11.EndOfMessage())
            if self._parser.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
                self._parser.start_next_cycle()
            return self._head.method, self._head.target, self._body
        return None


SEEN: list[Request] = []
"""What reached the app in this example."""


def record(wire: Wire) -> None:
    """An app that writes down what it got, as h11 reads it: what the gateway writes must be beyond doubt."""
    reader = Reader()
    while data := wire.more():
        wire.buffer = b""
        for request in reader.feed(data):
            SEEN.append(request)
            wire.send(plain(b"" if request[0] == b"HEAD" else b"ok"))
        assert not reader.refused, data


@pytest.fixture(scope="module")
def door() -> Iterator[Running]:
    """A gateway with the recording app behind it."""
    app = Backend(record)
    with running({"x": up(app.port)}, options=GatewayOptions(idle_timeout=60)) as opened:
        yield opened
    app.close()


METHODS = st.sampled_from([b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"get", b"G@T"])
TARGETS = st.sampled_from(
    [b"/apps/x/", b"/apps/x/a?b=c", b"/apps/x/%E4%B8%AD", b"/apps/x/a b", b"apps/x/", b"*", b"/apps/x/\x7f"]
)
VERSIONS = st.sampled_from([b"HTTP/1.1"] * 6 + [b"HTTP/1.0", b"HTTP/1.2", b"http/1.1", b"HTTP/2.0"])
ENDS = st.sampled_from([b"\r\n"] * 20 + [b"\n", b"\r", b"\r\r\n"])
NAMES = st.sampled_from(
    [
        b"Host",
        b"Content-Length",
        b"Transfer-Encoding",
        b"Content-Length ",
        b" Host",
        b"X",
        b"",
        b"X\tY",
        b"\x0bA",
    ]
)
VALUES = st.sampled_from(
    [
        b"a",
        b"3",
        b"0",
        b"+3",
        b"3,3",
        b"0x3",
        b"03",
        b"chunked",
        b"Chunked",
        b"gzip, chunked",
        b"",
        b" ",
        b"\x00",
        b"\xff",
    ]
)
COLONS = st.sampled_from([b": "] * 8 + [b":", b" :", b":\t", b""])
LINES = st.builds(lambda *parts: b"".join(parts), NAMES, COLONS, VALUES, ENDS)
GOOD_FRAMINGS = [
    (b"", b""),
    (b"Content-Length: 3\r\n", b"abc"),
    (b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nHost: t\r\n\r\n"),
]
BAD_FRAMINGS = [
    (b"Transfer-Encoding: chunked\r\n", b"3\nabc\n0\n\n"),
    (b"Transfer-Encoding: chunked\r\n", b"0x3\r\nabc\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"3\r\nabcd\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"-1\r\nabc\r\n0\r\n\r\n"),
    (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nGET /apps/x/smuggled HTTP/1.1\r\n"),
]


def message(
    line: tuple[bytes, bytes, bytes], lines: list[bytes], framing: tuple[bytes, bytes], host: bool
) -> bytes:
    """One request, more or less."""
    head = b"Host: h\r\n" if host else b""
    return b"%b %b %b\r\n%b%b%b\r\n%b" % (*line, head, b"".join(lines), *framing)


MESSAGES = st.builds(
    message,
    st.tuples(METHODS, TARGETS, VERSIONS),
    st.lists(LINES, max_size=2),
    st.sampled_from(GOOD_FRAMINGS + BAD_FRAMINGS),
    st.sampled_from([True, True, False]),
)
GOOD = st.builds(
    message,
    st.tuples(
        st.sampled_from([b"GET", b"POST", b"HEAD"]),
        st.sampled_from([b"/apps/x/", b"/apps/x/a?b=c"]),
        st.just(b"HTTP/1.1"),
    ),
    st.lists(
        st.sampled_from([b"X: y\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n"]), max_size=1
    ),
    st.sampled_from(GOOD_FRAMINGS),
    st.just(True),
)
LAST = b"GET /apps/x/last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(GOOD | MESSAGES, min_size=1, max_size=4), st.lists(st.integers(0, 400), max_size=6))
@example([b"GET /apps/x/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"], [1, 2, 3])
def test_gateway_and_h11_read_the_same(door: Running, messages: list[bytes], cuts: list[int]) -> None:
    """Whatever reaches the app is, request by request, what h11 reads from the same bytes.

    The gateway may refuse earlier than h11; it never reads on where h11 refuses, nor anything else.
    """
    data = b"".join(messages) + LAST
    SEEN.clear()
    with visit(door.port) as visitor:
        for piece in cut(data, cuts):
            try:
                visitor.send(piece)
            except OSError:  # refused already
                break
        reply = visitor.rest()
    expected = list(Reader().feed(data))
    assert expected[: len(SEEN)] == SEEN
    assert len(SEEN) == len(expected) or has_refusal(reply)


def has_refusal(reply: bytes) -> bool:
    """Whether the gateway said no."""
    return any(b"HTTP/1.1 %d " % status in reply for status in (400, 431, 501, 505))


def cut(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    """``data`` in pieces."""
    ends = sorted({min(end, len(data)) for end in cuts} | {0, len(data)})
    for start, end in pairwise(ends):
        yield data[start:end]
