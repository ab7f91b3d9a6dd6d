"""A real Chromium for tests. ``python -m tests.browser`` makes sure that there is one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
CALM = Path(__file__).resolve().with_name("calm_browser.py")
ARTIFACTS = Path(__file__).resolve().parent / "artifacts"
PATIENCE = 30_000
"""Milliseconds for one step in a page: the machine may be busy with other tests."""

WRONG_BASE = re.compile(r"/[^/]+/_stcore/(health|host-config)$")
"""What Streamlit's front end asks on a deep link to learn how deep it is; 404 is the right answer."""

TAKEN_BACK = "net::ERR_ABORTED"
"""Requests that the page itself ended, or that became downloads."""


class NoBrowserError(Exception):
    """There is no Chromium, and none could be installed."""


def executable() -> str | None:
    """The system's Chromium; None when only Playwright's own can be had."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def launch(playwright: Playwright) -> Browser:
    """Start Chromium: the system's if there is one, else Playwright's own."""
    found = executable() or playwright.chromium.executable_path
    if sys.platform != "linux":
        return playwright.chromium.launch(executable_path=found, args=list(QUIET))
    environment: dict[str, str | float | bool] = {**os.environ, "CALM_BROWSER": found}
    return playwright.chromium.launch(executable_path=CALM, args=list(QUIET), env=environment)


def person(browser: Browser, locale: str = "en-US") -> BrowserContext:
    """Somebody with cookies of their own."""
    context = browser.new_context(locale=locale, viewport={"width": 1280, "height": 860})
    context.set_default_timeout(PATIENCE)
    return context


class Visit:
    """A tab, and everything that went wrong in it."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.problems: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        self.page.on("response", lambda answer: self._answered(answer.status, answer.url))
        self.page.on("requestfailed", lambda request: self._failed(request.url, request.failure or ""))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.problems.append(f"console: {message.text}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 400 and not (status == 404 and WRONG_BASE.search(url)):
            self.problems.append(f"{status} {url}")

    def _failed(self, url: str, why: str) -> None:
        if why != TAKEN_BACK:
            self.problems.append(f"{why} {url}")

    def upload(self, name: str, content: bytes) -> None:
        """Choose a file in the page's uploader."""
        file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        self.page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]

    def download(self, button: str) -> tuple[str, bytes]:
        """Press a download button; the name and the content of what comes."""
        with self.page.expect_download() as coming:
            self.page.get_by_role("button", name=button).click()
        return coming.value.suggested_filename, coming.value.path().read_bytes()

    def shown(self) -> str:
        """What a person would see, and what went wrong, in words."""
        try:
            seen = self.page.locator("body").aria_snapshot(timeout=5_000)[:3_000]
        except PlaywrightError as error:
            seen = f"it does not answer: {error}"
        return "\n".join((f"tab at {self.page.url}", seen, *self.problems))

    def picture(self, name: str) -> None:
        """Keep a picture for people to look at."""
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png")


OpenTab = Callable[..., Visit]


@contextmanager
def tabs(browser: Browser, failed: Callable[[], bool] = lambda: False) -> Iterator[OpenTab]:
    """Opens tabs: ``tab(locale="zh-CN")`` for a new person, ``tab(context)`` for somebody who is there.

    In the end nothing may have gone wrong in any of them. What they show is printed if their test ``failed``.
    """
    visits: list[Visit] = []

    def tab(context: BrowserContext | None = None, locale: str = "en-US") -> Visit:
        visits.append(Visit(context or person(browser, locale)))
        return visits[-1]

    yield tab
    if failed():
        print(*(visit.shown() for visit in visits), sep="\n\n")  # noqa: T201
    for visit in visits:
        visit.page.context.close()
    problems = [problem for visit in visits for problem in visit.problems]
    assert not problems, "\n".join(problems)


def ensure() -> str:
    """Make sure that there is a Chromium, and say which. Raises NoBrowserError with what to do."""
    if found := executable():
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        return _install_by_apt()
    return _install_by_playwright()


def _install_by_apt() -> str:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update"], quiet)
    _run(["apt-get", "install", "-y", "--no-install-recommends", "chromium"], quiet)
    if found := executable():
        return found
    raise NoBrowserError("apt-get installed no program named chromium; put a Chromium or Chrome on PATH")


def _install_by_playwright() -> str:
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    if not Path(own).is_file():
        _run([sys.executable, "-m", "playwright", "install", "chromium"], dict(os.environ))
    return own


def _run(command: Sequence[str], environment: dict[str, str]) -> None:
    """Run to the end, with the output shown only when it fails."""
    shown = " ".join(command)
    print(f"tests: no Chromium found; running: {shown}", file=sys.stderr)  # noqa: T201
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise NoBrowserError(f"'{shown}' ended with {done.returncode}; put a Chromium on PATH.\n{end}")


def main() -> int:
    """The exit code of ``python -m tests.browser``."""
    try:
        found = ensure()
    except (NoBrowserError, OSError) as error:
        print(f"tests: the browser tests need Chromium: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"tests: browser {found}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
