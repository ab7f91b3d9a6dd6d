"""The releases of one app: the new one, the list, and what changed between two."""

from __future__ import annotations

from functools import partial

import streamlit as st

from console.answers import App, Draining, Failure
from console.client import Refused
from console.compare import compare
from console.desk import Desk, local, plain
from console.draft import Draft
from console.release_answers import Release
from console.release_dialogs import ask, dialogs
from console.release_texts import when, where, with_what
from console.upload import Upload
from console.upload_form import upload_form

COLOURS = {"pending": "gray", "deploying": "blue", "active": "green", "draining": "orange",
           "retired": "gray", "failed": "red", "cancelled": "gray"}  # fmt: skip
ON_ITS_WAY = frozenset({"pending", "deploying"})


def releases_tab(desk: Desk, app: App) -> None:
    """The tab."""
    with st.expander(desk.say("release_new"), icon=":material/rocket_launch:", type="compact"):
        _new_release(desk, app)
    releases = desk.hostd.releases(app.app_id)
    if not releases:
        st.caption(desk.say("releases_none"))
        return
    ends = {each.release: each for each in app.draining}
    with st.container(border=True, key="releases"):
        for release in releases:
            _row(desk, app, release, ends.get(release.release))
    compare(desk, app, releases)
    dialogs(desk, app)


def _new_release(desk: Desk, app: App) -> None:
    draft = Draft(f"release_{app.app_id}")
    st.write(desk.say("release_new_text"))
    with st.form(draft.key("form"), border=False, enter_to_submit=False):
        note = st.text_input(
            desk.say("note"),
            placeholder=desk.say("note_hint"),
            max_chars=500,
            key=draft.key("note"),
            persist_state="session",
        )
        force = st.checkbox(desk.say("force"), help=desk.say("force_help"), key=draft.key("force"))
        asked = upload_form(desk, draft, desk.say("release_deploy"))
        if asked.sent:
            upload = asked.read()
            if upload is not None:
                _deploy(desk, app, draft, upload.having(note=(note or "").strip()), force=force)


def _deploy(desk: Desk, app: App, draft: Draft, upload: Upload, *, force: bool) -> None:
    try:
        with st.spinner(desk.say("new_busy")):
            release = desk.hostd.deploy(app.app_id, upload, force=force)
    except Refused as error:
        draft.refuse(error, upload)
        return
    draft.done()
    desk.go("deploy", id=app.app_id, release=str(release.release))


def _row(desk: Desk, app: App, release: Release, end: Draining | None) -> None:
    say, number = desk.say, release.release
    with st.container(key=f"row_release_{number}", gap="xsmall"):
        name, facts, actions = st.columns([2, 6, 4], vertical_alignment="center")
        with name, st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**#{number}**", width="content")
            colour = COLOURS.get(release.state, "gray")
            st.markdown(f":{colour}-badge[{say(f'release_{release.state}')}]", width="content")
        with facts, st.container(gap=None):
            source = where(say, release)
            st.markdown(plain(release.note or source))
            st.caption(plain(" · ".join([when(say, release), *([source] if release.note else [])])))
            st.caption(plain(with_what(say, release)))
        with actions:
            _actions(desk, app, release)
        _below(desk, app, release, end)


def _actions(desk: Desk, app: App, release: Release) -> None:
    number = release.release
    with st.container(horizontal=True, horizontal_alignment="right", gap="small", wrap=False):
        if release.state != "active" and release.state not in ON_ITS_WAY:
            key = _activate_label(app, release)
            if st.button(desk.say(key), icon=":material/history:", key=f"activate_{number}"):
                ask("activate", app, number)
        st.download_button(
            ":material/download:",
            partial(desk.hostd.bundle, app.app_id, number),
            f"{app.app_id}-{number}.zip",
            "application/zip",
            key=f"bundle_{number}",
            help=desk.say("release_download"),
            type="tertiary",
            on_click="ignore",
        )
        details = desk.say("release_details")
        if st.button(":material/info:", key=f"details_{number}", help=details, type="tertiary"):
            ask("details", app, number)


def _activate_label(app: App, release: Release) -> str:
    if release.state in {"failed", "cancelled"}:
        return "try_again"
    return "roll_back" if release.release < (app.release or 0) else "roll_forward"


def _below(desk: Desk, app: App, release: Release, end: Draining | None) -> None:
    if release.error is not None:
        _failure(release.error)
    if release.warning is not None:
        st.markdown(f":orange[:small[{plain(release.warning.message)}]]")
    for warning in release.source.warnings:
        st.caption(f":material/info: {plain(warning)}")
    if end is not None:
        _draining(desk, app, end)


def _failure(error: Failure) -> None:
    with st.container(gap=None):
        st.markdown(f":red[:small[{plain(error.message or error.kind)}]]")
        st.caption(plain(error.advice))


def _draining(desk: Desk, app: App, end: Draining) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        text = desk.say("draining_line", count=end.connections, until=local(end.until))
        st.caption(text, width="content")
        if st.button(desk.say("drain_now"), key=f"drain_{end.release}", type="tertiary"):
            work = partial(desk.hostd.end_drain, app.app_id, end.release)
            desk.do(desk.say("drain_busy"), work, desk.say("drained", release=end.release))
            st.rerun()
