"""What visitors do with an app, in a real Chromium, through the gateway."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.browser import OpenTab, person
from tests.machine import free_range
from tests.platform import ROOT, Platform, until

KEEP_SOCKETS = """
    const Native = WebSocket;
    window.sockets = [];
    window.WebSocket = class extends Native {
        constructor(...given) { super(...given); window.sockets.push(this); }
    };
"""
WHILE_AWAY = ("503 ", "502 ", "console: WebSocket", "console: Client Error", "console: Connection failed")
"""What Streamlit's front end says, and asks in vain, while an app restarts."""
OPEN_SOCKETS = "window.sockets.filter(socket => socket.readyState === WebSocket.OPEN).length"

SHOW = """
import io, json, math, os, pathlib, struct, time, wave
import streamlit as st
from PIL import Image

def sound():
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1); out.setsampwidth(2); out.setframerate(8000)
        out.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(n / 5))) for n in range(24000)))
    return file.getvalue()

def picture():
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "PNG")
    return file.getvalue()

def words():
    yield "the first word "
    go = pathlib.Path(os.environ["STREAMLIT_APP_STORAGE"], "go")
    while not go.exists():
        time.sleep(0.02)
    yield "and the last"

st.title("Show")
context = st.context
seen = {"headers": sorted(context.headers.to_dict().items()), "cookies": context.cookies.to_dict(),
        "url": context.url, "ip": context.ip_address, "locale": context.locale,
        "embedded": context.is_embedded, "query": st.query_params.to_dict()}
st.code(json.dumps(seen, ensure_ascii=False), language=None)
st.image(picture(), caption="gradient")
st.audio(sound())
st.download_button("Take it", bytes(range(256)) * 4096, "全部字节.bin")
if said := st.chat_input("Say"):
    st.chat_message("user").write(said)
    st.chat_message("assistant").write_stream(words)
"""


@pytest.fixture(scope="module")
def demo(platform: Platform) -> Iterator[str]:
    """The demo app's id."""
    files = [(ROOT / "demo_app" / name).read_bytes() for name in ("app.py", "requirements.txt")]
    app_id = platform.running("Demo", files[0], requirements=files[1])
    yield app_id
    platform.api.delete(f"/apps/{app_id}")


@pytest.fixture(scope="module")
def show(platform: Platform) -> Iterator[str]:
    """The id of an app with what only a real connection shows: context, media, a stream."""
    app_id = platform.running("Show", SHOW.encode())
    yield app_id
    platform.api.delete(f"/apps/{app_id}")


@pytest.fixture(scope="module")
def direct(platform: Platform, show: str) -> Iterator[str]:
    """The same app, run by its own venv's streamlit without any gateway; its URL."""
    with run_directly(platform.data / "apps" / show) as url:
        yield url


@contextmanager
def run_directly(app: Path) -> Iterator[str]:
    """Run the app of this folder as one would by hand, under the same path."""
    port = free_range(1)
    environment = {
        **os.environ,
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "STREAMLIT_SERVER_BASE_URL_PATH": f"apps/{app.name}",
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
        "STREAMLIT_APP_STORAGE": str(app / "home" / "storage"),
    }
    process = subprocess.Popen(
        [app / "venv/bin/streamlit", "run", "app.py"], cwd=app, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/apps/{app.name}/"
    try:
        until(lambda: _answers(f"{url}_stcore/health"), what="the app without a gateway")
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).text == "ok"
    except httpx.HTTPError:
        return False


def _seen(page: Page) -> dict[str, Any]:
    """What the app saw of its visitor."""
    return dict(json.loads(page.get_by_test_id("stCode").first.inner_text()))


