"""Apps that sleep and wake, on the real platform: nobody has to click, and nobody sees an error."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser import OpenTab, person

from .platform import HELLO, Platform, assert_problem, until
from .session import Session

SOON: dict[str, Any] = {"idle_minutes": "0.01"}
LATER: dict[str, Any] = {"idle_minutes": "60"}
PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def app_id(platform: Platform) -> Iterator[str]:
    """An app that sleeps when it is told to."""
    made = platform.running("sleeper", **LATER)
    yield made
    platform.api.delete(f"/apps/{made}")


def asleep(platform: Platform, app_id: str) -> dict[str, Any]:
    """Have the app sleep; then leave it to its visitors. Its state."""
    platform.api.patch(f"/apps/{app_id}", data=SOON)
    app = platform.wait(app_id, "sleeping")
    until(lambda: f"{app_id}.r" not in platform.supervisorctl("status"), what="its process's end")
    platform.api.patch(f"/apps/{app_id}", data=LATER)
    return app


def starts(platform: Platform, app_id: str) -> int:
    """How often the app was started."""
    return platform.logs(app_id, 10_000).count("serves")


def test_sleeps_and_wakes_at_a_visit(platform: Platform, app_id: str) -> None:
    """Without visitors its process ends and its route stays; a page brings it back within that request."""
    app = asleep(platform, app_id)
    assert (app["pid"], app["port"], app["error"], app["release"]) == (None, None, None, 1)
    answer = httpx.get(f"{platform.url}/apps/{app_id}/", headers=PAGE, timeout=30, trust_env=False)
    assert answer.status_code == 200
    assert b'id="root"' in answer.content
    assert platform.app(app_id)["status"] == "running"
    assert "wake: a visitor came" in platform.logs(app_id)


def test_a_websocket_wakes(platform: Platform, app_id: str) -> None:
    """A tab that comes back without loading its page has its session at once."""
    asleep(platform, app_id)
    session = Session(f"{platform.url}/apps/{app_id}")
    try:
        assert session.run()
    finally:
        session.close()


def test_an_upload_wakes_and_arrives_whole(platform: Platform, app_id: str) -> None:
    """A body that was sent meanwhile is kept back, not lost: Streamlit itself answers it."""
    asleep(platform, app_id)
    address = f"{platform.url}/apps/{app_id}/_stcore/upload_file/none/none"
    answer = httpx.put(address, files={"file": ("a.bin", b"x" * 3_000_000)}, timeout=30, trust_env=False)
    assert answer.status_code in (400, 403), answer.text  # no such session, says Streamlit
    assert "hostd" not in answer.text


def test_a_request_that_is_refused_while_it_is_held(platform: Platform, app_id: str) -> None:
    """A body that makes no sense is answered at once, and keeps nobody else waiting."""
    asleep(platform, app_id)
    head = f"POST /apps/{app_id}/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"
    with socket.create_connection(("127.0.0.1", platform.port), timeout=30) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
        answer = httpx.get(f"{platform.url}/apps/{app_id}/", headers=PAGE, timeout=30, trust_env=False)
    assert answer.status_code == 200


def visited_at_once(platform: Platform, app_id: str, visitors: int) -> list[int]:
    """What so many visitors get who come together."""
    found: list[int] = []

    def visit() -> None:
        address = f"{platform.url}/apps/{app_id}/"
        found.append(httpx.get(address, headers=PAGE, timeout=60, trust_env=False).status_code)

    threads = [threading.Thread(target=visit) for _ in range(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_fifty_at_once_cause_one_boot(platform: Platform, app_id: str) -> None:
    """Visitors who come together share a boot, and none is turned away."""
    asleep(platform, app_id)
    before = starts(platform, app_id)
    assert visited_at_once(platform, app_id, 50) == [200] * 50
    assert starts(platform, app_id) == before + 1


def test_as_many_as_all_replicas_have_places_for(platform: Platform, app_id: str) -> None:
    """Of a sleeping app's processes the first serves first: those it has no place for wait for the others."""
    platform.api.patch(f"/apps/{app_id}", data={"replicas": "2", "sessions_per_replica": "6"})
    asleep(platform, app_id)
    before = starts(platform, app_id)
    assert visited_at_once(platform, app_id, 12) == [200] * 12
    until(lambda: starts(platform, app_id) == before + 2, what="the second replica")
    platform.api.patch(f"/apps/{app_id}", data={"replicas": "1", "sessions_per_replica": ""})


