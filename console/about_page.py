"""About: what runs here, how it is, and where the API is described."""

from __future__ import annotations

from typing import Any

import streamlit as st

from console.desk import Desk, heading, plain, watch
from console.texts import Say


def show(desk: Desk) -> None:
    """The page."""
    health = desk.ask(desk.hostd.health)
    watch(desk, health, desk.hostd.health, every=3)
    heading(desk.say("about"))
    st.write(desk.say("about_text"))
    _counts(desk.say, health)
    st.table(
        {desk.say(key): plain(value) for key, value in _facts(desk.say, health).items()}, border="horizontal"
    )
    base = str(health.get("public_base") or desk.public_base).rstrip("/")
    st.link_button(desk.say("about_docs"), f"{base}/api/docs", icon=":material/api:")


def _counts(say: Say, health: dict[str, Any]) -> None:
    apps = health.get("apps", {})
    with st.container(horizontal=True):
        st.metric(say("about_total"), apps.get("total", 0), border=True)
        for status in ("running", "sleeping", "stopped", "failed"):
            st.metric(say(status), apps.get(status, 0), border=True)


def _isolation(say: Say, level: str, lacks: list[str]) -> str:
    """The layers in words; ``landlock7`` is Landlock with its version. ``lacks`` says why no users are."""
    parts = [] if level == "none" else level.split("+")
    words = [say(f"about_isolation_{part.rstrip('0123456789')}") for part in parts]
    found = f"{level}: {', '.join(words)}" if parts else say("about_isolation_none")
    return f"{found}. {say('about_lacks', names=', '.join(lacks))}" if lacks else found


def _facts(say: Say, health: dict[str, Any]) -> dict[str, str]:
    supervisord = health.get("supervisord", {})
    installs = {"running": 0, "limit": 0, "queued": 0} | health.get("installs", {})
    protected = "about_protected_yes" if health.get("auth_required") else "about_protected_no"
    return {
        "about_version": str(health.get("version", "–")),
        "about_base": str(health.get("public_base", "–")),
        "about_data": str(health.get("data_dir", "–")),
        "about_supervisor": str(supervisord.get("state", "–")),
        "about_installs": say("about_installs_value", **installs),
        "about_protected": say(protected),
        "about_cpu": say(f"about_cpu_{health.get('cpu_share', 'nice')}"),
        "about_isolation": _isolation(
            say, str(health.get("isolation", "none")), health.get("missing_capabilities", [])
        ),
    }
