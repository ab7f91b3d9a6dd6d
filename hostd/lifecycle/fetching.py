"""Who fetches from Git where apps have users, and what git and ssh may read and connect to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hostd import builds, bundles, egress, uids
from hostd.identity import is_reachable
from hostd.layout import Layout
from hostd.lifecycle.building import named_files
from hostd.lifecycle.confinement import DEVICES, OF_ETC, SYSTEM, ours, without
from hostd.settings import Settings


def fetcher(settings: Settings, users: uids.Uids | None) -> bundles.Fetcher | None:
    """None where everything is the platform's own user."""
    if users is None:
        return None
    pythons = [Path(one).resolve() for one in uids.pythons(settings, builds.interpreter())]
    python = next(one for one in pythons if is_reachable(one))
    named = [*named_files(settings), python.parent.parent]
    proxies = egress.proxy_ports(settings.build_environment)
    return bundles.Fetcher(
        user=users.fetcher,
        folder=Layout(settings.data).git,
        read=tuple(map(str, _without_data(settings, [*map(Path, SYSTEM), *named]))),
        write=DEVICES,
        ssh_read=tuple(map(str, _without_data(settings, list(_for_ssh(settings))))),
        ports=tuple(egress.allowed(egress.COMMON, ours(settings), proxies)),
        python=str(python),
    )


def _for_ssh(settings: Settings) -> Iterator[Path]:
    """It runs as root: so of /etc only what it needs."""
    yield from (Path(one) for one in SYSTEM if one not in ("/etc", "/opt"))
    yield from (Path("/etc", name) for name in (*OF_ETC, "ssh", "crypto-policies"))
    yield from map(Path, filter(None, settings.build_environment.get("LD_LIBRARY_PATH", "").split(":")))


def _without_data(settings: Settings, roots: list[Path]) -> Iterator[Path]:
    data = settings.data.resolve()
    for root in roots:
        if root != Path("/"):
            yield from without(root, data)
