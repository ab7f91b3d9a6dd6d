"""The releases of one app on disk: numbers, the links to the one that serves, retention."""

from __future__ import annotations

import os

from hostd import trees
from hostd.bundles.pristine import source_of
from hostd.bundles.upload import APP, REQUIREMENTS
from hostd.layout import AppLayout, ReleaseLayout


def numbers(app: AppLayout) -> list[int]:
    """The numbers of all releases on disk, oldest first."""
    if not app.releases.is_dir():
        return []
    return sorted(int(entry.name) for entry in app.releases.iterdir() if entry.name.isdecimal())


def point_at(app: AppLayout, release: ReleaseLayout) -> None:
    """Make ``app.py``, ``requirements.txt`` and ``venv`` in the app's folder links to the release's.

    ``app.py`` leads to the entry, whatever its name.
    """
    source = source_of(release)
    requirements = source.dependencies if (source.dependencies or "").endswith(REQUIREMENTS) else None
    targets = {
        APP: release.bundle / source.entry,
        REQUIREMENTS: release.bundle / (requirements or REQUIREMENTS),
        "venv": release.venv,
    }
    for link, target in targets.items():
        temporary = app.root / f".{link}.link"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.path.relpath(target, app.root))
        temporary.replace(app.root / link)


def sweep(app: AppLayout, *, keep: set[int]) -> None:
    """Delete every release but those in ``keep``, and those whose venv a kept one links to."""
    wanted = keep | {owner for n in keep if (owner := venv_owner(app, n)) is not None}
    for number in set(numbers(app)) - wanted:
        trees.delete(app.release(number).root)


def venv_owner(app: AppLayout, number: int) -> int | None:
    """The release whose folder holds the venv of release ``number``; None when it has no venv."""
    venv = app.release(number).venv
    if not venv.exists():
        return None
    owner = venv.resolve().parent.name
    return int(owner) if owner.isdecimal() else None
