"""A real Streamlit behind the gateway."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from hostd.gateway import GatewayOptions
from hostd.lifecycle.environment import RUNNER

from .conftest import Running, running, up
from .wire import closed_port, wait_until

BASE = "/tools/st/apps/x"
HOST = "visitor.example:8080"
ORIGIN = Origin(f"http://{HOST}")
SCRIPT = """
import streamlit as st
st.title("Hello")
file = st.file_uploader("File")
st.write(f"url {st.context.headers.get('Host')}")
"""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with a Streamlit behind it, under a public prefix."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "app.py").write_text(SCRIPT)
    (folder / "uvloop.py").write_text("raise ModuleNotFoundError")  # apps' own venvs have none
    port = closed_port()
    with subprocess.Popen(
        [sys.executable, RUNNER, Path(sys.executable).with_name("streamlit"), "run", "app.py"],
        cwd=folder,
        env=environment(folder, port),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as app:
        try:
            with running({"x": up(port)}, options=GatewayOptions(prefix="/tools/st")) as opened:
                wait_until(lambda: ask(opened, "GET", "/_stcore/health")[0] == 200, "Streamlit's health", 30)
                yield opened
        finally:
            app.kill()


def environment(folder: Path, port: int) -> dict[str, str]:
    """What hostd gives an app."""
    server = {"PORT": port, "ADDRESS": "127.0.0.1", "BASE_URL_PATH": BASE.strip("/"), "HEADLESS": "true"}
    options = {f"STREAMLIT_SERVER_{name}": str(value) for name, value in server.items()}
    script_check = {"STREAMLIT_SERVER_SCRIPT_HEALTH_CHECK_ENABLED": "true"}
    quiet = {"STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false", "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none"}
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **options, **script_check, **quiet}


def ask(
    door: Running, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes, http.client.HTTPMessage]:
    """One request as a browser would send it."""
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=10)
    try:
        connection.request(method, BASE + path, body, {"Host": HOST, **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read(), response.headers
    finally:
        connection.close()


def cookie(door: Running) -> str:
    """The XSRF token that a browser is given."""
    for path in ("/_stcore/health", "/_stcore/host-config", "/"):
        for field in ask(door, "GET", path)[2].get_all("Set-Cookie") or []:
            name, _, value = field.partition(";")[0].partition("=")
            if name == "_streamlit_xsrf":
                return value
    raise AssertionError("no XSRF cookie")


def session(door: Running, token: str, origin: Origin = ORIGIN) -> ClientConnection:
    """A browser's WebSocket."""
    return connect(
        f"ws://{HOST}{BASE}/_stcore/stream",
        sock=socket.create_connection(("127.0.0.1", door.port)),
        subprotocols=[Subprotocol("streamlit"), Subprotocol(token)],
        origin=origin,
        additional_headers={"Cookie": f"_streamlit_xsrf={token}", "X-Forwarded-For": "6.6.6.6"},
        user_agent_header="browser",
        max_size=None,
    )


def message(connection: ClientConnection, kind: str) -> ForwardMsg:
    """The next message of this kind."""
    while True:
        data = connection.recv(timeout=10)
        assert isinstance(data, bytes)
        found: ForwardMsg = ForwardMsg.FromString(data)
        if found.WhichOneof("type") == kind:
            return found


def test_pages_and_health_pass(door: Running) -> None:
    """The page, a deep link and the health endpoint come from the app; its base is the public one."""
    for path in ("/", "/some_page", "/%E4%B8%AD"):
        status, body, _ = ask(door, "GET", path, headers={"Accept": "text/html"})
        assert status == 200
        assert b"<title>Streamlit</title>" in body
    assert ask(door, "GET", "/_stcore/health")[:2] == (200, b"ok")


def test_probes_for_another_base_are_the_apps_404(door: Running) -> None:
    """A health endpoint below a page does not exist, whoever answers."""
    assert ask(door, "GET", "/page/_stcore/health")[0] == 404
    assert ask(door, "GET", "/page/_stcore/host-config")[0] == 404


def test_operators_endpoints_are_hidden(door: Running) -> None:
    """Neither metrics nor the script check answer visitors, although the app has them."""
    for path in ("metrics", "script-health-check", "m%65trics", "/metrics"):
        status, body, _ = ask(door, "GET", f"/_stcore/{path}")
        assert (status, b"nothing here for visitors" in body) == (404, True), path


def test_a_session_with_an_upload(door: Running) -> None:
    """A script runs over the WebSocket, and its upload is taken with the XSRF token and refused without."""
    token = cookie(door)
    with session(door, token) as connection:
        assert connection.subprotocol == "streamlit"
        start = BackMsg()
        start.rerun_script.query_string = ""
        connection.send(start.SerializeToString())
        identity = message(connection, "new_session").new_session.initialize.session_id
        question = BackMsg()
        question.file_urls_request.request_id = "1"
        question.file_urls_request.file_names.append("a.txt")
        question.file_urls_request.session_id = identity
        connection.send(question.SerializeToString())
        url = message(connection, "file_urls_response").file_urls_response.file_urls[0].upload_url
        body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhi\r\n--b--\r\n'
        fields = {"Content-Type": "multipart/form-data; boundary=b", "Origin": ORIGIN}
        path = url.removeprefix(BASE)
        assert ask(door, "PUT", path, body, fields)[0] == 403
        with_token = {**fields, "Cookie": f"_streamlit_xsrf={token}", "X-Xsrftoken": token}
        assert ask(door, "PUT", path, body, with_token)[0] == 204


def test_foreign_origins_stay_refused(door: Running) -> None:
    """Streamlit's own check of Origin against Host works behind the gateway: its 403 is passed on."""
    with pytest.raises(InvalidStatus) as refused:
        session(door, cookie(door), Origin("http://evil.example"))
    assert refused.value.response.status_code == 403


def test_small_answers_are_not_held_back(door: Running) -> None:
    """Streamlit from 1.57 on sends in two pieces: the second does not wait for the first one's ACK."""
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=10)
    times: list[float] = []
    for _ in range(21):
        start = time.perf_counter()
        connection.request("GET", f"{BASE}/_stcore/health", headers={"Host": HOST})
        connection.getresponse().read()
        times.append(time.perf_counter() - start)
    connection.close()
    assert median(times) < 0.03  # 0.4 ms on a quiet machine; 44 without TCP_NODELAY
