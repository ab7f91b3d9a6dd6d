"""Two apps of one version on a real platform: a browser gets Streamlit's files once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from hostd import static_files
from tests.browser import OpenTab, Visit, person
from tests.platform import Platform, until

APP = b"""
import streamlit as st

figures = {"month": [1, 2, 3], "sales": [3, 1, 2]}
st.title("Figures")
st.dataframe(figures)
st.line_chart(figures, x="month", y="sales")
"""


@dataclass(frozen=True)
class Two:
    """Two apps with the same files, whose copy is whole; ``key`` is its key."""

    platform: Platform
    ids: list[str]
    key: str

    def url(self, number: int) -> str:
        return f"{self.platform.url}/apps/{self.ids[number]}/"

    def release(self, number: int) -> Path:
        return self.platform.data / "apps" / self.ids[number] / "releases" / "1"


@pytest.fixture(scope="module")
def two(platform: Platform) -> Iterator[Two]:
    """Installed one after the other; the compressed packs come later, and are waited for."""
    ids = [platform.running(f"Figures {number}", APP, timeout=300) for number in (1, 2)]
    made = (platform.data / "apps" / ids[0] / "releases/1/release.json").read_text()
    key = re.findall(r'"static": "([^"]+)"', made)[0]
    folder = platform.data / "cache" / "static"
    until(lambda: static_files.pack(folder, key, "br").exists(), 300, what="the last pack")
    yield Two(platform, ids, key)
    for app_id in ids:
        platform.api.delete(f"/apps/{app_id}")


def show(visit: Visit, url: str) -> dict[str, bool]:
    """Open an app until table and chart are drawn: what was asked for, and whether the cache had it."""
    asked: dict[str, str] = {}
    cached: set[str] = set()
    session = visit.page.context.new_cdp_session(visit.page)
    session.on("Network.requestWillBeSent", lambda e: asked.update({e["requestId"]: e["request"]["url"]}))
    session.on("Network.requestServedFromCache", lambda e: cached.add(e["requestId"]))
    session.on(
        "Network.responseReceived",
        lambda e: cached.add(e["requestId"]) if e["response"]["fromDiskCache"] else None,
    )
    session.send("Network.enable")
    visit.page.goto(url)
    expect(visit.page.get_by_role("heading", name="Figures")).to_be_visible()
    expect(visit.page.get_by_test_id("stDataFrame").locator("canvas").first).to_be_visible()
    expect(visit.page.get_by_test_id("stVegaLiteChart").locator("canvas, svg.marks").first).to_be_visible()
    visit.page.wait_for_load_state("networkidle")
    return {address: number in cached for number, address in asked.items() if address.startswith("http")}


def statics(asked: dict[str, bool]) -> dict[str, bool]:
    """Those of Streamlit's files."""
    return {address: cached for address, cached in asked.items() if "/static/" in address}


def test_the_second_app_asks_for_nothing_again(two: Two, browser: Browser, tab: OpenTab) -> None:
    """Table and chart come up in both; the second one's files are the first one's, from the cache."""
    somebody: BrowserContext = person(browser)
    first = statics(show(tab(somebody), two.url(0)))
    shared = f"{two.platform.url}/apps/~static/{two.key}/static/"
    assert len(first) > 20 and all(address.startswith(shared) for address in first)
    assert not all(first.values())

    asked = show(tab(somebody), two.url(1))
    second = statics(asked)
    assert set(second) == set(first) and all(second.values())
    assert sum(not cached for cached in asked.values()) <= 10


def test_an_app_that_changes_its_files_reaches_nobody(two: Two, tab: OpenTab) -> None:
    """Its index.html is its own; the files that others' visitors get are those of the wheel."""
    page = httpx.get(two.url(1), headers={"Accept": "text/html"}, trust_env=False).text
    name = re.findall(r'src="(/apps/~static/[^"]+/static/js/[^"]+\.js)"', page)[0]
    before = httpx.get(two.platform.url + name, trust_env=False)
    folder = next(two.release(0).glob("venv/lib/*/site-packages/streamlit/static"))
    script = folder / name.partition(f"{two.key}/")[2]
    content = script.read_bytes()
    assert before.content == content
    script.unlink()  # not in place: the file is uv's as well
    script.write_bytes(b"alert('mine');" + content)
    index = folder / "index.html"
    html = index.read_text()
    index.unlink()
    index.write_text(html.replace("</title>", "</title><meta name='mine'>"))

    after = httpx.get(two.platform.url + name, trust_env=False)
    assert (after.content, after.headers["etag"]) == (content, before.headers["etag"])
    own = httpx.get(f"{two.url(0)}{name.partition(f'{two.key}/')[2]}", trust_env=False)
    assert own.content.startswith(b"alert('mine');")
    other = tab()
    show(other, two.url(1))
    assert other.page.locator("meta[name=mine]").count() == 0
