"""What an install is asked for, and the program that carries it out."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hostd.identity import Identity, owner_of
from hostd.models import Options, Source
from hostd.store import BadState, parse, read_json


@dataclass(frozen=True, slots=True)
class Users:
    """``platform`` installs wheels; ``own`` builds this app's own code."""

    platform: Identity
    own: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One install. Paths as text, so that it travels as JSON; ``timeout`` in seconds.

    ``source`` and ``options`` are those of asked.json. ``as_of`` (a date) passes over packages newer than
    that; ``look_back`` asks to find the date from what the requirements pin. ``users`` None: everything is
    done as who we are. ``own_cache`` is for what builds this app's own code; ``held`` has the parts
    ``limits`` and ``confine`` of a spec (hostd/launch.py) for that, and the install adds its own folders.
    """

    release: str
    number: int
    source: dict[str, Any]
    options: dict[str, Any]
    dependency_key: str
    timeout: int
    run_log: str
    cache: str
    own_cache: str
    held: dict[str, Any]
    as_of: str | None = None
    look_back: bool = False
    users: Users | None = None

    @property
    def bundle(self) -> Path:
        """The tree as uploaded."""
        return Path(self.release, "bundle")

    @property
    def venv(self) -> Path:
        """Where the venv is made, and stays."""
        return Path(self.release, "venv")

    def asked(self) -> tuple[Source, Options]:
        """Source and options as values. Raises BadState."""
        return parse(Source, self.source, "source"), parse(Options, self.options, "options")


def environment(base: Mapping[str, str], cache: Path, users: Users | None = None) -> dict[str, str]:
    """What an install gets to see: the people's UV_*, proxy and CA variables over our defaults.

    ``users`` have no part of our own HOME, nor of a cache that is not theirs.
    """
    if users is not None:
        base = {name: value for name, value in base.items() if name not in ("HOME", "TMPDIR")}
        if "UV_CACHE_DIR" in base and owner_of(Path(base["UV_CACHE_DIR"]))[0] != users.platform.uid:
            base.pop("UV_CACHE_DIR")
    defaults = {
        "UV_CACHE_DIR": str(cache),
        "UV_PYTHON_DOWNLOADS": "automatic",
        "UV_PYTHON_INSTALL_DIR": str(cache.parent / "python"),  # beside the venvs that need them
        "UV_PYTHON_INSTALL_BIN": "0",
        "HOME": "/nonexistent",
    }
    return {**defaults, **base, "UV_NO_PROGRESS": "1", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def read_job(path: Path) -> Job:
    """The job in the spec at ``path``. Raises BadState."""
    return parse(Job, read_json(path).get("job", {}), path.name)


def spec(job: Job, env: Mapping[str, str], path: Path) -> dict[str, object]:
    """What the launcher runs for ``job``; ``path`` is where this very spec will be."""
    return {
        "argv": [sys.executable, "-m", "hostd.builds", str(path)],
        "env": {**env, "UV_PROJECT_ENVIRONMENT": str(job.venv)},
        "cwd": str(Path(__file__).resolve().parent.parent.parent),
        "job": asdict(job),
    }


def is_complete(record: Path) -> bool:
    """Whether release.json is there and readable."""
    with contextlib.suppress(BadState):
        return bool(read_json(record))
    return False
