"""What became of each release: its records read and written, old ones swept."""

from __future__ import annotations

import contextlib
import logging
import secrets
from pathlib import Path
from typing import Any

from hostd import bundles, store, trees, words
from hostd.errors import HostdError
from hostd.layout import AppLayout, ReleaseLayout
from hostd.lifecycle.routing import Serving
from hostd.models import App, Asked, Failure, FailureKind, Source, Strategy
from hostd.outcome import Outcome, ReleaseState
from hostd.runlog import now, say

log = logging.getLogger(__name__)


def record(release: ReleaseLayout) -> dict[str, Any]:
    """release.json: what the install made; {} while it has not."""
    with contextlib.suppress(store.BadState):
        return store.read_json(release.record)
    return {}


def serving(release: ReleaseLayout, port: int, pid: int) -> Serving:
    """What visitors reach once the process ``pid`` of a complete release serves on ``port``."""
    made = record(release)
    version, static = made.get("streamlit_version") or "", made.get("static") or ""
    return Serving(int(release.root.name), port, version, static, pid)


def asked(release: ReleaseLayout) -> Asked:
    """asked.json; for a release of before there was one, what must have been in it."""
    with contextlib.suppress(store.BadState):
        return store.read_asked(release)
    named = bundles.REQUIREMENTS if (release.bundle / bundles.REQUIREMENTS).is_file() else None
    return Asked(release=int(release.root.name), created_at="", source=Source(dependencies=named))


def outcome(release: ReleaseLayout) -> Outcome | None:
    """outcome.json; None while there is none."""
    with contextlib.suppress(store.BadState):
        return store.read_outcome(release)
    return None


def described(release: ReleaseLayout) -> dict[str, Any]:
    """What an app tells of its target: ``entry``, ``options`` and the digests of two files."""
    found = asked(release)
    return {"entry": found.source.entry, "options": found.options, **bundles.digests(release)}


def served(release: ReleaseLayout, strategy: Strategy, warning: Failure | None) -> None:
    """The release came through the gate. Written before visitors get it: who sees it active can read how."""
    made = Outcome(state=ReleaseState.RETIRED, at=now(), served=True, strategy=strategy, warning=warning)
    _write(release, made)


def failed(release: ReleaseLayout, failure: Failure) -> None:
    """The release did not pass the gate. One that served before is kept like those that did."""
    before = outcome(release)
    served_once = before is not None and before.served
    _write(release, Outcome(state=ReleaseState.FAILED, at=now(), served=served_once, error=failure))


def _write(release: ReleaseLayout, value: Outcome) -> None:
    """A full disk does not stop an app: then what became of the release is told by the app alone."""
    try:
        store.write_value(release.outcome, value)
    except (HostdError, OSError) as error:
        log.warning("%s can't be written: %s", release.outcome.name, error)


def tell(run_log: Path, failure: Failure) -> None:
    """Write a failure to run.log, in both languages."""
    for language in ("en", "zh"):
        cause, advice = words.tell(failure, language)
        say(run_log, f"failed: {failure.kind}: {cause} {advice}".rstrip())


def state(app: App, number: int, found: Outcome | None) -> ReleaseState:
    """What became of release ``number`` of an app."""
    if number == app.release:
        return ReleaseState.ACTIVE
    if any(old.release == number for old in app.draining):
        return ReleaseState.DRAINING
    if number == app.target:
        on_its_way = app.deploying is not None and app.deploying.release == number
        return (
            ReleaseState.DEPLOYING if on_its_way else ReleaseState.PENDING if found is None else found.state
        )
    return ReleaseState.CANCELLED if found is None else found.state


def sweep(folder: AppLayout, app: App, retain: int) -> None:
    """Delete old releases: of those that served the newest ``retain`` stay, of the others as many."""
    numbers = [n for n in bundles.numbers(folder) if n not in (app.release, app.target)]
    outcomes = {n: outcome(folder.release(n)) for n in numbers}
    good = [n for n in numbers if (found := outcomes[n]) and found.served]
    bad = [n for n in numbers if n not in good]
    drained = [old.release for old in app.draining]
    kept = {n for n in (app.release, app.target, *drained) if n is not None}
    room = max(0, retain - 1)  # the active one is one of them
    kept |= set(good[len(good) - min(room, len(good)) :]) | set(bad[len(bad) - min(retain, len(bad)) :])
    bundles.sweep(folder, keep=kept)
    for number in set(bad) - set(drained):
        venv = folder.release(number).venv
        if venv.is_dir() and not venv.is_symlink() and not _is_linked(folder, number):
            trees.delete(venv)
            folder.release(number).record.unlink(missing_ok=True)


def _is_linked(folder: AppLayout, number: int) -> bool:
    """Whether another release runs on the venv of this one."""
    return any(bundles.venv_owner(folder, n) == number for n in bundles.numbers(folder) if n != number)


def kind_of(error: Exception) -> FailureKind:
    """What an error that nobody foresaw is called."""
    is_full = type(store.translated(error) if isinstance(error, OSError) else error).__name__ == "DiskFull"
    return FailureKind.DISK_FULL if is_full else FailureKind.INTERNAL


def take_away(folder: Path) -> None:
    """Delete an app's folder; gone from sight at once. What can't be deleted is tried at the next start."""
    doomed = folder.with_name(f".deleted-{folder.name}-{secrets.token_hex(3)}")
    with contextlib.suppress(FileNotFoundError):  # a step that stumbled behind this one is taken anew
        folder.rename(doomed)
    if not trees.delete(doomed):
        log.error("%s can't be deleted whole", doomed)
