"""The use cases of releases: make an app with its first, ask for a new one, go back to an old one."""

from __future__ import annotations

import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from hostd import bundles, trees
from hostd.access import Access, Change, unchanged
from hostd.errors import Conflict, Invalid, UnknownApp, UnknownRelease
from hostd.health import Ports
from hostd.layout import AppLayout, Layout, ReleaseLayout
from hostd.lifecycle import outcomes
from hostd.lifecycle.draining import drains
from hostd.lifecycle.registry import Registry
from hostd.lifecycle.wanted import Wanted
from hostd.models import App, Asked, Deploying, Options, Source, Status, Step, Wish
from hostd.program_names import program_name
from hostd.runlog import now, say
from hostd.scale import Scale
from hostd.settings import Settings
from hostd.store import Store, translated
from hostd.vault import Vault

_AS_IT_IS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """Lays releases down and asks for them; ``wake`` has the app's worker bring them about."""

    settings: Settings
    layout: Layout
    store: Store
    registry: Registry
    ports: Ports
    vault: Vault
    wake: Callable[[str], None]
    fetcher: bundles.Fetcher | None
    _updating: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def create(
        self,
        name: str,
        wanted: Wanted,
        app_id: str | None = None,
        scale: Mapping[str, Any] = _AS_IT_IS,
        access: Mapping[str, Any] = _AS_IT_IS,
    ) -> App:
        """A new app, on disk and asked to run. Raises Invalid, Conflict, NoFreePort, DiskFull."""
        name = bundles.check_name(name)
        app_id = bundles.check_id(app_id) if app_id else bundles.make_id(name)
        with self.registry.claim(app_id):
            if self.layout.app(app_id).root.exists():
                raise Conflict(f"A folder that is no app, or can't be read, has the id '{app_id}'.")
            app = self._made(app_id, name, wanted, _rescaled(Scale(), scale), Access(**access))
            self.registry.add(app)
        self.wake(app_id)
        return app

    def update(
        self,
        app_id: str,
        name: str | None,
        wanted: Wanted,
        scale: Mapping[str, Any] = _AS_IT_IS,
        access: Change = unchanged,
    ) -> tuple[App, int | None]:
        """Rename, rescale; and ask for a new release if anything of it is another. Its number, or None.

        ``access`` is applied with a new release, so that it begins with it; without one it is not.
        Raises Invalid, UnknownApp, DiskFull.
        """
        changes: dict[str, Any] = {} if name is None else {"name": bundles.check_name(name)}
        with self._updating[app_id]:
            current = self.registry.get(app_id)
            if scale:
                changes |= {"scale": _rescaled(current.scale, scale)}
            if wanted.empty and name is None:
                self.registry.amend(None, app_id, lambda _: changes)  # no deploy is interrupted
                changes = {}
            if wanted.empty:
                return self._ask(app_id, lambda _: changes), None
            return self._release(current, wanted, changes, access, even_if_same=False)

    def release(self, app_id: str, wanted: Wanted) -> int:
        """Lay down a new release and ask for it; its number. Raises Invalid, UnknownApp, DiskFull."""
        with self._updating[app_id]:
            number = self._release(self.registry.get(app_id), wanted, {}, unchanged, even_if_same=True)[1]
        assert number is not None  # noqa: S101 - for the type checker
        return number

    def activate(self, app_id: str, number: int, *, force: bool) -> None:
        """Ask for a release that is on disk: a way back, or forward again.

        Raises UnknownApp, UnknownRelease.
        """
        with self._updating[app_id]:
            current = self.registry.get(app_id)
            folder = self.layout.app(app_id)
            if number not in bundles.numbers(folder):
                raise UnknownRelease(app_id, number)
            if number == current.target == current.release and current.status is Status.RUNNING:
                return
            changes = {"target": number, "force": force, **outcomes.described(folder.release(number))}

            def decide(now: App) -> dict[str, Any]:
                if number not in (now.release, now.target):
                    self.vault.carry(app_id, now.target, number)  # a secret that was replaced is void
                return changes | _asked_to_run(now, number)

            self._ask(app_id, decide)

    def check_draining(self, app_id: str, number: int) -> None:
        """Raises UnknownApp, UnknownRelease, Conflict when the release does not drain."""
        app = self.registry.get(app_id)
        if drains(app, number) is None:
            if number not in bundles.numbers(self.layout.app(app_id)):
                raise UnknownRelease(app_id, number)
            raise Conflict(f"Release {number} does not drain; only a release that was replaced does.")

    def _release(
        self, current: App, wanted: Wanted, changes: dict[str, Any], access: Change, *, even_if_same: bool
    ) -> tuple[App, int | None]:
        """Lay down the next release, outside the registry's lock, and ask for it if it is another."""
        app_id, folder = current.app_id, self.layout.app(current.app_id)
        number = max([current.target, *bundles.numbers(folder)]) + 1
        base = folder.release(current.target)
        before = outcomes.asked(base)
        changed = wanted.secrets_after(self.vault, app_id, current.target)
        made = self._lay_down(folder, number, wanted, base, before)
        release = folder.release(number)
        same = (made.source.sha256, made.options) == (before.source.sha256, before.options)
        try:
            if same and changed is None and not even_if_same:
                return self._ask(app_id, lambda _: changes), None
            asked = {**changes, **outcomes.described(release), "target": number, "force": wanted.force}

            def decide(now: App) -> dict[str, Any]:
                # With the registry locked: nobody takes them for those of a release that is no more.
                if changed is None:
                    self.vault.carry(app_id, current.target, number)
                else:
                    self.vault.keep(folder, app_id, number, changed)
                return asked | {"access": access(now.access)} | _asked_to_run(now, number)

            return self._ask(app_id, decide), number
        finally:
            app = self.registry.peek(app_id)
            if app is None or app.target < number:
                trees.delete(release.root)
                folder.sealed(number).unlink(missing_ok=True)

    def _lay_down(
        self, folder: AppLayout, number: int, wanted: Wanted, base: ReleaseLayout | None, before: Asked | None
    ) -> Asked:
        asked = Asked(
            release=number,
            created_at=now(),
            source=before.source if before else Source(),
            options=wanted.options_after(before.options if before else Options()),
            by=wanted.by,
            note=wanted.note,
        )
        try:
            return bundles.lay_down(
                folder,
                number,
                wanted.upload,
                asked,
                base,
                environment=self.settings.build_environment,
                fetcher=self.fetcher,
            )
        except FileNotFoundError:
            raise UnknownApp(folder.root.name) from None  # it was deleted meanwhile

    def _made(self, app_id: str, name: str, wanted: Wanted, scale: Scale, access: Access) -> App:
        """A new app on disk, with a port leased."""
        program = program_name(app_id, 1)
        app = App(
            app_id=app_id,
            name=name,
            status=Status.CREATED,
            wish=Wish.RUNNING,
            target=1,
            port=self.ports.lease(program),
            cookie_secret=secrets.token_hex(32),
            created_at=now(),
            updated_at=now(),
            force=wanted.force,
            scale=scale,
            access=access,
            deploying=Deploying(1, Step.WAITING, now()),
        )
        try:
            return self._lay_down_new(app, wanted)
        except BaseException:
            self.ports.release(program)
            raise

    def _lay_down_new(self, app: App, wanted: Wanted) -> App:
        """Make the app's folder under a temporary name; only the last rename makes it an app."""
        final = self.layout.app(app.app_id).root
        temporary = AppLayout(final.with_name(f".new-{app.app_id}-{secrets.token_hex(3)}"))
        try:
            temporary.releases.mkdir(parents=True)
            temporary.home.mkdir(mode=0o700)
            self._lay_down(temporary, 1, wanted, None, None)
            self.vault.keep(temporary, app.app_id, 1, wanted.checked({}))
            app = replace(app, **outcomes.described(temporary.release(1)))
            self.store.save_in(temporary, app)
            say(temporary.log, f"create: {app.name}")
            temporary.root.rename(final)
        except OSError as error:
            raise translated(error) from None
        finally:
            trees.delete(temporary.root)
        return app

    def _ask(self, app_id: str, decide: Callable[[App], dict[str, Any]]) -> App:
        app = self.registry.ask(app_id, decide)
        self.wake(app_id)
        return app


def _rescaled(before: Scale, changes: Mapping[str, Any]) -> Scale:
    """Raises Invalid when more replicas would be needed than are allowed."""
    scale = replace(before, **changes)
    if scale.min_replicas > scale.max_replicas:
        name = "max_replicas" if "max_replicas" in changes else "min_replicas"
        raise Invalid(name, f"{scale.min_replicas} at least and {scale.max_replicas} at most can't be")
    return scale


def _asked_to_run(current: App, number: int) -> dict[str, Any]:
    """A release was asked for: an app that serves keeps its status, another is on its way again."""
    way = None if number == current.release else Deploying(number, Step.WAITING, now())
    changes = {"wish": Wish.RUNNING, "error": None, "deploying": way}
    if current.status is Status.RUNNING:
        return changes
    # What visitors had, or were about to have, comes back first, and stays if the new release fails.
    comes_back = current.release is not None and current.status in (Status.SLEEPING, Status.STARTING)
    return {**changes, "status": Status.CREATED, "restart": current.restart or comes_back}