def test_monitors_neither_wake_nor_keep_awake(platform: Platform, app_id: str) -> None:
    """A health ping is answered for an app that sleeps, and is no visit for one that runs."""
    platform.api.post(f"/apps/{app_id}/start")
    platform.wait(app_id, "running")
    platform.api.patch(f"/apps/{app_id}", data=SOON)

    def pinged() -> bool:
        assert platform.page(app_id).text == "ok"
        return bool(platform.app(app_id)["status"] == "sleeping")

    until(pinged, 60, 0.2, "sleep in spite of pings")
    platform.api.patch(f"/apps/{app_id}", data=LATER)
    answer = platform.page(app_id)
    assert (answer.status_code, answer.text, answer.headers["x-hostd-status"]) == (200, "ok", "sleeping")
    assert platform.app(app_id)["status"] == "sleeping"


def test_a_session_keeps_it_awake(platform: Platform, app_id: str) -> None:
    """While a WebSocket is open the app does not sleep; when it closes, it does."""
    session = Session(f"{platform.url}/apps/{app_id}")
    try:
        assert session.run()
        pid = platform.app(app_id)["pid"]
        platform.api.patch(f"/apps/{app_id}", data=SOON)
        other = platform.create("short sleeper", **SOON)
        platform.wait(other, "sleeping")  # later than the idle time of both
        assert platform.app(app_id)["pid"] == pid
        platform.api.delete(f"/apps/{other}")
    finally:
        session.close()
    platform.wait(app_id, "sleeping")
    platform.api.patch(f"/apps/{app_id}", data=LATER)


def test_keep_awake(platform: Platform, app_id: str) -> None:
    """Background work holds an app awake for as long as it asks, and no longer."""
    platform.api.post(f"/apps/{app_id}/start")
    platform.wait(app_id, "running")
    answer = platform.api.post(f"/apps/{app_id}/keep-awake", params={"minutes": 10})
    assert answer.status_code == 200
    assert answer.json()["awake_until"] > answer.json()["updated_at"]
    platform.api.patch(f"/apps/{app_id}", data=SOON)
    other = platform.create("sleeps meanwhile", **SOON)
    platform.wait(other, "sleeping")
    platform.api.delete(f"/apps/{other}")
    assert platform.app(app_id)["status"] == "running"
    answer = platform.api.post(f"/apps/{app_id}/keep-awake", params={"minutes": 0})
    assert answer.json()["awake_until"] is None
    platform.wait(app_id, "sleeping")
    platform.api.patch(f"/apps/{app_id}", data=LATER)
    for minutes in ("-1", "soon", ""):
        answer = platform.api.post(f"/apps/{app_id}/keep-awake", params={"minutes": minutes})
        assert_problem(answer, 422, "minutes")


WORKING = b"""
import os, pathlib, threading, time
import streamlit as st

def work():
    while not pathlib.Path(os.environ["STREAMLIT_APP_STORAGE"], "done").exists():
        pathlib.Path(os.environ["STREAMLIT_APP_KEEP_AWAKE"]).touch()
        time.sleep(0.05)

if "work" not in [thread.name for thread in threading.enumerate()]:
    threading.Thread(target=work, name="work", daemon=True).start()
st.title("working")
"""


def test_an_app_that_works_in_the_background(platform: Platform) -> None:
    """Nobody visits it, and it does not sleep before it is through."""
    app_id = platform.running("worker", WORKING, **LATER)
    session = Session(f"{platform.url}/apps/{app_id}")
    try:
        assert session.run()
    finally:
        session.close()
    awake = platform.data / "apps" / app_id / "home" / "keep-awake"
    until(awake.exists, what="the app's first sign of work")
    platform.api.patch(f"/apps/{app_id}", data={"idle_minutes": "0.05"})
    begun = awake.stat().st_mtime
    until(lambda: awake.stat().st_mtime > begun + 9, 60, what="nine seconds of work")
    assert platform.app(app_id)["status"] == "running"
    (awake.parent / "storage" / "done").touch()
    platform.wait(app_id, "sleeping")
    platform.api.delete(f"/apps/{app_id}")


