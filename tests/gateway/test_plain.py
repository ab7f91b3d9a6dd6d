"""Which answers are passed on in one piece, unread: only those that no parser could read in another way."""

from __future__ import annotations

import pytest

from hostd.gateway.head import MAX_HEAD
from hostd.gateway.plain import whole

HEAD = b"HTTP/1.1 200 OK\r\nDate: Mon\r\n"


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 4\r\n\r\nbody",
        HEAD + b"content-length:4\r\nETag: x\r\n\r\nbody",
        HEAD + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 1 \t\r\n\r\n\n",
        HEAD + b"Content-Length: 8000\r\n\r\n" + b"body" * 2000,
        HEAD + b"X: %b\r\nContent-Length: 4\r\n\r\nbody" % (b"x" * 8000),
    ],
)
def test_plain_and_whole(data: bytes) -> None:
    """A length, and as many bytes behind the head; also when the head came before."""
    assert [whole(data), whole(data)] == [200, 200]
    assert whole(data + b"!") == whole(data[:-1]) == 0


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 0",
        HEAD + b"Content-Length: 0\r\n",
        HEAD + b"X: %b\r\nContent-Length: 0\r\n" % (b"x" * 8000),
        HEAD + b"X: %b\r\nContent-Length: 4\r\n\r\nbody" % (b"x" * MAX_HEAD),
        HEAD + b"Content-Length: 8000\r\n\r\n" + b"body" * 1999,
        HEAD + b"Content-Length: 4\r\n\r\nbod",
        HEAD + b"Content-Length: 4\r\n\r\nbody!",
        HEAD + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
        HEAD + b"Content-Length: 4, 4\r\n\r\nbody",
        HEAD + b"Content-Length: +4\r\n\r\nbody",
        HEAD + b"Content-Length : 4\r\n\r\nbody",
        HEAD + b"Content-Length: 4\r\n folded: 1\r\n\r\nbody",
        HEAD + b"Content-Length: 4\n\r\n\r\nbody",
        HEAD + b"Content-Length: 4\r\nA: \0\r\n\r\nbody",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nbody",
        HEAD + b"Content-Length: 4\r\ntransfer-encoding: chunked\r\n\r\nbody",
        HEAD + b"Content-Length: 4\r\nConnection: close\r\n\r\nbody",
        HEAD + b"Content-Length: 4\r\nKeep-Alive: timeout=5\r\n\r\nbody",
        HEAD + b"Content-Length: 4\r\nLocation: http://127.0.0.1:8501/\r\n\r\nbody",
        HEAD + b"Content-Length: 4\r\nSet-Cookie: hostd=x\r\n\r\nbody",
        HEAD + b"Clear-Site-Data: *\r\nContent-Length: 4\r\n\r\nbody",
        HEAD + b"\r\nbody",
        b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_to_be_looked_at(data: bytes) -> None:
    """Everything else goes to llhttp, or is changed on its way."""
    assert whole(data) == 0
