"""The first page of an app with a table and a chart: requests, bytes, CPU.

``python -m bench.first_page [--rounds N]``. In each round a real Chromium opens the page in these ways,
the order turning, each time as somebody whose cache is empty:

- direct: ``streamlit run`` in the first app's own venv, nothing in front
- nginx: the same process behind nginx, which passes everything on
- hostd: the first app through hostd; and then, by the same person, another app of the same version

Bytes are what came over the network, heads included, as Chromium counts them; what came from its cache is
no request. CPU is user and system time of the processes from /proc, from the page's opening until table and
chart are drawn and nothing more is under way. hostd's is all that its process did meanwhile.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from bench import peers
from bench.deploy import STREAMLIT
from bench.gateway import NO_NGINX, find_nginx
from bench.measure import Samples, cpu_of, free_port, load, machine, print_table, wait_for
from hostd.static_files import CODINGS
from tests.browser import launch, person
from tests.platform import Platform, platform

APP = b"""\
import streamlit as st

figures = {"month": list(range(1, 13)), "sales": [n * n % 17 for n in range(12)]}
st.title("Figures")
st.dataframe(figures)
st.line_chart(figures, x="month", y="sales")
"""
DRAWN = """() => document.querySelector('.stDataFrame canvas')
    && document.querySelector('.stVegaLiteChart :is(canvas, svg.marks)')"""
QUIET = 0.5
"""Seconds without a request under way that end a page."""
GOAL_FIRST, GOAL_REQUESTS, GOAL_BYTES = 0.36, 10, 50_000


@dataclass(slots=True)
class Way:
    """One way to the page: its address, the proxy's process (None: there is none), Streamlit's."""

    name: str
    url: str
    proxy: int | None
    streamlit: int
    requests: Samples = field(default_factory=Samples)
    size: Samples = field(default_factory=Samples)
    seconds: Samples = field(default_factory=Samples)
    proxy_cpu: Samples = field(default_factory=Samples)
    app_cpu: Samples = field(default_factory=Samples)

    def cpu(self) -> tuple[float, float]:
        """(proxy's, Streamlit's) CPU seconds until now."""
        return cpu_of(self.proxy) if self.proxy else 0.0, cpu_of(self.streamlit)


class Network:
    """What a page asks for, as Chromium's own network panel has it (Chrome DevTools Protocol, Network)."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self._from_network: set[str] = set()
        self._under_way: set[str] = set()
        self.size = 0
        self.last = time.monotonic()
        session = context.new_cdp_session(self.page)
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.requestServedFromCache", lambda event: self._cached(event["requestId"]))
        session.on("Network.responseReceived", self._answered)
        session.on("Network.loadingFinished", self._finished)
        session.on("Network.loadingFailed", lambda event: self._cached(event["requestId"]))
        session.send("Network.enable")

    @property
    def requests(self) -> int:
        """How many there were over the network, WebSockets left out."""
        return len(self._from_network)

    def quiet(self) -> bool:
        """Whether nothing is under way, and has not been for a while."""
        self.page.wait_for_timeout(50)  # its events come while Playwright waits
        return not self._under_way and time.monotonic() - self.last > QUIET

    def _sent(self, event: dict[str, dict[str, str]]) -> None:
        if event["request"]["url"].startswith("http"):
            self._from_network.add(str(event["requestId"]))
            self._under_way.add(str(event["requestId"]))
            self.last = time.monotonic()

    def _answered(self, event: dict[str, dict[str, object]]) -> None:
        if event["response"].get("fromDiskCache"):
            self._from_network.discard(str(event["requestId"]))

    def _finished(self, event: dict[str, object]) -> None:
        request = str(event["requestId"])
        if request in self._from_network:
            self.size += int(str(event["encodedDataLength"]).partition(".")[0])
        self._under_way.discard(request)
        self.last = time.monotonic()

    def _cached(self, request: str) -> None:
        self._from_network.discard(request)
        self._under_way.discard(request)


def visit(context: BrowserContext, way: Way) -> None:
    """Open the page, and note what that took."""
    network, before, begin = Network(context), way.cpu(), time.perf_counter()
    network.page.goto(way.url)
    network.page.wait_for_function(DRAWN, timeout=120_000)
    way.seconds.add(time.perf_counter() - begin)
    wait_for(network.quiet, "the page's end")
    proxy, app = (now - then for now, then in zip(way.cpu(), before, strict=True))
    way.requests.add(network.requests)
    way.size.add(network.size)
    way.proxy_cpu.add(proxy)
    way.app_cpu.add(app)
    network.page.close()


@contextmanager
def bare(host: Platform, app_id: str) -> Iterator[tuple[int, int]]:
    """The app as one would run it by hand: (port, pid)."""
    folder, port = host.data / "apps" / app_id, free_port()
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "STREAMLIT_"))}
    base = {"STREAMLIT_SERVER_PORT": str(port), "STREAMLIT_SERVER_BASE_URL_PATH": f"apps/{app_id}"}
    process = subprocess.Popen(
        [folder / "venv/bin/streamlit", "run", "app.py"], cwd=folder, env={**kept, **STREAMLIT, **base},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: _healthy(f"http://127.0.0.1:{port}/apps/{app_id}/_stcore/health"), "streamlit run")
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def _healthy(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).text == "ok"
    except httpx.HTTPError:
        return False


