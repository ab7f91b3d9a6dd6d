"""A real Streamlit, run by hostd/runner.py, that takes its visitors' WebSockets from the gateway."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from bench import peers
from hostd.gateway import GatewayOptions
from hostd.gateway.hand_over import HandOver
from hostd.lifecycle.environment import RUNNER
from hostd.models import Route, Status
from hostd.runner import Door

from .conftest import Running, running
from .wire import UPGRADE, closed_port, get, visit, wait_until

SCRIPT = """
import os, sys, threading, uvicorn
import streamlit as st

@st.cache_resource
def another_server():
    async def hello(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
    config = uvicorn.Config(hello, port=int(os.environ["ANOTHER_PORT"]), lifespan="off")
    threading.Thread(target=uvicorn.Server(config).run, daemon=True).start()

another_server()
st.write(f"{sys.argv} {sys.path[0]} {st.context.ip_address} {st.context.headers.get('Host')}")
"""
HOST = "visitor.example:8080"
IP = "127.0.0.2"
STREAM = "/apps/bench/~r1/_stcore/stream"


@dataclass(frozen=True)
class App:
    """A running Streamlit, and the folder with its socket."""

    port: int
    folder: Path
    another: int

    @property
    def options(self) -> GatewayOptions:
        return GatewayOptions(hand_over=self.folder, trusted_proxies=("127.0.0.3",))

    @property
    def route(self) -> Route:
        return Route(Status.RUNNING, self.port, "x", 1)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Started as hostd starts it."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "app.py").write_text(SCRIPT)
    (folder / "uvloop.py").write_text("raise ModuleNotFoundError")  # apps' own venvs have none
    port, another = closed_port(), closed_port()
    (folder / str(port)).mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(folder),
        "HOSTD_HAND_OVER": str(folder / str(port) / "door"),
        "STREAMLIT_SERVER_PORT": str(port),
        "ANOTHER_PORT": str(another),
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "STREAMLIT_SERVER_BASE_URL_PATH": "apps/bench",
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    }
    streamlit = Path(sys.executable).with_name("streamlit")
    command = [sys.executable, str(RUNNER), str(streamlit), "run", "app.py", "--", "argument"]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until((folder / str(port) / "door.open").exists, "the runner", 60)
            yield App(port, folder, another)
        finally:
            process.kill()


@pytest.fixture
def door(app: App) -> Iterator[Running]:
    """A gateway that may hand over to it."""
    with running({"bench": app.route}, options=app.options) as opened:
        yield opened
    wait_until(lambda: HandOver(app.folder).open(app.port) == 0, "all closed")


def session(
    port: int, path: str = STREAM, *headers: tuple[str, str], origin: str = f"http://{HOST}", ip: str = IP
) -> ClientConnection:
    """A browser's WebSocket."""
    return connect(
        f"ws://{HOST}{path}",
        sock=socket.create_connection(("127.0.0.1", port), source_address=(ip, 0)),
        subprotocols=[Subprotocol("streamlit"), Subprotocol("PLACEHOLDER")],
        origin=Origin(origin),
        additional_headers=headers,
        max_size=None,
    )


def refuses(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def rerun(connection: ClientConnection) -> str:
    """Run the script; what it writes."""
    wish = BackMsg()
    wish.rerun_script.query_string = ""
    connection.send(wish.SerializeToString())
    text = ""
    while True:
        data = connection.recv(timeout=30)
        assert isinstance(data, bytes)
        said = ForwardMsg.FromString(data)
        if said.WhichOneof("type") == "script_finished":
            return text
        if said.HasField("delta") and said.delta.new_element.HasField("markdown"):
            text = said.delta.new_element.markdown.body


def test_a_handed_socket_is_a_session_like_any_other(app: App, door: Running) -> None:
    """The app answers the visitor itself; the gateway holds nothing, and still knows of it."""
    gateway = door.protocol.gateway
    with session(door.port) as handed:
        assert handed.subprotocol == "streamlit"
        text = rerun(handed)
        assert gateway.tunnels(app.port) == gateway.busy(app.port) == 1
        assert gateway.pool.tunnels(app.port) == 0
        assert not door.server.server_state.connections
    wait_until(lambda: gateway.tunnels(app.port) == 0, "the app says that it is closed")
    with session(door.port, "/apps/bench/_stcore/stream") as tunneled:
        assert gateway.pool.tunnels(app.port) == 1
        assert rerun(tunneled) == text
    assert "'argument'" in text
    assert IP in text
    assert HOST in text
    wait_until(lambda: gateway.busy(app.port) == 0, "the tunnel's end")


@pytest.mark.parametrize(
    ("headers", "ip"),
    [
        *(([(name, "6.6.6.6")], IP) for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP")),
        ([], "127.0.0.3"),
    ],
)
def test_a_proxys_connection_stays_the_gateways(
    app: App, door: Running, headers: list[tuple[str, str]], ip: str
) -> None:
    """It may carry other visitors' requests later, which are none of the app's business."""
    with session(door.port, STREAM, *headers, ip=ip) as tunneled:
        rerun(tunneled)
        assert door.protocol.gateway.pool.tunnels(app.port) == 1


def test_another_server_in_the_apps_process_is_left_alone(app: App, door: Running) -> None:
    """An app may serve something of its own by uvicorn: it answers, and the door stays Streamlit's."""
    with session(door.port) as handed:
        rerun(handed)  # the script starts it
        wait_until(lambda: not refuses(app.another), "another server")
        answer = httpx.get(f"http://127.0.0.1:{app.another}/", timeout=30, trust_env=False)
        assert (answer.status_code, answer.text) == (200, "hello")
        with session(door.port) as second:
            rerun(second)
            assert HandOver(app.folder).open(app.port) == 2


def test_a_lock_that_somebody_keeps_is_not_waited_for(tmp_path: Path) -> None:
    """A child that the last process left behind may have it for ever; the app must start all the same."""

    async def opened() -> None:
        Door(tmp_path / "door", list, print)

    with (tmp_path / "door.open").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match=r"door\.open"):
            asyncio.run(opened())


def test_a_session_survives_the_gateways_death(app: App) -> None:
    """SIGKILL: no handed socket is touched, and the next gateway knows of it."""
    with ExitStack() as stack:
        port, pid = stack.enter_context(peers.gateway(app.port, folder=str(app.folder)))
        handed = stack.enter_context(session(port, STREAM))
        before = rerun(handed)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: refuses(port), "the gateway's death")
        assert rerun(handed) == before
        with running({"bench": app.route}, options=app.options) as again:
            assert again.protocol.gateway.tunnels(app.port) == 1


def test_a_refused_socket_is_closed(app: App, door: Running) -> None:
    """Nobody goes past the gateway on a connection that did not become a WebSocket."""
    with pytest.raises(InvalidStatus) as refused:
        session(door.port, origin="http://elsewhere.example")
    assert refused.value.response.status_code == 403
    with visit(door.port) as visitor:
        second = get("/apps/bench/_stcore/metrics")
        visitor.send(get(STREAM, *UPGRADE[:2], "Sec-WebSocket-Version: 1") + second)
        reply = visitor.rest()
    assert reply.startswith(b"HTTP/1.1 4")
    assert reply.count(b"HTTP/1.1") == 1


def test_what_is_sent_behind_the_head_arrives(app: App, door: Running) -> None:
    """A frame in the same segment as the request: then it is a tunnel, where the 101 comes before all."""
    origin = "Origin: http://visitor.example:8080"
    with visit(door.port) as visitor:
        visitor.send(get(STREAM, *UPGRADE, origin) + b"\x89\x82\0\0\0\0hi")
        assert visitor.head().startswith(b"HTTP/1.1 101")
        assert visitor.exactly(4) == b"\x8a\x02hi"
        assert door.protocol.gateway.pool.tunnels(app.port) == 1


def test_a_dead_runner_counts_nothing_and_a_missing_one_is_no_error(app: App, tmp_path: Path) -> None:
    """What a killed process left behind is not taken for visitors; without a runner there is the tunnel."""
    for port in (app.port, 1):
        (tmp_path / str(port)).mkdir()
    (tmp_path / str(app.port) / "door.open").write_bytes(b"00000007")
    os.mkfifo(tmp_path / "1" / "door.open")
    assert HandOver(tmp_path).open(1) == 0
    options = GatewayOptions(hand_over=tmp_path)
    with running({"bench": app.route}, options=options) as door, session(door.port) as tunneled:
        rerun(tunneled)
        assert door.protocol.gateway.tunnels(app.port) == door.protocol.gateway.pool.tunnels(app.port) == 1
