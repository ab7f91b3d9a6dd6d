"""The files of one app: edited in place, or replaced. Saving redeploys."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import streamlit as st

from console.answers import App
from console.client import Missing, Refused
from console.desk import Desk, plain, tell
from console.upload import Upload

NEEDS = "requirements.txt"


def code_tab(desk: Desk, app: App) -> None:
    """Editor first; files behind a fold, for those who edit elsewhere."""
    _editor(desk, app)
    with st.expander(desk.say("code_replace"), icon=":material/upload_file:", type="compact"):
        _replace(desk, app)


def _edits(app: App) -> dict[str, str]:
    """What was edited and is not saved yet, by path: another file may be looked at meanwhile."""
    edits: dict[str, str] = st.session_state.setdefault(f"edits_{app.app_id}", {})
    return edits


def _editor(desk: Desk, app: App) -> None:
    paths = _paths(desk, app)
    path = _choose(desk, app, paths)
    edits = _edits(app)
    if path:
        _edit(desk, app, path, edits, new=path not in paths)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(desk.say("code_save"), type="primary", icon=":material/save:"):
            _save(desk, app, ((name, text.encode()) for name, text in edits.items()), "code_same")
        if edits and st.button(desk.say("code_drop"), type="tertiary"):
            _forget(app)
            st.rerun()
    if edits:
        st.caption(desk.say("code_edited", files=plain(", ".join(sorted(edits)))))


def _paths(desk: Desk, app: App) -> list[str]:
    try:
        return desk.hostd.files(app.app_id)
    except Missing:
        return []  # no release has got that far


def _choose(desk: Desk, app: App, paths: list[str]) -> str:
    options = sorted({*paths, NEEDS}, key=lambda path: (path != app.entry, path.count("/"), path))
    chosen = st.selectbox(
        desk.say("code_file"),
        options,
        placeholder=desk.say("code_file_hint"),
        help=desk.say("code_file_hint"),
        accept_new_options=True,
        key=f"file_{app.app_id}",
        persist_state="session",
    )
    return (chosen or "").strip().lstrip("/")


def _edit(desk: Desk, app: App, path: str, edits: dict[str, str], *, new: bool) -> None:
    try:
        old = "" if new else desk.hostd.file(app.app_id, path)
    except Refused as error:
        st.info(plain(str(error)))  # not a text file
        return
    # The key carries the content: after a change made elsewhere the editor shows that, not its own memory.
    key = f"code_{app.app_id}_{path}_{zlib.crc32(old.encode())}_{_round(app)}"
    text = st.text_area(path, old, height=420, key=key, persist_state="session") or ""
    edits.pop(path, None)
    if text != old:
        edits[path] = text


def _round(app: App) -> int:
    return int(st.session_state.get(f"edit_round_{app.app_id}", 0))


def _forget(app: App) -> None:
    """Begin anew: with other keys, so that no editor shows its own memory."""
    _edits(app).clear()
    st.session_state[f"edit_round_{app.app_id}"] = _round(app) + 1


def _replace(desk: Desk, app: App) -> None:
    with st.form("files", border=False, clear_on_submit=True):
        left, right = st.columns(2)
        code = left.file_uploader(plain(app.entry), type="py", key="replace_app")
        needs = right.file_uploader(NEEDS, type="txt", key="replace_requirements")
        if st.form_submit_button(desk.say("code_upload")):
            files = {app.entry: code, NEEDS: needs}
            new = [(name, file.getvalue()) for name, file in files.items() if file is not None]
            _save(desk, app, new, "code_no_file")


def _save(desk: Desk, app: App, files: Iterable[tuple[str, bytes]], nothing: str) -> None:
    upload = Upload(files=tuple(("files", name, content) for name, content in files))
    if not upload.files:
        st.info(desk.say(nothing))
        return
    try:
        with st.spinner(desk.say("code_busy")):
            desk.hostd.change(app.app_id, upload)
    except Refused as error:
        st.error(plain(str(error)))
        return
    _edits(app).clear()
    tell(desk.say("code_saved"), ":material/rocket_launch:")
    st.rerun()
