"""Who starts next when many want to."""

from __future__ import annotations

import threading

import pytest

from hostd.errors import Interrupted
from hostd.lifecycle.registry import Ticket
from hostd.lifecycle.workers import Slots
from tests.platform import until


def test_an_app_that_somebody_waits_for_goes_first() -> None:
    """The others in the order they came."""
    slots, order, threads = Slots(1), list[str](), []

    def start(app_id: str) -> None:
        with slots.hold(Ticket(app_id, lambda: True)):
            order.append(app_id)

    with slots.hold(Ticket("first", lambda: True)):
        for app_id in ("b", "c", "visited", "d"):
            threads.append(threading.Thread(target=start, args=(app_id,)))
            threads[-1].start()
            until(lambda: slots.queued == len(threads), 10, 0.001, "its place in the queue")
        slots.hurry("visited")
        assert order == []
    for thread in threads:
        thread.join(10)
    assert order == ["visited", "b", "c", "d"]
    assert slots.held == slots.queued == 0


def test_who_gives_up_leaves_the_queue() -> None:
    """Also from the middle of it."""
    slots, valid, gave_up = Slots(1), [True], threading.Event()

    def start() -> None:
        with pytest.raises(Interrupted), slots.hold(Ticket("late", lambda: valid[0])):
            pass
        gave_up.set()

    with slots.hold(Ticket("first", lambda: True)):
        thread = threading.Thread(target=start)
        thread.start()
        until(lambda: slots.queued == 1, 10, 0.001, "its place in the queue")
        valid[0] = False
        assert gave_up.wait(10)
        assert slots.queued == 0
    thread.join(10)
