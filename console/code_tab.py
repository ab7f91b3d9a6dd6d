"""The code of one app: edited in place, or replaced by files. Saving redeploys."""

from __future__ import annotations

import zlib

import streamlit as st

from console.client import App, Missing, Refused
from console.desk import Desk, plain, tell


def code_tab(desk: Desk, app: App) -> None:
    """Editor first; files behind a fold, for those who edit elsewhere."""
    _editor(desk, app)
    with st.expander(desk.say("code_replace"), icon=":material/upload_file:", type="compact"):
        _files(desk, app)


def _editor(desk: Desk, app: App) -> None:
    old = {name: _file(desk, app, name) for name in ("app.py", "requirements.txt")}
    with st.form("code", border=False):
        code = _text(app, "app.py", old["app.py"], 420)
        needs = _text(app, "requirements.txt", old["requirements.txt"], 120)
        if st.form_submit_button(desk.say("code_save"), type="primary", icon=":material/save:"):
            _save(
                desk, app, _changed(old, {"app.py": code, "requirements.txt": needs}), desk.say("code_same")
            )


def _text(app: App, name: str, text: str, height: int) -> str:
    # The key carries the content: after a change made elsewhere the editor shows that, not its own memory.
    key = f"code_{app.app_id}_{name}_{zlib.crc32(text.encode())}"
    return st.text_area(name, text, height=height, key=key, persist_state="session") or ""


def _file(desk: Desk, app: App, name: str) -> str:
    try:
        return desk.hostd.file(app.app_id, name)
    except Missing:
        return ""  # an app uploaded without requirements


def _changed(old: dict[str, str], new: dict[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in new.items() if text != old[name]}


def _files(desk: Desk, app: App) -> None:
    with st.form("files", border=False, clear_on_submit=True):
        left, right = st.columns(2)
        code = left.file_uploader("app.py", type="py", key="replace_app")
        needs = right.file_uploader("requirements.txt", type="txt", key="replace_requirements")
        if st.form_submit_button(desk.say("code_upload")):
            files = {"app.py": code, "requirements.txt": needs}
            new = {name: file.getvalue() for name, file in files.items() if file is not None}
            _save(desk, app, new, desk.say("code_no_file"))


def _save(desk: Desk, app: App, files: dict[str, bytes], nothing: str) -> None:
    if not files:
        st.info(nothing)
        return
    try:
        with st.spinner(desk.say("code_busy")):
            desk.hostd.change(
                app.app_id, code=files.get("app.py"), requirements=files.get("requirements.txt")
            )
    except Refused as error:
        st.error(plain(str(error)))
        return
    tell(desk.say("code_saved"), ":material/rocket_launch:")
    st.rerun()
