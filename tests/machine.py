"""What tests share with everybody on their machine: its time, its ports, its uids."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
import threading
import time
from pathlib import Path


class Stopwatch:
    """``took``: seconds of the block, without those in which this machine stood still.

    A promise about time is hostd's. What keeps a thread that only waits for half a second is no load of ours.
    """

    took = 0.0

    def __enter__(self) -> Stopwatch:
        self._last = self._begun = time.monotonic()
        self._lost, self._done = 0.0, threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()
        self.took = self._last - self._begun - self._lost

    def _look(self) -> None:
        is_over = False
        while not is_over:
            is_over = self._done.wait(0.05)
            now = time.monotonic()
            if now - self._last > _STANDSTILL:
                self._lost += now - self._last
            self._last = now


_STANDSTILL = 0.5


UIDS = 800
"""How many one platform has: those of 400 apps, one after another."""
UID_BLOCKS = range(22_000, 53_200, UIDS)
"""Behind the first ones, which containers give, and before 54,321, which tests take for themselves."""


def uid_block() -> tuple[int, int]:
    """The first of ``UIDS`` numbers that no other test's platform has, and a descriptor that keeps them.

    The end of an app ends all that runs as its uid, so platforms at the same time must not share any.
    """
    folder = Path(tempfile.gettempdir(), f"hostd-tests-uids-{os.geteuid()}")
    folder.mkdir(exist_ok=True)
    for first in random.sample(UID_BLOCKS, len(UID_BLOCKS)):
        kept = os.open(folder / str(first), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(kept, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(kept)
        else:
            return first, kept
    raise AssertionError("every block of uids is another platform's")


def free_range(width: int) -> int:
    """The first of ``width`` ports in a row that nobody listens on."""
    while True:
        low = random.randrange(20_000, 31_000 - width)
        if all(_is_free(port) for port in range(low, low + width)):
            return low


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0
