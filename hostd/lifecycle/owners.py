"""Who owns what in the data folder: a user for each app, and the modes that keep apps apart.

An app's folder is root's, and its group is the app's: nobody else gets in. Below, code and venv are the
builder's, to be read; home is the app's own. What is root's alone lies in folders that no app can
write. ``home`` is given away last, so its owner tells whether the rest is done.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from hostd import builds, bundles, store, trees
from hostd.errors import Conflict
from hostd.identity import (
    Gift,
    Identity,
    end_all,
    give,
    give_new_folder,
    give_tree,
    open_folders,
    owner_of,
)
from hostd.layout import AppLayout, Layout, ReleaseLayout
from hostd.lifecycle import measuring
from hostd.lifecycle.registry import Registry
from hostd.models import App
from hostd.uids import PLATFORM, Uids, is_somebodys, of_app, own_builder

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Owners:
    """Gives each app its user. Without ``uids`` everything is the platform's."""

    layout: Layout
    registry: Registry
    uids: Uids | None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _taken: set[int] = field(default_factory=set)

    def settle(self, app_id: str, number: int | None = None, *, opened: bool = False) -> None:
        """See that the app has its user, and the files (of one release, or all) the right owners.

        Before a release is ``opened`` nobody can add to its bundle: an install reads what was uploaded.
        Raises Conflict when no number is left, UnknownApp.
        """
        folder = self.layout.app(app_id)
        identity = None if self.uids is None else of_app(self.uid(app_id))
        if identity is None:
            _take_back(folder)
        _make_storage(folder, identity)
        if identity is None:
            return
        if owner_of(folder.home)[:2] != (identity.uid, identity.gid):
            self._give_app(folder, identity)
        if number is not None:
            self._give_release(folder.release(number), identity, 0o1770 if opened else 0o750)

    def uid(self, app_id: str) -> int:
        """The number of the app, from now on at the latest; on disk before any file is the app's."""
        with self._lock:
            found = self._app(app_id).uid
            if found is None or found not in self._all() or _is_somebodys(found):
                found = self._next()
                self.registry.amend(None, app_id, lambda _: {"uid": found})
            return found

    def user(self, app_id: str) -> int | None:
        """Who the app runs as; None for the platform's own user."""
        return None if self.uids is None else self.uid(app_id)

    def builders(self, app_id: str) -> builds.Users | None:
        """Who installs for the app."""
        if self.uids is None:
            return None
        uid = self.uid(app_id)
        ours = replace(self.uids.builder, groups=(uid,))  # in the app's group, to enter its folder
        return builds.Users(ours, own_builder(uid))

    def make_door(self, app_id: str, folder: Path) -> None:
        """An empty folder for the socket of one of the app's processes."""
        trees.delete(folder)
        folder.mkdir(mode=0o700)
        if self.uids is not None:
            give(folder, Gift(of_app(self.uid(app_id)), folders=0o700, files=0o600))

    def load(self) -> None:
        """At start: note the numbers in use. Of two apps with one, one gets another."""
        if self.uids is None:
            return
        for app_id in self.registry.ids():
            uid = self._app(app_id).uid
            if uid is not None and uid in self._taken:
                self.registry.amend(None, app_id, lambda _: {"uid": None})
            elif uid is not None:
                self._taken.add(uid)
        for app_id in self.registry.ids():
            try:
                self.settle(app_id)
            except Exception:  # whatever an app made of its files, the others start
                log.exception("the files of %s can't be given to its user", app_id)

    def numbers(self) -> Set[int] | None:
        """Who this platform's apps are or were, as it goes on; None for the platform's own user.

        No others of the range: by mistake another platform's apps may be there as well.
        """
        return None if self.uids is None else self._taken

    def end(self, app: App, *, files: bool = False) -> None:
        """SIGKILL whatever still runs as the app or its builder, wherever it hid.

        What they keep in memory goes too, and with ``files`` what they have in folders that are for all.
        """
        if self.uids is None or app.uid is None or app.uid not in self._all():
            return
        if not _is_somebodys(app.uid):
            for one in (of_app(app.uid), own_builder(app.uid)):
                end_all(one.uid)
                measuring.forget_files(one.uid, measuring.ANYBODYS if files else (measuring.SHARED_MEMORY,))

    def _app(self, app_id: str) -> App:
        found = self.registry.peek(app_id)
        if found is None:
            raise Conflict(f"The app '{app_id}' is gone.")
        return found

    def _all(self) -> range:
        assert self.uids is not None  # noqa: S101 - for the type checker
        return self.uids.all()

    def _next(self) -> int:
        """A number after the last one that was given; those come again only when all were used."""
        numbers, path = self._all(), self.layout.last_uid
        last = numbers.start - 2
        with contextlib.suppress(store.BadState, KeyError, TypeError, ValueError):
            last = int(store.read_json(path)["last"])
        order = [*range(max(last + 2, numbers.start), numbers.stop, 2), *numbers]
        free = (uid for uid in order if uid in numbers and uid not in self._taken)
        chosen: int | None = next((uid for uid in free if not _is_somebodys(uid)), None)
        if chosen is None:
            raise Conflict("No uid is left for one more app: raise STREAMLIT_HOST_UID_MAX.")
        store.write_json(path, {"last": chosen})
        self._taken.add(chosen)
        return chosen

    def _give_app(self, folder: AppLayout, app: Identity) -> None:
        for path in (folder.root, folder.releases):
            give(path, _entered_by(app))
        for number in bundles.numbers(folder):
            self._give_release(folder.release(number), app, 0o750)
        give_tree(folder.home, Gift(app, folders=0o700, files=0o600))

    def _give_release(self, release: ReleaseLayout, app: Identity, mode: int) -> None:
        """Its bundle goes last. What the app wrote beside its code is the app's."""
        assert self.uids is not None  # noqa: S101 - for the type checker
        builder = Identity(self.uids.builder.uid, app.gid)
        if owner_of(release.bundle) == (builder.uid, builder.gid, mode) or not release.bundle.is_dir():
            return
        if owner_of(release.bundle)[:2] == (builder.uid, builder.gid):
            open_folders(release.bundle, builder.uid, mode)
            return
        give(release.root, _entered_by(app))
        if release.record.is_file() and release.venv.is_dir() and not release.venv.is_symlink():
            give_tree(release.venv, Gift(builder, folders=0o755, files=0o644, linked=True))
        written = bundles.written_beside(release)
        apart = dict.fromkeys(written, Gift(app, folders=0o700, files=0o600))
        give_tree(release.bundle, Gift(builder, folders=mode, files=0o640), apart)
        if not written and release.archive.is_file():
            os.utime(release.archive)  # since then the tree is as uploaded: written_beside need not read it


def _is_somebodys(uid: int) -> bool:
    return is_somebodys(uid) or is_somebodys(own_builder(uid).uid)


def _entered_by(app: Identity) -> Gift:
    """For a folder of root's that only the app passes through."""
    return Gift(Identity(PLATFORM.uid, app.gid), folders=0o710, files=0o600)


def _make_storage(folder: AppLayout, app: Identity | None) -> None:
    """``home/storage``, by descriptor: once home is the app's, it may have put a link in its place."""
    folder.home.mkdir(mode=0o700, exist_ok=True)
    home = os.open(folder.home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir("storage", 0o700, dir_fd=home)
            if app is not None:
                give_new_folder("storage", home, app)
    finally:
        os.close(home)


def _take_back(folder: AppLayout) -> None:
    """Where apps have no user any more: should they have one again, everything is to be given anew."""
    if os.geteuid() == 0 and owner_of(folder.home)[0] > 0:
        give(folder.home, Gift(PLATFORM, folders=0o700, files=0o600))
