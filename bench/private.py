"""What a private app costs the gateway beside a public one: asking who looks, and telling the app.

``python -m bench.private [--rounds N] [--scale S]``. The traffic of bench/gateway.py goes through two
gateways in front of one backend, the order turning. Before one of them the app is private: of a hundred
people who are signed in, all in the group that may see it, one asks. CPU is user and system time of each
gateway's process from /proc, per request or round trip.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import peers
from bench.gateway import SCENARIOS, Target, run, settle
from bench.measure import Samples, free_port, load, machine, print_table
from hostd.access import Access, Visibility
from hostd.gateway import GatewayOptions
from hostd.models import Route, Status
from hostd.people import Cookies, People, Source, User
from hostd.person import Role
from hostd.viewer import viewer_key

PEOPLE = 100
"""How many are signed in."""


def be_private(port: int, folder: Path, backend: int) -> None:
    """Be the gateway before a private app; the Cookie field of a visitor is in ``folder``/cookie."""
    people = People(folder / "people", Cookies("http://127.0.0.1"), operator=True)
    value = ""
    for number in range(PEOPLE):
        user = User(
            name=f"p{number}",
            role=Role.VIEWER,
            groups=("sales", "b"),
            source=Source.OIDC,
            subject=f"{number}",
        )
        value = people.admit(user)[0].view
    (folder / "cookie").write_text(f"{people.cookies.view}={value}")
    access = Access(visibility=Visibility.PRIVATE, owner="ann", viewer_groups=("sales",))
    route = Route(Status.RUNNING, backend, "bench", 1, access=access, viewer_key=viewer_key("bench"))
    peers.serve(port, [route], GatewayOptions(whose=people.whose))


@contextmanager
def private(backend: int, folder: str) -> Iterator[Target]:
    """That gateway, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "bench.private", "--serve", str(port), folder, str(backend)]
    with peers.process(command, port) as server:
        cookie = Path(folder, "cookie").read_text()
        yield Target("private", port, server.pid, cookie=cookie)


def rows(public: Target, private: Target) -> Iterator[tuple[str, ...]]:
    """The table: microseconds per request or round trip."""
    yield ("traffic", "public, CPU us", "private, CPU us", "private / public")
    for scenario in SCENARIOS:
        theirs, ours = public.cpu[scenario.name], private.cpu[scenario.name]
        pairs = zip(ours.values, theirs.values, strict=True)
        ratio = Samples([mine / max(other, 1e-9) for mine, other in pairs])
        yield (scenario.name, theirs.show(1e6, 1), ours.show(1e6, 1), ratio.show())


def main() -> None:
    """Start the servers, run all rounds, print the table."""
    parser = argparse.ArgumentParser(description="What a private app costs the gateway beside a public one.")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--scale", type=float, default=1.0, help="how many round trips, beside the usual")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        port, folder, backend = options.serve
        be_private(int(port), Path(folder), int(backend))
        return
    print(machine())
    print(f"before: {load()}")
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="hostd-bench-"))
        backend = stack.enter_context(peers.backend(folder))
        public = Target("public", *stack.enter_context(peers.gateway(backend)))
        targets = [public, stack.enter_context(private(backend, folder))]
        settle(targets)
        run(targets, options.rounds, options.scale)
    print(f"after: {load()}")
    print(f"median (min - max) of {options.rounds} rounds")
    print_table(rows(*targets))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main()
