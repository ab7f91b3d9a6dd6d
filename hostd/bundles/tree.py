"""A tree of files: members from anywhere, selected, then written into an empty folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from hostd.bundles.paths import common_top, left_out
from hostd.bundles.upload import Limits
from hostd.errors import Invalid

Opener = Callable[[], AbstractContextManager[BinaryIO]]
CHUNK = 262_144
LINK_LIMIT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file, or a folder (no ``open``), or a link to ``target``. Paths are clean, from the root."""

    path: str
    open: Opener | None = None
    executable: bool = False
    target: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of its own, which matters when it is empty."""
        return self.open is None and self.target is None


@dataclass(slots=True, kw_only=True)
class Budget:
    """Counts what is really unpacked, whatever headers say. ``packed`` is the size of an archive."""

    limits: Limits
    field: str
    packed: int | None = None
    size: int = 0
    files: int = 0

    def take_file(self) -> None:
        """One more file. Raises Invalid."""
        self.files += 1
        if self.files > self.limits.files:
            raise Invalid(self.field, f"holds more than {self.limits.files:,} files")

    def take(self, count: int) -> None:
        """So many more bytes. Raises Invalid."""
        self.size += count
        if self.size > self.limits.size:
            raise Invalid(self.field, f"unpacks to more than {self.limits.size / 1e6:,.0f} MB")
        ratio = self.limits.ratio
        if self.packed is not None and self.size > max(self.limits.ratio_floor, ratio * self.packed):
            raise Invalid(self.field, f"unpacks to more than {ratio} times its own size")


def selected(members: Iterable[Member], field: str, limits: Limits) -> tuple[dict[str, Member], list[str]]:
    """The members that belong to an app, by path, and what to tell about the others.

    Raises Invalid(field) for two of one name, a file that is a folder too, and for too many.
    """
    kept = [member for member in members if member.path and not left_out(member.path)]
    venvs = {head for member in kept if (head := member.path.rpartition("/")[0]) and _is_venv(member.path)}
    everything = common_top(member.path for member in kept).rstrip("/")
    venvs.discard(everything)
    kept = [member for member in kept if venvs.isdisjoint(parents(member.path))]
    if len(kept) > limits.files:
        raise Invalid(field, f"holds more than {limits.files:,} files")
    told = [f"{venv}/ is a virtual environment and was left out." for venv in sorted(venvs)]
    return _without_clashes(kept, field), told


def _is_venv(path: str) -> bool:
    return path.rpartition("/")[2] == "pyvenv.cfg"


def _without_clashes(members: list[Member], field: str) -> dict[str, Member]:
    found: dict[str, Member] = {}
    folded: dict[str, str] = {}
    for member in members:
        before = found.get(member.path)
        if before is not None and not (before.is_folder and member.is_folder):
            raise Invalid(field, f"holds '{member.path}' twice")
        if not member.is_folder and folded.setdefault(member.path.casefold(), member.path) != member.path:
            twin = folded[member.path.casefold()]
            raise Invalid(field, f"holds '{member.path}' and '{twin}', the same name but for its case")
        found[member.path] = member
    check_parents(found, field)
    return found


def check_parents(tree: Mapping[str, Member], field: str) -> None:
    """Raises Invalid(field) when something lies below what is a file."""
    for path in tree:
        for parent in parents(path):
            if parent in tree and not tree[parent].is_folder:
                raise Invalid(field, f"holds '{parent}' as a file and as a folder")


def parents(path: str) -> list[str]:
    """Every folder above ``path``, the nearest first."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def stripped(tree: dict[str, Member], field: str) -> tuple[dict[str, Member], str]:
    """The tree without the one folder that everything is in, and that folder with its slash, or ''."""
    top = common_top(path for path, member in tree.items() if not (member.is_folder and "/" not in path))
    if not top or (top[:-1] in tree and not tree[top[:-1]].is_folder):
        return tree, ""
    return {path[len(top) :]: _moved(tree[path], top, field) for path in tree if path.startswith(top)}, top


