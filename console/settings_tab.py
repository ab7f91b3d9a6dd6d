"""The settings of one app: its name, what it runs with, and the facts about it."""

from __future__ import annotations

import zlib

import streamlit as st

from console.access_form import access_form, give_away, secret_link
from console.answers import App
from console.client import Refused
from console.desk import Desk, local, plain, tell
from console.options_form import Changes, options_form
from console.scale_form import replicas_table, scale_form
from console.upload import Upload


def settings_tab(desk: Desk, app: App) -> None:
    """Name first, then options, then who may see it, then replicas, then facts."""
    _name(desk, app)
    _options(desk, app)
    _access(desk, app)
    _scale(desk, app)
    _facts(desk, app)


def _name(desk: Desk, app: App) -> None:
    with st.form("rename", border=False):
        label, hint = desk.say("new_name"), desk.say("rename_text")
        name = st.text_input(label, value=app.name, max_chars=100, help=hint)
        if st.form_submit_button(desk.say("rename_save")):
            _save(desk, app, Upload({"name": (name or "").strip()}), "renamed")


def _options(desk: Desk, app: App) -> None:
    # The keys carry what is set: after a change made elsewhere the fields show that, not their own memory.
    seen = zlib.crc32(repr(app.options).encode())
    with st.form("options", border=False):
        changed = options_form(desk.say, lambda name: f"{name}_{app.app_id}_{seen}", app.options)
        st.caption(desk.say("settings_text"))
        if st.form_submit_button(desk.say("settings_save"), icon=":material/save:"):
            _save_options(desk, app, changed)


def _save_options(desk: Desk, app: App, changed: Changes) -> None:
    fields = changed()
    if not fields:
        st.info(desk.say("code_same"))
        return
    _save(desk, app, Upload(fields), "settings_saved")


def _access(desk: Desk, app: App) -> None:
    st.subheader(desk.say("access_title"), anchor=False)
    changed = access_form(app, desk.say, desk.me)
    if changed:
        _save(desk, app, Upload(changed), "access_saved")
    elif changed is not None:
        st.info(desk.say("code_same"))
    if owner := give_away(app, desk.say, desk.me):
        _save(desk, app, Upload({"owner": owner}), "access_given")
    secret_link(desk, app)


def _scale(desk: Desk, app: App) -> None:
    st.subheader(desk.say("scale_title"), anchor=False)
    changed = scale_form(app, desk.say, desk.ask(desk.hostd.limits))
    if changed:
        _save(desk, app, Upload(changed), "scale_saved")
    elif changed is not None:
        st.info(desk.say("code_same"))
    replicas_table(app, desk.say)


def _save(desk: Desk, app: App, upload: Upload, done: str) -> None:
    try:
        with st.spinner(desk.say("code_busy")):
            desk.hostd.change(app.app_id, upload)
    except Refused as error:
        st.error(plain(str(error)))
        return
    tell(desk.say(done), ":material/check_circle:")
    st.rerun()


def _facts(desk: Desk, app: App) -> None:
    facts = {
        "fact_id": app.app_id,
        "fact_link": app.access_url,
        "fact_port": app.port,
        "fact_pid": app.pid,
        "fact_streamlit": app.streamlit_version,
        "fact_created": local(app.created_at),
        "fact_updated": local(app.updated_at),
    }
    st.table({desk.say(key): plain(str(value or "–")) for key, value in facts.items()}, border="horizontal")
