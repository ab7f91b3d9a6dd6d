"""hostd under a path of another server: PUBLIC_BASE with a prefix, behind a proxy that strips it or not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser import OpenTab, Visit
from tests.machine import free_range
from tests.outer import Outer
from tests.platform import ROOT, Platform, until
from tests.platform import platform as own_platform

PREFIX = "/tools/st"


@pytest.fixture(scope="module")
def outer_port() -> int:
    """Where the outer proxy listens."""
    return free_range(1)


@pytest.fixture(scope="module")
def inside(outer_port: int) -> Iterator[Platform]:
    """A platform whose public base is the outer proxy's, with a path."""
    with own_platform(STREAMLIT_HOST_PUBLIC_BASE=f"http://127.0.0.1:{outer_port}{PREFIX}") as started:
        yield started


@pytest.fixture(scope="module")
def demo(inside: Platform) -> str:
    """The demo app's id."""
    files = [(ROOT / "demo_app" / name).read_bytes() for name in ("app.py", "requirements.txt")]
    return inside.running("Demo", files[0], requirements=files[1])


@pytest.fixture(scope="module", params=[True, False], ids=["stripped", "kept"])
def base(request: pytest.FixtureRequest, inside: Platform, outer_port: int) -> Iterator[str]:
    """The public base, with the outer proxy in front of it."""
    inside.wait_for_console()
    with Outer(outer_port, PREFIX, inside.port, strips=request.param).running():
        yield f"http://127.0.0.1:{outer_port}{PREFIX}"


def _get(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=20)


def _links(page: Page) -> list[str]:
    """Every absolute address that a visitor can follow from here."""
    found = page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)")
    return [link for link in found if not link.startswith(("mailto:", "javascript:"))]


def test_the_api_names_public_addresses_only(base: str, inside: Platform) -> None:
    """Location, access_url, and the addresses in the OpenAPI document and the docs."""
    answer = httpx.post(
        f"{base}/api/apps", data={"name": "linked"}, files={"app": ("app.py", b"")}, trust_env=False
    )
    assert answer.status_code == 201, answer.text
    app_id = answer.json()["app_id"]
    try:
        assert urljoin(f"{base}/api/apps", answer.headers["location"]) == f"{base}/api/apps/{app_id}"
        assert answer.json()["access_url"].rstrip("/") == f"{base}/apps/{app_id}"
        again = httpx.post(
            f"{base}/api/apps/{app_id}/releases", files={"app": ("app.py", b"")}, trust_env=False
        )
        assert again.status_code == 202, again.text
        assert urljoin(base, again.headers["location"]) == f"{base}/api/apps/{app_id}/releases/2"
        assert _get(f"{base}/api/apps/{app_id}/releases/2").json()["release"] == 2
        assert all(app["access_url"].startswith(f"{base}/apps/") for app in _get(f"{base}/api/apps").json())
        servers = _get(f"{base}/api/openapi.json").json()["servers"]
        assert [urljoin(base, server["url"]).rstrip("/") for server in servers] == [base]
    finally:
        httpx.delete(f"{base}/api/apps/{app_id}", trust_env=False)


@pytest.mark.parametrize(
    ("path", "target"),
    [("", "/console/"), ("/", "/console/"), ("/console", "/console/"), ("/apps/ID?a=b", "/apps/ID/?a=b")],
)
def test_redirects_stay_under_the_public_base(base: str, demo: str, path: str, target: str) -> None:
    """Home, and what lacks its slash, lead to where the outer proxy sends it on."""
    url = base + path.replace("ID", demo)
    answer = _get(url)
    assert answer.status_code in (302, 303, 307, 308)
    assert urljoin(url, answer.headers["location"]) == base + target.replace("ID", demo)


def test_an_app_works(base: str, demo: str, tab: OpenTab) -> None:
    """Widgets (so the WebSocket), links between pages, an upload and a download, a deep link."""
    visit = tab()
    page = visit.page
    page.goto(f"{base}/apps/{demo}/")
    page.get_by_role("button", name="Count my clicks").click()
    expect(page.get_by_text("Clicks in this session: 1")).to_be_visible()
    page.get_by_role("link", name="Files").click()
    _exchange_a_file(visit)
    assert page.url == f"{base}/apps/{demo}/files"
    assert [link for link in _links(page) if not link.startswith(f"{base}/apps/{demo}/")] == []

    page.reload()
    expect(page.get_by_role("heading", name="Files")).to_be_visible()


def _exchange_a_file(visit: Visit) -> None:
    content = os.urandom(2_000_000)
    visit.upload("数据.bin", content)
    expect(visit.page.get_by_text(f"{len(content):,}")).to_be_visible()
    assert visit.download("Give it back") == ("数据.bin", content)


def test_the_console_works(base: str, demo: str, tab: OpenTab) -> None:
    """Its pages open, list the app, and link to nothing outside of the public base."""
    visit = tab()
    page = visit.page
    page.goto(base)
    expect(page.locator(f".st-key-row_{demo} a[href='{base}/apps/{demo}/']").first).to_be_visible()
    assert page.url == f"{base}/console/"
    assert [link for link in _links(page) if not link.startswith(base)] == []
    visit.picture("prefix-console")


def test_the_gateways_page_works(base: str, tab: OpenTab) -> None:
    """An unknown app is a page of ours under the prefix as well, and a problem for programs."""
    answer = _get(f"{base}/apps/nobody-knows/")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    page = httpx.get(f"{base}/apps/nobody-knows/", headers={"Accept": "text/html"}, trust_env=False)
    assert (page.status_code, "No such app" in page.text) == (404, True)


def test_the_docs_page_loads_from_the_public_base(base: str, tab: OpenTab) -> None:
    """The page for people needs nothing from outside."""
    page = tab().page
    page.goto(f"{base}/api/docs")
    expect(page.get_by_text("/api/apps").first).to_be_visible()
    assert [link for link in _links(page) if not link.startswith(base)] == []


def test_the_log_names_the_console_under_the_public_base(base: str, inside: Platform) -> None:
    """What an operator copies from the terminal is the public address, and no other."""
    found = until(lambda: re.findall(r"console: (\S+)", inside.output.read_text()), what="the console's line")
    assert found == [f"{base}/console/"]
