"""What every page is handed, and the few ways in which pages talk back to the frame around them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, TypeVar
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from console.answers import App
from console.client import ApiError, Hostd, Refused, Unreachable
from console.people import NOBODY, Me
from console.texts import Say

Seen = TypeVar("Seen")

MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^&@/])")


@dataclass(frozen=True, slots=True)
class Desk:
    """hostd, the language, the pages to go to, the place where work in progress is shown, and who looks."""

    hostd: Hostd
    say: Say
    pages: Mapping[str, st.Page]
    public_base: str
    progress: DeltaGenerator
    me: Me = NOBODY

    def go(self, page: str, **query: str) -> NoReturn:
        """Leave for another page."""
        st.switch_page(self.pages[page], query_params=query)

    def ask(self, look: Callable[[], Seen]) -> Seen:
        """Look something up at hostd; a spinner shows when it takes long."""
        with self.progress, st.spinner(self.say("working")):
            return look()

    def do(self, busy: str, work: Callable[[], object], done: str = "") -> bool:
        """Do one thing at hostd under a spinner; what hostd refuses is told, and answers False."""
        try:
            with self.progress, st.spinner(busy):
                work()
        except Refused as error:
            tell(self.say("refused", detail=plain(str(error))), ":material/error:")
            return False
        if done:
            tell(done, ":material/check_circle:")
        return True


def tell(text: str, icon: str) -> None:
    """Keep a note for the next drawing of the page: one told just before a rerun would be lost."""
    st.session_state.setdefault("notes", []).append((text, icon))


def tell_now() -> None:
    """Show the kept notes."""
    for text, icon in st.session_state.pop("notes", []):
        st.toast(text, icon=icon, duration="long")


def watch(desk: Desk, seen: Seen, look: Callable[[], Seen], every: float) -> None:
    """Draw the page again when what it shows is no longer so; until then nothing on it moves.

    While hostd is away the page stays, under a note: what somebody is typing into it must not be lost.
    """
    drawn = False

    @st.fragment(run_every=every)
    def glance() -> None:
        nonlocal drawn
        if drawn and _differs(desk, seen, look):
            st.rerun()
        drawn = True

    glance()


def _differs(desk: Desk, seen: Seen, look: Callable[[], Seen]) -> bool:
    try:
        return look() != seen
    except Unreachable:
        st.warning(f"{desk.say('away_title')}. {desk.say('away_retrying')}", icon="spinner")
        return False
    except ApiError:
        return True  # the page that is drawn next finds out why, and says so


def plain(text: str) -> str:
    """Text of a user, so that Markdown shows it as it is."""
    return MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def local(time: str) -> str:
    """An ISO 8601 time in the browser's time zone."""
    try:
        zone = ZoneInfo(st.context.timezone or "UTC")
        return datetime.fromisoformat(time).astimezone(zone).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OSError):
        return time


def heading(text: str) -> None:
    """A page's title, always at the same height: beside a button a bare title would sit higher."""
    st.title(text, anchor=False, width="content")


def act(desk: Desk, app: App, action: str) -> NoReturn:
    """Start, stop or restart an app, then draw what came of it."""
    desk.do(desk.say(f"{action}_busy"), lambda: desk.hostd.act(app.app_id, action))
    st.rerun()
