"""Secrets on the real thing: what the app gets, the gate, a rollback; and that they stand nowhere else."""

from __future__ import annotations

import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator

import httpx
import pytest

from tests.planted import (
    APP,
    BAD_TOKEN,
    NEEDLES,
    NEW_TOKEN,
    PASSWORD,
    SECRETS_TOML,
    TOKEN,
    TYPED,
    answers,
    clear_files,
)
from tests.platform import HELLO, Platform, assert_problem, until
from tests.scan import files_with, in_bytes, processes_with


@pytest.fixture(scope="module")
def app_id(platform: Platform) -> Iterator[str]:
    """An app that prints its secrets in every way it can think of."""
    made = platform.running("secrets", APP, secrets=SECRETS_TOML, environment='{"REGION": "north"}')
    yield made
    platform.api.delete(f"/apps/{made}")


def test_the_app_gets_them(platform: Platform, app_id: str) -> None:
    """All in st.secrets, those outside of tables in the environment as well; the log shows none."""
    log = platform.logs(app_id)
    assert platform.app(app_id)["warning"] is None
    assert "in the environment True True" in log
    assert "region north and no table False" in log
    assert "printed [secret] [secret] " in log
    assert log.count("[secret]") >= 9
    assert not in_bytes(log.encode(), NEEDLES)
    raw = (platform.data / "apps" / app_id / "run.log").read_bytes()
    assert b"[secret]" in raw
    assert not in_bytes(raw, NEEDLES)


def test_names_only(platform: Platform, app_id: str) -> None:
    """The API tells names, which are in the environment, and what is too short to be scrubbed."""
    told = platform.api.get(f"/apps/{app_id}/secrets").json()["secrets"]
    found = {one["name"]: (one["in_environment"], one["scrubbed"]) for one in told}
    assert found == {
        "token": (True, True), "number": (True, True), "short": (True, False),
        "database.password": (False, True), "database.key": (False, True),
    }  # fmt: skip
    assert platform.api.get(f"/apps/{app_id}/variables").json()["variables"] == {"REGION": "north"}


def test_a_change_passes_the_gate(platform: Platform, app_id: str) -> None:
    """A bad secret makes a release that fails, while the app goes on with the old; a good one takes over."""
    one, stop, seen = f"/apps/{app_id}", threading.Event(), list[int]()

    def visit() -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            while not stop.is_set():
                seen.append(client.get(f"{platform.url}{one}/_stcore/health").status_code)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        answer = platform.api.put(f"{one}/secrets/token", data={"value": BAD_TOKEN})
        assert answer.status_code == 202
        assert answer.headers["location"].endswith("/releases/2")
        failed = until(lambda: (app := platform.app(app_id))["error"] and app, 90)
        assert failed["status"] == "running"
        assert failed["release"] == 1
        assert failed["error"]["kind"] == "first_page_failed"
        assert "[secret]" in failed["error"]["message"]
        platform.api.put(f"{one}/secrets/token", data={"value": NEW_TOKEN})
        assert platform.wait(app_id, "running")["release"] == 3
        assert platform.api.put(f"{one}/secrets/token", data={"value": NEW_TOKEN}).status_code == 200
    finally:
        stop.set()
        visitor.join()
    assert set(seen) == {200}
    assert len(seen) > 20


def test_a_rollback_keeps_the_secrets_of_today(platform: Platform, app_id: str) -> None:
    """Variables are the release's; a secret that was replaced stays so, though the release still drains."""
    one = f"/apps/{app_id}"
    platform.api.put(f"{one}/secrets/token", data={"value": NEW_TOKEN})
    platform.wait(app_id, "running")
    answer = platform.api.put(f"{one}/variables/REGION", data={"value": "south"})
    assert answer.status_code == 202
    number = int(answer.headers["location"].rpartition("/")[2])
    assert platform.wait(app_id, "running")["release"] == number
    assert platform.api.get(f"{one}/variables").json()["variables"] == {"REGION": "south"}
    platform.api.post(f"{one}/releases/1/activate")
    assert platform.wait(app_id, "running")["release"] == 1
    assert platform.api.get(f"{one}/variables").json()["variables"] == {"REGION": "north"}
    for old in platform.app(app_id)["draining"]:
        platform.api.post(f"{one}/releases/{old['release']}/drain", params={"now": True})
    (clear,) = clear_files(platform.data, app_id)
    assert tomllib.loads(clear.read_text())["token"] == NEW_TOKEN
    assert not in_bytes(clear.read_bytes(), [TOKEN.encode(), BAD_TOKEN.encode()])


def test_nothing_stands_in_the_clear(platform: Platform, app_id: str) -> None:
    """Data folder, logs, conf, command lines, answers, pages: nothing, but for the app's own 0400 file."""
    problem = platform.api.put(f"/apps/{app_id}/secrets", data={"secrets": f'a = 1\nb = "{TYPED}" oops'})
    assert "line 2" in assert_problem(problem, 422, "secrets")["detail"]
    assert not in_bytes(problem.content, NEEDLES)
    clear = clear_files(platform.data, app_id)
    assert clear
    assert sorted(files_with(platform.data, NEEDLES)) == clear  # what is there is found
    assert all(path.stat().st_mode & 0o777 == 0o400 for path in clear)
    assert not list(processes_with(NEEDLES))
    assert not in_bytes(platform.output.read_bytes(), NEEDLES)
    for name, content in answers(platform.api, app_id):
        assert not in_bytes(content, NEEDLES), name


