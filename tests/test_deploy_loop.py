"""Twenty deploys in a row under load, a third of them broken: nobody notices anything but the good ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import OpenTab, Visit
from tests.corpus import wheel
from tests.platform import KEPT, Platform, platform, until
from tests.session import Session

DEPLOYS = 20
SESSIONS = 16
RATE = 20.0
"""Requests per second of the client that polls."""

SLOW_WHEEL = "slow_start-1.0-py3-none-any.whl"
APP = """
import streamlit as st
import part

MARK = {mark}
st.session_state.count = st.session_state.get("count", 0) + 1
st.text(f"release {{MARK}} part {{part.MARK}} count {{st.session_state.count}}")
st.button("again")
sent = st.file_uploader("file")
if sent:
    st.text(f"got {{len(sent.getvalue())}} by {{MARK}}")
st.download_button("take", f"made by {{MARK}}", f"file-{{MARK}}.txt")
"""


def good(mark: int) -> dict[str, str]:
    """A release that works."""
    return {"app.py": APP.format(mark=mark), "part.py": f"MARK = {mark}\n", "requirements.txt": "streamlit\n"}


def broken(mark: int, how: str) -> dict[str, str]:
    """A release that must never be seen."""
    files = good(mark)
    match how:
        case "requirement":
            files["requirements.txt"] = "streamlit\nno-such-distribution-of-anybody==99\n"
        case "syntax":
            files["part.py"] = "MARK = = 1\n"
        case "import":
            files["app.py"] = "import not_installed_anywhere\n" + files["app.py"]
        case "raises":
            files["app.py"] += "\nraise ValueError('this release is broken')\n"
        case "hangs":
            files["app.py"] = "import time\ntime.sleep(3600)\n" + files["app.py"]
        case "dies":
            files[".streamlit/config.toml"] = '[theme]\nbase = "no-such-theme.toml"\n'
        case "start":
            files["requirements.txt"] = f"streamlit\n./{SLOW_WHEEL}\n"
    return files


BREAKS = {
    1: "requirement", 4: "syntax", 7: "import", 10: "raises", 13: "hangs", 16: "dies", 18: "start",
}  # fmt: skip
KINDS = {
    "requirement": "resolve_failed",
    "syntax": "first_page_failed",
    "import": "first_page_failed",
    "raises": "first_page_failed",
    "hangs": "first_page_failed",
    "dies": "crashed",
    "start": "start_timeout",
}


class Poller:
    """Asks for the page, the health and the front end's configuration, again and again; keeps what failed."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.failures: list[str] = []
        self.asked = 0

    def __enter__(self) -> Poller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        paths = ("/", "/_stcore/health", "/_stcore/host-config")
        headers = {"Accept": "text/html,*/*"}
        with httpx.Client(timeout=30, trust_env=False, headers=headers, limits=KEPT) as client:
            due = time.monotonic()
            while not self._stop.is_set():
                self._ask(client, paths[self.asked % len(paths)])
                due = max(due + 1 / RATE, time.monotonic() - 1)
                self._stop.wait(max(0.0, due - time.monotonic()))

    def _ask(self, client: httpx.Client, path: str) -> None:
        self.asked += 1
        try:
            answer = client.get(self._base + path)
        except httpx.HTTPError as error:
            self.failures.append(f"{path}: {error!r}")
            return
        if answer.status_code != 200:
            self.failures.append(f"{path}: {answer.status_code} {answer.text[:200]}")


class Watched:
    """An open session, and what it must keep saying."""

    def __init__(self, session: Session, mark: int) -> None:
        self.session = session
        self.mark = mark
        self.count = 0

    def check(self) -> None:
        """Its own release answers, with its own state, and takes an upload."""
        self.count += 1
        assert f"release {self.mark} part {self.mark} count {self.count}" in self.session.run()
        assert self.session.upload(b"x" * 10_000) < 300


