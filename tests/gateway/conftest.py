"""A real uvicorn with the gateway in a thread, and scripted apps behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import pytest
import uvicorn
from fastapi import FastAPI, Request, WebSocket

from hostd.gateway import Gateway, GatewayOptions, GatewayProtocol, protocol_class
from hostd.models import Route, RoutingTable, Status
from hostd.static_files import StaticCopies
from hostd.templating import Templates

from .wire import Backend, Script, wait_until

CONSOLE_DOWN = Route(Status.STARTING, None, "Console")


def our_routes() -> FastAPI:
    """What hostd's own API would be."""
    app = FastAPI()

    @app.api_route("/api/echo/{path:path}", methods=["GET", "POST", "HEAD"])
    async def echo(request: Request) -> dict[str, object]:
        headers = [[key.decode("latin-1"), value.decode("latin-1")] for key, value in request.headers.raw]
        body = (await request.body()).decode("latin-1")
        return {"path": request.url.path, "query": request.url.query, "body": body, "headers": headers}

    @app.websocket("/api/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    return app


@dataclass
class Running:
    """A gateway that serves. ``table`` may be replaced at any time."""

    server: uvicorn.Server
    protocol: type[GatewayProtocol]
    thread: threading.Thread
    port: int
    table: RoutingTable

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(30)
        assert not self.thread.is_alive()


Loop = Literal["uvloop", "asyncio"]


@contextmanager
def running(
    apps: dict[str, Route] | None = None,
    console: Route = CONSOLE_DOWN,
    options: GatewayOptions | None = None,
    loop: Loop = "uvloop",
    copies: StaticCopies | None = None,
) -> Iterator[Running]:
    """A gateway on a free port."""
    table = RoutingTable(console, MappingProxyType(dict(apps or {})))
    result: list[Running] = []
    gateway = Gateway(
        lambda: result[0].table, options or GatewayOptions(idle_timeout=60), Templates(), copies
    )
    protocol = protocol_class(gateway)
    config = uvicorn.Config(
        our_routes(),
        port=0,
        http=protocol,
        loop=loop,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=5,
        timeout_keep_alive=20,  # tests count connections, and the machine may stand still for a moment
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, "uvicorn's start")
    door = Running(server, protocol, thread, server.servers[0].sockets[0].getsockname()[1], table)
    result.append(door)
    try:
        yield door
    finally:
        door.stop()


StartGateway = Callable[..., Running]
StartBackend = Callable[..., Backend]


def up(port: int, name: str = "Demo") -> Route:
    """A route to an app that runs."""
    return Route(Status.RUNNING, port, name)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Closes what a test started, last first."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def backend(stack: ExitStack) -> StartBackend:
    """Start scripted apps."""

    def start(script: Script, *, receive_buffer: int | None = None) -> Backend:
        made = Backend(script, receive_buffer=receive_buffer)
        stack.callback(made.close)
        return made

    return start


@pytest.fixture(scope="session")
def shared_door() -> Iterator[Running]:
    """One gateway for the tests that choose neither its options nor its loop: stopping one takes 0.2 s."""
    with running() as door:
        yield door


@pytest.fixture
def gateway(stack: ExitStack, shared_door: Running) -> StartGateway:
    """Give a gateway its apps; options, a loop, or ``fresh`` get one of their own."""

    def start(
        apps: dict[str, Route] | None = None,
        options: GatewayOptions | None = None,
        console: Route = CONSOLE_DOWN,
        loop: Loop | None = None,
        fresh: bool = False,
    ) -> Running:
        if options or loop or fresh:
            return stack.enter_context(running(apps, console, options, loop or "uvloop"))
        shared_door.table = RoutingTable(console, MappingProxyType(dict(apps or {})))
        return shared_door

    return start
