"""What changed between two releases, file by file."""

from __future__ import annotations

import streamlit as st

from console.answers import App, FileChange, Release
from console.desk import Desk, plain

COLOURS = {"added": "green", "removed": "red", "changed": "blue"}


def compare(desk: Desk, app: App, releases: list[Release]) -> None:
    """Two choices, and the difference; hostd is asked only once the fold is open."""
    if len(releases) < 2:
        return
    fold = st.expander(
        desk.say("compare"), icon=":material/difference:", type="compact", key="compare", on_change="rerun"
    )
    if fold.open:
        with fold:
            _compare(desk, app, [release.release for release in releases])


def _compare(desk: Desk, app: App, numbers: list[int]) -> None:
    before, after = _preset(app, numbers)
    left, right = st.columns(2)
    base = left.selectbox(desk.say("compare_from"), numbers, numbers.index(before), key="compare_from")
    new = right.selectbox(desk.say("compare_to"), numbers, numbers.index(after), key="compare_to")
    changes = desk.hostd.diff(app.app_id, new, base) if new != base else []
    if not changes:
        st.caption(desk.say("compare_same"))
    for change in changes:
        _change(desk, change)


def _preset(app: App, numbers: list[int]) -> tuple[int, int]:
    """From what runs to the newest; when that is the same, from the one before it."""
    newest = numbers[0]
    before = app.release if app.release in numbers else None
    return (before if before not in {None, newest} else numbers[1]) or numbers[1], newest


def _change(desk: Desk, change: FileChange) -> None:
    colour = COLOURS.get(change.status, "gray")
    st.markdown(f":{colour}-badge[{desk.say(f'file_{change.status}')}] {plain(change.path)}")
    if change.diff is None:
        st.caption(desk.say("compare_binary"))
    elif change.diff:
        st.code(change.diff, language="diff", wrap_lines=True)
