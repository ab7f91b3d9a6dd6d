"""Apps that write beside their code: it goes along with every deploy, and back when one fails."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.platform import Platform, until
from tests.platform import platform as running_platform
from tests.session import Session

KEEPS_ROWS = """
import sqlite3
import uuid

import streamlit as st

token = uuid.uuid4().hex
rows = sqlite3.connect("rows.db", isolation_level=None, timeout=30)
rows.execute("PRAGMA journal_mode=WAL")
rows.execute("CREATE TABLE IF NOT EXISTS rows (token TEXT)")
rows.execute("INSERT INTO rows VALUES (?)", [token])
st.text("release {mark}")
st.text(token)
st.text(" ".join(one for (one,) in rows.execute("SELECT token FROM rows")))
"""
KEEPS_JSON = """
import json
import pathlib

import streamlit as st

file = pathlib.Path("data.json")
data = json.loads(file.read_text())
data["visits"] += 1
file.write_text(json.dumps(data))
st.text(json.dumps(data))
# {mark}
"""
BROKEN = {2: "resolve_failed", 4: "first_page_failed", 6: "crashed", 7: "first_page_failed"}
"""Which of the ten deploys fail, and how."""


@pytest.fixture(scope="module")
def host() -> Iterator[Platform]:
    """A platform of its own."""
    with running_platform(pool=8) as made:
        yield made


@pytest.fixture
def one_user() -> Iterator[Platform]:
    """A platform whose apps all run as itself, so that they can change what was uploaded."""
    with running_platform(pool=8, STREAMLIT_HOST_UID_MIN="0") as made:
        yield made


class Visitor(threading.Thread):
    """Inserts a row again and again, each in a session of its own; knows the rows that it was shown."""

    def __init__(self, base: str) -> None:
        super().__init__(daemon=True)
        self.base = base
        self.shown: list[str] = []
        self.left = threading.Event()

    def run(self) -> None:
        """Until it is told to leave. While one release makes way for the next there is nobody to talk to."""
        while not self.left.wait(0.2):
            try:
                self.shown.append(visit(self.base)[1])
            except (OSError, EOFError, InvalidHandshake, ConnectionClosed, httpx.HTTPError, IndexError):
                continue

    def leave(self) -> list[str]:
        """Stop; every row that it was shown."""
        self.left.set()
        self.join(90)
        return self.shown


def visit(base: str) -> list[str]:
    """What one page load shows."""
    session = Session(base, timeout=30)
    try:
        return session.run()
    finally:
        session.close()


def create(host: Platform, files: dict[str, str]) -> str:
    """A new app of these files; its id, once it runs."""
    answer = host.api.post("/apps", data={"name": "keeps"}, files=form(files))
    assert answer.status_code == 201, answer.text
    app_id = str(answer.json()["app_id"])
    host.wait(app_id, "running")
    return app_id


def deploy(host: Platform, app_id: str, files: dict[str, str]) -> dict[str, Any]:
    """Send a release; the record of it when its deploy has ended and the app runs."""
    answer = host.api.post(f"/apps/{app_id}/releases", files=form(files))
    assert answer.status_code == 202, answer.text
    number = answer.json()["release"]

    def look() -> dict[str, Any] | None:
        release = host.api.get(f"/apps/{app_id}/releases/{number}").json()
        return release if release["state"] in ("active", "failed") else None

    ended = until(look, 120, 0.1, f"the end of release {number}") or {}
    host.wait(app_id, "running")
    return ended


def form(files: dict[str, str]) -> list[tuple[str, Any]]:
    """The form of an upload of several files."""
    return [("files", (path, text.encode())) for path, text in files.items()]


def keeping(mark: int, breaks: str | None = None) -> dict[str, str]:
    """A release that inserts a row with every run, or one that fails in the way named."""
    files = {"app.py": KEEPS_ROWS.format(mark=mark), "requirements.txt": "streamlit\n"}
    if breaks == "resolve_failed":
        files["requirements.txt"] += "no-such-distribution-of-anybody==99\n"
    elif breaks == "first_page_failed":
        files["app.py"] += "raise ValueError('after its row')\n"
    elif breaks == "crashed":
        files[".streamlit/config.toml"] = "[theme]\nbase = 'no-such-theme.toml'\n"
    return files


def test_every_row_outlives_ten_deploys(host: Platform) -> None:
    """Rows inserted before, between and while releases replace each other, four of them failing."""
    app_id = create(host, keeping(0))
    base = f"{host.url}/apps/{app_id}"
    serving, shown = 0, [visit(base)[1]]
    visitor = Visitor(base)
    visitor.start()
    for number in range(1, 11):
        breaks = BROKEN.get(number)
        ended = deploy(host, app_id, keeping(number, breaks))
        if breaks:
            assert (ended["state"], (ended["error"] or {}).get("kind")) == ("failed", breaks), ended
        else:
            assert (ended["state"], ended["strategy"]) == ("active", "replace"), ended
            serving = number
        page = visit(base)
        assert page[0] == f"release {serving}"
        shown.append(page[1])
    shown += visitor.leave()
    assert len(shown) > 11  # the visitor of the meantime saw rows as well; how many is the machine's speed
    rows = Counter(visit(base)[2].split())
    assert not set(shown) - set(rows)
    assert set(rows.values()) == {1}
    assert not (host.data / "apps" / app_id / "home" / "recovered").exists()


def test_a_file_of_the_upload_that_the_app_changes(one_user: Platform) -> None:
    """Unchanged in the next upload, the app's own goes on; changed there, the upload's counts."""
    host = one_user

    def files(mark: int, shipped: int) -> dict[str, str]:
        data = json.dumps({"shipped": shipped, "visits": 0})
        return {
            "app.py": KEEPS_JSON.format(mark=mark),
            "data.json": data,
            "requirements.txt": "streamlit\n",
        }

    app_id = create(host, files(1, shipped=1))
    base = f"{host.url}/apps/{app_id}"
    before = json.loads(visit(base)[0])
    assert deploy(host, app_id, files(2, shipped=1))["strategy"] == "replace"
    after = json.loads(visit(base)[0])
    assert after["visits"] > before["visits"]
    assert deploy(host, app_id, files(3, shipped=3))["state"] == "active"
    assert json.loads(visit(base)[0])["shipped"] == 3
    kept = host.data / "apps" / app_id / "home" / "recovered" / "r2" / "data.json"
    assert json.loads(kept.read_text()) == after
