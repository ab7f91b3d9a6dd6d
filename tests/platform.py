"""A real platform for tests: its own data folder, its own ports, the real ``python -m hostd``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from uv import find_uv_bin

from hostd.layout import Layout

from .machine import free_range, uid_block

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")
KEPT = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2)
"""Of a client's connections: uvicorn closes them after 5 s, in which httpx would still use them."""
HELLO = b"import streamlit as st\nst.title('hello from the test')\n"


def until(ask: Callable[[], T], timeout: float = 60.0, interval: float = 0.05, what: str = "") -> T:
    """The first true answer of ``ask``; AssertionError with the last one when time runs out."""
    deadline = time.monotonic() + timeout
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {timeout} s: {what or ask}; last answer {answer!r}"
        time.sleep(interval)


def uv_cache() -> str:
    """The cache of installs that tests make themselves, so that only the first one downloads."""
    return subprocess.run(
        [find_uv_bin(), "cache", "dir"], capture_output=True, text=True, check=True
    ).stdout.strip()


def platforms_cache() -> str:
    """The one that all test platforms share. One that runs as root installs as its builder."""
    return uv_cache() if os.geteuid() else str(Path(tempfile.gettempdir(), "hostd-tests-uv-cache"))


def get(url: str, **more: Any) -> httpx.Response:
    """An answer, however long a busy machine takes."""
    return httpx.get(url, timeout=60, trust_env=False, **more)


