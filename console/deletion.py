"""Deleting an app: asked first, in a dialog."""

from __future__ import annotations

import streamlit as st

from console.answers import App
from console.client import ApiError, Missing, Refused
from console.desk import Desk, plain, tell


def ask_delete(app: App) -> None:
    """Remember the question: the page may be drawn again, by itself, before it is answered."""
    st.session_state["deleting"] = app.app_id


def _keep() -> None:
    st.session_state.pop("deleting", None)


def confirm_delete(desk: Desk, apps: list[App]) -> None:
    """The question whether to delete, if it was asked about one of these apps."""
    wanted = st.session_state.get("deleting")
    for app in apps:
        if app.app_id == wanted:
            st.dialog(desk.say("delete_title"), on_dismiss=_keep)(_delete_dialog)(desk, app)


def _delete_dialog(desk: Desk, app: App) -> None:
    st.write(desk.say("delete_text", name=f"**{plain(app.name)}**"))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(desk.say("delete_no"), key="delete_no"):
            _keep()
            st.rerun()
        if st.button(desk.say("delete_yes"), type="primary", key="delete_yes"):
            _delete(desk, app)


def _delete(desk: Desk, app: App) -> None:
    try:
        with st.spinner(desk.say("delete_busy")):
            desk.hostd.delete(app.app_id)
    except Missing:
        pass  # somebody else was faster
    except Refused as error:
        st.error(desk.say("refused", detail=plain(str(error))))
        return
    except ApiError:
        st.rerun()  # a dialog is a fragment: the frame around the page says what is wrong
    _keep()
    tell(desk.say("deleted", name=plain(app.name)), ":material/delete:")
    desk.go("apps")
