"""A real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import ARTIFACTS
from tests.platform import Platform
from tests.platform import platform as own_platform

TOKEN = "a-token-for-these-tests"
PATIENCE = 60_000
"""Milliseconds: the machine may be busy with other tests."""


def press(page: Page, label: str) -> None:
    """One of ours: Streamlit's head has a Stop while a script runs."""
    ours = page.locator(".stButton, .stFormSubmitButton, .stDownloadButton")
    ours.get_by_role("button", name=label, exact=True).click()


@pytest.fixture(scope="module")
def guarded() -> Iterator[Platform]:
    """A platform of its own: empty, and protected by a token."""
    with own_platform(STREAMLIT_HOST_ADMIN_TOKEN=TOKEN) as started:
        started.wait_for_console()
        yield started


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Makes a person with a browser of their own: ``visitor(locale="zh-CN")``."""
    contexts: list[BrowserContext] = []
    expect.set_options(timeout=PATIENCE)

    def make(**settings: str) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 860}, **settings)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("requestfailed", lambda failed: print(f"{failed.url}: {failed.failure}"))  # noqa: T201 (pytest shows it)
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def snap(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keeps a picture for people to look at."""

    def take(page: Page, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        page.screenshot(path=ARTIFACTS / f"console-{name}.png")

    return take
