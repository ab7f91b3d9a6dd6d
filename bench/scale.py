"""What a thousand registered apps cost beside ten.

``python -m bench.scale [--rounds N] [--many N]``. Two platforms run side by side, one with 10 registered
apps (5 of them run), one with 1,000 (20 run). Those that run, and one more, are made as any app is; the
others are laid down as copies of one, without its venv. Each round does the same to both, the order
turning with every round:

- create: POST until the API says ``running``, dependencies from uv's warm cache; the app is deleted then.
- start: POST start of a stopped app until it says ``running``; stop: POST stop until it answers.
- wake: a visit to a sleeping app, until its page has come.
- cold start: the whole platform, until a first app's page answers through the gateway.

CPU is that of hostd and supervisord themselves, without their children, from /proc.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.measure import Samples, cpu_of_one, load, machine, memory_of, print_table, rest, wait_for
from bench.wake import put_to_sleep
from tests.platform import Platform

FEW, FEW_RUN, MANY_RUN = 10, 5, 20
GOAL = 1.5
POLL = 0.01
SOURCE = b"import streamlit as st\n\nst.title('one of many')\n"
PAGE = b'id="root"'
"""What Streamlit's page has, and no page of the gateway's own."""


@dataclass(slots=True)
class Crowd:
    """A platform with ``count`` registered apps of which ``run`` run."""

    count: int
    run: int
    platform: Platform = field(default_factory=Platform)
    taken: dict[str, tuple[Samples, Samples]] = field(default_factory=dict)

    def lay_down(self) -> None:
        """Real apps, the last of which is stopped; copies of it, while nothing runs; and all of it up."""
        self.platform.start()
        for number in range(1, self.run + 2):
            self.platform.running("one", SOURCE, requirements=b"streamlit\n", app_id=named(number))
        self.platform.api.post(f"/apps/{self.spare}/stop").raise_for_status()
        self.platform.stop()
        for number in range(self.run + 2, self.count + 1):
            copy(self.platform.data / "apps" / self.spare, named(number))
        self.platform.start()
        self.platform.wait_for_console()
        for number in range(1, self.run + 1):
            self.visit(named(number))
            self.platform.wait(named(number), "running")

    @property
    def spare(self) -> str:
        """The app that is started, put to sleep, woken and stopped."""
        return named(self.run + 1)

    @property
    def own(self) -> tuple[int, int]:
        """The pids of hostd and of supervisord."""
        assert self.platform.process is not None
        return self.platform.pid("hostd"), self.platform.process.pid

    def measure(self, name: str, work: Callable[[], object]) -> None:
        """Do ``work`` once; its seconds, and those of hostd's and supervisord's CPU, are kept."""
        own = self.own
        before, begin = sum(map(cpu_of_one, own)), time.perf_counter()
        work()
        wall = time.perf_counter() - begin
        samples = self.taken.setdefault(name, (Samples(), Samples()))
        samples[0].add(wall)
        samples[1].add(sum(map(cpu_of_one, own)) - before)

    def create(self) -> None:
        """One more app, until it runs; off the clock it goes again."""
        made: list[str] = []
        self.measure("create", lambda: made.append(self._created()))
        self.platform.api.delete(f"/apps/{made[0]}").raise_for_status()

    def _created(self) -> str:
        app_id = self.platform.create("created", SOURCE, requirements=b"streamlit\n")
        self.await_running(app_id)
        return app_id

    def start_wake_and_stop(self) -> None:
        """An app that does not run, until it does; asleep and awake again; and back."""
        api, app_id = self.platform.api, self.spare

        def start() -> None:
            api.post(f"/apps/{app_id}/start").raise_for_status()
            self.await_running(app_id)

        self.measure("start", start)
        put_to_sleep(self.platform, app_id)
        self.measure("wake", lambda: self.visit(app_id))
        self.await_running(app_id)
        self.measure("stop", lambda: api.post(f"/apps/{app_id}/stop").raise_for_status())

    def visit(self, app_id: str) -> None:
        """Get its page; hostd holds the request while the app boots."""
        page = body(f"{self.platform.url}/apps/{app_id}/")
        assert PAGE in page, page[:200]

    def cold_start(self, patience: float) -> None:
        """Stop everything; how long from nothing until the first app's page."""
        self.platform.stop()
        rest(patience)
        samples = self.taken.setdefault("cold start", (Samples(), Samples()))
        begin = time.perf_counter()
        self.platform.start(wait=False)
        url = f"{self.platform.url}/apps/{named(1)}/"
        wait_for(lambda: PAGE in body(url), "the first app", interval=POLL)
        samples[0].add(time.perf_counter() - begin)
        samples[1].add(sum(map(cpu_of_one, self.own)))

    def await_running(self, app_id: str) -> None:
        """Ask until it runs."""
        wait_for(lambda: self.platform.app(app_id)["status"] == "running", f"{app_id} running", interval=POLL)

    def list_times(self, times: int, **params: Any) -> list[float]:
        """Seconds of ``times`` lists, in order of length."""
        taken = []
        for _ in range(times):
            begin = time.perf_counter()
            answer = self.platform.api.get("/apps", params=params)
            taken.append(time.perf_counter() - begin)
            assert answer.status_code == 200, answer.text
        return sorted(taken)

    def idle(self, seconds: float) -> float:
        """hostd's and supervisord's share of one core while nobody asks anything."""
        own = self.own
        before, begin = sum(map(cpu_of_one, own)), time.perf_counter()
        time.sleep(seconds)
        return (sum(map(cpu_of_one, own)) - before) / (time.perf_counter() - begin)


