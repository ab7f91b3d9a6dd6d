"""As whom an install runs, with which cache: who only unpacks wheels shares, who builds code is on its own.

Building runs code: a package's setup.py, an app's own project. It is done as the app's own builder, confined
as an app is, in a cache that nobody else reads. What the upload names itself is built without further leave;
for packages of the index that are there as source only the app must be allowed to. Wheels are unpacked, and
none of their code runs.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hostd.builds.dependencies import Wanted
from hostd.builds.install import read
from hostd.builds.job import Job
from hostd.builds.steps import Steps
from hostd.builds.texts import read as read_text
from hostd.identity import Identity, acting, end_all, open_folders

_SOURCE = re.compile(
    r"^--(?:no|only)-binary|(?:^|@\s*|\s)(?:git|hg|svn|bzr)\+|://\S+\.(?:tar\.\w+|tgz|zip)(?:[#?;\s]|$)"
)

_WRITTEN = {"UV_CACHE_DIR": "uv", "HOME": "home", "TMPDIR": "tmp"}
"""Variables of an app's own builder, and the folders in its cache that they name."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """The steps of one install, its cache folder, and what it is asked for."""

    steps: Steps
    cache: Path
    wanted: Wanted
    own: Identity | None = None

    def end_builders(self) -> None:
        """Nothing that a build started outlives it."""
        if self.own is not None:
            end_all(self.own.uid)


def choose(job: Job, steps: Steps) -> Workplace:
    """The workplace for ``job``. Raises Stop for requirements that can't be read."""
    users = job.users
    platform, own = (users.platform, users.own) if users else (None, None)
    with acting(platform):
        wanted = read(job)
        building = job.asked()[1].build_from_source or builds_code(wanted, job.bundle)
    ours = replace(steps, folder=Path("/"), identity=platform, environment=os.environ, building=False)
    if not building:
        _make(job, steps, platform)
        # Its own folder: in the upload's, uv would find settings of the upload's.
        return Workplace(ours, Path(job.cache), replace(wanted, folder=steps.scratch))
    _make(job, steps, own)
    if platform is not None:
        open_folders(job.bundle, platform.uid, 0o1770)
    environment = {**os.environ, **_own(job, own)}
    held = _held(job, steps, [environment[name] for name in _WRITTEN])
    steps = replace(steps, identity=own, environment=environment, platform=ours, held=held)
    return Workplace(steps, Path(job.own_cache), wanted, own)


def builds_code(wanted: Wanted, bundle: Path) -> bool:
    """Whether code is built that the upload names itself: its own, a repository's, an archive's.

    Also when it changes what uv does, by options in its requirements or by settings; and when Streamlit may
    have to be added to a venv that foreign packages are in already: uv asks the venv's Python about itself,
    and that runs what they left there.
    """
    named = wanted.local or wanted.editable or wanted.project is not None or wanted.synced or wanted.built
    adds_later = (wanted.locked or wanted.hashed) and not wanted.names_streamlit
    lines = (*wanted.lines, *wanted.constraints)
    return named or adds_later or any(_SOURCE.search(line) for line in lines) or _has_settings(wanted, bundle)


def _has_settings(wanted: Wanted, bundle: Path) -> bool:
    """Settings of uv's, or a project whose dependencies only its build tells."""
    folders = [one for one in (wanted.folder, *wanted.folder.parents) if one.is_relative_to(bundle)]
    if any((folder / "uv.toml").exists() for folder in folders):
        return True
    texts = [read_text(path) for folder in folders if (path := folder / "pyproject.toml").is_file()]
    return any(re.search(r"tool\s*\.\s*[\"']?uv|\btool\s*=|dynamic", text) for text in texts)


def _own(job: Job, own: Identity | None) -> dict[str, str]:
    """The variables of an app's own builder: its own places for everything that is written.

    The folder around them is for bytecode, which no code of others writes.
    """
    cache = Path(job.own_cache)
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    if own is not None:
        os.chown(cache, own.uid, own.gid)
    found = {name: cache / folder for name, folder in _WRITTEN.items()}
    with acting(own):
        for folder in found.values():
            folder.mkdir(mode=0o700, exist_ok=True)
    return {name: str(folder) for name, folder in found.items()}


def _held(job: Job, steps: Steps, written: list[str]) -> dict[str, Any]:
    """What confines the steps that run code of others: ``job.held``, and the folders that they fill."""
    folders = [str(job.bundle), str(job.venv), str(steps.scratch), *written]
    confine = job.held["confine"]
    return {**job.held, "confine": {**confine, "write": [*confine["write"], *folders]}}


def _make(job: Job, steps: Steps, identity: Identity | None) -> None:
    """The two folders in the release's that are for the one who builds."""
    for folder, mode in ((job.venv, 0o755), (steps.scratch, 0o700)):
        folder.mkdir(mode=mode)
        folder.chmod(mode)
        if identity is not None:
            os.chown(folder, identity.uid, identity.gid)