class Tab:
    """A browser's tab, and what it must keep showing."""

    def __init__(self, visit: Visit, url: str, mark: int) -> None:
        self._visit = visit
        self._mark = mark
        self._page = visit.page
        self._page.goto(url)
        expect(self._page.get_by_text(f"release {mark} part {mark} count 1")).to_be_visible()

    def check(self, size: int) -> None:
        """A click, an upload and a download, all answered by its own release."""
        before = self._line()
        self._page.get_by_role("button", name="again").click()
        until(lambda: self._line() != before, 30, what="the answer to a click")
        assert self._line().startswith(f"release {self._mark} part {self._mark} count ")
        self._visit.upload("data.bin", bytes(size))
        expect(self._page.get_by_text(f"got {size} by {self._mark}")).to_be_visible()
        assert self._visit.download("take") == (f"file-{self._mark}.txt", f"made by {self._mark}".encode())

    def _line(self) -> str:
        return self._page.get_by_text(" count ").first.inner_text()


@pytest.fixture(scope="module")
def host() -> Iterator[Platform]:
    """A platform that gives up on a page soon."""
    settings = {"STREAMLIT_HOST_FIRST_SESSION_TIMEOUT": "30", "STREAMLIT_HOST_START_TIMEOUT": "30"}
    with platform(**settings) as made:
        yield made


def test_twenty_deploys_under_load(host: Platform, tab: OpenTab) -> None:
    """Not one failed request, no session lost or answered by other code, the broken ones never served."""
    app_id = _create(host, good(1))
    base = f"{host.url}/apps/{app_id}"
    sessions = [Watched(Session(base), 1)]
    first = tab()
    somebody = first.page.context
    tabs = [Tab(first, f"{base}/", 1)]
    serving = 1
    with Poller(base) as poller:
        for deploy in range(DEPLOYS):
            mark = deploy + 2
            how = BREAKS.get(deploy)
            number = _deploy(host, app_id, broken(mark, how) if how else good(mark))
            for watched in sessions:  # while the deploy is on its way
                watched.check()
            tabs[deploy % len(tabs)].check(deploy + 1)
            ended = _ended(host, app_id, number)
            if how:
                assert ended["state"] == "failed", (how, ended, host.logs(app_id, 60))
                assert ended["error"]["kind"] == KINDS[how], ended
            else:
                assert ended["state"] == "active", ended
                serving = mark
            app = host.app(app_id)
            assert app["status"] == "running"
            assert app["deploying"] is None
            if len(sessions) < SESSIONS:
                sessions.append(Watched(Session(base), serving))
                sessions[-1].check()
            if deploy % 5 == 0:
                tabs.append(Tab(tab(somebody), f"{base}/", serving))
        for watched in sessions:
            watched.check()
            watched.session.reconnect()
            watched.check()
        for one in tabs:
            one.check(1000)
    assert not poller.failures, poller.failures[:5]
    assert poller.asked > 200
    marks = {watched.mark for watched in sessions}
    draining = {old["release"] for old in host.app(app_id)["draining"]}
    assert len(marks) > 5
    assert len(draining) >= len(marks) - 1


def _create(host: Platform, files: dict[str, str]) -> str:
    answer = host.api.post("/apps", data={"name": "loop"}, files=_form(files))
    assert answer.status_code == 201, answer.text
    app_id = str(answer.json()["app_id"])
    host.wait(app_id, "running")
    return app_id


def _deploy(host: Platform, app_id: str, files: dict[str, str]) -> int:
    answer = host.api.post(f"/apps/{app_id}/releases", files=_form(files))
    assert answer.status_code == 202, answer.text
    return int(answer.json()["release"])


def _form(files: dict[str, str]) -> list[tuple[str, Any]]:
    form: list[tuple[str, Any]] = [("files", (path, text.encode())) for path, text in files.items()]
    if "slow_start" in files["requirements.txt"]:
        hang = "import os, time; time.sleep(600 if 'STREAMLIT_SERVER_PORT' in os.environ else 0)\n"
        form.append(("files", (SLOW_WHEEL, wheel(SLOW_WHEEL, {"slow_start.pth": hang}))))
    return form


def _ended(host: Platform, app_id: str, number: int) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        release = host.api.get(f"/apps/{app_id}/releases/{number}").json()
        return release if release["state"] in ("active", "failed") else None

    return until(look, 120, 0.1, f"the end of release {number}") or {}
