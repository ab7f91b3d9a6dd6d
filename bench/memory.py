"""How much memory the gateway takes: for what passes through slow ends, and for idle WebSockets.

``python -m bench.memory [--each MB] [--at-once N] [--websockets N]``. The gateway is a process of its own,
and its resident memory is read from /proc, many times a second while something passes.

- slow ends: N uploads at once to an app that reads slowly, then N downloads at once by visitors who do
- idle WebSockets: opened through the gateway to apps of 400 each; nothing is sent on them
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import peers
from bench.measure import free_port, load, machine, print_table

_PIECE = 256 * 1024
_PAUSE = 0.02
"""A slow end takes at most so many bytes, and then pauses so many seconds: 12 MB/s."""
_PER_APP = 400
MB = 1 << 20


def resident(pid: int) -> int:
    """Bytes of a process's memory that are in RAM."""
    found = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) * 1024


class App:
    """A stand-in for an app: takes uploads slowly, sends downloads as fast as they are taken."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._open = 0
        self.idle = asyncio.Event()
        """Set while there is no connection."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._open += 1
        self.idle.clear()
        await self._answer(reader, writer)
        await closed(writer)
        self._open -= 1
        if not self._open:
            self.idle.set()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"upgrade: websocket" in head.lower():
                    writer.write(peers.SWITCH)
                elif head.startswith(b"POST"):
                    await slowly(reader, self._size)
                    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self._size)
                    await send(writer, self._size)


async def closed(*writers: asyncio.StreamWriter) -> None:
    """Close them, and wait until they are."""
    for writer in writers:
        writer.close()
    for writer in writers:
        with suppress(ConnectionError):
            await writer.wait_closed()


async def slowly(reader: asyncio.StreamReader, size: int) -> None:
    """Take ``size`` bytes, with pauses."""
    while size:
        data = await reader.read(min(_PIECE, size))
        if not data:
            raise ConnectionError("cut")
        size -= len(data)
        await asyncio.sleep(_PAUSE * len(data) / _PIECE)


async def send(writer: asyncio.StreamWriter, size: int) -> None:
    """Send ``size`` bytes, as fast as they are taken."""
    piece = bytes(_PIECE)
    for start in range(0, size, _PIECE):
        writer.write(piece[: size - start])
        await writer.drain()


async def upload(port: int, size: int) -> None:
    """One visitor with a file."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST %b/up HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (_BASE, size))
    await send(writer, size)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
    await closed(writer)


async def download(port: int, size: int) -> None:
    """One visitor with a slow line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_PIECE)
    writer.write(b"GET %b/down HTTP/1.1\r\nHost: h\r\n\r\n" % _BASE)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    await slowly(reader, size)
    await closed(writer)


_BASE = peers.BASE.encode()


async def growth(pid: int, work: Awaitable[object]) -> int:
    """The most bytes by which the process was larger than before while ``work`` went on."""
    before, most = resident(pid), 0
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait([task], timeout=0.02)
        most = max(most, resident(pid) - before)
    await task
    return most


async def slow_ends(pid: int, transfer: Callable[[], Awaitable[None]], at_once: int) -> int:
    """``at_once`` transfers beside each other; the growth."""
    return await growth(pid, asyncio.gather(*(transfer() for _ in range(at_once))))


async def idle_websockets(port: int, pid: int, count: int) -> float:
    """Bytes of the gateway per WebSocket; a hundred are opened before, for what is made only once."""
    warm = await opened(port, 0, 100)
    before = resident(pid)
    rest = [await opened(port, 1 + start // _PER_APP, _PER_APP) for start in range(0, count, _PER_APP)]
    await asyncio.sleep(1)
    grown = resident(pid) - before
    await closed(*(writer for streams in (warm, *rest) for _, writer in streams))
    return grown / (len(rest) * _PER_APP)


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def opened(port: int, app: int, count: int) -> list[Stream]:
    """So many WebSockets of one app."""
    streams = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET %b%b/ws HTTP/1.1\r\nHost: h\r\n" % (_BASE, b"%d" % app if app else b""))
        writer.write(peers.UPGRADE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        streams.append((reader, writer))
    return streams


@dataclass(frozen=True, slots=True)
class Figures:
    """Bytes by which the gateway grew: at most while uploads and downloads passed, and per WebSocket."""

    up: int
    down: int
    websocket: float


async def measure(size: int, at_once: int, websockets: int) -> Figures:
    """All three; the WebSockets with a fresh gateway."""
    ports = [free_port() for _ in range(1 + -(-websockets // _PER_APP))]
    app = App(size)
    servers = [await asyncio.start_server(app.serve, "127.0.0.1", p, limit=_PIECE) for p in ports]
    with ExitStack() as stack:
        port, pid = stack.enter_context(peers.gateway(*ports))
        up = await slow_ends(pid, lambda: upload(port, size), at_once)
        down = await slow_ends(pid, lambda: download(port, size), at_once)
    with ExitStack() as stack:
        port, pid = stack.enter_context(peers.gateway(*ports))
        each = await idle_websockets(port, pid, websockets)
    await app.idle.wait()
    for server in servers:
        server.close()
    return Figures(up, down, each)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="How much memory the gateway takes.")
    parser.add_argument("--each", type=int, default=32, help="MB of each upload and download")
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--websockets", type=int, default=2000)
    options = parser.parse_args()
    print(machine())
    print(f"before: {load()}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(measure(options.each * MB, options.at_once, options.websockets))
    total = f"{options.at_once} at once, {options.each * options.at_once / 1024:.1f} GB in all"
    heading = ("what", "the gateway grew by", "goal")
    up = (f"uploads to a slow app, {total}", f"{figures.up / MB:.1f} MB", "< 64 MB")
    down = (f"downloads by slow visitors, {total}", f"{figures.down / MB:.1f} MB", "< 64 MB")
    each = f"{figures.websocket / 1024:.2f} kB each"
    print_table([heading, up, down, (f"{options.websockets} idle WebSockets", each, "<= 4 kB")])
    print(f"after: {load()}")


if __name__ == "__main__":
    main()