def test_the_scan_finds_what_is_planted(platform: Platform, app_id: str) -> None:
    """A file and a command line that do hold one are found: the scan above is no accident."""
    planted = platform.data / "logs" / "planted.log"
    planted.write_text("x" * 5000 + TOKEN)
    command = [sys.executable, "-c", "input()", PASSWORD]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            until(lambda: process.pid in processes_with(NEEDLES), 10)
            assert planted in files_with(platform.data, NEEDLES)
            assert in_bytes(f"<p>{TOKEN}</p>".encode(), NEEDLES)
        finally:
            planted.unlink()
            process.communicate(b"\n")


def test_a_stopped_app_has_no_clear_file(platform: Platform, app_id: str) -> None:
    """It goes with the process, and comes back with it, whoever starts it."""
    number = platform.app(app_id)["release"]
    platform.api.post(f"/apps/{app_id}/stop")
    assert not clear_files(platform.data, app_id)
    assert not list(files_with(platform.data / "apps" / app_id / "secrets", NEEDLES))
    platform.supervisorctl("start", f"{app_id}.r{number}")
    platform.wait(app_id, "running")
    assert clear_files(platform.data, app_id)
    platform.supervisorctl("stop", f"{app_id}.r{number}")
    assert not clear_files(platform.data, app_id)
    platform.wait(app_id, "stopped")  # hostd hears of it a moment later
    platform.api.post(f"/apps/{app_id}/start")
    platform.wait(app_id, "running")
    assert platform.serves(app_id)


def test_an_app_that_dies_of_it(platform: Platform) -> None:
    """A crash at the start, and its failure, page and problem, are scrubbed as well."""
    crash = (
        b"import os, streamlit as st\nos.write(2, b'dying of ' + st.secrets['token'].encode())\nos._exit(3)\n"
    )
    made = platform.create("dies", crash, secrets=f'token = "{BAD_TOKEN}"')
    try:
        app = platform.wait(made, "failed", "running")
        assert "dying of [secret]" in platform.logs(made)
        assert not in_bytes(repr(app).encode(), NEEDLES)
        page = httpx.get(f"{platform.url}/apps/{made}/", timeout=30, trust_env=False)
        assert not in_bytes(page.content, NEEDLES)
        assert not [
            path for path in files_with(platform.data / "apps" / made, NEEDLES) if path.suffix != ".toml"
        ]
    finally:
        platform.api.delete(f"/apps/{made}")


def test_calls_that_are_wrong(platform: Platform, app_id: str) -> None:
    """Unknown names, names of hostd's own, tables and values of one name, too much of it."""
    one = f"/apps/{app_id}"
    assert_problem(platform.api.delete(f"{one}/secrets/nothing"), 404)
    assert_problem(platform.api.delete(f"{one}/variables/nothing"), 404)
    assert_problem(platform.api.put(f"{one}/secrets/HOME", data={"value": "x"}), 422, "secrets")
    assert_problem(platform.api.put(f"{one}/variables/HOME", data={"value": "x"}), 422, "environment")
    assert_problem(platform.api.put(f"{one}/secrets/database", data={"value": "x"}), 422, "secrets")
    assert_problem(platform.api.put(f"{one}/secrets/a b", data={"value": "x"}), 422, "secrets")
    assert_problem(platform.api.put(f"{one}/secrets/a", data={"value": "x" * 70_000}), 422, "secrets")
    assert_problem(platform.api.put(f"{one}/secrets/a", data={}), 415)
    assert_problem(platform.api.put(f"{one}/secrets/a", data={"other": "x"}), 422, "value")
    assert_problem(platform.api.put(f"{one}/secrets", data={"other": "x"}), 422, "secrets")
    assert_problem(platform.api.put(f"{one}/secrets", json={"secrets": ""}), 415)
    assert_problem(platform.api.get("/apps/no-such-app/secrets"), 404)
    assert_problem(platform.api.put("/apps/no-such-app/secrets/a", data={"value": "x"}), 404)


def test_taken_away(platform: Platform, app_id: str) -> None:
    """Once all are deleted, no file of them is left when the releases that had them have ended."""
    fresh = platform.running("fleeting", HELLO, secrets=f'token = "{TOKEN}"', drain_minutes="0")
    try:
        assert platform.api.delete(f"/apps/{fresh}/secrets/token").status_code == 202
        platform.wait(fresh, "running")
        assert platform.api.get(f"/apps/{fresh}/secrets").json()["secrets"] == []
        folder = platform.data / "apps" / fresh / "secrets"
        until(lambda: not list(folder.iterdir()), 60, what="nothing left")
    finally:
        platform.api.delete(f"/apps/{fresh}")