def test_stop_and_start_of_a_sleeper(platform: Platform, app_id: str) -> None:
    """A sleeping app can be stopped, is then not woken, and can be started."""
    asleep(platform, app_id)
    assert platform.api.post(f"/apps/{app_id}/stop").json()["status"] == "stopped"
    assert httpx.get(f"{platform.url}/apps/{app_id}/", headers=PAGE, trust_env=False).status_code == 503
    assert platform.app(app_id)["status"] == "stopped"
    platform.api.post(f"/apps/{app_id}/start")
    platform.wait(app_id, "running")


def test_what_is_never_to_sleep_wakes(platform: Platform, app_id: str) -> None:
    """An idle time of 0, always_on and keep-awake are carried out at once, on one that sleeps as well."""
    path = f"/apps/{app_id}"
    for field, value, back in (("idle_minutes", "0", "60"), ("always_on", "true", "false")):
        asleep(platform, app_id)
        assert platform.api.patch(path, data={field: value}).json()["status"] in ("starting", "running")
        platform.wait(app_id, "running")
        platform.api.patch(path, data={field: back})
    asleep(platform, app_id)
    platform.api.post(f"{path}/keep-awake", params={"minutes": 1})
    platform.wait(app_id, "running")
    platform.api.post(f"{path}/keep-awake", params={"minutes": 0})


def test_deploys_to_a_sleeper(platform: Platform, app_id: str) -> None:
    """A deploy that fails leaves a sleeping app with what it had, one that does not replaces it."""
    asleep(platform, app_id)
    broken = b"import streamlit as st\nraise ValueError('not today')\n"
    answer = platform.api.patch(f"/apps/{app_id}", files={"app": ("app.py", broken)})
    assert answer.status_code == 202
    app = platform.wait(app_id, "running")
    assert (app["release"], app["error"]["kind"]) == (1, "first_page_failed")
    asleep(platform, app_id)
    platform.api.patch(f"/apps/{app_id}", files={"app": ("app.py", HELLO + b"st.write('newer')\n")})
    app = platform.wait(app_id, "running")
    assert (app["release"], app["error"]) == (3, None)
    until(lambda: platform.serves(app_id), 10)


REMEMBERS = b"""import os, streamlit as st
st.text(f"process {os.getpid()}")
name = st.text_input("name")
pressed = st.button("press")
st.text(f"hello {name} {pressed}")
"""


@pytest.mark.parametrize("version", ["1.40.2", "1.67.0"])
def test_an_open_tab_comes_back_with_its_values(
    platform: Platform, browser: Browser, tab: OpenTab, version: str
) -> None:
    """A new process of its app: the tab shows its page, with what was typed, and presses no button."""
    made = platform.running("remembers", REMEMBERS, requirements=f"streamlit=={version}\n".encode())
    try:
        visit = tab(person(browser))
        page = visit.page
        loads: list[str] = []
        page.on("load", lambda _: loads.append("load"))
        page.goto(f"{platform.url}/apps/{made}/")
        page.get_by_label("name").fill("Ada")
        page.get_by_label("name").press("Enter")
        expect(page.get_by_text("hello Ada False")).to_be_visible()
        page.get_by_role("button", name="press").click()
        expect(page.get_by_text("hello Ada True")).to_be_visible()
        before = platform.app(made)["pid"]
        platform.api.post(f"/apps/{made}/restart")
        until(lambda: platform.app(made)["pid"] not in (None, before), 60, what="a new process")
        expect(page.get_by_text(f"process {platform.app(made)['pid']}")).to_be_visible()
        expect(page.get_by_text("hello Ada False")).to_be_visible()
        assert loads == ["load"]
        page.context.close()
        visit.problems.clear()  # Streamlit's page says that it was disconnected
    finally:
        platform.api.delete(f"/apps/{made}")
