"""How long an upload takes to become a running app, as a ratio to the same work by hand.

``python -m bench.deploy [--rounds N]``. Each round does both, the order turning with every round:

- create: ``uv venv``, ``uv pip install -r requirements.txt`` and ``streamlit run`` until its health
  endpoint says ``ok``; against POST until the API says ``running``. The uv cache is warm for both.
- restart: ``streamlit run`` in a venv that was booted before; against PATCH with a new app.py until the
  API says ``running``. That it is the new code that runs is checked through the gateway, off the clock.

Both sides get the same Python, uv, cache, file system, Streamlit settings and poll interval, and neither
gets variables that change Python itself (PYTHONDONTWRITEBYTECODE would keep bytecode from being kept).
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from uv import find_uv_bin
from websockets.sync.client import connect

from bench.measure import Samples, cpu_of_tree, free_port, load, machine, print_table, rest, wait_for
from hostd.builds import interpreter
from tests.platform import Platform, platform, uv_cache

GOAL = 1.25
POLL = 0.01
REQUIREMENTS = b"streamlit\n"
RERUN = b"\x5a\x00"
"""Streamlit's BackMsg with an empty ``rerun_script`` (field 11): what a browser sends first."""

STREAMLIT = {
    "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
    "STREAMLIT_SERVER_HEADLESS": "true",
    "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "STREAMLIT_LOGGER_HIDE_WELCOME_MESSAGE": "true",
}


@dataclass(slots=True)
class Side:
    """What one way of doing the work took: seconds on the clock, CPU seconds."""

    wall: Samples = field(default_factory=Samples)
    cpu: Samples = field(default_factory=Samples)

    def add(self, taken: tuple[float, float]) -> None:
        """One round."""
        self.wall.add(taken[0])
        self.cpu.add(taken[1])


@dataclass(slots=True)
class Contest:
    """The bare work beside hostd's."""

    title: str
    goal: float
    bare: Side = field(default_factory=Side)
    hostd: Side = field(default_factory=Side)

    @property
    def ratio(self) -> float:
        """hostd's median over the bare one."""
        return self.hostd.wall.median / self.bare.wall.median

    @property
    def paired(self) -> Samples:
        """The ratio of each round by itself."""
        return Samples([h / b for h, b in zip(self.hostd.wall.values, self.bare.wall.values, strict=True)])

    def rows(self) -> list[tuple[str, ...]]:
        """Two lines of the table."""
        verdict = "reached" if max(self.ratio, self.paired.median) <= self.goal else "MISSED"
        return [
            (self.title, "by hand", self.bare.wall.show(), self.bare.cpu.show(), "1", ""),
            (
                *(self.title, "hostd", self.hostd.wall.show(), self.hostd.cpu.show()),
                *(f"{self.ratio:.3f}; per round {self.paired.show()}", f"<= {self.goal}: {verdict}"),
            ),
        ]


