"""Two tabs of one browser, opened before and after a deploy: each stays with its release."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect

from hostd.gateway import GatewayOptions
from hostd.models import Route, Status
from hostd.static_files import StaticCopies
from tests.browser import OpenTab, Visit, person
from tests.platform import until

from .conftest import StartBackend, StartGateway, running
from .deployed import Deployed
from .releases import install, ready, release
from .static_wheel import copied
from .wire import Wire, plain, wait_until

VERSIONS = {
    # As in tests/test_versions.py: newer pyarrow refuses numpy 1, and its metadata doesn't say so.
    "1.28.2": ["pyarrow<20"],
    "1.40.2": [],
    "1.50.0": [],
    "1.67.0": [],
}
UNSHARED = ("1.50.0",)
"""Versions whose files each release serves itself here; those of the others come from a copy."""


WAYS = """async () => {
    const base = location.pathname, element = (name, attribute, value) => {
        const made = document.body.appendChild(document.createElement(name));
        made[attribute] = value;
    };
    new WebSocket("ws://" + location.host + base + "_stcore/stream", ["streamlit", "token"]);
    const request = new XMLHttpRequest();
    request.open("PUT", base + "_stcore/upload_file/xhr");
    request.send("body");
    await fetch("_stcore/fetch");
    await fetch(new URL("media/url", location.href));
    await fetch(new Request("media/request", {headers: {"x-kept": "1"}}));
    await fetch("~r7/media/marked");
    await fetch("static/js/fetched.js");
    await fetch("/elsewhere");
    await import(base + "_stcore/bidi-components/module.js").catch(() => 0);
    element("img", "src", "media/property.png");
    element("audio", "src", "media/sound.mp3");
    element("iframe", "src", "component/a/index.html");
    element("script", "src", "static/js/chunk.js");
    document.body.appendChild(document.createElement("img")).setAttribute("src", "app/static/attribute.png");
    const link = document.createElement("a");
    return ["media/file", "page", "#part", "mailto:a@b.c", "https://elsewhere.example/media/a"].map(to => {
        link.href = to;
        return link.href;
    });
}"""
MARKED = (
    *("_stcore/stream", "_stcore/upload_file/xhr", "_stcore/fetch", "media/url", "media/request"),
    *("_stcore/bidi-components/module.js", "media/property.png", "media/sound.mp3"),
    *("component/a/index.html", "app/static/attribute.png"),
)
UNMARKED = ("static/js/fetched.js", "static/js/chunk.js", "/elsewhere", "~r7/media/marked")

SOCKETS = (
    *("ws://{base}_stcore/stream", "ws://{base}~r9.2/_stcore/stream", "ws://{base}stream"),
    *("ws://{base}component/stream", "ws://{base}~r9/media/_stcore/stream", "ws://elsewhere.invalid/stream"),
    *("ws://{base}../y/_stcore/stream", "ws://elsewhere.invalid/p/apps/x/_stcore/stream"),
)
"""The first three are Streamlit's sessions; the others are an app's own business."""
IS_FOLLOWED = "to => Object.hasOwn(new WebSocket(to), 'send')"


def test_every_way_to_ask_names_the_release(
    gateway: StartGateway, backend: StartBackend, browser: Browser
) -> None:
    """Whatever a page asks its app for is marked; what is shared, and what is not the app's, is not."""
    door = gateway({"x": Route(Status.RUNNING, backend(_a_page).port, "x", 9)}, GatewayOptions(prefix="/p"))
    base = f"127.0.0.1:{door.port}/p/apps/x/"
    asked: set[str] = set()
    page = person(browser).new_page()
    page.on("request", lambda request: asked.add(request.url))
    page.on("websocket", lambda opened: asked.add(opened.url.replace("ws:", "http:")))
    page.goto(f"http://{base}")
    links = page.evaluate(WAYS)
    expected = {urljoin(f"http://{base}~r9/", path) for path in MARKED}
    expected |= {urljoin(f"http://{base}", path) for path in UNMARKED}
    until(lambda: page.evaluate("1") and expected <= asked, what=f"{expected}")
    assert {url for url in asked if "favicon" not in url} == expected | {f"http://{base}"}
    assert links == [
        *(f"http://{base}~r9/media/file", f"http://{base}page", f"http://{base}#part"),
        *("mailto:a@b.c", "https://elsewhere.example/media/a"),
    ]
    assert [to for to in SOCKETS if page.evaluate(IS_FOLLOWED, to.format(base=base))] == list(SOCKETS[:3])


def _a_page(wire: Wire) -> None:
    while wire.head():
        wire.send(plain(b'<html><head></head><div id="root"></div></html>', b"Content-Type: text/html"))


@pytest.fixture(params=VERSIONS)
def deployed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Both releases' processes behind a gateway."""
    version = request.param
    folder = tmp_path_factory.mktemp("releases")
    python = install(folder / "venv", [f"streamlit=={version}", *VERSIONS[version]])
    with ExitStack() as stack:
        started = {n: stack.enter_context(release(python, folder / str(n), n)) for n in (1, 2)}
        ports = {n: port for n, (port, _) in started.items()}
        static, copies = "", StaticCopies(folder / "copies")
        if version not in UNSHARED:
            packages = next((folder / "venv").glob("lib/*/site-packages"))
            static, copies = copied(packages, folder / "copies", version)
        door = stack.enter_context(running(copies=copies))
        ready(*ports.values())
        yield Deployed(version, door, ports, {n: pid for n, (_, pid) in started.items()}, static)


