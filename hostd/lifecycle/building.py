"""What the steps of an install that run code of others may read, change, connect to, and use."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hostd import builds, egress, uids
from hostd.confine.landlock import ANY_PORT
from hostd.layout import Layout
from hostd.lifecycle.confinement import DEVICES, SHARED_MEMORY, SYSTEM, connects, limits, shared, without
from hostd.scale import Scale
from hostd.settings import Settings

_WRITTEN = ("HOME", "TMPDIR", "UV_CACHE_DIR")
"""Variables whose folders are ours: an app's own builder has others."""


def confined_build(settings: Settings, scale: Scale, *, own: bool) -> dict[str, Any]:
    """The parts ``limits`` and ``confine`` of a spec (hostd/launch.py); ``own``: with a uid for it alone.

    Much as for the app itself, so that nobody gains by a setup.py what an app.py may not.
    """
    data = settings.data.resolve()
    environment = settings.build_environment
    needed = [*egress.proxy_ports(environment), *egress.index_ports(environment)]
    return {
        "limits": _limits(settings, scale),
        "confine": {
            "read": [str(path) for path in readable_by_builds(settings)],
            "write": [*DEVICES, *(shared(data) if own else [])],
            "unlisted": [] if own else [SHARED_MEMORY],
            "tcp": {"bind": [ANY_PORT], "connect": connects(settings, scale, needed)},
        },
    }


def _limits(settings: Settings, scale: Scale) -> dict[str, int]:
    """Those of the app; but a compiler may have what the platform gives any app."""
    found = limits(settings, scale)
    some = found["memory_mb"] and settings.app_memory_mb
    return {**found, "memory_mb": max(found["memory_mb"], settings.app_memory_mb) if some else 0}


def readable_by_builds(settings: Settings) -> Iterator[Path]:
    """The system, every Python that uv may find, uv, and what hostd's own variables for installs name."""
    data = settings.data.resolve()
    for root in (*map(Path, SYSTEM), *settings.app_read, *named_files(settings)):
        yield from without(root, data)
    for prefix in _prefixes(settings):
        yield from without(prefix, data) if data.is_relative_to(prefix) else without(prefix, data / "apps")
    yield Layout(data).cache.parent / "python"
    yield Path(os.path.realpath(builds.UV))


def named_files(settings: Settings) -> Iterator[Path]:
    """What hostd's own variables for installs name."""
    for name, value in settings.build_environment.items():
        for part in re.split(r"[\s,:]+", value.replace("file://", "")):
            if name not in _WRITTEN and part.startswith("/") and os.path.realpath(part) != "/":
                yield Path(part)


def _prefixes(settings: Settings) -> set[Path]:
    """Where the Pythons on PATH lie; those of pyenv and the like beside the folder of their shims."""
    programs = uids.pythons(settings, builds.interpreter())
    found = {Path(os.path.realpath(one)).parent.parent for one in programs}
    real = {one for one in found if one != Path("/") and any(one.glob("lib*/python3*/os.py"))}
    folders = map(Path, settings.build_environment.get("PATH", "").split(":"))
    return real | {folder.parent for folder in folders if folder.name == "shims"}
