"""The roll keeps its order and its restless ones through any sequence of changes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hostd.lifecycle.roll import Roll, is_quiet
from hostd.models import App, Draining, Status, Wish

OLD = Draining(1, 8501, None, "", "")
APP = App(
    app_id="a", name="a", status=Status.CREATED, wish=Wish.RUNNING, target=1, cookie_secret="", created_at="",
    updated_at="",
)  # fmt: skip
APPS = st.builds(
    lambda app_id, made, status, wish, restart, drains: replace(
        APP, app_id=app_id, created_at=f"{made}{app_id}", status=status, wish=wish, restart=restart,
        draining=(OLD,) if drains else (),
    ),
    st.sampled_from("abcdef"), st.just("2025"), st.sampled_from(Status), st.sampled_from(Wish),
    st.booleans(), st.booleans(),
)  # fmt: skip


@given(st.lists(st.one_of(APPS, st.sampled_from("abcdef"))))
def test_whatever_happens(changes: list[App | str]) -> None:
    """It holds what a dictionary would; order and restless ones are those of all its values."""
    roll, plain = Roll(), dict[str, App]()
    for change in changes:
        version = roll.version
        if isinstance(change, App):
            roll[change.app_id] = plain[change.app_id] = change
            assert roll.version != version
        else:
            assert roll.pop(change, None) is plain.pop(change, None)
    assert dict(roll) == plain
    assert roll.in_order() == sorted(plain.values(), key=lambda app: (app.created_at, app.app_id))
    restless = {app.app_id for app in plain.values() if not is_quiet(app)}
    assert {app.app_id for app in roll.restless()} == restless


def test_what_is_quiet() -> None:
    """Stopped as asked, or failed: nothing comes of it by itself. Everything else is looked at."""
    stopped = replace(APP, wish=Wish.STOPPED, status=Status.STOPPED)
    failed = replace(APP, status=Status.FAILED)
    assert is_quiet(stopped)
    assert is_quiet(failed)
    assert is_quiet(replace(APP, status=Status.SLEEPING, release=1))
    for app in (
        APP,
        replace(APP, status=Status.RUNNING),
        replace(stopped, status=Status.RUNNING),
        replace(stopped, wish=Wish.RUNNING),
        replace(stopped, wish=Wish.DELETED),
        replace(stopped, restart=True),
        replace(APP, status=Status.SLEEPING, release=2),
        replace(failed, draining=(OLD,)),
        replace(failed, wish=Wish.STOPPED),
    ):
        assert not is_quiet(app)
