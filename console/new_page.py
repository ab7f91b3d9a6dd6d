"""New app: the form. What comes after it is ``deploy_page``."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from console.client import Refused
from console.desk import Desk, heading, plain

SAMPLE = 'import streamlit as st\n\nst.title("Hello")\n'


def show(desk: Desk) -> None:
    """The page."""
    say = desk.say
    heading(say("new"))
    st.write(say("new_text"))
    with st.form("new", border=False):
        name = st.text_input(
            say("new_name"),
            placeholder=say("new_name_hint"),
            max_chars=100,
            key=_draft("new_name"),
            persist_state="session",
        )
        code, needs = _sources(desk)
        if st.form_submit_button(say("new_deploy"), type="primary", icon=":material/rocket_launch:"):
            _deploy(desk, (name or "").strip(), code, needs)
    with st.expander(say("new_curl"), icon=":material/terminal:", type="compact"):
        st.code(
            _curl(desk.public_base, protected="token" in st.session_state), language="bash", wrap_lines=True
        )


def _sources(desk: Desk) -> tuple[bytes | None, bytes | None]:
    """Two files, or pasted text where there is no file."""
    say = desk.say
    upload, paste = st.tabs([say("new_upload"), say("new_paste")])
    left, right = upload.columns(2)
    app_file = left.file_uploader("app.py", type="py", key=_draft("new_app_file"))
    needs_file = right.file_uploader(say("new_optional"), type="txt", key=_draft("new_requirements_file"))
    with paste:
        code = _paste("app.py", SAMPLE, 280)
        needs = _paste(say("new_optional"), "pandas\n", 100)
    return _content(app_file, code), _content(needs_file, needs)


def _paste(label: str, placeholder: str, height: int) -> str | None:
    key = _draft(f"code_new_{placeholder[:6]}")
    return st.text_area(label, placeholder=placeholder, height=height, key=key, persist_state="session")


def _draft(key: str) -> str:
    """Typing is kept until it is deployed; the next form starts empty."""
    return f"{key}_{st.session_state.get('drafts', 0)}"


def _content(file: UploadedFile | None, text: str | None) -> bytes | None:
    if file is not None:
        return file.getvalue()
    return text.encode() if text and text.strip() else None


def _deploy(desk: Desk, name: str, code: bytes | None, needs: bytes | None) -> None:
    if not name or code is None:
        st.error(desk.say("new_no_name" if not name else "new_no_code"))
        return
    try:
        with st.spinner(desk.say("new_busy")):
            app = desk.hostd.create(name, code, needs)
    except Refused as error:
        st.error(plain(str(error)))
        return
    st.session_state["drafts"] = st.session_state.get("drafts", 0) + 1
    desk.go("deploy", id=app.app_id)


def _curl(base: str, *, protected: bool) -> str:
    token = '  -H "Authorization: Bearer $TOKEN" \\\n' if protected else ""
    return (
        f'curl -sS -X POST "{base.rstrip("/")}/api/apps" \\\n{token}'
        '  -F "name=demo" -F "app=@app.py" -F "requirements=@requirements.txt"'
    )
