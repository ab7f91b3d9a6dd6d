"""Two tabs of one browser, opened before and after a deploy: each stays with its release."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType

import pytest
from playwright.sync_api import Browser, expect

from hostd.gateway import Gateway
from hostd.gateway.tunnel import VisitorEnd
from hostd.models import Route, RoutingTable, Status
from tests.browser import OpenTab, Visit, person

from .conftest import CONSOLE_DOWN, Running, running
from .releases import install, ready, release
from .wire import wait_until

VERSIONS = {
    # As in tests/test_versions.py: newer pyarrow refuses numpy 1, and its metadata doesn't say so.
    "1.28.2": ["pyarrow<20"],
    "1.40.2": [],
    "1.50.0": [],
    "1.67.0": [],
}


@dataclass
class Deployed:
    """An app of which release 1 is active, and release 2 about to be."""

    version: str
    door: Running
    ports: dict[int, int]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.door.port}/apps/x/"

    @property
    def gateway(self) -> Gateway:
        return self.door.protocol.gateway

    def route(self, active: int, *draining: int) -> None:
        """Make one release the active one; the others named drain."""
        older = MappingProxyType({number: self.ports[number] for number in draining})
        route = Route(Status.RUNNING, self.ports[active], "x", active, older, self.version)
        self.door.table = RoutingTable(CONSOLE_DOWN, MappingProxyType({"x": route}))

    def cut(self) -> None:
        """End all WebSockets, as a network does that goes away."""
        ends = [end for end in self.door.server.server_state.connections if isinstance(end, VisitorEnd)]
        assert ends
        for end in ends:
            self.door.server.servers[0].get_loop().call_soon_threadsafe(end.transport.abort)


@pytest.fixture(params=VERSIONS)
def deployed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Both releases' processes behind a gateway."""
    version = request.param
    folder = tmp_path_factory.mktemp("releases")
    python = install(folder / "venv", [f"streamlit=={version}", *VERSIONS[version]])
    with ExitStack() as stack:
        ports = {n: stack.enter_context(release(python, folder / str(n), n)) for n in (1, 2)}
        door = stack.enter_context(running())
        ready(*ports.values())
        yield Deployed(version, door, ports)


def test_each_tab_stays_with_its_release(deployed: Deployed, browser: Browser, tab: OpenTab) -> None:
    """Widgets, uploads, pictures, downloads and reconnects of two tabs: each is its own release's."""
    somebody = person(browser)
    deployed.route(1)
    old = _open(deployed, tab(somebody), 1)
    deployed.route(2, 1)
    new = _open(deployed, tab(somebody), 2)
    for visit, number in ((old, 1), (new, 2)):
        _use(visit, number, "ann")
        assert visit.download("Give it back") == ("a.txt", f"from {number} for ann".encode())

    deployed.cut()
    wait_until(lambda: all(deployed.gateway.tunnels(port) for port in deployed.ports.values()), "both back")
    for visit, number in ((old, 1), (new, 2)):
        _use(visit, number, "robert")
    if deployed.version > "1.35":  # older ones begin a new session when the WebSocket was cut
        expect(old.page.get_by_text("1 was pressed 1 times")).to_be_visible()

    deployed.route(2)
    deployed.cut()
    wait_until(lambda: deployed.gateway.tunnels(deployed.ports[2]) == 2, "both tabs on release 2")
    old.page.get_by_role("button", name="Press").click()
    expect(old.page.get_by_role("heading", name="Release 2")).to_be_visible()


def _open(deployed: Deployed, visit: Visit, number: int) -> Visit:
    visit.page.goto(deployed.url)
    expect(visit.page.get_by_role("heading", name=f"Release {number}")).to_be_visible()
    assert visit.page.url == deployed.url
    visit.page.get_by_role("button", name="Press").click()
    expect(visit.page.get_by_text(f"{number} was pressed 1 times")).to_be_visible()
    return visit


def _use(visit: Visit, number: int, name: str) -> None:
    """Do everything that goes over another connection than the first."""
    page = visit.page
    page.get_by_label("Name").fill(name)
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_text(f"{number} greets {name}")).to_be_visible()
    page.wait_for_function(
        "width => [...document.images].some(image => image.naturalWidth === width)",
        arg=100 * number + len(name),
    )
    content = name.encode() * 1000 * number
    visit.upload(f"{name}.txt", content)
    expect(page.get_by_text(f"{number} got {len(content)} bytes")).to_be_visible()