def _moved(member: Member, top: str, field: str) -> Member:
    target = member.target
    if target is not None:
        if not target.startswith(top):
            raise Invalid(field, f"the link '{member.path}' leads out of the bundle")
        target = target[len(top) :]
    return replace(member, path=member.path[len(top) :], target=target)


def write(tree: Mapping[str, Member], folder: Path, budget: Budget) -> list[str]:
    """Write every member below ``folder``, which is empty and nobody else's. Links become copies.

    Returns the links that lead nowhere and were left out. Raises Invalid, OSError.
    """
    links = {path: member.target for path, member in tree.items() if member.target is not None}
    if len(links) > LINK_LIMIT:
        raise Invalid(budget.field, f"holds more than {LINK_LIMIT} links")
    for path, member in sorted(tree.items()):
        if member.open is not None:
            write_file(folder / path, member.open, budget, executable=member.executable)
        elif member.is_folder:
            (folder / path).mkdir(parents=True, exist_ok=True)
    return _copy_links(folder, links, budget)


def write_file(path: Path, content: Opener, budget: Budget, *, executable: bool = False) -> None:
    """A new file, never one that is there or a link. Raises Invalid when the budget is spent."""
    budget.take_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o700 if executable else 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as target, content() as source:
        while chunk := source.read(CHUNK):
            budget.take(len(chunk))
            target.write(chunk)


def _copy_links(folder: Path, links: dict[str, str], budget: Budget) -> list[str]:
    """Copy what each link leads to, those first that others lead through; tell which led nowhere."""
    waiting, lost = dict(links), []
    while waiting:
        done = [path for path, target in waiting.items() if _is_ready(folder, path, target, waiting)]
        for path in done:
            _copy(folder / waiting[path], folder / path, budget)
        if not done:
            done = [path for path in waiting if _is_hopeless(path, waiting)] or list(waiting)
            lost += done
        waiting = {path: target for path, target in waiting.items() if path not in done}
    return [f"The link {path} leads nowhere inside the bundle and was left out." for path in sorted(lost)]


def _is_ready(folder: Path, path: str, target: str, waiting: Mapping[str, str]) -> bool:
    if _is_below(path, target) or not (folder / target).exists():
        return False
    return not any(_is_below(other, target) for other in waiting)


def _is_hopeless(path: str, waiting: Mapping[str, str]) -> bool:
    """Whether a link that is not ready will never be: it holds itself, or no other link is on its way."""
    target = waiting[path]
    return _is_below(path, target) or not any(
        _is_below(target, other) or _is_below(other, target) for other in waiting
    )


def _is_below(path: str, folder: str) -> bool:
    return not folder or f"{path}/".startswith(f"{folder}/")


def _copy(source: Path, target: Path, budget: Budget) -> None:
    if source.is_file():
        executable = bool(source.stat().st_mode & 0o100)
        write_file(target, lambda: source.open("rb"), budget, executable=executable)
        return
    target.mkdir(parents=True, exist_ok=True)
    for entry in sorted(source.iterdir()):
        _copy(entry, target / entry.name, budget)


def files_of(folder: Path) -> list[tuple[str, int]]:
    """(path, size) of every file below ``folder``, sorted."""
    return [(path, (folder / path).lstat().st_size) for path in files_below(folder)]


def files_below(folder: Path) -> list[str]:
    """Every file and link below ``folder``, sorted; caches of bytecode, sockets, pipes and what can't be read
    (a path over PATH_MAX, too) are passed over.
    """
    found: list[str] = []
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        with contextlib.suppress(OSError), os.scandir(folder / prefix) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting += [f"{prefix}{entry.name}/"] if entry.name != "__pycache__" else []
                elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
                    found.append(prefix + entry.name)
    return sorted(found)