def test_each_tab_stays_with_its_release(deployed: Deployed, browser: Browser, tab: OpenTab) -> None:
    """Widgets, uploads, pictures, downloads and reconnects of two tabs: each is its own release's."""
    somebody = person(browser)
    asked: list[str] = []
    somebody.on("request", lambda request: asked.append(request.url))
    deployed.route(1)
    old = _open(deployed, tab(somebody), 1)
    deployed.route(2, 1)
    new = _open(deployed, tab(somebody), 2)
    for visit, number in ((old, 1), (new, 2)):
        _use(visit, number, "ann")
        runs = _runs(visit.page, number, len("ann") * 1000 * number)
        assert visit.download("Give it back") == ("a.txt", f"from {number} for ann".encode())
        expect(visit.page.get_by_text(f"{number} ran {runs + 1} times")).to_be_visible()

    whose = {"/apps/~static/" in url for url in asked if "/static/" in url and "/app/static/" not in url}
    assert whose == {bool(deployed.static)}  # what is loaded later as well

    deployed.cut()
    wait_until(lambda: len(deployed.ends()) == 2, "both back", 60)
    for visit, number in ((old, 1), (new, 2)):
        _use(visit, number, "robert")
    if deployed.version > "1.35":  # older ones begin a new session when the WebSocket was cut
        expect(old.page.get_by_text("1 was pressed 1 times")).to_be_visible()

    deployed.route(2)
    deployed.cut()
    wait_until(lambda: deployed.gateway.tunnels(deployed.ports[2]) == 2, "both tabs on release 2", 60)
    old.page.get_by_role("button", name="Press").click()
    expect(old.page.get_by_role("heading", name="Release 2")).to_be_visible()
    for visit in (old, new):  # Streamlit's page says in the console that it was disconnected
        visit.problems[:] = [problem for problem in visit.problems if not problem.startswith("console:")]


def test_a_cut_in_the_middle_of_a_run_leaves_a_whole_page(
    deployed: Deployed, browser: Browser, tab: OpenTab
) -> None:
    """Streamlit stops such a run, whose end takes the rest of the page away.

    1.40 asks for another only when it had heard that one ran.
    """
    deployed.route(1)
    sockets: list[WebSocket] = []
    visit = tab(person(browser))
    visit.page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 - Playwright marks it
    _open(deployed, visit, 1)
    os.kill(deployed.pids[1], signal.SIGSTOP)
    try:
        with sockets[-1].expect_event("framesent"):
            visit.page.get_by_role("button", name="Press").click()
        time.sleep(0.3)  # what was sent has reached the process, which can't read it yet
        deployed.cut()
    finally:
        os.kill(deployed.pids[1], signal.SIGCONT)
    expect(visit.page.get_by_text(re.compile("^1 ran [3-9] times"))).to_be_visible()  # the last line
    visit.problems[:] = [problem for problem in visit.problems if not problem.startswith("console:")]


def _runs(page: Page, number: int, size: int) -> int:
    """How often the tab's script has run, once it is through with an upload of ``size``."""
    last = page.get_by_text(re.compile(rf"^{number} ran \d+ times with {size} bytes$"))
    return int(last.inner_text().split()[2])


def _open(deployed: Deployed, visit: Visit, number: int) -> Visit:
    visit.page.goto(deployed.url)
    expect(visit.page.get_by_role("heading", name=f"Release {number}")).to_be_visible()
    assert visit.page.url == deployed.url
    expect(visit.page.get_by_role("textbox", name="Name")).to_be_visible()  # parts that are loaded by and by
    expect(visit.page.get_by_role("button", name="Give it back")).to_be_visible()
    _pictured(visit.page, 100 * number)  # a rerun takes it from the app: the page must not still ask for it
    visit.page.get_by_role("button", name="Press").click()
    expect(visit.page.get_by_text(f"{number} was pressed 1 times")).to_be_visible()
    expect(visit.page.get_by_text(f"{number} ran 2 times")).to_be_visible()
    return visit


def _use(visit: Visit, number: int, name: str) -> None:
    """Do everything that goes over another connection than the first."""
    page = visit.page
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("textbox", name="Name").press("Enter")
    expect(page.get_by_text(f"{number} greets {name}")).to_be_visible()
    for width in (100 * number + len(name), 10 * number):  # the one in memory, the one in a file
        _pictured(page, width)
    expect(page.frame_locator("iframe").get_by_text(f"part of {number}")).to_be_attached()
    content = name.encode() * 1000 * number
    visit.upload(f"{name}.txt", content)
    expect(page.get_by_text(f"{number} got {len(content)} bytes")).to_be_visible()


def _pictured(page: Page, width: int) -> None:
    page.wait_for_function(
        "width => [...document.images].some(image => image.naturalWidth === width)", arg=width
    )
