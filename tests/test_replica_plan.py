"""What is done about an app's replicas, and what its route is, in every situation."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hostd.lifecycle.launching import Launcher
from hostd.lifecycle.replica_plan import Do, plan
from hostd.lifecycle.routing import Serving, route_of
from hostd.models import App, Draining, Status, Wish
from hostd.scale import Replica, ReplicaState, Scale
from hostd.supervisor import EXITED, STARTING, ProcessState

OLD = Draining(1, 11, 1, "2026-01-01T00:00:00+00:00", "2026-01-01T01:00:00+00:00")
APP = App(
    "x", "X", Status.RUNNING, Wish.RUNNING, 2, "secret", "2026", "2026", release=2, port=21, draining=(OLD,),
    scale=Scale(min_replicas=1, max_replicas=4, sessions_per_replica=5), streamlit_version="1.67.0",
)  # fmt: skip
STATES = {one.value: one for one in ReplicaState}


def one(state: str, replica: int = 2, release: int = 2) -> Replica:
    """A replica on the port that its numbers make."""
    return Replica(release, replica, STATES[state], release * 10 + replica)


def done(
    app: App | None, *there: Replica, wanted: int = 2, quiet: bool = False, rests: bool = False
) -> list[Do]:
    """What is planned, whoever it is about."""
    tasks = plan(app, there, wanted, quiet=lambda _: quiet, rests=lambda _: rests, may_start=app is not None)
    return [do for do, _ in tasks]


@pytest.mark.parametrize(
    ("state", "wanted", "quiet", "expected"),
    [
        ("running", 2, False, []), ("draining", 2, False, [Do.OPEN]), ("starting", 2, False, [Do.AWAIT]),
        ("failed", 2, False, [Do.START]), ("stopped", 2, False, []),
        ("running", 1, False, [Do.LEAVE]), ("draining", 1, False, []), ("draining", 1, True, [Do.END]),
        ("starting", 1, False, [Do.END]), ("failed", 1, False, [Do.END]), ("stopped", 1, False, [Do.END]),
    ],
)  # fmt: skip
def test_one_of_the_active_release(state: str, wanted: int, quiet: bool, expected: list[Do]) -> None:
    """It runs as long as it is wanted, then leaves with its last session."""
    assert done(APP, one(state), wanted=wanted, quiet=quiet) == expected


def test_one_that_failed_rests() -> None:
    """Until its time is up."""
    assert done(APP, one("failed"), rests=True) == []


@pytest.mark.parametrize("state", list(STATES))
def test_one_whose_app_does_not_run_ends(state: str) -> None:
    """Stopped, failed, asleep, being restarted or deleted, or no more."""
    wish = replace(APP, wish=Wish.STOPPED)
    gone = [replace(APP, status=status) for status in (Status.STOPPED, Status.FAILED, Status.SLEEPING)]
    for app in (None, wish, replace(APP, wish=Wish.DELETED), replace(APP, restart=True), *gone):
        assert done(app, one(state)) == [Do.END]
    assert done(replace(APP, status=Status.STARTING), one("running")) == []


def test_one_of_an_old_release() -> None:
    """It goes on while its release drains and it has sessions; nothing brings it back."""
    for state, expected in (("running", []), ("draining", []), ("starting", [Do.END]), ("failed", [Do.END])):
        assert done(APP, one(state, release=1), wanted=1) == expected
    assert done(APP, one("running", release=1), wanted=1, quiet=True) == [Do.END]
    ended = replace(APP, draining=(replace(OLD, ended=True),))
    for app in (ended, replace(APP, draining=())):
        assert done(app, one("running", release=1), wanted=1) == [Do.END]


def test_the_missing_ones_are_started() -> None:
    """Each number up to the one wanted, whatever became of the others."""
    tasks = plan(APP, (one("stopped"),), 4, quiet=lambda _: False, rests=lambda _: False, may_start=True)
    assert [(do, it.replica) for do, it in tasks] == [(Do.START, 3), (Do.START, 4)]
    assert plan(APP, (), 4, quiet=lambda _: False, rests=lambda _: False, may_start=False) == []


def test_the_route_of_several() -> None:
    """Those that run take sessions, those that leave or drain keep theirs, the others are not in it."""
    there = (one("running"), one("draining", 3), one("starting", 4), one("running", 2, release=1))
    route = route_of(APP, Serving(2, 21, "1.67.0"), there)
    assert (route.port, route.release, dict(route.replicas)) == (21, 2, {1: 21, 2: 22})
    assert (dict(route.leaving), dict(route.draining)) == ({(2, 3): 23, (1, 2): 12}, {1: 11})
    assert route.sessions_per_replica == 5


def test_the_route_without_the_first() -> None:
    """The others serve; once the app is stopped nothing of its release does."""
    starting = replace(APP, status=Status.STARTING)
    route = route_of(starting, None, (one("running"),))
    assert (route.port, route.release, dict(route.replicas)) == (22, 2, {2: 22})
    stopped = route_of(replace(APP, wish=Wish.STOPPED), None, (one("running"), one("running", 2, release=1)))
    assert (stopped.port, dict(stopped.replicas), dict(stopped.leaving)) == (None, {}, {(1, 2): 12})


def test_the_route_of_one_is_as_ever() -> None:
    """No list of replicas for an app that has a single process."""
    route = route_of(APP, Serving(2, 21), ())
    assert (dict(route.replicas), dict(route.leaving)) == ({}, {})


@pytest.mark.parametrize(
    ("there", "grows"),
    [
        ((), True), ((one("starting"),), True), ((one("running"), one("running", 3)), True),
        ((one("draining"),), True), ((one("failed"),), False), ((one("failed"), one("starting", 3)), True),
        ((one("running"), one("running", 3), one("stopped", 4)), False),
        (tuple(one("running", number) for number in (2, 3, 4)), False),
        ((*(one("running", number) for number in (2, 3, 4)), one("starting", 2, release=1)), False),
    ],
)  # fmt: skip
def test_whether_one_more_will_come(there: tuple[Replica, ...], grows: bool) -> None:
    """Up to as many as there may be, unless one can't come; without a limit nobody needs to wait for it."""
    assert route_of(APP, Serving(2, 21), there).grows is grows
    boundless = replace(APP, scale=replace(APP.scale, sessions_per_replica=None))
    for app in (boundless, replace(APP, restart=True), replace(APP, wish=Wish.STOPPED)):
        assert not route_of(app, Serving(2, 21), there).grows
    assert not route_of(APP, None, ()).grows


def test_the_first_comes_back() -> None:
    """It crashed, and is started again."""
    others = tuple(one("running", number) for number in (2, 3, 4))
    assert route_of(replace(APP, status=Status.STARTING), None, others).grows


@pytest.mark.parametrize(("later", "dead"), [(STARTING, False), (EXITED, True)])
def test_the_moment_before_a_restart_is_no_death(later: int, dead: bool) -> None:
    """supervisord shows EXITED until it starts a crashed program again, and what is over stays so."""
    answers = [ProcessState(state, 0, True, -9) for state in (EXITED, later)]
    supervisor: Any = SimpleNamespace(state=lambda _: answers.pop(0))
    assert Launcher.is_dead(cast(Launcher, SimpleNamespace(supervisor=supervisor)), "x.r1") is dead
