"""Streamlit of four years, hosted side by side, open in one browser at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser import OpenTab, Visit, person
from tests.platform import Platform

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="Streamlit 1.28 needs numpy 1, which has no wheels for this Python"
)

APP = b"""
import streamlit as st

st.title("Streamlit " + st.__version__)
number = st.slider("Number", 0, 10, 3)
name = st.text_input("Name")
st.write(f"number {number}, name {name}")
if st.button("Press"):
    st.session_state.presses = st.session_state.get("presses", 0) + 1
st.write(f"presses {st.session_state.get('presses', 0)}")
upload = st.file_uploader("File")
if upload is not None:
    content = upload.getvalue()
    st.write(f"bytes {len(content)}")
    st.download_button("Give it back", content, upload.name)
"""
VERSIONS = {
    # Newer pyarrow refuses numpy 1 when it is imported, but its metadata doesn't say so.
    "1.28.2": b"streamlit==1.28.2\npyarrow<20\n",
    "1.40.2": b"streamlit==1.40.2\n",
    "1.50.0": b"streamlit==1.50.0\n",
    "newest": b"streamlit\n",
}


@dataclass(frozen=True)
class Hosted:
    """One of the apps: its address and what its page shows."""

    url: str
    version: str


@pytest.fixture(scope="module")
def hosted(platform: Platform) -> Iterator[list[Hosted]]:
    """The same app on four versions of Streamlit."""
    ids = [platform.create(f"Streamlit {name}", APP, requirements) for name, requirements in VERSIONS.items()]
    apps = [platform.wait(app_id, "running", timeout=300) for app_id in ids]
    yield [Hosted(f"{platform.url}/apps/{app['app_id']}/", app["streamlit_version"]) for app in apps]
    for app_id in ids:
        platform.api.delete(f"/apps/{app_id}")


def test_each_runs_the_version_it_asked_for(hosted: list[Hosted]) -> None:
    """Nothing is shared between venvs; 'streamlit' alone gives something newer than all others."""
    versions = [app.version for app in hosted]
    assert versions[:3] == list(VERSIONS)[:3]
    assert tuple(map(int, versions[3].split("."))) >= (1, 67)


def test_none_of_them_nor_the_console_holds_small_answers_back(
    platform: Platform, hosted: list[Hosted]
) -> None:
    """40 ms would be what a kernel waits before it acknowledges (TCP_NODELAY is missing)."""
    for url in (f"{platform.url}/console/", *(app.url for app in hosted)):
        with httpx.Client() as visitor:
            answers = [visitor.get(f"{url}_stcore/health") for _ in range(21)]
        assert {answer.text for answer in answers} == {"ok"}
        assert median(answer.elapsed.total_seconds() for answer in answers) < 0.03, url


def test_four_versions_work_in_one_browser_at_once(
    hosted: list[Hosted], browser: Browser, tab: OpenTab
) -> None:
    """Widgets, an upload and a download in each of four tabs, turn by turn, while all are open."""
    somebody = person(browser)
    visits = [tab(somebody) for _ in hosted]
    for visit, app in zip(visits, hosted, strict=True):
        visit.page.goto(app.url)
        expect(visit.page.get_by_role("heading", name=f"Streamlit {app.version}")).to_be_visible()

    for visit in visits:
        _move(visit)
    for visit, app in zip(visits, hosted, strict=True):
        _exchange_files(visit, app)

    for visit in visits:
        expect(visit.page.get_by_text("presses 1")).to_be_visible()
        expect(visit.page.get_by_text("number 4, name 小明")).to_be_visible()


def _move(visit: Visit) -> None:
    """Use slider, text and button, each after the app has answered to the one before."""
    page = visit.page
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("number 4, name")).to_be_visible()
    page.get_by_label("Name").fill("小明")
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_text("number 4, name 小明")).to_be_visible()
    page.get_by_role("button", name="Press").click()
    expect(page.get_by_text("presses 1")).to_be_visible()


def _exchange_files(visit: Visit, app: Hosted) -> None:
    """Upload something and get it back."""
    content = os.urandom(300_000) + app.version.encode()
    visit.upload("文件.bin", content)
    expect(visit.page.get_by_text(f"bytes {len(content)}")).to_be_visible()
    visit.picture(f"version-{app.version}")
    name, back = visit.download("Give it back")
    assert (name, back == content) == ("文件.bin", True)


@pytest.mark.parametrize(("early", "late"), [(1, 2), (2, 3), (3, 1), (0, 3), (3, 0)])
def test_versions_do_not_break_each_others_cookies(
    hosted: list[Hosted], browser: Browser, tab: OpenTab, early: int, late: int
) -> None:
    """The XSRF cookies share a name and a path: a tab opened before another app's can still upload."""
    somebody = person(browser)
    visits = [tab(somebody), tab(somebody)]
    for visit, app in zip(visits, (hosted[early], hosted[late]), strict=True):
        visit.page.goto(app.url)
        expect(visit.page.get_by_role("heading", name=f"Streamlit {app.version}")).to_be_visible()

    visits[0].upload("a.txt", b"x" * 1234)
    expect(visits[0].page.get_by_text("bytes 1234")).to_be_visible()
