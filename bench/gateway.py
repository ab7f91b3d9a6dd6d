"""What the gateway adds to a request and to a WebSocket message, beside nginx and beside no proxy.

``python -m bench.gateway [--rounds N] [--scale S]``. In each round every scenario is run straight to the
backend, through nginx, and through hostd's gateway, the order turning; under two minutes in all.

- latency: the median of the round's round trips; *added* is what is left after taking off the direct ones
- hand-over: hostd's gateway with STREAMLIT_HOST_HAND_OVER=1, where the app's process answers by itself
- CPU: user and system time of the proxy's process(es) from /proc, per request or round trip

The client is a raw asyncio protocol on uvloop which counts bytes, and so is the backend: what they cost is
the same three times, and little. nginx streams too (``proxy_buffering off``), with kept-alive connections
upstream and a buffer so large that it reads as much at once as the gateway does. Client and backend have one
core, all proxies another: where the scheduler puts two that wake each other would else decide the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import uvloop

from bench import peers
from bench.measure import Samples, cpu_of, load, machine, pin, print_table

NO_NGINX = "nginx is not here, so the reference is missing; Debian's package is nginx-light"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of traffic. ``size`` makes it WebSocket round trips of so many bytes.

    ``path`` may have a place for a number (``%d``): then each request has a path of its own.
    """

    name: str
    path: str
    count: int
    connections: int = 1
    size: int = 0


_STREAM = "/~r1/_stcore/stream"
"""As a tab asks for it that knows its release: such a WebSocket may be handed over."""

SCENARIOS = (
    Scenario("GET 200 B, 8 connections", "/small", 8000, connections=8),
    Scenario("GET 200 B, 1 connection", "/small", 3000),
    Scenario("GET 200 B, 8 connections, new paths", "/small/%d", 8000, connections=8),
    Scenario("GET 1 MB", "/large", 250),
    Scenario("WebSocket 100 B, 8 connections", _STREAM, 10_000, connections=8, size=100),
    Scenario("WebSocket 10 kB, 8 connections", _STREAM, 8000, connections=8, size=10_000),
    Scenario("WebSocket 100 B", _STREAM, 5000, size=100),
    Scenario("WebSocket 10 kB", _STREAM, 4000, size=10_000),
    Scenario("WebSocket 1 MB", _STREAM, 200, size=1_000_000),
)


@dataclass(slots=True)
class Target:
    """Where the client connects, and whose CPU time is looked at (None: there is no proxy).

    ``only_websockets``: what else it does is the same as another target's. ``cookie`` is sent to it.
    """

    name: str
    port: int
    pid: int | None = None
    only_websockets: bool = False
    cookie: str = ""
    latency: dict[str, Samples] = field(default_factory=dict)
    cpu: dict[str, Samples] = field(default_factory=dict)

    def add(self, scenario: Scenario, latency: float, cpu: float) -> None:
        """One round."""
        self.latency.setdefault(scenario.name, Samples()).add(latency)
        self.cpu.setdefault(scenario.name, Samples()).add(cpu)

    def added(self, direct: Target, name: str) -> Samples:
        """The latency beyond the direct one's, round by round."""
        pairs = zip(self.latency[name].values, direct.latency[name].values, strict=True)
        return Samples([mine - theirs for mine, theirs in pairs])


class Client(asyncio.Protocol):
    """One connection: sends, waits until the whole answer has come, sends again."""

    def __init__(self, first: bytes, messages: Iterator[bytes], reply: int, count: int) -> None:
        """``reply`` is the size of a message's answer, or of a response's body."""
        self.times: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._first, self._messages = first, messages
        self._reply, self._left = reply, count
        self._head = b""
        self._missing = 0
        self._begun = 0.0
        self._switched = False
        self._transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the first time."""
        self._transport = cast(asyncio.Transport, transport)
        self._begun = time.perf_counter()
        self._transport.write(self._first)

    def data_received(self, data: bytes) -> None:
        """Count what is still to come."""
        if self._missing:
            self._missing -= len(data)
        elif not self._in_head(data):
            return
        if self._missing < 0:
            self._fail(ValueError("more bytes than there should be"))
        elif self._missing == 0:
            self._next()

    def _in_head(self, data: bytes) -> bool:
        """Whether an answer's head has come whole."""
        if self._switched:
            self._missing = self._reply - len(data)
            return True
        self._head += data
        end = self._head.find(b"\r\n\r\n") + 4
        if end < 4:
            return False
        head, rest = self._head[:end], len(self._head) - end
        self._head = b""
        self._switched = head.startswith(b"HTTP/1.1 101 ")
        if not self._switched and not head.startswith(b"HTTP/1.1 200 "):
            self._fail(ValueError(head.decode("latin-1")))
            return False
        self._missing = -rest if self._switched else self._reply - rest
        return True

    def _next(self) -> None:
        now = time.perf_counter()
        self.times.append(now - self._begun)
        self._left -= 1
        if self._left <= 0:
            self._transport.close()
            self.done.set_result(None)
            return
        self._begun = now
        self._transport.write(next(self._messages))

    def _fail(self, error: Exception) -> None:
        self._transport.abort()
        if not self.done.done():
            self.done.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Too early is an error."""
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed too early"))


_numbers = count(1_000_000)


def numbered(request: bytes) -> Iterator[bytes]:
    """The request again and again; where it has a place for a number, each has a number of its own."""
    return (request % number for number in _numbers) if b"%d" in request else repeat(request)


async def drive(target: Target, scenario: Scenario) -> list[float]:
    """Run the scenario against ``target``; the seconds of each round trip."""
    port, cookie = target.port, f"Cookie: {target.cookie}\r\n" if target.cookie else ""
    host = f"Host: 127.0.0.1:{port}\r\n{cookie}"
    request = f"GET {peers.BASE}{scenario.path} HTTP/1.1\r\n{host}".encode()
    if scenario.size:
        first = request + peers.UPGRADE
        messages: Iterator[bytes] = repeat(peers.frame(scenario.size, masked=True))
        reply = len(peers.frame(scenario.size, masked=False))
    else:
        messages = numbered(request + b"\r\n")
        first = next(messages)
        reply = peers.LARGE if scenario.path == "/large" else peers.SMALL
    each = scenario.count // scenario.connections
    clients = []
    for _ in range(scenario.connections):
        made = await asyncio.get_running_loop().create_connection(
            lambda: Client(first, messages, reply, each + 1), "127.0.0.1", port
        )
        clients.append(made[1])
    await asyncio.gather(*(client.done for client in clients))
    return [seconds for client in clients for seconds in client.times[1:]]


def measure(target: Target, scenario: Scenario) -> tuple[float, float]:
    """(median latency, CPU per round trip), seconds."""
    before = cpu_of(target.pid) if target.pid else 0.0
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        times = runner.run(drive(target, scenario))
    spent = cpu_of(target.pid) - before if target.pid else 0.0
    return statistics.median(times), spent / len(times)


def scaled(factor: float) -> Iterator[Scenario]:
    """The scenarios with more or fewer round trips."""
    for s in SCENARIOS:
        yield Scenario(s.name, s.path, max(s.connections, int(s.count * factor)), s.connections, s.size)


def settle(targets: list[Target]) -> None:
    """Give the proxies a core that client and backend don't use, where there are two."""
    ours, *others = sorted(os.sched_getaffinity(0))
    if not others:
        return
    pin(os.getpid(), ours)
    for target in targets:
        if target.pid:
            pin(target.pid, others[0])


