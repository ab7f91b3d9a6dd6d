"""Runs a Streamlit app as ``streamlit run`` does; it can take visitors' sockets from the gateway.

Run by the app's own Python as ``python runner.py …/bin/streamlit run ENTRY``. It imports the standard
library, and for a hand-over uvicorn where the app's environment has it. ``HOSTD_HAND_OVER``, where it is
set, is the path of a socket in a folder of the platform's. Where Streamlit does not serve by uvicorn
(Tornado, up to 1.56), nobody listens there, and the gateway keeps its tunnel.

One connection carries one packet: a WebSocket request's head, and with it the visitor's socket
(SCM_RIGHTS, unix(7)). How many of them are open stands in ``PATH.open``, which is locked as long as this
process lives.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import runpy
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_PACKET = 256 * 1024
_AT_ONCE = 64
_PATIENCE = 1.0
"""Seconds in which the gateway, which has the lock for a moment when it looks, has let it go."""


class Handed(socket.socket):
    """A visitor's socket. Its peer is named as the gateway's would be, so that X-Forwarded-For counts."""

    def __init__(self, fd: int, gone: Callable[[], None]) -> None:
        super().__init__(fileno=fd)
        self._gone: Callable[[], None] | None = gone

    def getpeername(self) -> tuple[str, int]:
        """Loopback: whom uvicorn's ProxyHeadersMiddleware trusts."""
        return ("127.0.0.1", 0)

    def close(self) -> None:
        """The transport is done with it."""
        gone, self._gone = self._gone, None
        super().close()
        if gone is not None:
            gone()


class Door:
    """Listens for sockets, and gives each one a protocol as if it had been accepted.

    ``make()`` makes the protocol; ``begin(protocol, transport, head)`` lets it read the head.
    """

    def __init__(self, path: Path, make: Callable[[], Any], begin: Callable[[Any, Any, bytes], None]) -> None:
        """Raises OSError."""
        self._loop = asyncio.get_running_loop()
        self._make = make
        self._begin = begin
        self._open = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._counter = _locked(path.with_name(f"{path.name}.open"))
        self._count(0)
        self._socket = _listen(path)
        self._loop.add_reader(self._socket, self._accept)

    def _count(self, change: int) -> None:
        self._open += change
        os.pwrite(self._counter, b"%08d" % self._open, 0)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.setblocking(False)
            self._loop.add_reader(connection, self._receive, connection)

    def _receive(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)
        fds: list[int] = []
        with connection, suppress(OSError):
            head, fds, flags, _ = socket.recv_fds(connection, _MAX_PACKET, 1)
            if head and len(fds) == 1 and not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                self._take(fds.pop(), head)
        for fd in fds:
            os.close(fd)

    def _take(self, fd: int, head: bytes) -> None:
        visitor = Handed(fd, lambda: self._count(-1))
        self._count(1)
        visitor.setblocking(False)
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        visitor.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._serve(visitor, head))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, visitor: Handed, head: bytes) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self._protocol(head), visitor)
        except BaseException:
            visitor.close()
            raise

    def _protocol(self, head: bytes) -> Any:
        protocol = self._make()
        made = protocol.connection_made

        def connection_made(transport: asyncio.Transport) -> None:
            made(transport)
            self._begin(protocol, transport, head)

        protocol.connection_made = connection_made
        return protocol


def _locked(path: Path) -> int:
    """A descriptor of the file, locked. Waits in the app's event loop, so not for long. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _PATIENCE
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise BlockingIOError(errno.EAGAIN, "locked by another process", str(path))
        time.sleep(0.01)


def _listen(path: Path) -> socket.socket:
    """A path of sun_path may have 107 bytes: the folder is named by its descriptor."""
    with suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    folder = os.open(path.parent, os.O_PATH)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
    listener.listen(512)
    listener.setblocking(False)
    return listener


def upgrade(protocol: Any, transport: Any, head: bytes) -> None:
    """Let uvicorn read the head. If it makes no WebSocket of it, nobody may ask more here."""
    protocol.data_received(head)
    if transport.get_protocol() is protocol:
        transport.abort()


def send_at_once() -> None:
    """Let what this process serves by TCP send a small piece though the one before it is not acknowledged.

    Streamlit's socket from 1.57 on (_bind_socket in web/server/starlette/starlette_server.py) names no
    protocol, and asyncio sets TCP_NODELAY only where one is named (base_events._set_nodelay). Without it the
    second of two pieces waits 40 ms. Linux gives accepted sockets the option of the one that listens.
    """
    listen = socket.socket.listen

    def listen_at_once(listener: socket.socket, *backlog: int) -> None:
        if listener.family in (socket.AF_INET, socket.AF_INET6):
            with suppress(OSError):
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listen(listener, *backlog)

    socket.socket.listen = listen_at_once  # type: ignore[method-assign,assignment]


def watch_uvicorn(path: Path, port: str) -> None:
    """Open a Door beside the uvicorn server that Streamlit will start on ``port``.

    Whatever else the app serves by uvicorn in its process is none of the gateway's. ``Server.startup``
    makes its protocols with the same arguments (uvicorn/server.py, 0.30 to 0.54).
    """
    try:
        from uvicorn.server import Server  # noqa: PLC0415  # only where the app's environment has it
    except ImportError:
        return
    startup, is_taken = Server.startup, False

    async def startup_with_door(server: Any, sockets: list[socket.socket] | None = None) -> None:
        await startup(server, sockets)
        nonlocal is_taken
        loop = asyncio.get_running_loop()
        if is_taken or not server.started or str(server.config.port) != port:
            return
        is_taken = True
        if not isinstance(loop, asyncio.SelectorEventLoop) or server.config.is_ssl:
            return

        def make() -> Any:
            return server.config.http_protocol_class(
                config=server.config,
                server_state=server.server_state,
                app_state=server.lifespan.state,
                _loop=loop,
            )

        try:
            server.hostd_door = Door(path, make, upgrade)
        except OSError as error:
            sys.stderr.write(f"hostd: no hand-over: {error}\n")

    Server.startup = startup_with_door  # type: ignore[method-assign,assignment]


def main() -> None:
    """Become what ``bin/streamlit`` is: same arguments, same sys.path, same ``__main__``."""
    program = sys.argv[1]
    del sys.argv[0]
    if not getattr(sys.flags, "safe_path", False):  # Python 3.11 on; then no script's folder is there
        sys.path[0] = str(Path(program).parent)
    send_at_once()
    path = os.environ.pop("HOSTD_HAND_OVER", "")
    if path:
        watch_uvicorn(Path(path), os.environ.get("STREAMLIT_SERVER_PORT", ""))
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