def test_widgets_answer(platform: Platform, demo: str, tab: OpenTab) -> None:
    """Text (Chinese too), slider, button and chart of the demo app work."""
    visit = tab()
    page = visit.page
    page.goto(f"{platform.url}/apps/{demo}/")

    page.get_by_label("Your name").fill("艾达 👩‍💻 <Ada>")
    page.get_by_label("Your name").press("Enter")
    expect(page.get_by_text("Nice to meet you, 艾达 👩‍💻 <Ada>!")).to_be_visible()
    slider = page.get_by_role("slider", name="Frequency")
    slider.focus()
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "4")
    page.get_by_role("button", name="Count my clicks").click()
    expect(page.get_by_text("Clicks in this session: 1")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart").locator("svg").first).to_be_visible()
    name, content = visit.download("Download the data")
    rows = content.decode().splitlines()
    visit.picture("app-widgets")

    assert (name, rows[0], len(rows)) == ("wave.csv", "x,height", 201)
    x, height = map(float, rows[2].split(","))
    assert (x, round(height, 6)) == (0.05, 0.196693)  # exp(-0.2 x) * sin(4 x): the slider's new value


def test_a_deep_link_takes_an_upload_and_gives_it_back(platform: Platform, demo: str, tab: OpenTab) -> None:
    """The second page opens by its URL, stays through a reload, and returns the very bytes it was sent."""
    visit = tab()
    page = visit.page
    link = f"{platform.url}/apps/{demo}/files"
    content = "第一行：数据\n".encode() + os.urandom(3_000_000)

    page.goto(link)
    expect(page.get_by_role("heading", name="Files")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Files")).to_be_visible()
    visit.upload("数据 1.bin", content)
    expect(page.get_by_text(f"{len(content):,}")).to_be_visible()
    expect(page.get_by_text("第一行：数据")).to_be_visible()
    visit.picture("app-upload")

    assert visit.download("Give it back") == ("数据 1.bin", content)
    assert page.url == link
    page.get_by_role("link", name="Play").click()
    expect(page.get_by_role("heading", name="Hello from your own app")).to_be_visible()
    assert page.url == f"{platform.url}/apps/{demo}/"
    page.go_back()
    expect(page.get_by_role("heading", name="Files")).to_be_visible()


def test_a_lost_websocket_comes_back_with_its_session(
    platform: Platform, demo: str, browser: Browser, tab: OpenTab
) -> None:
    """When only the connection breaks, the visitor keeps what they did."""
    context = person(browser)
    context.add_init_script(KEEP_SOCKETS)
    page = tab(context).page
    page.goto(f"{platform.url}/apps/{demo}/")
    page.get_by_role("button", name="Count my clicks").click()
    expect(page.get_by_text("Clicks in this session: 1")).to_be_visible()

    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.evaluate("window.sockets.at(-1).close()")
    page.wait_for_function(f"window.sockets.length > 1 && {OPEN_SOCKETS} === 1")

    page.get_by_role("button", name="Count my clicks").click()
    expect(page.get_by_text("Clicks in this session: 2")).to_be_visible()


def test_a_tab_comes_back_after_a_restart(
    platform: Platform, demo: str, browser: Browser, tab: OpenTab
) -> None:
    """A restart through the API leaves open tabs working: they connect to the new process by themselves."""
    context = person(browser)
    context.add_init_script(KEEP_SOCKETS)
    visit = tab(context)
    page = visit.page
    page.goto(f"{platform.url}/apps/{demo}/")
    for clicks in (1, 2):
        page.get_by_role("button", name="Count my clicks").click()
        expect(page.get_by_text(f"Clicks in this session: {clicks}")).to_be_visible()

    before = platform.app(demo)["pid"]
    platform.api.post(f"/apps/{demo}/restart")
    until(lambda: platform.app(demo)["pid"] not in (None, before), what="a new process")
    page.wait_for_function(f"window.sockets.length > 1 && {OPEN_SOCKETS} === 1")

    page.get_by_role("button", name="Count my clicks").click()
    expect(page.get_by_text("Clicks in this session: 1")).to_be_visible()  # a session in the new process
    assert [problem for problem in visit.problems if not problem.startswith(WHILE_AWAY)] == []
    visit.problems.clear()


def test_the_app_sees_its_visitor_as_without_a_gateway(
    platform: Platform, show: str, direct: str, browser: Browser, tab: OpenTab
) -> None:
    """st.context and st.query_params say the same through the gateway and directly."""
    seen = []
    for url in (f"{platform.url}/apps/{show}/", direct):
        context = person(browser, "zh-CN")
        context.add_cookies([{"name": "team", "value": "blue%20sky", "url": url}])
        page = tab(context).page
        page.goto(f"{url}?month=2026-11&城市=北京")
        expect(page.get_by_role("heading", name="Show")).to_be_visible()
        seen.append(_comparable(_seen(page), url))
    through, alone = seen

    assert through == alone
    assert (through["ip"], through["locale"]) == (None, "zh-CN")
    assert through["cookies"]["team"] == "blue%20sky"
    assert through["query"] == {"month": "2026-11", "城市": "北京"}


def _comparable(seen: dict[str, Any], url: str) -> dict[str, Any]:
    """What must be the same: random values by name only, this server's address replaced."""
    server = url.split("/")[2]
    secret = {"cookie", "sec-websocket-key", "sec-websocket-protocol"}
    forwarded = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}
    headers = {name.lower(): value for name, value in seen["headers"]}
    seen["headers"] = {
        name: "…" if name in secret else value.replace(server, "server")
        for name, value in headers.items()
        if name not in forwarded
    }
    seen["url"] = str(seen["url"]).replace(server, "server")
    seen["cookies"] = {
        name: "…" if name.startswith("_") else value for name, value in seen["cookies"].items()
    }
    return seen


def test_media_and_downloads_are_served_as_without_a_gateway(
    platform: Platform, show: str, direct: str, tab: OpenTab
) -> None:
    """Pictures, seekable sound and downloads; ranges and conditions get the same answers."""
    answers = []
    for url in (f"{platform.url}/apps/{show}/", direct):
        visit = tab()
        page = visit.page
        page.goto(url)
        sound = page.locator("audio").first
        page.wait_for_function("e => e.duration > 0", arg=sound.element_handle())
        sound.evaluate("e => { e.currentTime = 2.5; }")
        page.wait_for_function("e => !e.seeking && e.currentTime === 2.5", arg=sound.element_handle())
        assert sound.evaluate("e => e.duration") == 3
        picture = page.get_by_test_id("stImage").locator("img").first
        page.wait_for_function("e => e.complete && e.naturalWidth === 256", arg=picture.element_handle())
        assert visit.download("Take it") == ("全部字节.bin", bytes(range(256)) * 4096)
        visit.picture("app-show")
        places = [str(element.evaluate("e => e.src")) for element in (sound, picture)]
        answers.append([_ask(place, headers) for place in places for headers in CONDITIONS])

    assert answers[0] == answers[1]
    assert [status for status, _, _ in answers[0]][: len(CONDITIONS)] == [200, 206, 206, 206, 416]


CONDITIONS: tuple[dict[str, str], ...] = (
    {},
    {"Range": "bytes=0-99"},
    {"Range": "bytes=1000-"},
    {"Range": "bytes=-10"},
    {"Range": "bytes=99999999-"},
)


def _ask(url: str, headers: dict[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers (those of the moment left out) and body."""
    answer = httpx.get(url, headers=headers, trust_env=False)
    moment = {"date", "connection", "keep-alive"}
    kept = [(name, value) for name, value in answer.headers.multi_items() if name not in moment]
    return answer.status_code, kept, answer.content


def test_a_stream_is_seen_while_it_comes(platform: Platform, show: str, tab: OpenTab) -> None:
    """A chat's first words are on the screen before its last are said."""
    page = tab(locale="zh-CN").page
    page.goto(f"{platform.url}/apps/{show}/")
    page.get_by_role("textbox", name="Say").fill("你好，世界")
    page.get_by_role("textbox", name="Say").press("Enter")

    expect(page.get_by_text("你好，世界", exact=True)).to_be_visible()
    expect(page.get_by_text("the first word")).to_be_visible()
    (platform.data / "apps" / show / "home" / "storage" / "go").touch()
    expect(page.get_by_text("the first word and the last")).to_be_visible()


def test_a_tab_opened_too_early_becomes_the_app(platform: Platform, tab: OpenTab) -> None:
    """Opened right after the upload, the gateway's page turns into the app with nobody touching it."""
    visit = tab(locale="zh-CN")
    page = visit.page
    statuses: list[int] = []

    def note(answer: Response) -> None:
        if answer.request.is_navigation_request():
            statuses.append(answer.status)

    page.on("response", note)
    app_id = platform.create("刚刚上传")

    page.goto(f"{platform.url}/apps/{app_id}/?month=11")
    expect(page.get_by_text("刚刚上传", exact=True)).to_be_visible()
    visit.picture("app-too-early")
    expect(page.get_by_role("heading", name="hello from the test")).to_be_visible()

    assert (statuses[0], statuses[-1]) == (503, 200)
    assert page.url.endswith("?month=11")
    assert [problem for problem in visit.problems if not problem.startswith("503 ")] == []
    visit.problems.clear()
    platform.api.delete(f"/apps/{app_id}")
