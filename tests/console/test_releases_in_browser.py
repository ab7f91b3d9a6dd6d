"""Releases as people make them: an archive, a version that fails, a way back; a real browser and platform."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import httpx
from playwright.sync_api import FilePayload, Page, expect

from console.texts import Say
from tests.console.conftest import press
from tests.platform import Platform

Visitor = Callable[..., Page]
Snap = Callable[[Page, str], None]

SAY = Say("en")
RAISES = 'import streamlit as st\n\nraise KeyError("price")\n'


def _title(text: str) -> str:
    return f'import streamlit as st\n\nst.title("{text}")\n'


def _zip(**files: str) -> FilePayload:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"project/{name}.py", text)
    return {"name": "Two faces.zip", "mimeType": "application/zip", "buffer": packed.getvalue()}


def _create(page: Page) -> str:
    """Upload an archive that could be two apps, and say which; the app's id."""
    page.locator("input[type=file]").first.set_input_files(_zip(left=_title("Left"), right=_title("Right")))
    page.get_by_test_id("stFileChip").wait_for()
    press(page, SAY("new_deploy"))
    page.get_by_text(SAY("pick_text")).wait_for()
    page.get_by_text("right.py", exact=True).click()
    press(page, SAY("new_deploy"))
    page.get_by_text(SAY("now_running", name="Two faces")).wait_for()
    return page.url.split("id=")[1].split("&")[0]


def _tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=SAY(name), exact=True).click()


def test_an_entry_is_picked_a_bad_release_changes_nothing_and_an_old_one_comes_back(
    platform: Platform, visitor: Visitor, snap: Snap
) -> None:
    platform.wait_for_console()
    page = visitor(locale="en-US")
    page.goto(f"{platform.url}/console/new")
    app_id = _create(page)
    app, opened = f"{platform.url}/apps/{app_id}/", visitor()
    opened.goto(app)
    opened.get_by_role("heading", name="Right").wait_for()

    press(page, SAY("new_manage"))
    _tab(page, "tab_releases")
    page.get_by_text(SAY("release_new"), exact=True).click()
    page.get_by_role("textbox", name=SAY("note")).fill("does not work")
    _tab(page, "way_paste")
    page.get_by_role("textbox", name="app.py").fill(RAISES)
    press(page, SAY("release_deploy"))
    page.get_by_text(SAY("release_failed_title", release=2)).wait_for()
    expect(page.get_by_text("KeyError").first).to_be_visible()
    snap(page, "en-10-release-failed")
    assert platform.app(app_id)["release"] == 1

    press(page, SAY("new_manage"))
    _tab(page, "tab_code")
    page.get_by_role("textbox", name="right.py").fill(_title("Mended"))
    press(page, SAY("code_save"))
    page.get_by_text(SAY("code_saved")).wait_for()
    _tab(page, "tab_releases")
    _active(page, 3)
    assert httpx.get(app).status_code == 200
    page.get_by_text(SAY("compare"), exact=True).click()
    page.get_by_text('st.title("Mended")', exact=True).wait_for()
    snap(page, "en-11-releases")

    page.locator(".st-key-activate_1").get_by_role("button").click()
    press(page, SAY("activate_yes", release=1))
    _active(page, 1)
    fresh = visitor()
    fresh.goto(app)
    fresh.get_by_role("heading", name="Right").wait_for()
    platform.api.delete(f"/apps/{app_id}")


def _active(page: Page, number: int) -> None:
    """Wait for the list to say that this release serves."""
    page.locator(f".st-key-row_release_{number}").get_by_text(SAY("release_active"), exact=True).wait_for()
