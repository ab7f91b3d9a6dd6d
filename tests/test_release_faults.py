"""kill -9 of hostd or supervisord at each step of a deploy: one release serves, nothing is half there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faulted import Deployed, Faulted, assert_whole

Apps = dict[str, Deployed]

OVERLAP = [
    "after bundles.lay_down",
    "after Registry.ask",
    "after Installer._begin",
    "after Launcher._launch",
    "after Gate._first_page",
    "after Deployer._serve",
    "before bundles.leave_to",
]
REPLACE = [
    "before bundles.move_written",
    "before moving.rename_below",
    "after Gate._first_page",
    "after Deployer._serve",
]
BROKEN = [
    ("overlap", "after Launcher.await_ready"),
    ("replace", "before Takeover.give_back"),
    ("replace", "before Deployer._fall_back"),
]
WALK = [
    *(("hostd", "overlap", point) for point in OVERLAP),
    *(("hostd", "replace", point) for point in REPLACE),
    *(("supervisord", "overlap", point) for point in OVERLAP[2:6:2]),
    *(("supervisord", "replace", point) for point in REPLACE[1:]),
]


@pytest.fixture(scope="module")
def host() -> Iterator[Faulted]:
    """A platform with a port for each app and one more: a lease that leaks is missed at the next deploy."""
    platform = Faulted(pool=3)
    try:
        platform.start()
        yield platform
    finally:
        platform.close()


@pytest.fixture(scope="module")
def apps(host: Faulted) -> Apps:
    """One that is replaced beside itself, and one with a database that is replaced in turn."""
    return {strategy: Deployed(host, strategy).create() for strategy in ("overlap", "replace")}


@pytest.mark.parametrize(("victim", "strategy", "point"), WALK)
def test_killed_on_the_way(host: Faulted, apps: Apps, victim: str, strategy: str, point: str) -> None:
    """What was asked for serves in the end, in the way that was asked for."""
    app = apps[strategy]
    before = app.settled()["release"]
    host.arm(point, victim)
    if point == "after Installer._begin":
        app.requirements += "# another venv\n"
    asked = app.deploy()
    host.come_back()
    now = app.settled()["release"]
    assert now == asked or (asked is None and now >= before)
    app.visit()
    assert_whole(host, list(apps.values()))
    record = host.api.get(f"/apps/{app.app_id}/releases/{now}").json()
    assert record["strategy"] == strategy
    assert record["ended_at"]


@pytest.mark.parametrize("victim", ["hostd", "supervisord"])
@pytest.mark.parametrize(("strategy", "point"), BROKEN)
def test_killed_on_the_way_back(host: Faulted, apps: Apps, victim: str, strategy: str, point: str) -> None:
    """A release whose first page raises: the old one serves in the end, with all that was written."""
    app = apps[strategy]
    before = app.settled()["release"]
    host.arm(point, victim)
    asked = app.deploy(broken=True)
    host.come_back()
    assert app.settled()["release"] == before != asked
    app.visit()
    assert_whole(host, list(apps.values()))
    assert host.api.get(f"/apps/{app.app_id}/releases/{asked}").json()["state"] == "failed"
