"""Several processes of one app behind its URL, on a platform of its own: sessions stay, whatever happens."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from .browser import OpenTab, Visit
from .platform import Platform, platform, until
from .session import Session

APP = b"""
import os
import streamlit as st
st.session_state.count = st.session_state.get("count", 0) + 1
st.text(f"process {os.getpid()}")
st.text(f"count {st.session_state.count}")
st.button("again")
sent = st.file_uploader("file")
if sent:
    st.text(f"got {len(sent.getvalue())} in {os.getpid()}")
st.download_button("take", f"made in {os.getpid()}", "made.txt")
"""
NEWER = APP + b"st.text('newer')\n"
POOL = 7


@pytest.fixture(scope="module")
def own() -> Iterator[Platform]:
    """A platform with few ports."""
    with platform(pool=POOL) as started:
        yield started


@pytest.fixture
def sessions() -> Iterator[ExitStack]:
    """Closes what a test opened."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def made(own: Platform) -> Iterator[str]:
    """The app of most tests."""
    app_id = own.running("replicated", APP, replicas="3")
    yield app_id
    own.api.delete(f"/apps/{app_id}")
    assert not [line for line in own.supervisorctl("status").splitlines() if line.startswith(app_id)]


@pytest.fixture
def app_id(own: Platform, made: str) -> str:
    """The app with three replicas that run."""
    own.api.patch(f"/apps/{made}", data={"replicas": "3"})
    running(own, made, 3)
    until(lambda: not any(one["sessions"] for one in own.app(made)["replicas"]), what="no session")
    return made


def running(own: Platform, app_id: str, count: int) -> dict[int, dict[str, Any]]:
    """The replicas, once exactly ``count`` run and nothing else is there."""

    def look() -> dict[int, dict[str, Any]] | None:
        found = own.app(app_id)["replicas"]
        states = [one["state"] for one in found]
        return {one["replica"]: one for one in found} if states == ["running"] * count else None

    return until(look, 120, what=f"{count} replicas of {app_id}") or {}


def state_of(own: Platform, app_id: str, replica: int) -> str | None:
    """What one replica is doing."""
    found = {one["replica"]: one["state"] for one in own.app(app_id)["replicas"]}
    return found.get(replica)


class Person:
    """Somebody with an open session, who knows what it must go on saying."""

    def __init__(self, own: Platform, app_id: str, stack: ExitStack) -> None:
        self.session = Session(f"{own.url}/apps/{app_id}")
        stack.callback(self.session.close)
        self.process, self.count = self.look()
        assert self.count == 1

    def look(self) -> tuple[int, int]:
        """The process and the count, as the page shows them after one more run."""
        process, count = (int(text.split()[1]) for text in self.session.run()[:2])
        return process, count

    def goes_on(self) -> bool:
        """Whether it is still the same session in the same process."""
        self.count += 1
        return self.look() == (self.process, self.count)

    def comes_back(self) -> bool:
        """Whether it is so after its connection was lost, and for its uploads."""
        self.session.reconnect()
        return self.goes_on() and self.session.upload(b"x" * 1000) in (200, 204)


def people(own: Platform, app_id: str, stack: ExitStack, count: int) -> list[Person]:
    return [Person(own, app_id, stack) for _ in range(count)]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_a_session_never_changes_its_replica(own: Platform, app_id: str, sessions: ExitStack) -> None:
    """New ones spread; a killed process costs its own sessions only, the first one as well."""
    replicas = running(own, app_id, 3)
    everybody = people(own, app_id, sessions, 6)
    assert Counter(one.process for one in everybody) == {one["pid"]: 2 for one in replicas.values()}
    assert all(one.goes_on() and one.comes_back() for one in everybody)
    for number in (2, 1):
        doomed = replicas[number]["pid"]
        others = [one for one in everybody if one.process != doomed]
        kill(doomed)
        late = people(own, app_id, sessions, 2)  # nobody who comes meanwhile is turned away
        assert not [one for one in late if one.process == doomed]
        assert all(one.goes_on() for one in (*others, *late))
        until(lambda number=number, doomed=doomed: _is_new(own, app_id, number, doomed))  # type: ignore[misc]
        assert all(one.comes_back() for one in (*others, *late))
        replicas, everybody = running(own, app_id, 3), [*others, *late]
    assert "crash: replica 2 was killed by signal 9" in own.logs(app_id)


def _is_new(own: Platform, app_id: str, number: int, old: int) -> bool:
    found = {one["replica"]: one for one in own.app(app_id)["replicas"]}.get(number)
    return found is not None and found["state"] == "running" and found["pid"] != old


