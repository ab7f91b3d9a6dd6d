"""New app: the form. What comes after it is ``deploy_page``."""

from __future__ import annotations

import streamlit as st

from console.client import Refused
from console.desk import Desk, heading
from console.draft import Draft
from console.upload import Upload
from console.upload_form import upload_form

DRAFT = Draft("new")


def show(desk: Desk) -> None:
    """The page."""
    say = desk.say
    heading(say("new"))
    st.write(say("new_text"))
    with st.form("new", border=False, enter_to_submit=False):
        name = st.text_input(
            say("new_name"),
            placeholder=say("new_name_hint"),
            max_chars=100,
            key=DRAFT.key("new_name"),
            persist_state="session",
        )
        asked = upload_form(desk, DRAFT, say("new_deploy"))
        if asked.sent:
            _deploy(desk, (name or "").strip(), asked.read())
    with st.expander(say("new_curl"), icon=":material/terminal:", type="compact"):
        st.code(
            _curl(desk.public_base, protected="token" in st.session_state), language="bash", wrap_lines=True
        )


def _deploy(desk: Desk, name: str, upload: Upload | None) -> None:
    if upload is None:
        return
    if not (name or upload.title):
        st.error(desk.say("new_no_name"))
        return
    try:
        with st.spinner(desk.say("new_busy")):
            app = desk.hostd.create(upload.having(name=name or upload.title[:100]))
    except Refused as error:
        DRAFT.refuse(error, upload)
        return
    DRAFT.done()
    desk.go("deploy", id=app.app_id)


def _curl(base: str, *, protected: bool) -> str:
    token = '  -H "Authorization: Bearer $TOKEN" \\\n' if protected else ""
    return (
        f'curl -sS -X POST "{base.rstrip("/")}/api/apps" \\\n{token}  -F "name=demo" -F "bundle=@project.zip"'
    )
