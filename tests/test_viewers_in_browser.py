"""Real people in a real Chromium: who sees which app, what it is told of them, what its page can't do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect

from .browser import OpenTab, Visit, person
from .platform import Platform, platform, until

PASSWORD = "correct horse battery"
WHO = b"""
import json
import streamlit as st

st.title("Who is here")
seen = {name: value for name, value in st.context.headers.items() if "hostd" in name.lower()}
st.text("told " + json.dumps([st.user.to_dict(), sorted(seen), dict(st.context.cookies)]))
"""

WHO_AND_UPLOADS = (
    WHO
    + b"""
st.text(f"pressed {st.button('Press me')}")
if file := st.file_uploader("A file"):
    st.text(f"got {len(file.read())}")
"""
)


@pytest.fixture(scope="module")
def house() -> Iterator[Platform]:
    """A platform with people: ann, who owns the app, bob and eve."""
    with platform(STREAMLIT_HOST_ADMIN_TOKEN="token") as made:
        for name, role in (("ann", "publisher"), ("bob", "viewer"), ("eve", "viewer")):
            fields = {"name": name, "password": PASSWORD, "role": role, "email": f"{name}@x.example"}
            answer = made.api.post("/users", data=fields)
            assert answer.status_code == 201, answer.text
        yield made


@pytest.fixture(scope="module")
def app(house: Platform) -> str:
    """Bob may see it."""
    return house.running("who", WHO, visibility="private", viewers="bob", owner="ann")


def set_access(house: Platform, app_id: str, **fields: str) -> None:
    """Change who may see an app."""
    answer = house.api.patch(f"/apps/{app_id}", data=fields)
    assert answer.status_code == 200, answer.text


def sign_in(page: Page, name: str) -> None:
    """Fill in the form of the sign-in page."""
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("button[type=submit]").click()


def told(page: Page) -> tuple[dict[str, Any], list[str], dict[str, str]]:
    """What the app says that it was told: st.user, names of our headers, cookies."""
    text = page.get_by_text("told [").inner_text()
    user, headers, cookies = json.loads(text.removeprefix("told "))
    return user, headers, cookies


def test_a_private_app_is_seen_after_the_sign_in_by_whom_it_names(
    house: Platform, app: str, tab: OpenTab, browser: Browser
) -> None:
    """The way goes over the sign-in and back; st.user is who it is; Eve is told whom to ask."""
    visit = tab()
    page = visit.page
    page.goto(f"{house.url}/apps/{app}/?a=b")
    assert page.url.startswith(f"{house.url}/sign-in?next=")
    sign_in(page, "bob")
    expect(page.get_by_text("Who is here")).to_be_visible()
    assert page.url == f"{house.url}/apps/{app}/?a=b"
    user, headers, cookies = told(page)
    assert user == {"name": "bob", "email": "bob@x.example", "groups": "", "is_logged_in": "true"}
    assert {"X-Hostd-User", "X-Hostd-Signature"} <= {name.title() for name in headers}
    assert [name for name in cookies if "hostd" in name.lower()] == []
    assert "hostd" not in page.evaluate("document.cookie")

    eve = tab(person(browser, "zh-CN"))
    eve.page.goto(f"{house.url}/apps/{app}/")
    sign_in(eve.page, "eve")
    expect(eve.page.get_by_text("申请访问权限请联系： ann")).to_be_visible()
    assert eve.problems == [f"403 {house.url}/apps/{app}/"]
    eve.problems.clear()


def _closes(page: Page, socket: WebSocket) -> None:
    """Its end reaches the test a moment after the page."""

    def is_closed() -> bool:
        page.wait_for_timeout(50)  # Playwright hears only while it is asked
        return socket.is_closed()

    until(is_closed, 30, what="the WebSocket's end")


def _signed_in(house: Platform, visit: Visit, app: str, name: str) -> WebSocket:
    """Sign in on the way to an app; the WebSocket of its session."""
    visit.page.goto(f"{house.url}/sign-in?next=/apps/{app}/")
    with visit.page.expect_websocket() as opened:
        sign_in(visit.page, name)
    expect(visit.page.get_by_text("Who is here")).to_be_visible()
    return opened.value


def test_revoking_ends_what_is_open(house: Platform, app: str, tab: OpenTab, browser: Browser) -> None:
    """Bob's page is gone within seconds when he is no more named; Ann's goes on."""
    tabs = {name: tab(person(browser)) for name in ("bob", "ann")}
    sockets = {name: _signed_in(house, visit, app, name) for name, visit in tabs.items()}
    set_access(house, app, viewers="")
    try:
        page = tabs["bob"].page
        expect(page.get_by_text("Not for your account")).to_be_visible()
        _closes(page, sockets["bob"])
        assert not sockets["ann"].is_closed()
        expect(tabs["ann"].page.get_by_text("Who is here")).to_be_visible()
    finally:
        set_access(house, app, viewers="bob")
        tabs["bob"].problems.clear()


def test_the_end_of_a_user_ends_what_is_open(house: Platform, app: str, tab: OpenTab) -> None:
    """Whoever is taken away finds the sign-in page where the app was."""
    fields = {"name": "carl", "password": PASSWORD, "role": "viewer"}
    assert house.api.post("/users", data=fields).status_code == 201
    set_access(house, app, viewers="bob, carl")
    visit = tab()
    socket = _signed_in(house, visit, app, "carl")
    assert house.api.delete("/users/carl").status_code == 200
    expect(visit.page.locator("input[name=password]")).to_be_visible()
    _closes(visit.page, socket)
    visit.problems.clear()
    set_access(house, app, viewers="bob")


def test_a_secret_link(house: Platform, app: str, tab: OpenTab) -> None:
    """Opens the app for somebody without an account, who is not told to the app, until it is revoked."""
    url = house.api.post(f"/apps/{app}/link").json()["url"]
    visit = tab()
    visit.page.goto(url)
    expect(visit.page.get_by_text("Who is here")).to_be_visible()
    assert visit.page.url == f"{house.url}/apps/{app}/"
    user, headers, cookies = told(visit.page)
    assert user == dict.fromkeys(("name", "email", "groups", "is_logged_in"))
    assert (headers, [name for name in cookies if "hostd" in name]) == ([], [])
    assert house.api.delete(f"/apps/{app}/link").status_code == 200
    expect(visit.page.locator("input[name=password]")).to_be_visible()
    visit.problems.clear()
    set_access(house, app, visibility="private")


def test_public_and_signed_in(house: Platform, app: str, tab: OpenTab) -> None:
    """Made public, its process starts anew and is told nobody; signed-in needs any account."""
    set_access(house, app, visibility="public")
    try:
        house.wait(app, "running")
        visit = tab()
        visit.page.goto(f"{house.url}/apps/{app}/")
        expect(visit.page.get_by_text("Who is here")).to_be_visible()
        assert told(visit.page)[:2] == ({}, [])
        visit.page.close()
    finally:
        set_access(house, app, visibility="signed-in")
        house.wait(app, "running")
    visit = tab()
    visit.page.goto(f"{house.url}/apps/{app}/")
    sign_in(visit.page, "eve")
    expect(visit.page.get_by_text("Who is here")).to_be_visible()
    assert told(visit.page)[0]["name"] == "eve"
    set_access(house, app, visibility="private")
    expect(visit.page.get_by_text("Not for your account")).to_be_visible()
    visit.problems.clear()


ATTACKS = """async (base) => {
  const found = {};
  const ask = async (name, path, how) => {
    found[name] = (await fetch(base + path, how || {})).status;
  };
  await ask("apps", "/api/apps");
  await ask("users", "/api/users");
  await ask("audit", "/api/audit");
  await ask("stop", "/api/apps/APP/stop", {method: "POST"});
  await ask("delete", "/api/apps/APP", {method: "DELETE"});
  await ask("link", "/api/apps/APP/link", {method: "POST"});
  const form = new FormData();
  form.append("visibility", "public");
  await ask("patch", "/api/apps/APP", {method: "PATCH", body: form});
  await ask("console", "/console/", {headers: {Accept: "text/html"}});
  await ask("sign-in", "/sign-in", {headers: {Accept: "text/html"}});

  const socket = (path) => new Promise((done) => {
    const tried = new WebSocket(base.replace("http", "ws") + path, ["streamlit"]);
    tried.onopen = () => { tried.close(); done("open"); };
    tried.onerror = () => done("refused");
  });
  found.socket = await socket("/console/_stcore/stream");
  found.guess = await socket("/console/~t00000000000000000000000000000000/_stcore/stream");
  document.cookie = "hostd-console=mine; path=/console/_stcore";
  found.tossed = await socket("/console/_stcore/stream");
  history.pushState({}, "", "/console/");
  await ask("pushed", "/console/", {headers: {Accept: "text/html"}});
  found.posing = await socket("/console/_stcore/stream");

  await ask("other", "/apps/OTHER/", {headers: {Accept: "text/html"}});
  await ask("file", "/apps/OTHER/app/static/data.csv");
  found.others = await socket("/apps/OTHER/_stcore/stream");
  found.marked = await socket("/apps/OTHER/~r1/_stcore/stream");

  const framed = async (path) => {
    const frame = document.createElement("iframe");
    frame.src = base + path;
    await new Promise((done) => { frame.onload = done; document.body.append(frame); });
    try {
      return frame.contentDocument && frame.contentDocument.getElementById("root") ? "read" : "empty";
    } catch (error) { return "empty"; }
  };
  found.frame = await framed("/console/");
  found.otherFrame = await framed("/apps/OTHER/");

  const held = async (path) => {
    const opened = window.open(base + path);
    for (let tries = 0; tries < 200; tries++) {
      await new Promise((done) => setTimeout(done, 100));
      try {
        if (!opened || opened.closed) return "severed";
        if (opened.document.getElementById("root")) return "read";
      } catch (error) { continue; }
    }
    return "held";
  };
  found.window = await held("/console/");
  found.otherWindow = await held("/apps/OTHER/");
  return found;
}"""


def test_a_page_of_an_app_can_not_act_as_its_visitor(house: Platform, app: str, tab: OpenTab) -> None:
    """An admin looks at an app whose page tries API, console and another app with the admin's cookies.

    The console's own page, in the same browser, works.
    """
    fields = {"name": "root", "password": PASSWORD, "role": "admin"}
    assert house.api.post("/users", data=fields).status_code == 201
    house.wait_for_console()
    visit = tab()
    page = visit.page
    page.goto(f"{house.url}/sign-in?next=/apps/{app}/")
    sign_in(page, "root")
    expect(page.get_by_text("Who is here")).to_be_visible()
    names = {cookie["name"] for cookie in page.context.cookies(f"{house.url}/console/")}
    assert {"hostd", "hostd-console"} <= names
    other = house.running("other", WHO, visibility="private")
    found = page.evaluate(ATTACKS.replace("APP", app).replace("OTHER", other), house.url)
    refused = dict.fromkeys(("apps", "users", "audit", "stop", "delete", "link", "patch"), 401)
    refused |= dict.fromkeys(("console", "pushed", "sign-in", "other", "file"), 403)
    sockets = dict.fromkeys(("socket", "guess", "tossed", "posing", "others", "marked"), "refused")
    windows = {"window": "severed", "otherWindow": "severed", "frame": "empty", "otherFrame": "empty"}
    visit.problems.clear()
    assert found == {**refused, **sockets, **windows}
    assert house.app(app)["access"]["visibility"] == "private"
    visit.problems.clear()

    page.context.clear_cookies(path="/console/_stcore")
    console = tab(page.context)
    with console.page.expect_websocket() as opened:
        console.page.goto(f"{house.url}/console/")
    assert re.search(r"/console/~t[0-9a-f]{32}/_stcore/stream$", opened.value.url)
    expect(console.page.get_by_test_id("stSidebarNav").or_(console.page.locator("h1")).first).to_be_visible()


def test_programs_without_a_cookie_get_nothing(house: Platform, app: str) -> None:
    """And an API token, shown to an app's address, is not somebody who looks."""
    for headers in ({}, {"Authorization": "Bearer token"}, {"X-Hostd-User": "ann"}, {"Cookie": "hostd=x"}):
        answer = httpx.get(f"{house.url}/apps/{app}/_stcore/health", headers=headers, trust_env=False)
        assert answer.status_code == 401
    assert until(lambda: house.app(app)["status"]) == "running"


