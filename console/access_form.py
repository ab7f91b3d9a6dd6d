"""Who may see an app: the fields that set it, and its secret link."""

from __future__ import annotations

import zlib

import streamlit as st

from console.answers import Access, App
from console.desk import Desk, tell
from console.people import Me
from console.texts import Say

VISIBILITIES = ("public", "signed-in", "private", "link")
_NAMES = ("viewers", "viewer_groups")


def access_form(app: App, say: Say, me: Me) -> dict[str, str] | None:
    """Draw the fields; the form fields that differ from what is set, or None while nobody has pressed."""
    access, names = app.access, _fields(app, me)
    seen = zlib.crc32(repr(access).encode())
    with st.form("access", border=False):
        visibility = st.selectbox(
            say("access_visibility"), VISIBILITIES, VISIBILITIES.index(access.visibility),
            format_func=lambda value: say(f"access_{value}"), key=f"visibility_{app.app_id}_{seen}",
        )  # fmt: skip
        given = {"visibility": visibility}
        for name in names:
            given[name] = st.text_input(
                say(f"access_{name}"), _joined(access, name), key=f"{name}_{app.app_id}_{seen}",
                help=say("access_names_help"),
            )  # fmt: skip
        if access.owner:
            st.caption(say("access_owned", name=access.owner))
        if not st.form_submit_button(say("access_save"), icon=":material/visibility:"):
            return None
    before = {"visibility": access.visibility} | {name: _joined(access, name) for name in names}
    return {name: value for name, value in given.items() if value != before[name]}


def give_away(app: App, say: Say, me: Me) -> str:
    """For those who may: ask who the owner is to be. A new one's name, or ''."""
    if not me.owns(app):
        return ""
    with (
        st.popover(say("access_give"), icon=":material/person:", key=f"give_{app.app_id}"),
        st.form("owner", border=False),
    ):
        st.write(say("access_owner_text"))
        now = app.access.owner
        name = st.text_input(say("access_owner"), now, key=f"owner_{app.app_id}_{now}")
        given = st.form_submit_button(say("access_give_now"), type="primary")
    wanted = (name or "").strip()
    return wanted if given and wanted != now else ""


def _fields(app: App, me: Me) -> tuple[str, ...]:
    return (*_NAMES, "collaborators") if me.owns(app) else _NAMES


def _joined(access: Access, field: str) -> str:
    """As the API takes them: a comma in a group's name is %2C."""
    names: tuple[str, ...] = getattr(access, field)
    if field == "viewer_groups":
        names = tuple(name.replace("%", "%25").replace(",", "%2C") for name in names)
    return ", ".join(names)


def secret_link(desk: Desk, app: App) -> None:
    """Make a link, which is shown once, or withdraw it."""
    say, made = desk.say, f"link_{app.app_id}"
    left, right = st.columns(2)
    if left.button(say("link_new"), icon=":material/link:", help=say("link_new_help")):
        desk.do(say("working"), lambda: st.session_state.update({made: desk.hostd.make_link(app.app_id)}))
        st.rerun()
    if app.access.has_link and right.button(say("link_end"), icon=":material/link_off:"):
        desk.do(say("working"), lambda: desk.hostd.revoke_link(app.app_id))
        tell(say("link_ended"), ":material/check_circle:")
        st.rerun()
    if url := st.session_state.pop(made, ""):
        st.info(say("link_once"))
        st.code(url, language=None, wrap_lines=True)
