"""What more processes bring to a CPU-bound app: reruns per second with several replicas beside one.

``python -m bench.replicas [--replicas N] [--rounds N]``. Two apps with the same code on one platform, one
with one process. As many sessions as there are people press at once, over Streamlit's own protocol through
the gateway, each again as soon as its page is done; a rerun counts to a million. Each round does both, the
order turning with every round. No session may show another process than the one that it began in.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from contextlib import ExitStack

from bench.measure import Samples, cpu_of_tree, load, machine, print_table, rest, wait_for
from tests.platform import Platform, platform
from tests.session import Session

APP = b"""
import os
import streamlit as st
total = 0
for number in range(1_000_000):
    total += number
st.text(f"process {os.getpid()}")
"""


class Crowd:
    """An app with so many replicas, and its open sessions."""

    def __init__(self, running: Platform, replicas: int, people: int, stack: ExitStack) -> None:
        assert running.process is not None
        self._pid = running.process.pid
        app_id = running.running("bench", APP, replicas=str(replicas))
        wait_for(lambda: _up(running, app_id) == replicas, "all replicas")
        self._sessions = [Session(f"{running.url}/apps/{app_id}") for _ in range(people)]
        for session in self._sessions:
            stack.callback(session.close)
        self._homes = [session.run() for session in self._sessions]
        spread = {home[0] for home in self._homes}
        assert len(spread) == min(replicas, people), spread
        self.throughput, self.cpu, self.moved = Samples(), Samples(), 0

    def press(self, times: int) -> None:
        """One turn: everybody reruns so many times; reruns per second, and CPU seconds per rerun."""
        work = times * len(self._sessions)
        threads = [
            threading.Thread(target=self._one, args=(index, times)) for index in range(len(self._sessions))
        ]
        before, begin = cpu_of_tree(self._pid), time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.throughput.add(work / (time.perf_counter() - begin))
        self.cpu.add((cpu_of_tree(self._pid) - before) / work)

    def _one(self, index: int, times: int) -> None:
        for _ in range(times):
            self.moved += self._sessions[index].run() != self._homes[index]


def _up(running: Platform, app_id: str) -> int:
    return sum(one["state"] == "running" for one in running.app(app_id)["replicas"])


def main() -> None:
    """Run the contest and print the table."""
    parser = argparse.ArgumentParser(description="A CPU-bound app with several replicas beside one.")
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--presses", type=int, default=5, help="reruns of each session in each turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patience", type=float, default=20, help="seconds to wait for a machine at rest")
    options = parser.parse_args()
    print(machine())
    print(f"before: {load()}")
    disturbed, ratios = 0, Samples()
    with platform() as running, ExitStack() as stack:
        crowds = [Crowd(running, count, options.people, stack) for count in (1, options.replicas)]
        for number in range(options.rounds):
            for crowd in crowds if number % 2 == 0 else reversed(crowds):
                disturbed += not rest(options.patience)
                crowd.press(options.presses)
            ratios.add(crowds[1].throughput.values[-1] / crowds[0].throughput.values[-1])
    print(f"after: {load()}; {disturbed} of {2 * options.rounds} turns began on a busy machine")
    moved = sum(crowd.moved for crowd in crowds)
    print(
        f"{options.people} sessions on {os.cpu_count()} cores; sessions that changed their process: {moved}"
    )
    one, many = crowds
    median = many.throughput.median / one.throughput.median
    rows = [
        ("1", one.throughput.show(), one.cpu.show(1000, 0), "1"),
        (
            str(options.replicas),
            many.throughput.show(),
            many.cpu.show(1000, 0),
            f"{median:.2f}; per round {ratios.show()}",
        ),
    ]
    print_table([("replicas", "reruns/s", "CPU ms per rerun", "ratio"), *rows])


if __name__ == "__main__":
    main()