@pytest.fixture(scope="module")
def apart() -> Iterator[Platform]:
    """A platform that gives each app an origin of its own: browsers find *.localhost on this machine."""
    with platform(STREAMLIT_HOST_ADMIN_TOKEN="token", STREAMLIT_HOST_APPS_DOMAIN="apps.localhost") as made:
        fields = {"name": "bob", "password": PASSWORD, "role": "viewer"}
        assert made.api.post("/users", data=fields).status_code == 201
        yield made


REACH = """async (main) => {
  const ask = (url) => fetch(url).then((answer) => answer.status, () => "blocked");
  return [await ask(main + "/api/health"), await ask(main + "/console/"), document.cookie.includes("hostd")];
}"""


def test_an_app_on_an_origin_of_its_own(apart: Platform, tab: OpenTab) -> None:
    """Widgets, an upload, pages; the sign-in carries over, and its page reaches nothing of the platform's."""
    app = apart.running("who", WHO_AND_UPLOADS, visibility="signed-in")
    url = apart.app(app)["access_url"]
    assert url == f"http://{app}.apps.localhost:{apart.port}/"
    visit = tab()
    page = visit.page
    page.goto(f"{apart.url}/apps/{app}/?a=b")
    sign_in(page, "bob")
    expect(page.get_by_text("Who is here")).to_be_visible()
    assert page.url == f"{url}?a=b"
    user, _, cookies = told(page)
    assert (user["name"], [name for name in cookies if "hostd" in name]) == ("bob", [])
    page.get_by_role("button", name="Press me").click()
    expect(page.get_by_text("pressed True")).to_be_visible()
    visit.upload("data.bin", b"12345")
    expect(page.get_by_text("got 5")).to_be_visible()
    page.reload()
    expect(page.get_by_text("pressed False")).to_be_visible()
    assert visit.problems == []
    assert page.evaluate(REACH, apart.url) == ["blocked", "blocked", False]
    for path in ("/api/apps", "/console/"):
        answer = httpx.get(f"{apart.url}{path}", headers={"Host": f"{app}.apps.localhost"}, trust_env=False)
        assert answer.status_code == 401
    assert apart.api.delete("/users/bob").status_code == 200
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    visit.problems.clear()