class Bare:
    """The work by hand, in folders on the file system of the platform's data."""

    def __init__(self, parent: Path) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="bare-", dir=parent))
        kept = {
            name: os.environ[name] for name in os.environ if not name.startswith(("PYTHON", "STREAMLIT_"))
        }
        self._env = {**kept, "UV_CACHE_DIR": uv_cache(), "UV_PYTHON_DOWNLOADS": "never", **STREAMLIT}
        self._made = 0

    def close(self) -> None:
        """Take the folders away."""
        shutil.rmtree(self._root)

    def create(self) -> tuple[float, float]:
        """Folder, venv, install, boot. (seconds, CPU seconds)"""
        self._made += 1
        folder = self._root / str(self._made)
        before, begin = _cpu_of_children(), time.perf_counter()
        folder.mkdir()
        (folder / "app.py").write_bytes(source("by hand"))
        (folder / "requirements.txt").write_bytes(REQUIREMENTS)
        self._run(folder, "venv", "--quiet", "--no-project", "--python", interpreter(), "venv")
        self._run(folder, "pip", "install", "--python", "venv", "--requirements", "requirements.txt")
        installed = _cpu_of_children() - before
        cpu = self._boot(folder)
        return time.perf_counter() - begin - cpu[1], installed + cpu[0]

    def restart(self) -> tuple[float, float]:
        """Boot what was booted before, with a changed app.py. (seconds, CPU seconds)"""
        folder = self._root / str(self._made)
        begin = time.perf_counter()
        (folder / "app.py").write_bytes(source(f"by hand at {begin}"))
        cpu = self._boot(folder)
        return time.perf_counter() - begin - cpu[1], cpu[0]

    def _run(self, folder: Path, *arguments: str) -> None:
        subprocess.run(
            [find_uv_bin(), *arguments], cwd=folder, env=self._env, check=True, capture_output=True
        )  # fmt: skip

    def _boot(self, folder: Path) -> tuple[float, float]:
        """Start it, wait until it serves, end it. (CPU seconds until it served, seconds it took to end)"""
        port = free_port()
        with (folder / "run.log").open("ab") as log:
            process = subprocess.Popen(
                [str(folder / "venv" / "bin" / "streamlit"), "run", "app.py"],
                cwd=folder, env={**self._env, "STREAMLIT_SERVER_PORT": str(port)}, stdout=log, stderr=log,
            )  # fmt: skip
        wait_for(lambda: get(port, "/_stcore/health") == b"ok", "the bare Streamlit", interval=POLL)
        served = time.perf_counter()
        cpu = cpu_of_tree(process.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        return cpu, time.perf_counter() - served


class Hosted:
    """The same work by hostd."""

    def __init__(self, running: Platform, app_id: str = "") -> None:
        assert running.process is not None
        self._platform = running
        self._pid = running.process.pid
        self._app_id = app_id

    def create(self) -> tuple[float, float]:
        """POST until running. The app of the round before is stopped first, off the clock."""
        if self._app_id:
            self._platform.api.post(f"/apps/{self._app_id}/stop").raise_for_status()
        taken = self._clocked(self._post)
        self.must_show("by hostd")
        self.settle()
        return taken

    def restart(self) -> tuple[float, float]:
        """PATCH with a changed app.py until running."""
        text = f"by hostd at {time.perf_counter()}"
        taken = self._clocked(lambda: self._patch(source(text)))
        self.must_show(text)
        self.settle()
        return taken

    def _clocked(self, act: Callable[[], None]) -> tuple[float, float]:
        before, begin = cpu_of_tree(self._pid), time.perf_counter()
        act()
        wait_for(self._runs, "running", interval=POLL)
        return time.perf_counter() - begin, cpu_of_tree(self._pid) - before

    def _post(self) -> None:
        self._app_id = self._platform.create("bench", source("by hostd"), REQUIREMENTS)

    def _patch(self, app: bytes) -> None:
        answer = self._platform.api.patch(f"/apps/{self._app_id}", files={"app": ("app.py", app)})
        assert answer.json()["deploying"] is not None, answer.text

    def _runs(self) -> bool:
        app = json.loads(get(self._platform.port, f"/api/apps/{self._app_id}"))
        assert app["status"] != "failed", app["error"]
        return bool(app["status"] == "running" and app["deploying"] is None)

    def must_show(self, text: str) -> None:
        """A visitor's session through the gateway must show ``text`` at once."""
        address = f"ws://127.0.0.1:{self._platform.port}/apps/{self._app_id}/_stcore/stream"
        with connect(address, compression=None, max_size=None, proxy=None) as session:
            session.send(RERUN)
            deadline = time.monotonic() + 30
            while text.encode() not in _bytes(session.recv(timeout=max(0.1, deadline - time.monotonic()))):
                pass

    def settle(self) -> None:
        """Until nothing but served apps is left to do: bytecode compiled, old programs gone."""
        wait_for(self._quiet, "the platform at rest", interval=0.1)

    def _quiet(self) -> bool:
        lines = self._platform.processes().values()
        return not any("hostd.builds" in line or "compileall" in line for line in lines)


def source(text: str) -> bytes:
    """An app that shows ``text``."""
    return f"import streamlit as st\n\nst.title({text!r})\n".encode()


def get(port: int, path: str) -> bytes:
    """The body of a GET on a fresh connection; empty while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()


def _bytes(message: str | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.encode()


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


Act = Callable[[], tuple[float, float]]
"""Does the work once: (seconds, CPU seconds)."""


@dataclass(slots=True)
class Referee:
    """Has both do the work in turn, each on a machine that is at rest, as far as there is patience."""

    rounds: int
    patience: float
    disturbed: int = 0

    def compete(self, title: str, bare: Act, hostd: Act, goal: float = GOAL) -> Contest:
        """``rounds`` times; who goes first alternates."""
        contest = Contest(title, goal)
        for number in range(self.rounds):
            turns = [(contest.bare, bare), (contest.hostd, hostd)]
            for side, act in turns if number % 2 == 0 else reversed(turns):
                self.disturbed += not rest(self.patience)
                side.add(act())
        return contest


def bare_boot(release: Path) -> tuple[float, float]:
    """Boot a release's app without hostd, until it says that it is well. (seconds, CPU seconds)"""
    port = free_port()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "STREAMLIT_"))}
    begin = time.perf_counter()
    process = subprocess.Popen(
        [str(release / "venv" / "bin" / "streamlit"), "run", "app.py"],
        cwd=release / "bundle", env={**kept, **STREAMLIT, "STREAMLIT_SERVER_PORT": str(port)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: get(port, "/_stcore/health") == b"ok", "the bare Streamlit", interval=POLL)
    taken = time.perf_counter() - begin, cpu_of_tree(process.pid)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    return taken


def referee_for(description: str, rounds: int) -> Referee:
    """One as the command's arguments want it; tells of the machine before anything runs."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument(
        "--patience", type=float, default=20, help="seconds to wait for a machine at rest before each turn"
    )
    options = parser.parse_args()
    print(machine())
    print(f"before: {load()}")
    return Referee(options.rounds, options.patience)


def tell(referee: Referee, *contests: Contest) -> None:
    """The machine after it, and the table."""
    turns = 2 * len(contests) * referee.rounds
    print(f"after: {load()}; {referee.disturbed} of {turns} turns began on a busy machine")
    print(f"seconds, median (min - max) of {referee.rounds} rounds")
    head = ("work", "by", "wall s", "CPU s", "ratio", "goal")
    print_table([head, *(row for contest in contests for row in contest.rows())])


def main() -> None:
    """Run both contests and print the table."""
    referee = referee_for("An upload's way to a running app, beside the work by hand.", rounds=7)
    with platform() as running:
        running.wait_for_console()
        bare, hosted = Bare(running.data.parent), Hosted(running)
        try:
            bare.create()  # warms uv's cache, and the file system's
            first = hosted.create()
            contests = [
                referee.compete("create", bare.create, hosted.create),
                referee.compete("restart", bare.restart, hosted.restart),
            ]
        finally:
            bare.close()
    print(f"the first create on the fresh platform, off the table: {first[0]:.2f} s, CPU {first[1]:.2f} s")
    tell(referee, *contests)


if __name__ == "__main__":
    main()
