"""The first look at a start: the disk is swept and taken in, what still runs gets its route back."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping

from hostd import bundles
from hostd.health import Ports
from hostd.layout import Layout, program_name
from hostd.lifecycle.adoption import adopt_all
from hostd.lifecycle.registry import Registry
from hostd.models import Wish
from hostd.store import Store
from hostd.supervisor import ProcessState

log = logging.getLogger(__name__)


def take_in(layout: Layout, store: Store, registry: Registry) -> None:
    """Sweep what is half made, adopt folders of the original, load every app."""
    for entry in layout.apps.iterdir():
        if entry.name.startswith((".new-", ".deleted-")):
            shutil.rmtree(entry, ignore_errors=True)
    for app_id in adopt_all(layout, store):
        log.info("app %s is adopted from streamlit_host", app_id)
    registry.load()
    for app_id in registry.ids():
        _sweep_releases(layout, registry, app_id)


def _sweep_releases(layout: Layout, registry: Registry, app_id: str) -> None:
    """Releases without a mark are half made, unless they are the one that is on its way."""
    app, folder = registry.peek(app_id), layout.app(app_id)
    for half_made in folder.releases.glob(".*.tmp"):
        shutil.rmtree(half_made, ignore_errors=True)
    for number in bundles.numbers(folder):
        release = folder.release(number)
        if app is not None and number not in (app.target, app.release) and not release.record.is_file():
            shutil.rmtree(release.root, ignore_errors=True)


def reopen(registry: Registry, ports: Ports, states: Mapping[str, ProcessState]) -> None:
    """Lease the ports that apps have, and open the routes of those whose process still runs."""
    for app in registry.all():
        if app.wish is not Wish.RUNNING or app.port is None:
            continue
        name = program_name(app.app_id, app.release or app.target)
        state = states.get(name)
        if state is None or not state.alive:
            continue  # its port is free for whoever took it meanwhile
        ports.hold(name, app.port)
        if app.release is not None and state.pid == app.pid:
            registry.serve(app.app_id, app.port)
