"""One running platform for all tests that do not break it."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import hypothesis
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser import PATIENCE, OpenTab, launch, tabs
from tests.platform import Platform
from tests.platform import platform as running_platform

hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)  # the machine may stand still for a moment
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """The shared platform. Tests leave it as they found it: their own apps deleted, nothing killed."""
    with running_platform() as shared:
        yield shared


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium.

    Not for the whole session: Playwright's sync API keeps an event loop in this thread as long as it is
    open, and other files' tests run their own. One more start costs a second.
    """
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fixtures may ask whether their test failed."""
    report = yield
    if call.when == "call":
        item.stash[_FAILED] = report.failed
    return report


@pytest.fixture
def tab(request: pytest.FixtureRequest, browser: Browser) -> Iterator[OpenTab]:
    """Opens tabs; see tests.browser.tabs. Of a test that failed it is printed what they showed."""
    with tabs(browser, lambda: request.node.stash.get(_FAILED, False)) as opener:
        yield opener