def _compressed(host: Platform) -> bool:
    found = list((host.data / "cache" / "static").glob("*.zip"))
    return len(found) == len(CODINGS) + 1


def rounds(browser: Browser, single: list[Way], first: Way, second: Way, number: int) -> None:
    """All rounds, and one before them, off the table, that warms everything up."""
    turns: list[Callable[[], None]] = [lambda way=way: _alone(browser, way) for way in single]  # type: ignore[misc]
    turns.append(lambda: _both(browser, first, second))
    for each in range(number + 1):
        for turn in turns[each % len(turns) :] + turns[: each % len(turns)]:
            turn()
        if each == 0:
            for way in (*single, first, second):
                for samples in (way.requests, way.size, way.seconds, way.proxy_cpu, way.app_cpu):
                    samples.values.clear()


def _alone(browser: Browser, way: Way) -> None:
    context = person(browser)
    visit(context, way)
    context.close()


def _both(browser: Browser, first: Way, second: Way) -> None:
    context = person(browser)
    visit(context, first)
    visit(context, second)
    context.close()


def rows(ways: list[Way]) -> Iterator[tuple[str, ...]]:
    """The table; bytes in kB, CPU in ms."""
    yield (
        "way",
        "requests",
        "kB",
        "of direct",
        "proxy CPU ms",
        "Streamlit CPU ms",
        "both",
        "seconds until drawn",
    )
    for way in ways:
        both = Samples(
            [one + other for one, other in zip(way.proxy_cpu.values, way.app_cpu.values, strict=True)]
        )
        yield (
            *(way.name, way.requests.show(digits=0), way.size.show(1e-3, 1)),
            *(
                f"{way.size.median / ways[0].size.median:.1%}",
                way.proxy_cpu.show(1e3, 0) if way.proxy else "",
            ),
            *(way.app_cpu.show(1e3, 0), both.show(1e3, 0), way.seconds.show()),
        )


def verdicts(direct: Way, first: Way, second: Way) -> Iterator[str]:
    """The goals, and whether they are met."""
    share = first.size.median / direct.size.median
    said = _said(share <= GOAL_FIRST)
    yield f"first app: {share:.1%} of direct's bytes (goal: at most {GOAL_FIRST:.0%}): {said}"
    fits = second.requests.median <= GOAL_REQUESTS and second.size.median <= GOAL_BYTES
    yield (
        f"second app: {second.requests.median:.0f} requests, {second.size.median / 1000:.1f} kB "
        f"(goal: at most {GOAL_REQUESTS} and {GOAL_BYTES // 1000} kB): {_said(fits)}"
    )


def _said(reached: bool) -> str:
    return "reached" if reached else "MISSED"


def run(host: Platform, browser: Browser, number: int) -> None:
    """Make two apps, measure, print."""
    apps = [host.running(f"Figures {n}", APP, requirements=b"streamlit==1.67.0\n") for n in (1, 2)]
    wait_for(lambda: _compressed(host), "the compressed copies", timeout=600)
    hostd = host.pid("hostd")
    pids = [int(host.app(app_id)["pid"]) for app_id in apps]
    with ExitStack() as stack:
        port, pid = stack.enter_context(bare(host, apps[0]))
        path = f"/apps/{apps[0]}/"
        direct = Way("direct", f"http://127.0.0.1:{port}{path}", None, pid)
        single = [direct]
        if program := find_nginx():
            proxy, master = stack.enter_context(peers.nginx(program, port, "256k"))
            single.append(Way("nginx", f"http://127.0.0.1:{proxy}{path}", master, pid))
        else:
            print(NO_NGINX)
        first = Way("hostd, first app", f"{host.url}{path}", hostd, pids[0])
        second = Way("hostd, second app", f"{host.url}/apps/{apps[1]}/", hostd, pids[1])
        rounds(browser, single, first, second, number)
        before, begin = cpu_of(hostd), time.perf_counter()
        time.sleep(5)
        idle = (cpu_of(hostd) - before) / (time.perf_counter() - begin)
    print(f"after: {load()}")
    print(f"median (min - max) of {number} rounds; hostd at rest: {idle * 1000:.0f} ms of CPU per second")
    print_table(rows([*single, first, second]))
    for line in verdicts(direct, first, second):
        print(line)


def main() -> None:
    """Start a platform and a browser, run all rounds, print the table."""
    parser = argparse.ArgumentParser(description="Requests, bytes and CPU of an app's first page.")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(machine())
    print(f"before: {load()}")
    with platform() as host, sync_playwright() as playwright:
        browser = launch(playwright)
        run(host, browser, options.rounds)
        browser.close()


if __name__ == "__main__":
    main()
