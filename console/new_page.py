"""New app: the form, and then, under ``?id=``, the way from upload to link."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from console.client import App, Refused
from console.desk import Desk, plain, watch
from console.parts import failure, live_log, open_link, steps

SAMPLE = 'import streamlit as st\n\nst.title("Hello")\n'


def show(desk: Desk) -> None:
    """The page."""
    app_id = st.query_params.get("id")
    if app_id:
        _follow(desk, desk.hostd.app(app_id))
    else:
        _form(desk)


def _form(desk: Desk) -> None:
    say = desk.say
    st.title(say("new"), anchor=False)
    st.write(say("new_text"))
    with st.form("new", border=False):
        name = st.text_input(say("new_name"), placeholder=say("new_name_hint"), max_chars=100)
        code, needs = _sources(desk)
        if st.form_submit_button(say("new_deploy"), type="primary", icon=":material/rocket_launch:"):
            _deploy(desk, (name or "").strip(), code, needs)
    with st.expander(say("new_curl"), icon=":material/terminal:", type="compact"):
        st.code(_curl(desk.public_base), language="bash", wrap_lines=True)


def _sources(desk: Desk) -> tuple[bytes | None, bytes | None]:
    """Two files, or pasted text where there is no file."""
    say = desk.say
    upload, paste = st.tabs([say("new_upload"), say("new_paste")])
    left, right = upload.columns(2)
    app_file = left.file_uploader(say("new_app_file"), type="py", key="new_app_file")
    needs_file = right.file_uploader(say("new_requirements_file"), type="txt", key="new_requirements_file")
    code = paste.text_area("app.py", placeholder=SAMPLE, height=280, key="code_new_app")
    needs = paste.text_area(
        "requirements.txt", placeholder="pandas\n", height=100, key="code_new_requirements"
    )
    return _content(app_file, code), _content(needs_file, needs)


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
    st.query_params["id"] = app.app_id
    st.rerun()


def _curl(base: str) -> str:
    return (
        f'curl -sS -X POST "{base.rstrip("/")}/api/apps" \\\n'
        '  -F "name=demo" -F "app=@app.py" -F "requirements=@requirements.txt"'
    )


def _follow(desk: Desk, app: App) -> None:
    say = desk.say
    st.title(plain(app.name), anchor=False)
    steps(app, say)
    if app.status == "failed":
        failure(app, say)
    else:
        st.write(say(f"now_{app.status}", name=f"**{plain(app.name)}**"))
    _next(desk, app)
    live_log(desk, app)
    watch(app, lambda: desk.hostd.app(app.app_id), every=1 if app.busy else 2)


def _next(desk: Desk, app: App) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if app.status == "running":
            open_link(app, desk.say("app_open"), primary=True)
        if not app.busy:
            if st.button(desk.say("new_manage"), icon=":material/tune:"):
                desk.go("app", id=app.app_id)
            if st.button(desk.say("new_another"), type="tertiary"):
                del st.query_params["id"]
                st.rerun()
