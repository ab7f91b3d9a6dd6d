"""Audit log: who did what, newest first. For admins."""

from __future__ import annotations

import streamlit as st

from console.desk import Desk, heading, local
from console.people import Act
from console.texts import TEXTS

LINES = 100


def show(desk: Desk) -> None:
    """The page."""
    heading(desk.say("audit"))
    st.caption(desk.say("audit_text"))
    cursors: list[int] = st.session_state.setdefault("audit_cursors", [])
    acts, older = desk.ask(lambda: desk.hostd.audit(LINES, cursors[-1] if cursors else None))
    st.dataframe([_line(desk, act) for act in acts], hide_index=True, height="content", key="audit_lines")
    with st.container(horizontal=True, horizontal_alignment="center"):
        if st.button(desk.say("audit_newer"), disabled=not cursors, type="tertiary", key="audit_newer"):
            cursors.pop()
            st.rerun()
        if st.button(desk.say("audit_older"), disabled=older is None, type="tertiary", key="audit_older"):
            cursors.append(older or 0)
            st.rerun()


def _line(desk: Desk, act: Act) -> dict[str, str]:
    say = desk.say
    about = ", ".join(f"{name}: {value}" for name, value in act.about.items())
    return {
        say("audit_at"): local(act.at),
        say("audit_who"): act.who,
        say("audit_act"): say(f"act_{act.act}") if f"act_{act.act}" in TEXTS else act.act,
        say("audit_about"): about,
        say("audit_outcome"): say(f"outcome_{act.outcome}"),
        say("audit_from"): f"{act.address} ({act.means})" if act.means else act.address,
    }
