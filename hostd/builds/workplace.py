"""As whom an install runs, with which cache: who only unpacks wheels shares, who builds code is on its own.

Building runs code: a package's setup.py, an app's own project. It is done as the app's own builder, whose
cache nobody else reads; and packages that are there as source only need the app's leave. Wheels are
unpacked, and none of their code runs.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from hostd.builds.dependencies import Wanted
from hostd.builds.install import read
from hostd.builds.job import Job, Users
from hostd.builds.steps import Steps
from hostd.builds.texts import read as read_text
from hostd.identity import Identity, acting, end_all, open_folders

_SOURCE = re.compile(
    r"^--(?:no|only)-binary|(?:^|@\s*|\s)(?:git|hg|svn|bzr)\+|://\S+\.(?:tar\.\w+|tgz|zip)(?:[#?;\s]|$)"
)


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
    with acting(users.platform if users else None):
        wanted = read(job)
        building = job.asked()[1].build_from_source or builds_code(wanted, job.bundle)
    if users is None:
        return Workplace(replace(steps, building=building), Path(job.cache), wanted)
    ours = replace(steps, folder=Path("/"), identity=users.platform, environment=os.environ, building=False)
    if not building:
        _make(job, steps, users.platform)
        # Its own folder: in the upload's, uv would find settings of the upload's.
        return Workplace(ours, Path(job.cache), replace(wanted, folder=steps.scratch))
    _make(job, steps, users.own)
    open_folders(job.bundle, users.platform.uid, 0o1770)
    own = replace(steps, identity=users.own, environment={**os.environ, **_own(users)}, platform=ours)
    return Workplace(own, Path(users.own_cache), wanted, users.own)


def builds_code(wanted: Wanted, bundle: Path) -> bool:
    """Whether code is built that the upload names itself: its own, a repository's, an archive's.

    Also when it changes what uv does, by options in its requirements or by settings; and when Streamlit may
    have to be added to a venv that foreign packages are in already: uv asks the venv's Python about itself,
    and that runs what they left there.
    """
    named = wanted.local or wanted.editable or wanted.project is not None or wanted.synced
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


def _own(users: Users) -> dict[str, str]:
    """The variables of an app's own builder: its own places for everything that is written."""
    cache = Path(users.own_cache)
    cache.mkdir(mode=0o700, exist_ok=True)
    os.chown(cache, users.own.uid, users.own.gid)
    with acting(users.own):
        for folder in (cache / "home", cache / "tmp"):
            folder.mkdir(mode=0o700, exist_ok=True)
    return {
        "UV_CACHE_DIR": str(cache / "uv"),
        "HOME": str(cache / "home"),
        "TMPDIR": str(cache / "tmp"),
    }


def _make(job: Job, steps: Steps, identity: Identity) -> None:
    """The two folders in the release's that are for the one who builds."""
    for folder, mode in ((job.venv, 0o755), (steps.scratch, 0o700)):
        folder.mkdir(mode=mode)
        folder.chmod(mode)
        os.chown(folder, identity.uid, identity.gid)
