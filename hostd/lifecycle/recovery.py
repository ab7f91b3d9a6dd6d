"""The first look at a start: the disk is swept and taken in, what still runs gets its route back."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping

from hostd import bundles, static_files, trees
from hostd.health import Ports
from hostd.layout import Layout
from hostd.lifecycle import outcomes
from hostd.lifecycle.adoption import adopt_all
from hostd.lifecycle.registry import Registry
from hostd.models import App, Status, Wish
from hostd.program_names import parse_program, program_name
from hostd.store import BadState, Store, read_json
from hostd.supervisor import ProcessState

log = logging.getLogger(__name__)


def take_in(layout: Layout, store: Store, registry: Registry) -> None:
    """Sweep what is half made, adopt folders of the original, load every app."""
    for entry in layout.apps.iterdir():
        if entry.name.startswith((".new-", ".deleted-")):
            trees.delete(entry)
    _sweep_own_caches(layout)
    for app_id in adopt_all(layout, store):
        log.info("app %s is adopted from streamlit_host", app_id)
    registry.load()
    for app_id in registry.ids():
        _sweep_releases(layout, registry, app_id)
    _sweep_statics(layout, registry)


def _sweep_own_caches(layout: Layout) -> None:
    """Those of apps that are no more: a new app of that name would not own what is in it."""
    with contextlib.suppress(FileNotFoundError):
        for cache in list(layout.own_caches.iterdir()):
            if not layout.app(cache.name).root.is_dir():
                trees.delete(cache)


def _sweep_releases(layout: Layout, registry: Registry, app_id: str) -> None:
    """What was being laid down is half made; so is a venv without its mark, unless it is on its way."""
    app, folder = registry.peek(app_id), layout.app(app_id)
    for half_made in folder.releases.glob(".*.tmp"):
        trees.delete(half_made)
    for number in bundles.numbers(folder):
        release = folder.release(number)
        if app is not None and number not in (app.target, app.release) and not release.record.is_file():
            if release.venv.is_symlink():
                release.venv.unlink()
            trees.delete(release.venv)


def _sweep_statics(layout: Layout, registry: Registry) -> None:
    """Copies of Streamlit's files that no release names go. It reads every release, but hardly ever."""
    old = static_files.untouched(layout.statics)
    if not old:
        return
    folders = [layout.app(app_id) for app_id in registry.ids()]
    releases = [folder.release(number) for folder in folders for number in bundles.numbers(folder)]
    named = {outcomes.record(release).get("static") for release in releases}
    for key in old:
        if key in named:
            static_files.touch(layout.statics, key)
        else:
            static_files.remove(layout.statics, key)


def reopen(layout: Layout, registry: Registry, ports: Ports, states: Mapping[str, ProcessState]) -> None:
    """Lease the ports that apps have, and open the routes of those whose process still runs."""
    _hold_what_runs(layout, ports, states)
    for app in registry.all():
        for old in app.draining:
            if _runs(states.get(program_name(app.app_id, old.release)), old.pid):
                ports.hold(program_name(app.app_id, old.release), old.port)
        if app.wish is not Wish.RUNNING or app.port is None or app.status is Status.SLEEPING:
            continue
        name = program_name(app.app_id, app.release or app.target)
        state = states.get(name)
        if state is None or not state.alive:
            if app.release not in (None, app.target) and app.status is Status.RUNNING:
                registry.note(None, app.app_id, restart=True)  # should the deploy fail, it must be back
            continue  # its port is free for whoever took it meanwhile
        ports.hold(name, app.port)
        if app.release is not None and state.pid == app.pid:
            release = layout.app(app.app_id).release(app.release)
            registry.serve(app.app_id, outcomes.serving(release, app.port, state.pid))


def let_sleep(registry: Registry, sleeps: Callable[[App], bool], states: Mapping[str, ProcessState]) -> None:
    """After a boot, or supervisord's end, nothing runs: what ran and may sleep waits for its first visit."""
    for app in registry.all():
        if app.wish is not Wish.RUNNING or app.target != app.release or app.restart:
            continue
        asleep = app.status is Status.SLEEPING
        ran = app.status is Status.RUNNING and program_name(app.app_id, app.target) not in states
        if ran and sleeps(app):
            registry.assume(app.app_id, status=Status.SLEEPING, pid=None)
        elif asleep and not sleeps(app):
            registry.assume(app.app_id, status=Status.STARTING)


def _hold_what_runs(layout: Layout, ports: Ports, states: Mapping[str, ProcessState]) -> None:
    """Also the program of a deploy that was cut short has its port, which no meta.json names."""
    for name, state in states.items():
        if state.alive and parse_program(name) is not None:
            with contextlib.suppress(BadState, KeyError, ValueError):
                ports.hold(name, int(read_json(layout.spec(name))["env"]["STREAMLIT_SERVER_PORT"]))


def _runs(state: ProcessState | None, pid: int | None) -> bool:
    return state is not None and state.alive and state.pid == pid
