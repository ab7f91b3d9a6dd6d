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
    """Draw the fields; the form fields that differ from what is set, or None while nobody has pressed.

    Whose the app is can be changed by those who may give it away: its owner, and admins.
    """
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
                help=say("access_owner_help" if name == "owner" else "access_names_help"),
            )  # fmt: skip
        if "owner" not in names and access.owner:
            st.caption(say("access_owned", name=access.owner))
        if not st.form_submit_button(say("access_save"), icon=":material/visibility:"):
            return None
    before = {"visibility": access.visibility} | {name: _joined(access, name) for name in names}
    return {name: value for name, value in given.items() if value != before[name]}


def _fields(app: App, me: Me) -> tuple[str, ...]:
    return (*_NAMES, "collaborators", "owner") if me.owns(app) else _NAMES


def _joined(access: Access, field: str) -> str:
    """As the API takes them: a comma in a group's name is %2C."""
    if field == "owner":
        return access.owner
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
