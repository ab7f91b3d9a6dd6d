"""The gateway and h11 read the same bytes: what they read differently must have been refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import h11
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hostd.gateway import GatewayOptions
from tests.fuzz import FACTOR

from .conftest import Running, running, up
from .wire import Backend, Wire, plain, visit

Request = tuple[bytes, bytes, bytes]
"""Method, target and body."""


_SPACES = re.compile(rb" +(?=HTTP/1\.1\r\n)|(?<=[A-Z]) +(?=/apps/x/)")


class Reader:
    """One side of a connection, read by h11; stops for good at the first thing that h11 refuses.

    ``lenient``: what RFC 9112 allows a server to pass over is taken out before h11 sees it: CR and LF
    before a request line (section 2.2), more spaces than one in the first line (section 3). The gateway
    writes each head anew, so the app gets none of them; ``record`` reads without leniency.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=200_000)
        self._lenient = lenient
        self._head: h11.Request | None = None
        self._body = b""
        self.refused = False

    def feed(self, data: bytes) -> Iterator[Request]:
        """The requests that ``data`` completes."""
        self._parser.receive_data(_SPACES.sub(b" ", data).lstrip(b"\r\n") if self._lenient else data)
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
                self._go_on()
            return self._head.method, self._head.target, self._body
        return None

    def _go_on(self) -> None:
        if not self._lenient:
            self._parser.start_next_cycle()
            return
        rest = self._parser.trailing_data[0].lstrip(b"\r\n")
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=200_000)
        if rest:
            self._parser.receive_data(rest)


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


BOUNDED = settings(
    max_examples=250 * FACTOR,
    deadline=None,
    derandomize=FACTOR == 1,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""The same examples in each run of the suite."""


@BOUNDED
@given(st.lists(GOOD | MESSAGES, min_size=1, max_size=4), st.lists(st.integers(0, 400), max_size=6))
@example([b"GET /apps/x/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"], [1, 2, 3])
def test_gateway_and_h11_read_the_same(door: Running, messages: list[bytes], cuts: list[int]) -> None:
    """Whatever reaches the app is, request by request, what h11 reads from the same bytes.

    The gateway may refuse earlier than h11; it never reads on where h11 refuses, nor anything else.
    """
    exchange_all(door, b"".join(messages) + LAST, cuts)


def exchange_all(door: Running, data: bytes, cuts: list[int]) -> None:
    """Send it all without waiting, and compare."""
    SEEN.clear()
    data = decided(data)
    with visit(door.port) as visitor:
        for piece in cut(data, cuts):
            try:
                visitor.send(piece)
            except OSError:  # refused already
                break
        reply = visitor.rest()
    compare(data, reply)


def decided(data: bytes) -> bytes:
    """``data`` with as many more requests as h11 needs to come to an end: nobody may wait for more."""
    reader, ended = Reader(lenient=True), False
    more = data
    while not ended:
        found = list(reader.feed(more))
        ended = reader.refused or (bool(found) and found[-1][1] == b"/apps/x/last")
        if not ended:
            more = LAST
            data += more
    return data


def compare(data: bytes, reply: bytes) -> None:
    """What reached the app must be what h11 reads in ``data``, or its beginning when the rest was refused."""
    expected = list(Reader(lenient=True).feed(data))
    assert expected[: len(SEEN)] == SEEN
    assert len(SEEN) == len(expected) or has_refusal(reply)


CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from([0, 1]),
        st.sampled_from(
            [b"", b"\r", b"\n", b" ", b"\t", b":", b"0", b",", b";", b"\0", b"\r\n", b"\r\n ", b"A"]
        ),
    ),
    min_size=1,
    max_size=3,
)
"""Where (0: the first byte), how many bytes go, and what comes in their place."""


def changed(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """``data`` with some bytes put in, taken out, or exchanged; the first line still names the app."""
    before, app, behind = data.partition(b"/apps/x/")
    for where, gone, new in changes:
        at = int(where * (len(before) + len(behind)))
        if at < len(before):
            before = before[:at] + new + before[at + gone :]
        else:
            at -= len(before)
            behind = behind[:at] + new + behind[at + gone :]
    return before + app + behind


@BOUNDED
@given(st.lists(GOOD, max_size=2), GOOD, CHANGES, st.lists(st.integers(0, 400), max_size=3))
def test_a_changed_byte_is_read_by_both_or_refused(
    door: Running,
    messages: list[bytes],
    wrong: bytes,
    changes: list[tuple[float, int, bytes]],
    cuts: list[int],
) -> None:
    """A request that was right, but for a byte or two."""
    exchange_all(door, b"".join(messages) + changed(wrong, changes) + LAST, cuts)


READS = st.builds(
    lambda method, target, fields: b"%b %b HTTP/1.1\r\nHost: h\r\n%b\r\n" % (method, target, fields),
    st.sampled_from([b"GET", b"GET", b"HEAD"]),
    st.sampled_from([b"/apps/x/", b"/apps/x/a?b=c", b"/apps/x/%E4%B8%AD", b"/apps/x/a;b=c?d?e"]),
    st.sampled_from([b"", b"Cookie: a\r\n", b"X:\r\n"]),
)


@BOUNDED
@given(st.lists(READS | GOOD, min_size=2, max_size=6), CHANGES | st.just([]))
def test_one_by_one_is_read_like_all_at_once(
    door: Running, messages: list[bytes], changes: list[tuple[float, int, bytes]]
) -> None:
    """The next request comes when the last one was answered: heads that came before are known by then."""
    SEEN.clear()
    last = changed(messages[0], changes)
    with visit(door.port) as visitor:
        for message in messages:
            visitor.send(message)
            visitor.answer(message.partition(b" ")[0].decode())
            if b"Connection: close" in message:
                break
        else:
            visitor.send(last + LAST)
        reply = visitor.rest()
    compare(b"".join(messages) + last + LAST, reply)


def has_refusal(reply: bytes) -> bool:
    """Whether the gateway said no."""
    return any(b"HTTP/1.1 %d " % status in reply for status in (400, 431, 501, 505))


def cut(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    """``data`` in pieces."""
    ends = sorted({min(end, len(data)) for end in cuts} | {0, len(data)})
    for start, end in pairwise(ends):
        yield data[start:end]
