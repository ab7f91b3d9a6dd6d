"""What a start takes away: leftovers of apps that are no more."""

from __future__ import annotations

from pathlib import Path

from hostd.layout import Layout
from hostd.lifecycle.recovery import take_in
from hostd.lifecycle.registry import Registry
from hostd.models import App, Route, Status, Wish
from hostd.runlog import now
from hostd.store import Store


def start(layout: Layout) -> None:
    """As hostd begins."""
    store = Store(layout)
    take_in(layout, store, Registry(store, Route(Status.RUNNING, 1, "console")))


def test_builders_caches_of_apps_that_are_no_more_go(tmp_path: Path) -> None:
    """Those of apps there are stay, also when their meta.json can't be read: somebody may mend it."""
    layout = Layout(tmp_path)
    layout.apps.mkdir()
    start(layout)  # without any such cache
    for app_id in ("here", "unreadable"):
        layout.app(app_id).releases.mkdir(parents=True)
    Store(layout).save_in(
        layout.app("here"), App("here", "X", Status.STOPPED, Wish.STOPPED, 1, "secret", now(), now())
    )
    layout.app("unreadable").meta.write_text("{ half")
    for app_id in ("here", "unreadable", "gone"):
        (layout.own_cache(app_id) / "uv").mkdir(parents=True)

    start(layout)

    assert sorted(cache.name for cache in layout.own_caches.iterdir()) == ["here", "unreadable"]
    assert (layout.own_cache("here") / "uv").is_dir()