def test_fewer_and_more_at_once(own: Platform, app_id: str, sessions: ExitStack) -> None:
    """A replica that is one too many ends with its last session; before that it may be wanted again."""
    everybody = people(own, app_id, sessions, 3)
    replicas = running(own, app_id, 3)
    answer = own.api.patch(f"/apps/{app_id}", data={"replicas": "1"})
    assert answer.status_code == 200
    until(lambda: state_of(own, app_id, 2) == state_of(own, app_id, 3) == "draining")
    assert people(own, app_id, sessions, 1)[0].process == replicas[1]["pid"]
    assert all(one.comes_back() for one in everybody)
    own.api.patch(f"/apps/{app_id}", data={"replicas": "2"})
    until(lambda: state_of(own, app_id, 2) == "running")
    next(one for one in everybody if one.process == replicas[3]["pid"]).session.close()
    running(own, app_id, 2)
    assert all(one.goes_on() for one in everybody if one.process != replicas[3]["pid"])
    threads = [
        threading.Thread(
            target=own.api.patch, args=(f"/apps/{app_id}",), kwargs={"data": {"replicas": count}}
        )
        for count in "24321"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in everybody:
        one.session.close()
    running(own, app_id, own.app(app_id)["scale"]["max_replicas"])


def test_a_deploy(own: Platform, app_id: str, sessions: ExitStack) -> None:
    """The old release's replicas drain with it; the new one gets as many."""
    everybody = people(own, app_id, sessions, 3)
    before = own.app(app_id)["release"]
    own.api.patch(f"/apps/{app_id}", files={"app": ("app.py", NEWER)})
    own.wait(app_id, "running")
    assert own.app(app_id)["draining"][0]["connections"] >= 3
    assert {one["release"] for one in running(own, app_id, 3).values()} == {before + 1}
    assert all(one.comes_back() for one in everybody)
    assert people(own, app_id, sessions, 1)[0].session.run()[-1] == "newer"
    survivors = sorted(everybody, key=lambda one: one.process)[1:]
    doomed = next(one for one in everybody if one not in survivors)
    kill(doomed.process)
    assert all(one.comes_back() for one in survivors)
    own.api.post(f"/apps/{app_id}/releases/{before}/drain", params={"now": "true"})
    assert not own.app(app_id)["draining"]
    assert f"{app_id}.r{before}" not in own.supervisorctl("status")


def test_restart_and_stop(own: Platform, app_id: str) -> None:
    """All processes have the app's life; one that an operator stops stays so until the next change."""
    before, first = running(own, app_id, 3), f"{app_id}.r{own.app(app_id)['release']}"
    own.api.post(f"/apps/{app_id}/restart")
    own.wait(app_id, "running")
    until(lambda: all(one["pid"] != before[n]["pid"] for n, one in running(own, app_id, 3).items()))
    own.supervisorctl("stop", f"{first}-2")
    until(lambda: state_of(own, app_id, 2) == "stopped")
    own.supervisorctl("start", f"{first}-2")
    running(own, app_id, 3)
    own.supervisorctl("stop", f"{first}-2")
    until(lambda: state_of(own, app_id, 2) == "stopped")
    own.api.patch(f"/apps/{app_id}", data={"sessions_per_replica": "50"})
    running(own, app_id, 3)
    own.api.post(f"/apps/{app_id}/stop")
    assert own.app(app_id)["replicas"] == []
    assert f"{first}-" not in own.supervisorctl("status")
    own.api.post(f"/apps/{app_id}/start")
    running(own, app_id, 3)


def test_the_limit_and_the_load(own: Platform, sessions: ExitStack) -> None:
    """One more replica as soon as there is no free place, up to the limit of both; then a page that waits."""
    app_id = own.running("limited", APP, max_replicas="2", sessions_per_replica="1")
    try:
        first = Person(own, app_id, sessions)
        running(own, app_id, 2)
        second = Person(own, app_id, sessions)
        assert first.process != second.process
        page = httpx.get(f"{own.url}/apps/{app_id}/", headers={"Accept": "text/html"}, trust_env=False)
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert first.comes_back()
        second.session.close()
        until(lambda: sum(one["sessions"] for one in own.app(app_id)["replicas"]) == 1)
        third = Person(own, app_id, sessions)
        assert third.process == second.process
    finally:
        own.api.delete(f"/apps/{app_id}")


def test_no_port_is_left(own: Platform, app_id: str, sessions: ExitStack) -> None:
    """There are fewer then, and the log says why; they serve."""
    own.api.patch(f"/apps/{app_id}", data={"replicas": "16"})
    until(lambda: "failed: replica" in own.logs(app_id, 1000), 240)
    until(lambda: Counter(one["state"] for one in own.app(app_id)["replicas"])["running"] == POOL, 240)
    assert "All ports" in own.logs(app_id, 1000)
    assert len({one.process for one in people(own, app_id, sessions, POOL)}) == POOL


def shown(visit: Visit) -> tuple[int, int]:
    """The process and the count that a tab shows."""
    texts = [visit.page.get_by_text(name).first.inner_text() for name in ("process ", "count ")]
    process, count = (int(text.split()[1]) for text in texts)
    return process, count


def press(visit: Visit) -> tuple[int, int]:
    """The same after a click on the button."""
    before = shown(visit)
    visit.page.get_by_role("button", name="again").click()
    until(lambda: shown(visit) != before, 60, what="the answer to a click")
    return shown(visit)


def test_tabs_of_a_browser(own: Platform, app_id: str, tab: OpenTab) -> None:
    """Two tabs of one person in two processes: clicks, uploads, downloads; one dies, the other goes on."""
    first = tab()
    visits = [first, tab(first.page.context)]
    for visit in visits:
        visit.page.goto(f"{own.url}/apps/{app_id}/")
        expect(visit.page.get_by_text("count 1")).to_be_visible()
    homes = [shown(visit)[0] for visit in visits]
    assert homes[0] != homes[1]
    for size, (visit, home) in enumerate(zip(visits, homes, strict=True), 100):
        assert press(visit) == (home, 2)
        visit.upload("data.bin", bytes(size))
        expect(visit.page.get_by_text(f"got {size} in {home}")).to_be_visible()
        assert visit.download("take") == ("made.txt", f"made in {home}".encode())
    kill(homes[1])
    assert press(visits[0])[0] == homes[0]
    expect(visits[1].page.get_by_text(f"process {homes[1]}")).to_have_count(0)
    assert press(visits[1])[0] != homes[1]
    visits[1].problems.clear()  # its connection broke


def test_a_browser_waits_for_a_place(own: Platform, app_id: str, sessions: ExitStack, tab: OpenTab) -> None:
    """The page for a full app opens the app by itself once there is a place."""
    own.api.patch(f"/apps/{app_id}", data={"sessions_per_replica": "1"})
    everybody = people(own, app_id, sessions, 3)
    visit = tab()
    visit.page.goto(f"{own.url}/apps/{app_id}/")
    expect(visit.page.get_by_role("heading")).to_have_text("Every place is taken")
    visit.picture("full")
    everybody[0].session.close()
    expect(visit.page.get_by_text("count 1")).to_be_visible()
    assert shown(visit)[0] == everybody[0].process
    visit.problems.clear()  # the waiting page is a 503
    own.api.patch(f"/apps/{app_id}", data={"sessions_per_replica": ""})


def test_a_reload_in_a_full_app(own: Platform, app_id: str, sessions: ExitStack, tab: OpenTab) -> None:
    """Who has a place and loads the page anew keeps it; another tab of the same browser waits."""
    own.api.patch(f"/apps/{app_id}", data={"sessions_per_replica": "1"})
    people(own, app_id, sessions, 2)
    visit = tab()
    visit.page.goto(f"{own.url}/apps/{app_id}/")
    expect(visit.page.get_by_text("count 1")).to_be_visible()
    home = shown(visit)[0]
    for _ in range(3):
        assert press(visit) == (home, 2)
        answer = visit.page.reload()
        assert answer is not None
        assert answer.status == 200
        expect(visit.page.get_by_text("count 1")).to_be_visible()
        assert shown(visit)[0] == home
    other = tab(visit.page.context)
    other.page.goto(f"{own.url}/apps/{app_id}/")
    expect(other.page.get_by_role("heading")).to_have_text("Every place is taken")
    visit.page.close()
    expect(other.page.get_by_text("count 1")).to_be_visible()
    assert shown(other)[0] == home
    other.problems.clear()  # the waiting page is a 503
    own.api.patch(f"/apps/{app_id}", data={"sessions_per_replica": ""})


def test_kills_of_the_platform(own: Platform, app_id: str, sessions: ExitStack) -> None:
    """hostd's end leaves every process, and each session finds its own; supervisord's end is mended."""
    before, everybody = running(own, app_id, 3), people(own, app_id, sessions, 3)
    kill(own.pid("hostd"))
    until(lambda: not own.process or _answers(own))
    assert all(one.comes_back() for one in everybody)
    assert {n: one["pid"] for n, one in running(own, app_id, 3).items()} == {
        n: one["pid"] for n, one in before.items()
    }
    assert own.process is not None
    kill(own.process.pid)
    own.process.wait()
    until(lambda: not own.processes(), 30, what="all processes gone")
    own.start()
    Person(own, app_id, sessions)  # it slept since the boot
    after = running(own, app_id, 3)
    assert not {one["pid"] for one in after.values()} & {one["pid"] for one in before.values()}
    assert len({one.process for one in people(own, app_id, sessions, 3)}) == 3


def _answers(own: Platform) -> bool:
    try:
        return own.api.get("/health").status_code == 200
    except httpx.HTTPError:
        return False
