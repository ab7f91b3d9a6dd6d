"""How an app runs, beside its releases: its replicas, and the fields that set them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import streamlit as st

from console.answers import App, Limit
from console.texts import Say

MAX_REPLICAS = 16
LIMITS = ("memory_mb", "disk_mb", "processes", "nice")


def replicas_badge(app: App, say: Say) -> None:
    """How many of them run, and for how many sessions; nothing for an app with one process."""
    if len(app.replicas) > 1:
        running = sum(replica.state == "running" for replica in app.replicas)
        sessions = sum(replica.sessions for replica in app.replicas)
        text = say("replicas_badge", running=running, all=len(app.replicas), sessions=sessions)
        st.markdown(f":gray-badge[:material/dynamic_feed: {text}]", width="content")


def replicas_table(app: App, say: Say) -> None:
    """Each process with its state, sessions, port and pid."""
    columns = [
        say(key) for key in ("replica_number", "replica_state", "replica_sessions", "fact_port", "fact_pid")
    ]
    rows = [
        (one.replica, say(f"replica_{one.state}"), one.sessions, one.port or "–", one.pid or "–")
        for one in app.replicas
    ]
    if rows:
        st.table([dict(zip(columns, map(str, row), strict=True)) for row in rows], border="horizontal")


def scale_form(app: App, say: Say, bounds: Mapping[str, Limit]) -> dict[str, str] | None:
    """Draw the fields; the form fields that differ from what is set, or None while nobody has pressed.

    ``bounds`` stand beside the fields; hostd keeps to them.
    """
    scale = app.scale
    seen = zlib.crc32(repr(scale).encode())
    with st.form("scale", border=False):
        left, middle, right = st.columns(3)
        low = left.number_input(
            say("scale_min"), 1, MAX_REPLICAS, scale.min_replicas, key=f"min_{app.app_id}_{seen}"
        )
        high = middle.number_input(
            _bounded(say, "scale_max", bounds.get("replicas")), 1, MAX_REPLICAS, scale.max_replicas,
            help=say("scale_max_help"), key=f"max_{app.app_id}_{seen}",
        )  # fmt: skip
        sessions = right.number_input(
            say("scale_sessions"), 1, 99_999, scale.sessions_per_replica,
            placeholder=say("scale_sessions_hint"), help=say("scale_sessions_help"),
            key=f"sessions_{app.app_id}_{seen}",
        )  # fmt: skip
        st.caption(say("scale_text"))
        idle, always = _sleep_fields(app, say, f"{app.app_id}_{seen}")
        limits = _limit_fields(app, say, f"{app.app_id}_{seen}", bounds)
        if not st.form_submit_button(say("scale_save"), icon=":material/dynamic_feed:"):
            return None
    given: dict[str, float | bool | str | None] = {
        "min_replicas": low,
        "max_replicas": high,
        "sessions_per_replica": sessions,
        "idle_minutes": idle,
        "always_on": always,
        **limits,
    }
    return {name: _field(value) for name, value in given.items() if value != getattr(scale, name)}


def _sleep_fields(app: App, say: Say, key: str) -> tuple[float | None, bool]:
    left, right = st.columns((1, 2), vertical_alignment="bottom")
    now = app.scale.idle_minutes
    idle = left.number_input(
        say("scale_idle"), 0.0, 999_999.0, None if now is None else float(now), step=10.0, format="%g",
        placeholder=say("drain_hint"), help=say("scale_idle_help"), key=f"idle_{key}",
    )  # fmt: skip
    always = right.checkbox(
        say("scale_always"), app.scale.always_on, help=say("scale_always_help"), key=f"always_{key}"
    )
    return idle, always


def _bounded(say: Say, label: str, bound: Limit | None) -> str:
    """A field's label, with the bound behind it."""
    if bound and bound.most is not None:
        key = "limit_of" if isinstance(bound.most, str) else "limit_most"
        return say(key, label=say(label), most=bound.most)
    if bound and bound.least is not None:
        return say("limit_least", label=say(label), least=bound.least)
    return say(label)


def _default(say: Say, bound: Limit | None) -> str:
    """What an empty field means."""
    return say("limit_default", value=bound.default) if bound else say("drain_hint")


def _limit_fields(app: App, say: Say, key: str, bounds: Mapping[str, Limit]) -> dict[str, float | str | None]:
    given: dict[str, float | str | None] = {}
    st.markdown(f"**{say('limit_title')}**")
    for column, name, most in zip(st.columns(4), LIMITS, (99_999_999,) * 3 + (19,), strict=True):
        given[name] = column.number_input(
            _bounded(say, f"limit_{name}", bounds.get(name)), 0, most, getattr(app.scale, name),
            placeholder=_default(say, bounds.get(name)), help=say(f"limit_{name}_help"), key=f"{name}_{key}",
        )  # fmt: skip
    ports = bounds.get("connect_ports")
    given["connect_ports"] = st.text_input(
        _bounded(say, "limit_ports", ports), app.scale.connect_ports or "",
        placeholder=_default(say, ports), help=say("limit_ports_help"), key=f"ports_{key}",
    ).strip() or None  # fmt: skip
    st.caption(say("limit_text"))
    return given


def _field(value: float | bool | str | None) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else f"{value:g}"
