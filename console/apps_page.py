"""Apps: the live table, or what to do while it is empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from console.answers import App, Apps
from console.deletion import ask_delete, confirm_delete
from console.desk import Desk, act, heading, local, plain, watch
from console.failures import failure_line
from console.parts import COLOURS, badge, draining, open_link, under_way
from console.upload import Upload

DEMO = Path(__file__).resolve().parent.parent / "demo_app"
PER_PAGE = 50


def show(desk: Desk) -> None:
    """The page."""
    bar = st.container()
    query = _query()
    page = desk.ask(lambda: desk.hostd.apps(query))
    if not page.apps and "cursor" in query:  # the last app of the last page is gone
        _turn(back=True)
        st.rerun()
    watch(desk, page, lambda: desk.hostd.apps(query, page), every=2)
    searched = bool(query.get("q") or query.get("status"))
    with bar:
        _head(desk, any_apps=bool(page.total or searched))
    if page.total or searched:
        _table(desk, page)
    elif not desk.me.publishes:
        st.info(desk.say("apps_none_yours"))
    else:
        _teach(desk)
    confirm_delete(desk, list(page.apps))


def _query() -> dict[str, Any]:
    """What to ask for: what the widgets say, as of their last change, and where the page begins."""
    asked = {"q": (st.session_state.get("q") or "").strip(), "status": st.session_state.get("status") or ""}
    if st.session_state.get("asked") != asked:
        st.session_state.update(asked=asked, cursors=[])
    cursors = st.session_state["cursors"]
    begins = {"cursor": cursors[-1]} if cursors else {}
    return {"limit": PER_PAGE, "sort": "name"} | {k: v for k, v in asked.items() if v} | begins


def _turn(following: str = "", *, back: bool = False) -> None:
    """To the next page, which begins at ``following``, or back to the one before."""
    if back:
        st.session_state["cursors"].pop()
    else:
        st.session_state["cursors"].append(following)


def _head(desk: Desk, *, any_apps: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        heading(desk.say("apps"))
        st.space("stretch")
        if (
            any_apps
            and desk.me.publishes
            and st.button(desk.say("new"), icon=":material/add:", type="primary")
        ):
            desk.go("new")


def _teach(desk: Desk) -> None:
    with st.container(border=True, horizontal_alignment="center", key="teach"):
        st.subheader(desk.say("apps_empty_title"), anchor=False, width="content")
        st.write(desk.say("apps_empty_text"))
        with st.container(horizontal=True, horizontal_alignment="center"):
            if st.button(desk.say("new"), icon=":material/add:", type="primary"):
                desk.go("new")
            if DEMO.is_dir() and st.button(desk.say("apps_demo"), icon=":material/bolt:"):
                _deploy_demo(desk)


def _deploy_demo(desk: Desk) -> None:
    created: list[App] = []
    names = {"app": "app.py", "requirements": "requirements.txt"}
    files = tuple((part, name, (DEMO / name).read_bytes()) for part, name in names.items())
    upload = Upload({"name": desk.say("apps_demo_name")}, files)
    if desk.do(desk.say("apps_demo_busy"), lambda: created.append(desk.hostd.create(upload))):
        desk.go("deploy", id=created[0].app_id)
    st.rerun()


def _table(desk: Desk, page: Apps) -> None:
    _filters(desk)
    if not page.total:
        st.caption(desk.say("apps_none_found"))
        return
    with st.container(border=True, key="apps"):
        for app in page.apps:
            _row(desk, app)
    _pager(desk, page)


def _filters(desk: Desk) -> None:
    search, status = st.columns([3, 2])
    text = desk.say("apps_search")
    with search:
        st.text_input(
            text, placeholder=text, icon=":material/search:", label_visibility="collapsed", key="q",
            max_chars=200,
        )  # fmt: skip
    text = desk.say("apps_status")
    with status:
        st.selectbox(
            text, list(COLOURS), index=None, placeholder=text, format_func=desk.say,
            label_visibility="collapsed", key="status",
        )  # fmt: skip


def _pager(desk: Desk, page: Apps) -> None:
    """Which apps these are, and the way to the others."""
    before = len(st.session_state["cursors"]) * PER_PAGE
    if not before and not page.next:
        return
    with st.container(
        horizontal=True, horizontal_alignment="center", vertical_alignment="center", key="pager"
    ):
        st.button(
            desk.say("page_back"), icon=":material/chevron_left:", type="tertiary", disabled=not before,
            on_click=_turn, kwargs={"back": True}, key="page_back",
        )  # fmt: skip
        st.caption(
            desk.say("page_of", first=before + 1, last=before + len(page.apps), total=page.total),
            width="content",
        )
        st.button(
            desk.say("page_next"), icon=":material/chevron_right:", icon_position="right", type="tertiary",
            disabled=not page.next, on_click=_turn, args=(page.next,), key="page_next",
        )  # fmt: skip


def _row(desk: Desk, app: App) -> None:
    with st.container(key=f"row_{app.app_id}", gap="xsmall"):
        name, state, updated, actions = st.columns([4, 2, 2, 3], vertical_alignment="center")
        with name:
            _name(desk, app)
        with state:
            badge(app, desk.say)
            under_way(app, desk.say)
            draining(app, desk.say)
        updated.caption(local(app.updated_at))
        with actions:
            _actions(desk, app)
        failure_line(app.error or app.warning)


def _name(desk: Desk, app: App) -> None:
    """Who may only open an app has no page about it."""
    name = f"**{plain(app.name)}**"
    if desk.me.manages(app):
        st.page_link(desk.pages["app"], label=name, query_params={"id": app.app_id})
    else:
        st.markdown(name)


def _actions(desk: Desk, app: App) -> None:
    with st.container(horizontal=True, horizontal_alignment="right", gap="small", wrap=False):
        open_link(app, desk.say("open"))
        if not desk.me.manages(app):
            return
        chosen = st.menu_button(
            ":material/more_vert:",
            [choice for choice in _choices(app) if choice != "delete" or desk.me.owns(app)],
            key=f"more:{app.app_id}",
            type="tertiary",
            format_func=desk.say,
            help=desk.say("more"),
        )
    if chosen == "details":
        desk.go("app", id=app.app_id)
    elif chosen == "delete":
        ask_delete(app)
    elif chosen:
        act(desk, app, chosen)


def _choices(app: App) -> list[str]:
    if app.status in {"stopped", "failed"}:
        return ["start", "details", "delete"]
    if app.status == "sleeping":
        return ["start", "stop", "details", "delete"]
    return ["stop", "restart", "details", "delete"]
