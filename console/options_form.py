"""What can be set for an app: the same fields for a new app, a new release and the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from console.answers import Options
from console.texts import Say
from console.upload import environment, environment_field

Key = Callable[[str], str]
Changes = Callable[[], dict[str, str]]

STRATEGIES = ("auto", "overlap", "replace")
FIRST_DAY = date(2019, 10, 1)
"""Streamlit's own first release."""


class WrongLine(Exception):
    """A line of the environment that is not NAME=value."""


def options_form(say: Say, key: Key, now: Options) -> Changes:
    """Draw the fields; what is answered tells the form fields that differ from ``now``, when it is asked."""
    given = _fields(say, key, now)
    return lambda: _differing(given, now)


def options_and_secrets_form(say: Say, key: Key) -> Changes:
    """The same for an app to be made, with its variables and secrets."""
    given = _fields(say, key, Options())
    variables = variables_field(say, key, {})
    secrets = st.text_area(
        say("secrets_field"),
        height=110,
        help=say("secrets_field_help"),
        key=key("secrets"),
        persist_state="session",
    )
    toml = {"secrets": secrets} if (secrets or "").strip() else {}
    return lambda: _differing(given, Options()) | _environment(variables, {}) | toml


def variables_field(say: Say, key: Key, now: Mapping[str, str]) -> str:
    """NAME=value lines."""
    text = st.text_area(
        say("environment"),
        "\n".join(f"{name}={value}" for name, value in now.items()),
        height=110,
        placeholder="REGION=eu",
        help=say("environment_help"),
        key=key("code_environment"),
        persist_state="session",
    )
    return text or ""


def _fields(say: Say, key: Key, now: Options) -> dict[str, str]:
    left, middle, right = st.columns(3)
    return {
        "entry": _text(left, say, key, "entry", now.entry),
        "python": _text(middle, say, key, "python", now.python),
        "as_of": _date(right, say, key, now.as_of),
        "drain_minutes": _minutes(left, say, key, now.drain_minutes),
        "strategy": _strategy(middle, say, key, now.strategy),
        "build_from_source": _building(right, say, key, now=now.build_from_source),
    }


def _text(place: DeltaGenerator, say: Say, key: Key, name: str, now: str | None) -> str:
    hint = say(f"{name}_hint")
    text = place.text_input(say(name), now or "", placeholder=hint, key=key(name), persist_state="session")
    return (text or "").strip()


def _date(place: DeltaGenerator, say: Say, key: Key, now: str | None) -> str:
    chosen = place.date_input(
        say("as_of"),
        date.fromisoformat(now[:10]) if now else None,
        min_value=FIRST_DAY,
        max_value="today",
        help=say("as_of_help"),
        key=key("as_of"),
        persist_state="session",
    )
    return chosen.isoformat() if chosen else ""


def _building(place: DeltaGenerator, say: Say, key: Key, *, now: bool) -> str:
    chosen = place.checkbox(
        say("build_from_source"),
        now,
        help=say("build_from_source_help"),
        key=key("build_from_source"),
        persist_state="session",
    )
    return "1" if chosen else "0"


def _minutes(place: DeltaGenerator, say: Say, key: Key, now: float | None) -> str:
    chosen = place.number_input(
        say("drain"),
        min_value=0.0,
        value=now,
        step=5.0,
        format="%g",
        placeholder=say("drain_hint"),
        help=say("drain_help"),
        key=key("drain"),
        persist_state="session",
    )
    return "" if chosen is None else f"{chosen:g}"


def _strategy(place: DeltaGenerator, say: Say, key: Key, now: str | None) -> str:
    chosen = place.selectbox(
        say("strategy"),
        STRATEGIES,
        index=STRATEGIES.index(now) if now in STRATEGIES else None,
        format_func=lambda name: say(f"strategy_{name}"),
        placeholder=say("strategy_auto"),
        help=say("strategy_help"),
        key=key("strategy"),
        persist_state="session",
    )
    return chosen or ""


def _differing(given: Mapping[str, str], now: Options) -> dict[str, str]:
    minutes = "" if now.drain_minutes is None else f"{now.drain_minutes:g}"
    before = {
        "entry": now.entry or "",
        "python": now.python or "",
        "as_of": (now.as_of or "")[:10],
        "drain_minutes": minutes,
        "strategy": now.strategy or "",
        "build_from_source": "1" if now.build_from_source else "0",
    }
    return {name: value for name, value in given.items() if value != before[name]}


def _environment(text: str, now: Mapping[str, str]) -> dict[str, str]:
    values, wrong = environment(text)
    if wrong is not None:
        raise WrongLine(wrong)
    return {"environment": environment_field(values)} if values != now else {}
