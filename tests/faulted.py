"""A real platform whose hostd can be killed at a named step of a deploy, and what must hold afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.platform import ROOT, Platform, until
from tests.session import Session

APP = """
import pathlib
import sqlite3
import uuid

import streamlit as st

token = uuid.uuid4().hex
pathlib.Path(f"wrote-{{token}}").touch()
if {keeps_rows}:
    rows = sqlite3.connect("rows.db", isolation_level=None, timeout=30)
    rows.execute("PRAGMA journal_mode=WAL")
    rows.execute("CREATE TABLE IF NOT EXISTS rows (token TEXT)")
    rows.execute("INSERT INTO rows VALUES (?)", [token])
st.text("release {mark}")
st.text(f"wrote {{token}}")
{end}
"""
RAISES = "raise ValueError('a release that must not serve')"


def copied_hostd() -> Path:
    """A checkout whose hostd has tests/fault_points.py in it; all but hostd are links."""
    root = Path(tempfile.mkdtemp(prefix="faulty-"))
    for entry in ROOT.iterdir():
        if entry.name != "hostd":
            (root / entry.name).symlink_to(entry)
    shutil.copytree(ROOT / "hostd", root / "hostd", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "fault_points.py", root / "hostd")
    with (root / "hostd" / "main.py").open("a", encoding="utf-8") as main:
        main.write("\nfrom hostd import fault_points as _\n")
    return root


RESTLESS = {"STREAMLIT_HOST_RETAIN_RELEASES": "3", "STREAMLIT_HOST_IDLE_MINUTES": "0"}
"""After a boot its apps run at once, rather than at their first visit."""


class Faulted(Platform):
    """A platform that dies where it is told to. Few ports, old releases that end soon."""

    def __init__(self, pool: int) -> None:
        super().__init__(pool=pool, root=copied_hostd(), **RESTLESS)
        self._victim = ""
        self.sessions: set[int] = set()

    def start(self, wait: bool = True) -> Platform:
        """As ever; the session that it is in is remembered."""
        super().start(wait=False)
        assert self.process is not None
        self.sessions.add(self.process.pid)
        until(self.answers, 60, what="the API")
        return self

    def arm(self, point: str, victim: str, skip: int = 0) -> None:
        """Let ``victim`` be killed at ``point`` (a pattern), when it was passed ``skip`` times."""
        self._victim = victim
        waiting = self.data / "fault.tmp"
        waiting.write_text(json.dumps({"point": point, "victim": victim, "skip": skip}), encoding="utf-8")
        waiting.replace(self.data / "fault.json")

    def come_back(self) -> None:
        """Wait for the kill; supervisord restarts hostd by itself, and is started anew by us."""
        struck = until(lambda: list(self.data.glob("fault.[0-9]*")), 60, what="the point")[0]
        if self._victim == "supervisord":
            assert self.process is not None
            self.process.wait(20)
            until(lambda: not self.processes(), 10, what="no orphans")
            self.start()
        until(lambda: not Path("/proc", struck.suffix[1:]).exists(), 20, what="its death")
        struck.unlink()
        until(self.answers, 60, what="the API")

    def close(self) -> None:
        """Also the copy goes."""
        super().close()
        shutil.rmtree(self.root)


@dataclass(slots=True)
class Deployed:
    """An app that writes beside its code, deployed again and again, and what it said it wrote."""

    platform: Faulted
    strategy: str
    app_id: str = ""
    mark: int = 1
    tokens: list[str] = field(default_factory=list)
    requirements: str = "streamlit\n"

    def create(self) -> Deployed:
        """The first release."""
        form = {"name": self.strategy, "strategy": self.strategy, "drain_minutes": "0.01"}
        answer = self.platform.api.post("/apps", data=form, files=self._files(""))
        assert answer.status_code == 201, answer.text
        self.app_id = str(answer.json()["app_id"])
        self.platform.wait(self.app_id, "running")
        self.visit()
        return self

    @property
    def folder(self) -> Path:
        """The app's folder."""
        return self.platform.data / "apps" / self.app_id

    def deploy(self, *, broken: bool = False) -> int | None:
        """Send the next release; its number, or None when hostd died meanwhile."""
        self.mark += 1
        try:
            answer = self.platform.api.post(
                f"/apps/{self.app_id}/releases", files=self._files(RAISES if broken else "")
            )
        except httpx.HTTPError:
            return None
        assert answer.status_code == 202, answer.text
        return int(answer.json()["release"])

    def _files(self, end: str) -> list[tuple[str, Any]]:
        text = APP.format(mark=self.mark, keeps_rows=self.strategy == "replace", end=end)
        files = {"app.py": text, "requirements.txt": self.requirements}
        return [("files", (name, text.encode())) for name, text in files.items()]

    def visit(self) -> None:
        """Open a page through the gateway, as a person; it must be of the release that serves."""
        session = Session(f"{self.platform.url}/apps/{self.app_id}")
        try:
            shown = session.run()
        finally:
            session.close()
        assert len(shown) == 2, shown
        self.tokens.append(shown[1].removeprefix("wrote "))
        assert f'st.text("{shown[0]}")' in (self.folder / "app.py").read_text(encoding="utf-8")

    def settled(self) -> dict[str, Any]:
        """The app when nothing is on its way any more."""

        def look() -> dict[str, Any] | None:
            app = self.platform.app(self.app_id)
            assert app["status"] != "failed", app["error"]
            is_settled = app["status"] == "running" and app["deploying"] is None and not app["draining"]
            return app if is_settled else None

        return until(look, 120, 0.05, f"{self.app_id} at rest") or {}

    def lost(self) -> set[str]:
        """What the app wrote and is no longer to be found."""
        serving = self.folder / "releases" / str(self.platform.app(self.app_id)["release"]) / "bundle"
        found = [*serving.glob("wrote-*"), *self.folder.glob("home/recovered/*/wrote-*")]
        lost = set(self.tokens) - {path.name.removeprefix("wrote-") for path in found}
        if self.strategy == "replace":
            rows = _rows(serving / "rows.db")
            lost |= {token for token in self.tokens if rows.count(token) != 1}
        return lost

    def half_made(self) -> list[str]:
        """What a cut deploy may leave in the app's folder, and must not."""
        found = [path.name for path in self.folder.iterdir() if path.name.startswith(".")]
        for release in (self.folder / "releases").iterdir():
            whole = release.name.isdecimal() and (release / "asked.json").is_file()
            left = [name for name in _names(release) if name.startswith(_HALF)]
            found += [] if whole and not left else [f"{release.name}: {left}"]
        return found


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:  # swept meanwhile
        return []


