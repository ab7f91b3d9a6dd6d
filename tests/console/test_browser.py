"""The console as people use it: a real browser, the real platform."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from console.texts import Say
from tests.console.conftest import TOKEN, press
from tests.platform import Platform, get, until

Visitor = Callable[..., Page]
Snap = Callable[[Page, str], None]

CODE = 'import streamlit as st\n\nst.title("First")\nif st.button("Press"):\n    st.write("pressed")\n'


def _create(page: Page, say: Say, name: str, files: Path | None) -> None:
    """Fill in the form, by files or by pasting, and send it."""
    page.get_by_label(say("new_name"), exact=True).fill(name)
    if files is None:
        page.get_by_role("tab", name=say("way_paste")).click()
        page.get_by_role("textbox", name="app.py").fill(CODE)
    else:
        (files / "app.py").write_text(CODE)
        (files / "requirements.txt").write_text("streamlit\n")
        page.locator("input[type=file]").first.set_input_files([files / "app.py", files / "requirements.txt"])
        expect(page.get_by_test_id("stFileChip")).to_have_count(2)
    page.get_by_role("button", name=say("new_deploy"), exact=True).click()


def _open(page: Page, say: Say) -> Page:
    """Follow the link to the app."""
    with page.expect_popup() as opened:
        page.get_by_role("link", name=say("app_open")).click()
    return opened.value


def _status(page: Page, app_id: str, word: str) -> None:
    """Wait for the badge to say this."""
    page.locator(f".st-key-status_{app_id}").get_by_text(word).wait_for()


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_an_app_is_made_watched_opened_edited_stopped_started_and_deleted(
    platform: Platform, visitor: Visitor, snap: Snap, tmp_path: Path, locale: str
) -> None:
    platform.wait_for_console()
    say = Say("zh" if locale.startswith("zh") else "en")
    name, pictures = f"Life {locale}", say.language
    page = visitor(locale=locale)

    page.goto(f"{platform.url}/console/new")
    _create(page, say, name, tmp_path if say.language == "en" else None)

    expect(page.get_by_text(re.compile("install: "))).to_be_visible()
    snap(page, f"{pictures}-1-install")
    page.get_by_text(say("now_running", name=name)).wait_for()
    snap(page, f"{pictures}-2-online")
    app_id = page.url.split("id=")[1].split("&")[0]

    app = _open(page, say)
    app.get_by_role("button", name="Press").click()
    app.get_by_text("pressed").wait_for()

    press(page, say("new_manage"))
    page.get_by_role("tab", name=say("tab_code")).click()
    editor = page.get_by_role("textbox", name="app.py")
    expect(editor).to_have_value(CODE)
    editor.fill(CODE.replace("First", "Second"))
    press(page, say("code_save"))
    page.get_by_text(say("code_saved")).wait_for()
    platform.wait(app_id, "running")
    expect(editor).to_have_value(CODE.replace("First", "Second"))
    snap(page, f"{pictures}-3-code")
    app.goto(f"{platform.url}/apps/{app_id}/")
    app.get_by_role("heading", name="Second").wait_for()

    press(page, say("stop"))
    _status(page, app_id, say("stopped"))
    snap(page, f"{pictures}-4-stopped")
    assert get(f"{platform.url}/apps/{app_id}/").status_code == 503
    press(page, say("start"))
    _status(page, app_id, say("running"))

    press(page, say("delete"))
    page.get_by_role("dialog").wait_for()
    snap(page, f"{pictures}-5-delete")
    page.get_by_role("dialog").get_by_role("button", name=say("delete_yes"), exact=True).click()
    page.get_by_text(say("deleted", name=name)).wait_for()
    assert platform.api.get(f"/apps/{app_id}").status_code == 404


def test_the_list_follows_what_others_do(platform: Platform, visitor: Visitor, snap: Snap) -> None:
    platform.wait_for_console()
    page = visitor(locale="en-US")
    app_id = platform.running("Followed")
    page.goto(f"{platform.url}/console/")
    row = page.locator(f".st-key-row_{app_id}")
    _status(page, app_id, "Running")
    snap(page, "en-6-apps")
    platform.api.post(f"/apps/{app_id}/stop")
    _status(page, app_id, "Stopped")
    platform.api.delete(f"/apps/{app_id}")
    expect(row).to_have_count(0)


def test_a_failed_install_says_which_line_and_the_mended_one_runs(
    platform: Platform, visitor: Visitor, snap: Snap
) -> None:
    platform.wait_for_console()
    app_id = platform.create("Broken", CODE.encode(), b"streamlit==999.0\n")
    page = visitor(locale="zh-CN")
    page.goto(f"{platform.url}/console/deploy?id={app_id}")
    say = Say("zh")
    page.get_by_text(say("failed_title")).wait_for()
    expect(page.get_by_text("streamlit==999.0").first).to_be_visible()
    snap(page, "zh-7-failed")
    page.goto(f"{platform.url}/console/app?id={app_id}")
    page.get_by_role("tab", name=say("tab_code")).click()
    page.get_by_role("combobox", name=say("code_file")).click()
    page.get_by_role("option", name="requirements.txt").click()
    page.get_by_role("textbox", name="requirements.txt").fill("streamlit\n")
    press(page, say("code_save"))
    _status(page, app_id, say("running"))
    platform.api.delete(f"/apps/{app_id}")


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_apps_are_searched_and_filtered(
    platform: Platform, visitor: Visitor, snap: Snap, locale: str
) -> None:
    """What is typed and chosen is asked of hostd; nobody has to load the page again."""
    platform.wait_for_console()
    say = Say("zh" if locale.startswith("zh") else "en")
    stopped, other = (platform.create(f"{locale} {name}", CODE.encode()) for name in ("sought", "other"))
    platform.api.post(f"/apps/{stopped}/stop")
    page = visitor(locale=locale)
    page.goto(f"{platform.url}/console/")
    row, other_row = (page.locator(f".st-key-row_{app_id}") for app_id in (stopped, other))
    search = page.get_by_role("textbox", name=say("apps_search"))
    search.fill("SOUGHT")
    search.press("Enter")
    expect(other_row).to_have_count(0)
    expect(row).to_be_visible()
    search.fill(locale)
    search.press("Enter")
    expect(other_row).to_be_visible()
    page.get_by_role("combobox", name=say("apps_status")).click()
    page.get_by_role("option", name=say("stopped"), exact=True).click()
    expect(other_row).to_have_count(0)
    expect(row).to_be_visible()
    snap(page, f"{say.language}-8-filtered")
    platform.api.delete(f"/apps/{stopped}")
    page.get_by_text(say("apps_none_found")).wait_for()
    platform.api.delete(f"/apps/{other}")


TALKER = b"""
import streamlit as st, time
run = time.time_ns()
for line in range(300):
    print(run, "line", line)