def run(targets: list[Target], rounds: int, scale: float) -> None:
    """All rounds; one small one before them warms everything up."""
    for scenario in scaled(scale / 20):
        for target in concerned(targets, scenario):
            measure(target, scenario)
    for number in range(rounds):
        for scenario in scaled(scale):
            turn = number % len(targets)
            for target in concerned(targets[turn:] + targets[:turn], scenario):
                target.add(scenario, *measure(target, scenario))


def concerned(targets: list[Target], scenario: Scenario) -> list[Target]:
    """Those that the scenario says something about."""
    return [target for target in targets if scenario.size or not target.only_websockets]


def rows(targets: list[Target]) -> Iterator[tuple[str, ...]]:
    """The table: per scenario a line for each way; microseconds."""
    yield ("traffic", "through", "latency us", "added us", "CPU us", "CPU / nginx's", "added / nginx's")
    direct = targets[0]
    reference = next((target for target in targets if target.name == "nginx"), None)
    for scenario in SCENARIOS:
        for target in concerned(targets, scenario):
            name = scenario.name
            cells = (name, target.name, target.latency[name].show(1e6, 0))
            if target is direct:
                yield (*cells, "", "", "", "")
                continue
            added = target.added(direct, name)
            yield (
                *(*cells, added.show(1e6, 0), target.cpu[name].show(1e6, 1)),
                *_ratios(target, reference, direct, name),
            )


def _ratios(target: Target, reference: Target | None, direct: Target, name: str) -> tuple[str, str]:
    if reference is None or target is reference:
        return "", ""
    pairs = zip(target.cpu[name].values, reference.cpu[name].values, strict=True)
    cpu = Samples([mine / max(theirs, 1e-9) for mine, theirs in pairs])
    theirs = reference.added(direct, name).median
    added = f"{target.added(direct, name).median / theirs:.2f}" if theirs > 0 else "-"
    return cpu.show(), added


def find_nginx() -> str | None:
    """nginx's program; Debian puts it where not everybody's PATH leads."""
    usual = Path("/usr/sbin/nginx")
    return shutil.which("nginx") or (str(usual) if usual.is_file() else None)


def main() -> None:
    """Start the servers, run all rounds, print the table."""
    parser = argparse.ArgumentParser(description="What the gateway adds, beside nginx and no proxy.")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--scale", type=float, default=1.0, help="how many round trips, beside the usual")
    parser.add_argument("--nginx-buffer", default="256k", help="nginx's proxy_buffer_size")
    options = parser.parse_args()
    print(machine())
    print(f"before: {load()}")
    begin = time.perf_counter()
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="hostd-bench-"))
        backend = stack.enter_context(peers.backend(folder))
        targets = [Target("direct", backend)]
        if program := find_nginx():
            nginx = peers.nginx(program, backend, options.nginx_buffer)
            targets.append(Target("nginx", *stack.enter_context(nginx)))
        else:
            print(NO_NGINX)
        targets.append(Target("hostd", *stack.enter_context(peers.gateway(backend))))
        handing = stack.enter_context(peers.gateway(backend, folder=folder))
        targets.append(Target("hand-over", *handing, only_websockets=True))
        settle(targets)
        run(targets, options.rounds, options.scale)
    taken = time.perf_counter() - begin
    print(f"after: {load()}")
    print(f"median (min - max) of {options.rounds} rounds, {taken:.0f} s in all")
    print_table(rows(targets))


if __name__ == "__main__":
    main()