class Platform:
    """One hostd. ``start`` and ``stop`` may be called again and again; the data folder stays."""

    def __init__(self, pool: int = 80, root: Path = ROOT, **settings: str) -> None:
        self.data = Path(tempfile.mkdtemp(prefix="hostd-"))
        low = free_range(pool + 2)
        self.port, self.console_port = low, low + 1
        self.pool = range(low + 2, low + 2 + pool)
        self.root = root
        self.command = [sys.executable, "-m", "hostd"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "STREAMLIT_HOST_DATA": str(self.data),
            "STREAMLIT_HOST_PORT": str(self.port),
            "STREAMLIT_HOST_CONSOLE_PORT": str(self.console_port),
            "STREAMLIT_HOST_PORT_MIN": str(self.pool[0]),
            "STREAMLIT_HOST_PORT_MAX": str(self.pool[-1]),
            "STREAMLIT_HOST_START_TIMEOUT": "240",  # a machine busy with tests boots Streamlit in a minute
            "STREAMLIT_HOST_FIRST_SESSION_TIMEOUT": "240",
            "UV_CACHE_DIR": platforms_cache(),
            "STREAMLIT_HOST_UID_LOCKS": str(
                self.data.with_suffix(".uids")
            ),  # they share a range, see uid_block
            **settings,
        }
        first, self._uids = uid_block()
        Layout(self.data).last_uid.write_text(json.dumps({"last": first - 2}))
        token = settings.get("STREAMLIT_HOST_ADMIN_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.api = httpx.Client(
            base_url=f"{self.url}/api", timeout=60, headers=headers, trust_env=False, limits=KEPT
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.output = self.data.with_suffix(".out")

    def start(self, wait: bool = True) -> Platform:
        """Start it, and wait until the API and the console answer."""
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, cwd=self.root, env=self.environment(), stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        if wait:
            until(self.answers, 60, what="the API")
        return self

    def environment(self) -> dict[str, str]:
        """The test's own environment with this platform's settings."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
        return {**own, **self.settings}

    def answers(self) -> bool:
        """Whether the API answers."""
        assert self.process is None or self.process.poll() is None, self.output.read_text()
        try:
            return self.api.get("/health").status_code == 200
        except httpx.HTTPError:
            return False

    def wait_for_console(self) -> str:
        """The console's URL, once it answers."""
        page = f"{self.url}/console/_stcore/health"
        until(lambda: _body(page) == "ok", 60, what="the console")
        return f"{self.url}/console/"

    def stop(self, how: int = signal.SIGTERM, timeout: float = 90) -> int:
        """Send a signal to supervisord and wait for its end. Returns the exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(timeout)
        self.process = None
        return code

    def close(self) -> None:
        """Stop it if it runs, and take its folder away."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        self.api.close()
        until(lambda: not self.processes(), 60, what="all processes gone")
        shutil.rmtree(self.data)
        shutil.rmtree(self.data.with_suffix(".uids"), ignore_errors=True)
        self.output.unlink(missing_ok=True)
        os.close(self._uids)

    def processes(self) -> dict[int, str]:
        """Pid and command line of every process that runs from this platform's folder."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                line = _cmdline(entry)
                if str(self.data) in line:
                    found[int(entry.name)] = line
        return found

    def create(
        self, name: str = "test", app: bytes = HELLO, requirements: bytes | None = None, **fields: str
    ) -> str:
        """Create an app; its id."""
        files = {"app": ("app.py", app)}
        if requirements is not None:
            files["requirements"] = ("requirements.txt", requirements)
        answer = self.api.post("/apps", data={"name": name, **fields}, files=files)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["app_id"])

    def running(self, name: str = "test", app: bytes = HELLO, timeout: float = 120, **more: Any) -> str:
        """Create an app and wait until it runs; its id."""
        app_id = self.create(name, app, **more)
        self.wait(app_id, "running", timeout=timeout)
        return app_id

    def app(self, app_id: str) -> dict[str, Any]:
        """The app as the API shows it."""
        answer = self.api.get(f"/apps/{app_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def still(self) -> list[dict[str, Any]]:
        """Every app, without what moves by itself: older releases drain and end at any time."""
        return [still(app) for app in self.api.get("/apps").json()]

    def wait(self, app_id: str, *statuses: str, timeout: float = 120) -> dict[str, Any]:
        """Wait until the app has one of the statuses; 'failed' ends the wait with its error.

        An app that runs keeps that status during an update: then the wait is for the update's end.
        """

        def look() -> dict[str, Any] | None:
            app = self.app(app_id)
            if app["status"] == "failed" and "failed" not in statuses:
                raise AssertionError(app["error"])
            updating = app["status"] == "running" and app["deploying"] is not None
            return app if app["status"] in statuses and not updating else None

        return until(look, timeout, 0.03, f"{app_id} {statuses}") or {}

    def logs(self, app_id: str, tail: int = 200) -> str:
        """The end of the app's run.log."""
        return str(self.api.get(f"/apps/{app_id}/logs", params={"tail": tail}).json()["logs"])

    def page(self, app_id: str, path: str = "_stcore/health") -> httpx.Response:
        """An answer of the app itself, through the gateway."""
        return get(f"{self.url}/apps/{app_id}/{path}")

    def serves(self, app_id: str) -> bool:
        """Whether the app's own health endpoint answers through the gateway."""
        return _body(f"{self.url}/apps/{app_id}/_stcore/health") == "ok"

    def supervisorctl(self, *arguments: str) -> str:
        """What supervisorctl prints."""
        ctl = [
            str(Path(sys.executable).with_name("supervisorctl")),
            "-c",
            f"{self.data}/supervisor/supervisord.conf",
        ]
        done = subprocess.run([*ctl, *arguments], capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr

    def pid(self, program: str) -> int:
        """The pid of a supervisord program."""
        return int(self.supervisorctl("pid", program).strip())


def still(app: dict[str, Any]) -> dict[str, Any]:
    """An app as the API shows it, without what changes by itself: older releases and sessions end."""
    return {key: value for key, value in app.items() if key not in ("updated_at", "draining", "replicas")}


def _body(url: str) -> str:
    try:
        return get(url).text
    except httpx.HTTPError:
        return ""


def _cmdline(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


@contextmanager
def platform(**settings: Any) -> Iterator[Platform]:
    """A platform for the length of the block."""
    made = Platform(**settings).start()
    try:
        yield made
    finally:
        made.close()


def assert_problem(answer: httpx.Response, status: int, field: str | None = None) -> dict[str, Any]:
    """The one shape of every failure (RFC 9457)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = dict(answer.json())
    assert {"type", "title", "status", "detail"} <= set(body), body
    assert body["status"] == status
    assert len(body["detail"]) > 10, body
    if field is not None:
        assert body["field"] == field, body
        assert field in body["detail"]
    return body
