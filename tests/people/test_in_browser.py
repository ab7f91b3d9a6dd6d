"""Signing in and what the console then shows, in a real Chromium: with a password, and at a real provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import ARTIFACTS, PATIENCE
from tests.people.house import PASSWORD, Client
from tests.platform import Platform

Visitor = Callable[..., Page]


@pytest.fixture
def visitor(browser: Browser, house: Platform) -> Iterator[Visitor]:
    """Makes a person with a browser of their own."""
    house.wait_for_console()
    contexts: list[BrowserContext] = []

    def make(locale: str = "en-US") -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 860}, locale=locale)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


def sign_in(page: Page, house: Platform, name: str, password: str = PASSWORD) -> None:
    """From the console to the sign-in page and back."""
    page.goto(f"{house.url}/console/")
    page.locator("a.hostd-sign-in").click()
    page.wait_for_url("**/sign-in?**")
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").click()
    page.wait_for_url("**/console/**")


def snap(page: Page, name: str) -> None:
    """A picture for people to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"people-{name}.png")


def test_password(house: Platform, visitor: Visitor, people: dict[str, Client], app: str) -> None:
    """In, seen as oneself, still in after a reload, out: then the cookie opens nothing."""
    page = visitor()
    sign_in(page, house, "anna")
    expect(page.get_by_text("Signed in as anna (Publisher)")).to_be_visible()
    expect(page.get_by_text("annas")).to_be_visible()
    expect(page.get_by_role("link", name="Users")).to_have_count(0)
    expect(page.get_by_role("link", name="Audit log")).to_have_count(0)
    snap(page, "publisher")
    page.reload()
    expect(page.get_by_text("Signed in as anna (Publisher)")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("a.hostd-sign-in")).to_be_visible()
    page.reload()
    expect(page.locator("a.hostd-sign-in")).to_be_visible()
    snap(page, "signed-out")


def test_viewer_only_opens(house: Platform, visitor: Visitor, people: dict[str, Client], app: str) -> None:
    """A viewer sees the apps that are theirs to see, and nothing that they may not do."""
    people["anna"].patch(f"/apps/{app}", data={"viewers": "bert, vera"})
    page = visitor()
    sign_in(page, house, "vera")
    expect(page.get_by_text("annas")).to_be_visible()
    expect(page.get_by_role("link", name="New app")).to_have_count(0)
    expect(page.locator(f".st-key-row_{app} button")).to_have_count(0)
    people["anna"].patch(f"/apps/{app}", data={"viewers": "bert"})
    expect(page.get_by_text("There are no apps for you here yet.")).to_be_visible()


def test_wrong_password_in_chinese(house: Platform, visitor: Visitor, people: dict[str, Client]) -> None:
    """The page tells so, in the browser's language, and the right one leads on."""
    page = visitor("zh-CN")
    page.goto(f"{house.url}/sign-in")
    page.get_by_label("用户名").fill("bert")
    page.get_by_label("密码").fill("not the password")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_have_text("用户名或密码不正确。")
    snap(page, "sign-in-zh")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_text("已登录：bert（发布者）")).to_be_visible()


def test_company_account(house: Platform, visitor: Visitor, people: dict[str, Client]) -> None:
    """At the provider, and back to where one wanted to go: an admin, by group."""
    page = visitor()
    page.goto(f"{house.url}/console/users")
    page.locator("a.hostd-sign-in").click()
    page.get_by_role("link", name="Sign in with your company account").click()
    page.get_by_placeholder("sub").fill("s-olga")
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url("**/console/users**")
    expect(page.get_by_text("Signed in as olga (Admin)")).to_be_visible()
    expect(page.locator(".st-key-users").get_by_text("Company account").first).to_be_visible()
    snap(page, "users")
    page.get_by_role("link", name="My account").click()
    expect(page.get_by_text("API tokens", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Make a token")).to_be_visible()
    expect(page.get_by_label("Present password")).to_have_count(0)


def test_admin_makes_a_user(house: Platform, visitor: Visitor, people: dict[str, Client]) -> None:
    """A user made in the console can sign in; the audit log tells; the user goes again."""
    page = visitor()
    sign_in(page, house, "admin")
    page.get_by_role("link", name="Users").click()
    page.get_by_role("button", name="New user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name").fill("nora")
    password = dialog.get_by_role("textbox", name="Password").input_value()
    snap(page, "new-user")
    dialog.get_by_role("button", name="Add user").click()
    expect(page.locator(".st-key-row_user_nora")).to_be_visible()
    hers = visitor()
    sign_in(hers, house, "nora", password)
    expect(hers.get_by_text("Signed in as nora (Viewer)")).to_be_visible()
    page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    snap(page, "audit")
    assert house.api.delete("/users/nora").status_code == 200
    hers.get_by_role("link", name="About").click()
    expect(hers.locator("a.hostd-sign-in")).to_be_visible()


def test_token_is_shown_once(house: Platform, visitor: Visitor, people: dict[str, Client]) -> None:
    """A token made on one's own page works, and is not there after a reload."""
    page = visitor()
    sign_in(page, house, "bert")
    page.get_by_role("link", name="My account").click()
    page.get_by_label("What is it for?").fill("nightly")
    page.get_by_role("button", name="Make a token").click()
    shown = page.get_by_text("ht_", exact=False).first
    expect(shown).to_be_visible()
    value = shown.inner_text().strip()
    assert Client(house, value).get("/session").json()["name"] == "bert"
    snap(page, "token")
    page.reload()
    expect(page.get_by_text("nightly")).to_be_visible()
    expect(page.get_by_text(value)).to_have_count(0)


def test_wrong_present_password(house: Platform, visitor: Visitor, people: dict[str, Client]) -> None:
    """It is told where it was typed, and one stays signed in; the right one asks for a new sign-in."""
    house.api.post("/users", data={"name": "pia", "password": PASSWORD})
    page = visitor()
    sign_in(page, house, "pia")
    page.get_by_role("link", name="My account").click()
    page.get_by_label("New password").fill("another good password")
    page.get_by_label("Present password").fill("not the password")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is not the present password")).to_be_visible()
    expect(page.get_by_text("Signed in as pia (Viewer)")).to_be_visible()
    snap(page, "wrong-present-password")
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("a.hostd-sign-in")).to_be_visible()
    sign_in(page, house, "pia", "another good password")
    assert house.api.delete("/users/pia").status_code == 200


def test_scripts_reach_nothing(house: Platform, visitor: Visitor, people: dict[str, Client]) -> None:
    """JavaScript of the same origin, as an app's page runs it: no cookie to read, nothing to fetch."""
    page = visitor()
    sign_in(page, house, "admin")
    expect(page.get_by_text("Signed in as admin (Admin)")).to_be_visible()
    page.goto(f"{house.url}/api/docs")
    assert "hostd" not in page.evaluate("document.cookie")
    ask = "async (path) => (await fetch(path, {credentials: 'include'})).status"
    refused = {"/api/session": 401, "/api/apps": 401, "/api/users": 401, "/sign-in": 403}
    assert {path: page.evaluate(ask, path) for path in refused} == refused
    make = "async () => (await fetch('/api/tokens', {method: 'POST', body: new FormData()})).status"
    assert page.evaluate(make) == 401
    framed = """async () => {
        const frame = document.createElement('iframe');
        frame.src = '/sign-in';
        const loaded = new Promise((done) => { frame.onload = done; });
        document.body.append(frame);
        await loaded;
        try { return Boolean(frame.contentDocument?.querySelector('form')); } catch { return false; }
    }"""
    assert page.evaluate(framed) is False
