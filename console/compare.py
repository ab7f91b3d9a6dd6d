"""What changed between two releases, file by file."""

from __future__ import annotations

import streamlit as st

from console.answers import App
from console.desk import Desk, plain
from console.release_answers import FileChange, Release

COLOURS = {"added": "green", "removed": "red", "changed": "blue"}
SERVED = frozenset({"active", "draining", "retired"})


def compare(desk: Desk, app: App, releases: list[Release]) -> None:
    """Two choices, and the difference; hostd is asked only once the fold is open."""
    if len(releases) < 2:
        return
    fold = st.expander(
        desk.say("compare"), icon=":material/difference:", type="compact", key="compare", on_change="rerun"
    )
    if fold.open:
        with fold:
            _compare(desk, app, releases)


def _compare(desk: Desk, app: App, releases: list[Release]) -> None:
    numbers, before = [release.release for release in releases], _before(app, releases)
    left, right = st.columns(2)
    seen = f"{app.app_id}_{numbers[0]}"  # with a new release both choices begin anew
    base = left.selectbox(desk.say("compare_from"), numbers, numbers.index(before), key=f"from_{seen}")
    new = right.selectbox(desk.say("compare_to"), numbers, key=f"to_{seen}")
    changes = desk.hostd.diff(app.app_id, new, base) if new != base else []
    if not changes:
        st.caption(desk.say("compare_same"))
    for change in changes:
        _change(desk, change)


def _before(app: App, releases: list[Release]) -> int:
    """What the newest is compared with at first: what runs, or else the last one that ran before it."""
    served = [release.release for release in releases[1:] if release.state in SERVED]
    return app.release if app.release in served else (served or [releases[1].release])[0]


def _change(desk: Desk, change: FileChange) -> None:
    colour = COLOURS.get(change.status, "gray")
    st.markdown(f":{colour}-badge[{desk.say(f'file_{change.status}')}] {plain(change.path)}")
    if change.diff is None:
        st.caption(desk.say("compare_binary"))
    elif change.diff:
        st.code(change.diff, language="diff", wrap_lines=True)
