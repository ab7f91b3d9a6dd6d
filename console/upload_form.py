"""The ways in which an app can come, as one form: for a new app, and for a new release of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from console import upload
from console.desk import Desk, plain
from console.draft import Draft
from console.options_form import WrongLine, options_and_secrets_form
from console.upload import Unusable, Upload

SAMPLE = 'import streamlit as st\n\nst.title("Hello")\n'


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form holds: ``read`` makes the upload of it, or tells what is missing and answers None."""

    sent: bool
    read: Callable[[], Upload | None]


def upload_form(desk: Desk, draft: Draft, button: str) -> Asked:
    """Draw it, inside of a form that the caller has opened."""
    look, chosen = _ways(desk, draft)
    with st.expander(desk.say("more_options"), icon=":material/tune:", type="compact"):
        options = options_and_secrets_form(desk.say, draft.key)
    entry, refused = _refused(desk, draft)
    sent = st.form_submit_button(button, type="primary", icon=":material/rocket_launch:")

    def read() -> Upload | None:
        draft.forget_refusal()
        try:
            given = look()
            return given.having(**options()).having(entry=entry if given.what == refused else "")
        except Unusable as error:
            st.error(desk.say(str(error)))
        except WrongLine as error:
            st.error(desk.say("environment_wrong", line=error))
        return None

    return Asked(sent or chosen, read)


def _ways(desk: Desk, draft: Draft) -> tuple[Callable[[], Upload], bool]:
    """The way whose tab is open, and whether a template was chosen there."""
    draw = {"upload": _files, "paste": _paste, "git": _git}
    labels = [desk.say(f"way_{name}") for name in (*draw, "template")]
    tabs = st.tabs(labels, key=draft.key("ways"), on_change="rerun")
    looks: list[Callable[[], Upload]] = []
    for tab, way in zip(tabs, draw.values(), strict=False):
        with tab:
            looks.append(way(desk, draft))
    template = None
    if tabs[-1].open:
        with tabs[-1]:
            template = _gallery(desk, draft)
    looks.append(lambda: template or _no_template())
    return next((look for tab, look in zip(tabs, looks, strict=True) if tab.open), looks[0]), bool(template)


def _files(desk: Desk, draft: Draft) -> Callable[[], Upload]:
    say = desk.say
    left, right = st.columns(2)
    files = left.file_uploader(say("upload_files"), accept_multiple_files=True, key=draft.key("new_files"))
    folder = right.file_uploader(
        say("upload_folder"), accept_multiple_files="directory", key=draft.key("new_folder")
    )
    st.caption(say("upload_hint"))

    def look() -> Upload:
        if files and folder:
            raise Unusable("upload_both")
        if folder:
            return upload.of_folder((file.name, file.getvalue()) for file in folder)
        return upload.of_files((file.name, file.getvalue()) for file in files)

    return look


def _paste(desk: Desk, draft: Draft) -> Callable[[], Upload]:
    code = _area("app.py", SAMPLE, 280, draft.key("code_app"))
    needs = _area(desk.say("paste_optional"), "pandas\n", 100, draft.key("code_requirements"))
    return lambda: upload.of_text(code, needs)


def _area(label: str, placeholder: str, height: int, key: str) -> str:
    return st.text_area(label, placeholder=placeholder, height=height, key=key, persist_state="session") or ""


def _git(desk: Desk, draft: Draft) -> Callable[[], Upload]:
    say = desk.say
    url = _line(say("git_url"), "https://git.corp.example/team/app.git", draft.key("git_url"))
    left, right = st.columns(2)
    with left:
        ref = _line(say("git_ref"), say("git_ref_hint"), draft.key("git_ref"))
    with right:
        subdir = _line(say("git_subdir"), say("git_subdir_hint"), draft.key("git_subdir"))
    st.caption(say("git_help"))
    return lambda: upload.of_git(url, ref, subdir)


def _line(label: str, placeholder: str, key: str) -> str:
    text = st.text_input(label, placeholder=placeholder, key=key, persist_state="session")
    return (text or "").strip()


def _gallery(desk: Desk, draft: Draft) -> Upload | None:
    """Cards; one click on one is enough."""
    templates = desk.hostd.gallery()
    if not templates:
        st.caption(desk.say("template_none"))
    chosen = None
    places = st.columns(3)
    for number, template in enumerate(templates):
        title, description = template.told(desk.say.language)
        with places[number % 3].container(border=True, key=draft.key(f"template_{template.name}")):
            st.markdown(f"**{plain(title)}**")
            st.caption(plain(description))
            if st.form_submit_button(desk.say("template_use"), key=draft.key(f"use_{template.name}")):
                chosen = upload.of_template(template.name, title)
    return chosen


def _no_template() -> Upload:
    raise Unusable("template_nothing")


def _refused(desk: Desk, draft: Draft) -> tuple[str, tuple[str, ...]]:
    """What hostd said to the last try; where it can't tell which file to run, the person can."""
    refusal = draft.refusal()
    if refusal is None:
        return "", ()
    error, what = refusal
    if not error.candidates:
        st.error(plain(str(error)), icon=":material/error:")
        return "", ()
    st.warning(desk.say("pick_text"), icon=":material/help:")
    return st.radio(desk.say("pick_entry"), error.candidates, key=draft.key("pick")) or "", what