st.title(f"run {run}")
"""


def _talk(visitor: Visitor, url: str, stay: int = 0) -> str:
    """Make the app write 300 lines, and stay for so many milliseconds; what they begin with."""
    page = visitor()
    page.goto(url)
    title = page.get_by_role("heading", name="run").inner_text()
    page.wait_for_timeout(stay)
    page.close()
    return title.removeprefix("run ")


STAYS_AT_THE_TOP = """log => {
    if (log.scrollTop || !window.since) window.since = Date.now();
    log.scrollTop = 0;
    return Date.now() - window.since > 1500;
}"""
"""Streamlit scrolls for a moment more after it was told not to."""


def test_the_log_follows_its_end_until_told_not_to(platform: Platform, visitor: Visitor) -> None:
    platform.wait_for_console()
    app_id = platform.running("Talker", TALKER)
    page = visitor(locale="en-US")
    page.goto(f"{platform.url}/console/app?id={app_id}")
    log = page.locator(".st-key-log")
    expect(log).to_contain_text(f"{_talk(visitor, f'{platform.url}/apps/{app_id}/')} line 299")
    at_end = "log => log.scrollTop + log.clientHeight > log.scrollHeight - 30"
    page.wait_for_function(at_end, arg=log.element_handle())

    with page.expect_download() as download:
        press(page, "Download")
    assert "line 299" in download.value.path().read_text()

    page.get_by_text("Auto-scroll").click()
    expect(page.get_by_role("switch", name="Auto-scroll")).not_to_be_checked()
    page.wait_for_function(STAYS_AT_THE_TOP, arg=log.element_handle())
    expect(log).to_contain_text(f"{_talk(visitor, f'{platform.url}/apps/{app_id}/')} line 299")
    assert log.evaluate("log => log.scrollTop") == 0

    page.get_by_text("Auto-refresh").click()
    expect(page.get_by_role("switch", name="Auto-refresh")).not_to_be_checked()
    later = _talk(visitor, f"{platform.url}/apps/{app_id}/", stay=3000)  # its coming and going draws the page
    assert f"{later} line 299" in platform.logs(app_id)
    page.wait_for_timeout(3000)  # longer than one refresh: the absence of one can't be waited for
    expect(log).not_to_contain_text(later)
    platform.api.delete(f"/apps/{app_id}")


def test_a_protected_empty_console_asks_for_the_token_and_teaches(
    guarded: Platform, visitor: Visitor, snap: Snap
) -> None:
    page = visitor(locale="zh-CN")
    say = Say("zh")
    page.goto(f"{guarded.url}/console/")
    for token, answer in (("wrong", say("token_wrong")), (TOKEN, say("apps_empty_title"))):
        page.get_by_label(say("token"), exact=True).fill(token)
        press(page, say("token_send"))
        page.get_by_text(answer).wait_for()
        snap(page, f"zh-8-{'empty' if token == TOKEN else 'token'}")
    press(page, say("apps_demo"))
    page.get_by_text(say("now_running", name=say("apps_demo_name"))).wait_for()
    _play_with_the_demo(_open(page, say))


def _play_with_the_demo(demo: Page) -> None:
    demo.get_by_role("button", name="Count my clicks").click()
    demo.get_by_text("Clicks in this session: 1").wait_for()
    demo.get_by_role("link", name="Files").click()
    demo.wait_for_url("**/files")
    demo.reload()  # the deep link
    content = b"to the app and back"
    file: FilePayload = {"name": "there.txt", "mimeType": "text/plain", "buffer": content}
    demo.locator("input[type=file]").set_input_files(file)
    with demo.expect_download() as download:
        press(demo, "Give it back")
    assert download.value.path().read_bytes() == content


def test_the_language_is_chosen_in_the_sidebar_and_kept(
    guarded: Platform, visitor: Visitor, snap: Snap
) -> None:
    page = visitor(locale="en-US")
    page.goto(f"{guarded.url}/console/about")
    page.get_by_label("Admin token", exact=True).fill(TOKEN)
    press(page, "Sign in")
    page.get_by_text("Data folder").wait_for()
    snap(page, "en-9-about")
    page.get_by_text("中文").click()
    page.get_by_text("数据目录").wait_for()
    page.get_by_role("link", name="新建应用").click()
    page.get_by_role("heading", name="新建应用").wait_for()
    expect(page).to_have_url(re.compile(r"/console/new\?lang=zh"))
    page.reload()
    page.get_by_label("管理令牌", exact=True).wait_for()


def test_an_open_page_outlives_a_restart_of_hostd_with_what_was_typed(
    guarded: Platform, visitor: Visitor
) -> None:
    app_id = guarded.running("Long lived")
    page = visitor(locale="en-US")
    page.goto(f"{guarded.url}/console/app?id={app_id}")
    page.get_by_label("Admin token", exact=True).fill(TOKEN)
    press(page, "Sign in")
    page.get_by_role("tab", name="Edit").click()
    editor = page.get_by_role("textbox", name="app.py")
    editor.fill("# half a thought")
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    guarded.supervisorctl("restart", "hostd")
    until(guarded.answers, what="the API after the restart")
    guarded.api.post(f"/apps/{app_id}/stop")
    _status(page, app_id, "Stopped")
    expect(editor).to_have_value("# half a thought")
