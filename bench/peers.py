"""The servers of the gateway's benchmark, each a process of its own.

``python -m bench.peers backend PORT FOLDER``: a stand-in for an app that costs next to nothing; it takes
visitors' sockets in FOLDER, as hostd/runner.py does for Streamlit.
``python -m bench.peers gateway PORT FOLDER BACKEND_PORT…``: hostd's gateway in front of it, as in
hostd/house.py; each backend is an app of its own: ``bench``, ``bench1``, and so on. WebSockets are handed
over by the sockets in FOLDER (``-``: they are not).
nginx gets a configuration that does the same work: streaming, kept-alive upstream connections, Upgrade.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import uvicorn
import uvloop

from bench.measure import free_port, wait_for
from hostd.gateway import Gateway, GatewayOptions, protocol_class
from hostd.models import Route, RoutingTable, Status
from hostd.runner import Door
from hostd.templating import Templates

BASE = "/apps/bench"
LARGE = 1_000_000
SMALL = 200
"""Bodies of ``/large`` and of every other path, bytes."""

_NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    client_max_body_size 0;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream app {{
        server 127.0.0.1:{backend};
        keepalive 64;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_buffer_size {buffer};
            proxy_buffers 4 {buffer};
            proxy_busy_buffers_size {buffer};
            proxy_read_timeout 1d;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
        }}
    }}
}}
"""


class Backend(asyncio.Protocol):
    """HTTP and WebSocket without a parser worth the name: it knows its one client.

    A WebSocket message is answered with one of the same size, once it has come whole.
    """

    def __init__(self) -> None:
        self._transport = cast(asyncio.Transport, None)
        self._head = b""
        self._websocket = False
        self._missing = 0
        self._reply = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Requests, or messages."""
        if self._websocket:
            self._messages(data)
            return
        self._head += data
        while (end := self._head.find(b"\r\n\r\n")) >= 0:
            head, self._head = self._head[:end], self._head[end + 4 :]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        if b"upgrade: websocket" in head.lower():
            self._websocket = True
            self._transport.write(SWITCH)
        else:
            self._transport.write(_LARGE if b"/large" in head[:100] else _SMALL)

    def _messages(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._head += data
            if len(self._head) < 14:  # the longest frame head; no message here is shorter
                return
            start, size = frame_sizes(self._head)
            self._reply = _REPLIES.get(size) or _REPLIES.setdefault(size, frame(size, masked=False))
            self._missing = start + size - len(self._head)
            self._head = b""
        if self._missing == 0:
            self._transport.write(self._reply)


def frame(size: int, *, masked: bool) -> bytes:
    """One binary WebSocket message (RFC 6455 section 5.2). The mask is zero: it changes nothing."""
    mark = 0x80 if masked else 0
    if size < 126:
        head = bytes([0x82, mark | size])
    elif size < 65536:
        head = bytes([0x82, mark | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x82, mark | 127]) + size.to_bytes(8, "big")
    return head + (b"\0\0\0\0" if masked else b"") + b"x" * size


def frame_sizes(data: bytes) -> tuple[int, int]:
    """(bytes of the head, bytes of the payload) of the message that ``data`` begins with."""
    extended = {126: 2, 127: 8}.get(data[1] & 127, 0)
    size = int.from_bytes(data[2 : 2 + extended], "big") if extended else data[1] & 127
    return 2 + extended + (4 if data[1] & 128 else 0), size


def _response(size: int) -> bytes:
    fields = f"Content-Type: application/octet-stream\r\nContent-Length: {size}\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\n" + fields.encode() + b"x" * size


_SMALL, _LARGE = _response(SMALL), _response(LARGE)
_REPLIES: dict[int, bytes] = {}
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
"""What makes a WebSocket of a request, behind its first line and Host."""
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def _read_head(protocol: Backend, _transport: object, head: bytes) -> None:
    protocol.data_received(head)


async def _serve_backend(port: int, folder: Path) -> None:
    path = folder / str(port) / "door"  # where hostd/gateway/hand_over.py looks
    path.parent.mkdir()
    _door = Door(path, Backend, _read_head)
    server = await asyncio.get_running_loop().create_server(Backend, "127.0.0.1", port)
    await server.serve_forever()


async def _nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    """hostd's own routes: not asked here."""


def _serve_gateway(port: int, folder: str, backends: list[int]) -> None:
    routes = [Route(Status.RUNNING, backend, "bench", release=1) for backend in backends]
    serve(port, routes, GatewayOptions(hand_over=None if folder == "-" else Path(folder)))


def serve(port: int, routes: list[Route], options: GatewayOptions) -> None:
    """Be hostd's gateway in front of the apps behind ``routes``."""
    name = BASE.rpartition("/")[2]
    apps = {f"{name}{number or ''}": route for number, route in enumerate(routes)}
    table = RoutingTable(routes[0], MappingProxyType(apps))
    config = uvicorn.Config(
        _nothing, host="127.0.0.1", port=port, loop="uvloop", ws="none", lifespan="off", log_config=None,
        http=protocol_class(Gateway(lambda: table, options, Templates())),
        access_log=False, server_header=False, proxy_headers=False,
    )  # fmt: skip
    uvicorn.Server(config).run()


@contextmanager
def process(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server, once it listens on ``port``."""
    server = subprocess.Popen(command)
    try:
        wait_for(lambda: server.poll() is not None or _listens(port), command[-1], timeout=30)
        if server.poll() is not None:
            raise RuntimeError(f"{command} ended with {server.returncode}")
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def backend(folder: str) -> Iterator[int]:
    """The stand-in for an app; its port. ``folder`` is for its socket."""
    port = free_port()
    with process([sys.executable, "-m", "bench.peers", "backend", str(port), folder], port):
        yield port


@contextmanager
def gateway(*backends: int, folder: str = "-") -> Iterator[tuple[int, int]]:
    """hostd's gateway in front of them: (port, pid). ``folder``: see above."""
    port = free_port()
    command = [sys.executable, "-m", "bench.peers", "gateway", str(port), folder, *map(str, backends)]
    with process(command, port) as server:
        yield port, server.pid


@contextmanager
def nginx(program: str, backend_port: int, buffer: str) -> Iterator[tuple[int, int]]:
    """nginx in front of it: (port, pid of the master; the one worker is its child)."""
    port, folder = free_port(), tempfile.mkdtemp(prefix="nginx-")
    conf = Path(folder, "nginx.conf")
    conf.write_text(
        _NGINX.format(folder=folder, port=port, backend=backend_port, buffer=buffer), encoding="utf-8"
    )
    try:
        command = [program, "-p", folder, "-e", f"{folder}/error.log", "-c", str(conf)]
        with process(command, port) as server:
            yield port, server.pid
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Be one of the servers."""
    what, port, *more = sys.argv[1:]
    if what == "backend":
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve_backend(int(port), Path(more[0])))
    else:
        _serve_gateway(int(port), more[0], [int(backend) for backend in more[1:]])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main()
