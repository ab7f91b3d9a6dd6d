"""A proxy in front of hostd, as a company has one: it serves everything under a path.

nginx where there is one, else a small proxy of our own.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.platform import until

NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $http_upgrade $connection_field {{ default upgrade; '' ''; }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location = {prefix} {{ proxy_pass http://127.0.0.1:{inner}{root}; include {folder}/common; }}
    location {prefix}/ {{ proxy_pass http://127.0.0.1:{inner}{root}; include {folder}/common; }}
    location / {{ return 404 "outside of the public base\\n"; }}
  }}
}}
"""
COMMON = """
proxy_http_version 1.1;
proxy_set_header Host $http_host;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_field;
proxy_request_buffering off;
proxy_buffering off;
proxy_read_timeout 1d;
"""


@dataclass(frozen=True)
class Outer:
    """From ``port`` under ``prefix`` to ``inner``; ``strips``: hostd gets the path without the prefix."""

    port: int
    prefix: str
    inner: int
    strips: bool

    @contextmanager
    def running(self) -> Iterator[None]:
        """The proxy serves for the length of the block."""
        nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        with self._nginx(nginx) if nginx else self._own():
            until(lambda: _listens(self.port), 20, what="the outer proxy")
            yield

    @contextmanager
    def _nginx(self, program: str) -> Iterator[None]:
        with tempfile.TemporaryDirectory(prefix="outer-") as folder:
            Path(folder, "common").write_text(COMMON)
            root = "/" if self.strips else ""
            text = NGINX.format(
                folder=folder, port=self.port, prefix=self.prefix, inner=self.inner, root=root
            )
            Path(folder, "nginx.conf").write_text(text)
            process = subprocess.Popen([program, "-p", folder, "-c", "nginx.conf"], stderr=subprocess.DEVNULL)
            try:
                yield
            finally:
                process.terminate()
                process.wait(20)

    @contextmanager
    def _own(self) -> Iterator[None]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            starting = asyncio.start_server(self._serve, "127.0.0.1", self.port)
            server = asyncio.run_coroutine_threadsafe(starting, loop).result(20)
            yield
            asyncio.run_coroutine_threadsafe(_close(server), loop).result(20)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(20)
            loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request per connection, so that only one head has to be looked at."""
        with suppress(OSError, asyncio.IncompleteReadError):
            head = self._rewrite(await reader.readuntil(b"\r\n\r\n"))
            if head is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            else:
                inner, out = await asyncio.open_connection("127.0.0.1", self.inner)
                out.write(head)
                pipes = [asyncio.ensure_future(_pipe(*ends)) for ends in ((reader, out), (inner, writer))]
                try:
                    await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for pipe in pipes:
                        pipe.cancel()
                    await asyncio.gather(*pipes, _end(out), return_exceptions=True)
        await _end(writer)

    def _rewrite(self, head: bytes) -> bytes | None:
        """The head for hostd; None when the path is outside of the prefix."""
        first, _, rest = head.partition(b"\r\n")
        method, target, version = first.split(b" ")
        prefix = self.prefix.encode()
        below = target.removeprefix(prefix)
        if below == target or below[:1] not in (b"", b"/", b"?"):
            return None
        target = (below if below[:1] == b"/" else b"/" + below) if self.strips else target
        if b"\r\nupgrade:" not in head.lower():
            lines = [line for line in rest.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            rest = b"Connection: close\r\n" + b"\r\n".join(lines)
        return b"%b %b %b\r\n%b" % (method, target, version, rest)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def _end(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.close()
        await writer.wait_closed()


async def _close(server: asyncio.Server) -> None:
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
