"""What a release wrote beside its code while it drained, left to the one that serves meanwhile."""

from __future__ import annotations

from collections import defaultdict

from hostd.bundles.below import app_of, rename_below
from hostd.bundles.moving import Moved, has_way, lay_ready, main_of, recovered_folder
from hostd.bundles.pristine import entries
from hostd.bundles.written import is_there, written_beside
from hostd.layout import ReleaseLayout


def leave_to(old: ReleaseLayout, new: ReleaseLayout) -> Moved:
    """Move what ``old`` wrote to ``new``, which runs and keeps what it has.

    Where both have a file, the old one's goes to ``home/recovered/r<old>/``. A kill in between leaves each
    file in one place; call again.
    """
    uploaded = entries(old) or {}
    groups: dict[str, list[str]] = defaultdict(list)
    for path in written_beside(old):
        groups[main_of(path)].append(path)
    aside = [main for main, paths in groups.items() if _is_met({main, *paths}, new)]
    for main, paths in groups.items():
        folder = recovered_folder(old) if main in aside else new.bundle
        for path in sorted(paths, key=len, reverse=True):  # the companions of an SQLite file go before it
            waiting = lay_ready(old, path) if path in uploaded else None
            rename_below(old.bundle / path, folder / path, app_of(old).root)
            if waiting is not None:
                rename_below(waiting, old.bundle / path, old.bundle, over=True)
    return Moved(
        moved=tuple(path for main, paths in groups.items() if main not in aside for path in paths),
        recovered=tuple(path for main in aside for path in groups[main]),
    )


def _is_met(paths: set[str], new: ReleaseLayout) -> bool:
    return any(is_there(new.bundle / path) or not has_way(path, new) for path in paths)
