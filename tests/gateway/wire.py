"""Both ends of the gateway as raw sockets: scripted apps behind it, visitors before it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import h11

DEADLINE = 30.0
HOST = b"Host: visitor.example:8080\r\n"


def wait_until(condition: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Return as soon as ``condition`` holds; fail with ``what`` when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not in time: {what}")
        threading.Event().wait(0.005)


@dataclass
class Answer:
    """One response as h11 read it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    interim: list[int] = field(default_factory=list)

    def all(self, name: str) -> list[bytes]:
        """Every value of a header, in order."""
        return [value for key, value in self.headers if key == name.lower().encode()]

    def one(self, name: str) -> bytes:
        """The only value of a header."""
        (value,) = self.all(name)
        return value


class Wire:
    """One connected socket with a buffer."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(DEADLINE)
        self.buffer = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def more(self) -> bytes:
        """Some more bytes, b'' at the end."""
        data = self.sock.recv(65536)
        self.buffer += data
        return data

    def until(self, mark: bytes) -> bytes:
        """The bytes up to and with ``mark``."""
        while mark not in self.buffer:
            if not self.more():
                raise EOFError(self.buffer)
        end = self.buffer.index(mark) + len(mark)
        found, self.buffer = self.buffer[:end], self.buffer[end:]
        return found

    def head(self) -> bytes:
        return self.until(b"\r\n\r\n")

    def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not self.more():
                raise EOFError(self.buffer)
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def rest(self) -> bytes:
        """Everything until the end; a reset is an end as well."""
        with suppress(ConnectionResetError):
            while self.more():
                pass
        found, self.buffer = self.buffer, b""
        return found

    def ended(self) -> bool:
        """Whether the other side has closed (waits for it)."""
        try:
            return self.more() == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """End with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def answer(self, method: str = "GET") -> Answer:
        """The next response to a request with ``method``. Raises h11.RemoteProtocolError when it is cut."""
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method=method, target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
        parser.send(h11.EndOfMessage())
        if self.buffer:  # nothing would mean the end to h11
            parser.receive_data(self.buffer)
            self.buffer = b""
        result = Answer(0, [])
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                data = self.sock.recv(65536)
                parser.receive_data(data)
            elif isinstance(event, h11.InformationalResponse):
                result.interim.append(event.status_code)
            elif isinstance(event, h11.Response):
                result.status, result.headers = event.status_code, list(event.headers)
            elif isinstance(event, h11.Data):
                result.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self.buffer = parser.trailing_data[0]
                return result
            else:
                raise EOFError(event)


@contextmanager
def visit(port: int, *, receive_buffer: int | None = None) -> Iterator[Wire]:
    """A visitor's connection."""
    with socket.socket() as sock:
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(DEADLINE)
        sock.connect(("127.0.0.1", port))
        yield Wire(sock)


def get(path: str, *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    """The bytes of a request without a body."""
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"{method} {path} HTTP/{version}\r\n".encode() + HOST + lines.encode("latin-1") + b"\r\n"


UPGRADE = (
    *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSet-Cookie: _xsrf=1\r\nSet-Cookie: b=2\r\n\r\n"
)


def plain(body: bytes, *headers: bytes) -> bytes:
    """The bytes of a 200 with a length."""
    lines = b"".join(line + b"\r\n" for line in headers)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), lines, body)


Script = Callable[[Wire], None]


class Backend:
    """An app made of one function, which is called with each connection, in a thread."""

    def __init__(self, script: Script, *, receive_buffer: int | None = None) -> None:
        self._script = script
        self._listener = socket.socket(proto=socket.IPPROTO_TCP)
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(512)
        self.port: int = self._listener.getsockname()[1]
        self.heads: list[bytes] = []
        self.connections = 0
        self.open = 0
        self.errors: list[BaseException] = []
        self._wires: set[Wire] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            wire = Wire(sock)
            with self._lock:
                self.connections += 1
                self.open += 1
                self._wires.add(wire)
                thread = threading.Thread(target=self._serve, args=(wire,))
                self._threads.append(thread)
            thread.start()

    def _serve(self, wire: Wire) -> None:
        try:
            self._script(wire)
        except (OSError, EOFError):
            pass  # the gateway went away: most scripts end like that
        except BaseException as error:
            self.errors.append(error)
        finally:
            wire.close()
            with self._lock:
                self.open -= 1
                self._wires.discard(wire)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for wire in self._wires:
                with suppress(OSError):
                    wire.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(DEADLINE)
        assert not self.errors, self.errors


def closed_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