def named(number: int) -> str:
    """The id of an app."""
    return f"app-{number:04}"


def copy(seed: Path, app_id: str) -> None:
    """An app like ``seed`` that never ran. Its venv is the seed's, which its own user may not enter."""
    folder = seed.with_name(app_id)
    shutil.copytree(
        seed, folder, symlinks=True, ignore=lambda path, _: {"venv"} if path.endswith("/1") else ()
    )
    (folder / "releases" / "1" / "venv").symlink_to(seed / "releases" / "1" / "venv")
    meta = json.loads((seed / "meta.json").read_bytes())
    meta |= {"app_id": app_id, "name": f"App {app_id}", "cookie_secret": secrets.token_hex(32)}
    meta |= {"port": None, "uid": None}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def body(url: str) -> bytes:
    """What a browser would get; empty while nobody answers."""
    try:
        return httpx.get(url, timeout=30, trust_env=False, headers={"Accept": "text/html"}).content
    except httpx.HTTPError:
        return b""


def compare(few: Crowd, many: Crowd, rounds: int, patience: float) -> None:
    """Both in turn, each on a machine at rest, as far as there is patience."""
    for number in range(rounds):
        for crowd in (few, many) if number % 2 == 0 else (many, few):
            rest(patience)
            crowd.create()
            crowd.start_wake_and_stop()


def costs(few: Crowd, many: Crowd) -> list[tuple[str, ...]]:
    """A line per kind of work, wall and CPU, with the ratio of the medians."""
    rows: list[tuple[str, ...]] = []
    for name in few.taken:
        for kind, of in ((0, "wall s"), (1, "CPU s")):
            ten, thousand = few.taken[name][kind], many.taken[name][kind]
            ratio = thousand.median / ten.median
            goal = "" if name == "cold start" else f"<= {GOAL}: {'reached' if ratio <= GOAL else 'MISSED'}"
            if name == "cold start" and kind == 0:
                goal = f"< 15 s: {'reached' if max(thousand.values) < 15 else 'MISSED'}"
            rows.append((name, of, ten.show(digits=3), thousand.show(digits=3), f"{ratio:.2f}", goal))
    return rows


def stands(crowd: Crowd, patience: float) -> dict[str, float]:
    """What is measured at rest: milliseconds, percent, MB."""
    whole, page = crowd.list_times(300), crowd.list_times(300, limit=50)
    rest(patience)
    return {
        "GET /api/apps, p50 ms": whole[len(whole) // 2] * 1e3,
        "GET /api/apps, p99 ms": whole[int(len(whole) * 0.99)] * 1e3,
        "GET /api/apps?limit=50, p99 ms": page[int(len(page) * 0.99)] * 1e3,
        "idle CPU of hostd and supervisord over 20 s, % of a core": crowd.idle(20) * 100,
        "resident memory of hostd, MB": memory_of(crowd.own[0]) / 1e6,
    }


GOALS = {
    "GET /api/apps, p99 ms": 100.0,
    "idle CPU of hostd and supervisord over 20 s, % of a core": 3.0,
    "resident memory of hostd, MB": 200.0,
}


def main() -> None:
    """Both crowds, both tables."""
    parser = argparse.ArgumentParser(description="A thousand registered apps beside ten.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument(
        "--patience", type=float, default=20, help="seconds to wait for a machine at rest before each turn"
    )
    options = parser.parse_args()
    few, many = Crowd(FEW, FEW_RUN), Crowd(options.many, MANY_RUN)
    print(machine())
    try:
        few.lay_down()
        many.lay_down()
        print(f"before: {load()}")
        compare(few, many, options.rounds, options.patience)
        at_rest = stands(few, options.patience), stands(many, options.patience)
        for _ in range(3):
            few.cold_start(options.patience)
            many.cold_start(options.patience)
        print(f"after: {load()}")
    finally:
        few.platform.close()
        many.platform.close()
    print(f"{options.rounds} rounds, median (min - max); CPU of hostd and supervisord alone")
    heads = f"{FEW} apps, {FEW_RUN} run", f"{options.many} apps, {MANY_RUN} run"
    print_table([("work", "", *heads, "ratio", "goal"), *costs(few, many)])
    print()
    goals = {n: f"< {goal:g}: {'reached' if at_rest[1][n] < goal else 'MISSED'}" for n, goal in GOALS.items()}
    lines = [(n, f"{at_rest[0][n]:.1f}", f"{at_rest[1][n]:.1f}", goals.get(n, "")) for n in at_rest[0]]
    print_table([("at rest", *heads, "goal"), *lines])


if __name__ == "__main__":
    main()
