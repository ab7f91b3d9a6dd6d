"""How many connections there may be: of one process, and at all."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from hostd.gateway import GatewayOptions

from .conftest import Loop, Running, StartBackend, StartGateway, up
from .wire import SWITCH, UPGRADE, Answer, Wire, get, plain, visit, wait_until


def an_app(wire: Wire) -> None:
    """Takes WebSockets, says ok to the rest, and keeps no connection for later."""
    if b"Upgrade:" in wire.head():
        wire.send(SWITCH)
        wire.ended()
    else:
        wire.send(plain(b"ok", b"Connection: close"))


def socket_to(door: Running, stack: ExitStack, app_id: str) -> int:
    """The status that a WebSocket's request got; one that was opened stays so."""
    with ExitStack() as leaving:
        visitor = leaving.enter_context(visit(door.port))
        visitor.send(get(f"/apps/{app_id}/_stcore/stream", *UPGRADE))
        status = int(visitor.head().split(b" ", 2)[1])
        if status == 101:
            stack.push(leaving.pop_all())
    return status


def ask(door: Running, path: str) -> Answer:
    with visit(door.port) as visitor:
        visitor.send(get(path, "Connection: close"))
        return visitor.answer()


def is_refused(answer: Answer) -> bool:
    """Whether there is no room for it now."""
    return (answer.status, answer.all("retry-after")) == (503, [b"2"])


def test_tunnels_leave_requests_alone(gateway: StartGateway, backend: StartBackend, stack: ExitStack) -> None:
    """Many WebSockets are open, and uploads and media go on; requests have a limit of their own."""
    entered, release = threading.Semaphore(0), threading.Event()

    def script(wire: Wire) -> None:
        head = wire.head()
        if b"Upgrade:" in head:
            wire.send(SWITCH)
        elif b"slow" in head:
            entered.release()
            release.wait(10)
        wire.send(plain(b"ok"))
        wire.ended()

    app = backend(script)
    door = gateway({"x": up(app.port)}, GatewayOptions(max_connections_per_app=2))
    assert [socket_to(door, stack, "x") for _ in range(5)] == [101] * 5
    assert ask(door, "/apps/x/media/a").body == b"ok"
    waiting = [stack.enter_context(visit(door.port)) for _ in range(2)]
    for visitor in waiting:
        visitor.send(get("/apps/x/slow"))
        assert entered.acquire(timeout=10)
    assert is_refused(ask(door, "/apps/x/media/a"))
    release.set()
    assert [visitor.answer().body for visitor in waiting] == [b"ok", b"ok"]


def test_tunnels_of_one_process_are_capped(
    gateway: StartGateway, backend: StartBackend, stack: ExitStack
) -> None:
    """Also those on a connection that rested; who leaves makes room."""

    def keeps(wire: Wire) -> None:
        while b"Upgrade:" not in wire.head():
            wire.send(plain(b"ok"))
        wire.send(SWITCH)
        wire.ended()

    apps = [backend(keeps) for _ in range(2)]
    options = GatewayOptions(max_tunnels_per_app=2)
    door = gateway({name: up(app.port) for name, app in zip("xy", apps, strict=True)}, options)
    with ExitStack() as leaving:
        assert [socket_to(door, leaving, "x") for _ in range(2)] == [101, 101]
        assert ask(door, "/apps/x/").status == 200
        assert socket_to(door, stack, "x") == 503
        assert socket_to(door, stack, "y") == 101
        assert ask(door, "/apps/x/").status == 200
    wait_until(lambda: door.protocol.gateway.tunnels(apps[0].port) == 0, "both have left")
    assert socket_to(door, stack, "x") == 101


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_full_house(gateway: StartGateway, backend: StartBackend, stack: ExitStack, loop: Loop) -> None:
    """First WebSockets are refused, then requests for apps, at last connections; each time in words."""
    apps = {f"x{number}": backend(an_app) for number in range(12)}
    routes = {name: up(app.port) for name, app in apps.items()}
    door = gateway(routes, GatewayOptions(max_sockets=48), loop=loop)
    pool = door.protocol.gateway.pool
    with ExitStack() as crowd:
        opened = [socket_to(door, crowd, name) for name in apps for _ in range(2)]
        assert 16 <= opened.count(101) <= 18
        assert set(opened) == {101, 503}
        assert ask(door, "/apps/x0/media/a").body == b"ok"
        wait_until(lambda: pool.open == opened.count(101), "only tunnels are left")
        connections = door.server.server_state.connections
        while not is_refused(ask(door, "/apps/x11/media/a")):
            crowd.enter_context(visit(door.port))
            assert len(connections) < 48
        assert ask(door, "/api/echo/1").status == 200
        while not is_refused(answer := ask(door, "/api/echo/1")):
            crowd.enter_context(visit(door.port))
            assert len(connections) < 48
        assert answer.one("content-type") == b"application/problem+json"
        silent = crowd.enter_context(visit(door.port))
        assert silent.rest() == b""  # who asks for nothing is not waited for
    wait_until(lambda: not pool.open and not connections, "all are gone")
    assert socket_to(door, stack, "x0") == 101
    assert ask(door, "/api/echo/1").status == 200


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "connections"),
    [(64, 128, 128, 112), (200, 200, 200, 175), (64, 70_000, 65_536, 57_344)],
)
def test_the_limit_is_raised(soft: int, hard: int, raised: int, connections: int) -> None:
    """To what the machine allows; an eighth is not for connections."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        raised, connections = hard, hard - hard // 8
    program = f"""
import resource
from hostd.gateway import GatewayOptions, descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
descriptors.raise_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE), GatewayOptions().max_sockets)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [int(word) for word in done.stdout.split()] == [raised, hard, connections]