_HALF = (".", "moving-", "restored", "scratch", "build")


def _rows(database: Path) -> list[str]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return [token for (token,) in connection.execute("SELECT token FROM rows")]
    finally:
        connection.close()


def assert_whole(platform: Faulted, apps: list[Deployed]) -> None:
    """Nothing is half there: folders, programs, sections, processes; each app serves what it says."""
    for app in apps:
        state = app.settled()
        releases = platform.api.get(f"/apps/{app.app_id}/releases").json()
        assert {r["release"] for r in releases if r["state"] == "active"} == {state["release"]}, releases
        assert not [r for r in releases if r["state"] in ("deploying", "pending", "draining")], releases
        at = str(state["release"])
        until(lambda: (app.folder / "app.py").resolve().parts[-3] == at, 30, what="app.py of it")  # noqa: B023
        assert app.lost() == set()
        until(lambda: not app.half_made(), 30, what="what is swept is swept whole")  # noqa: B023
    expected = {"hostd", "console"} | {f"{a.app_id}.r{a.settled()['release']}" for a in apps}
    until(lambda: _programs(platform) == expected, 60, what=f"programs {expected}")
    sections = {path.stem for path in (platform.data / "supervisor" / "apps").iterdir()}
    assert _without_builds(sections) == expected - {"hostd", "console"}, sections
    assert [path.name for path in (platform.data / "apps").iterdir() if path.name.startswith(".")] == []
    until(lambda: len(_own_processes(platform)) == len(expected) + 1, 20, what="no orphan process")


def _programs(platform: Faulted) -> set[str]:
    return _without_builds({line.split()[0] for line in platform.supervisorctl("status").splitlines()})


def _without_builds(names: set[str]) -> set[str]:
    """An install that is complete goes on compiling bytecode, when nobody else wants the processor."""
    return {name for name in names if not name.startswith("build.")}


def _own_processes(platform: Faulted) -> set[int]:
    """Whatever runs from the folder, or was started by one of this platform's supervisords."""
    found = set(platform.processes())
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if os.getsid(int(entry.name)) in platform.sessions:
                found.add(int(entry.name))
    return {pid for pid in found if not _is_compiler(pid)}


def _is_compiler(pid: int) -> bool:
    """Of a complete install, or ended and not yet waited for."""
    with contextlib.suppress(OSError):
        line = Path("/proc", str(pid), "cmdline").read_bytes()
        return not line or any(word in line for word in (b"hostd.builds", b"compileall", b"/build."))
    return True
