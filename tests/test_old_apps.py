"""Five versions of Streamlit from 2022 to 2024, with nothing else pinned: all serve."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import OpenTab, person
from tests.platform import Platform

APP = b"""
import numpy as np
import pandas as pd
import streamlit as st

st.title("Streamlit " + st.__version__)
table = pd.DataFrame(np.arange(12).reshape(4, 3), columns=list("abc"))
st.dataframe(table)
st.line_chart(table)
st.write("the end of the page")
"""
VERSIONS = ("1.12.0", "1.19.0", "1.24.1", "1.31.1", "1.35.0")


@pytest.fixture(scope="module")
def hosted(platform: Platform) -> Iterator[dict[str, str]]:
    """One app for each version, created at once; their ids."""
    ids = {one: platform.create(f"Old {one}", APP, f"streamlit=={one}\n".encode()) for one in VERSIONS}
    yield ids
    for app_id in ids.values():
        platform.api.delete(f"/apps/{app_id}")


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_version_serves(
    platform: Platform, hosted: dict[str, str], browser: Browser, tab: OpenTab, version: str
) -> None:
    """It runs with packages of its time, and people are told of which day."""
    app_id = hosted[version]
    app = platform.wait(app_id, "running", timeout=500)
    assert app["streamlit_version"] == version and app["warning"] is None
    release = platform.api.get(f"/apps/{app_id}/releases/{app['release']}").json()
    assert release["as_of"] >= "2022-08-11"
    assert f"resolved as of {release['as_of']}" in release["install_log"]
    visit = tab(person(browser))
    visit.page.goto(f"{platform.url}/apps/{app_id}/")
    expect(visit.page.get_by_role("heading", name=f"Streamlit {version}")).to_be_visible()
    expect(visit.page.get_by_text("the end of the page")).to_be_visible()
    expect(visit.page.locator("canvas").first).to_be_visible()
