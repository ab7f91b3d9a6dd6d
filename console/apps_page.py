"""Apps: the live table, or what to do while it is empty."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from console.answers import App
from console.deletion import ask_delete, confirm_delete
from console.desk import Desk, act, heading, local, plain, watch
from console.failures import failure_line
from console.parts import badge, draining, open_link, under_way
from console.upload import Upload

DEMO = Path(__file__).resolve().parent.parent / "demo_app"
PER_PAGE = 20


def show(desk: Desk) -> None:
    """The page."""
    apps = desk.ask(desk.hostd.apps)
    watch(desk, apps, desk.hostd.apps, every=2)
    _head(desk, apps)
    if apps:
        _table(desk, apps)
    else:
        _teach(desk)
    confirm_delete(desk, apps)


def _head(desk: Desk, apps: list[App]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        heading(desk.say("apps"))
        st.space("stretch")
        if apps and st.button(desk.say("new"), icon=":material/add:", type="primary"):
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


def _table(desk: Desk, apps: list[App]) -> None:
    found = _found(desk, apps)
    with st.container(border=True, key="apps"):
        for app in _one_page(found):
            _row(desk, app)


def _found(desk: Desk, apps: list[App]) -> list[App]:
    label = desk.say("apps_search")
    text = st.text_input(
        label, placeholder=label, icon=":material/search:", label_visibility="collapsed", key="q"
    )
    found = [app for app in apps if (text or "").strip().casefold() in f"{app.name} {app.app_id}".casefold()]
    if not found:
        st.caption(desk.say("apps_none_found", text=plain(text or "")))
    return sorted(found, key=lambda app: app.name.casefold())


def _one_page(apps: list[App]) -> list[App]:
    pages = -(-len(apps) // PER_PAGE)
    page = st.pagination(pages, key="page") if pages > 1 else 1
    return apps[(page - 1) * PER_PAGE : page * PER_PAGE]


def _row(desk: Desk, app: App) -> None:
    with st.container(key=f"row_{app.app_id}", gap="xsmall"):
        name, state, updated, actions = st.columns([4, 2, 2, 3], vertical_alignment="center")
        with name:
            st.page_link(desk.pages["app"], label=f"**{plain(app.name)}**", query_params={"id": app.app_id})
        with state:
            badge(app, desk.say)
            under_way(app, desk.say)
            draining(app, desk.say)
        updated.caption(local(app.updated_at))
        with actions:
            _actions(desk, app)
        failure_line(app.error or app.warning)


def _actions(desk: Desk, app: App) -> None:
    with st.container(horizontal=True, horizontal_alignment="right", gap="small", wrap=False):
        open_link(app, desk.say("open"))
        chosen = st.menu_button(
            ":material/more_vert:",
            _choices(app),
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
    return ["stop", "restart", "details", "delete"]
