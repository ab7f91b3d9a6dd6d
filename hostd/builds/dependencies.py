"""What uv is asked for, from the file that names the dependencies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hostd import bounded_toml
from hostd.builds import conda, poetry, texts
from hostd.builds.names import is_named


class _Loader(yaml.SafeLoader):
    """Leaves '<<' unknown: a few lines of nested merges make gigabytes."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge nothing."""


class Unreadable(Exception):
    """The file that names the dependencies is not what its name says; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The dependencies of one release.

    ``files`` decide about them, ``lines`` are the requirements at the top, ``constraints`` those of -c files.
    ``converted`` is a requirements file of our making, ``install`` the file that uv reads as it is.
    ``synced`` is the folder of a uv.lock, ``project`` that of a package to install as well. ``folder`` is the
    working directory. ``local`` tells that code of the upload itself gets installed, ``editable`` that it
    is imported from where it lies, ``built`` that a lock names code to build. ``uncertain`` are
    lines whose name PyPI may not have.
    """

    folder: Path
    files: tuple[Path, ...] = ()
    lines: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    converted: str | None = None
    install: Path | None = None
    synced: bool = False
    project: Path | None = None
    local: bool = False
    editable: bool = False
    built: bool = False
    hashed: bool = False
    python: str | None = None
    warnings: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()

    @property
    def locked(self) -> bool:
        """Whether every version is fixed already, so that no date changes any."""
        return self.synced or (self.install is not None and self.install.name.startswith("pylock."))

    @property
    def names_streamlit(self) -> bool:
        """Whether the requirements at the top name Streamlit themselves."""
        return is_named("streamlit", self.lines)


def read(bundle: Path, dependencies: str | None) -> Wanted:
    """What the upload in ``bundle`` asks for. Raises Unreadable."""
    if dependencies is None:
        return Wanted(folder=bundle)
    path = bundle / dependencies
    try:
        return _reader(path.name)(bundle, path)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise Unreadable(f"{dependencies} can't be read: {error}") from None
    except (TypeError, AttributeError, KeyError, IndexError):
        raise Unreadable(f"{dependencies} can't be read: a value in it is of the wrong kind") from None


def _reader(name: str) -> Callable[[Path, Path], Wanted]:
    exact = {"uv.lock": _uv_lock, "pyproject.toml": _pyproject, "Pipfile": _pipfile}
    if name in exact:
        return exact[name]
    if name.startswith("pylock.") and name.endswith(".toml"):
        return _pylock
    return _environment if name.endswith((".yml", ".yaml")) else _requirements


def _requirements(bundle: Path, path: Path) -> Wanted:
    tree = texts.tree(bundle, path)
    return Wanted(
        folder=_working_directory(bundle, path, tree.lines),
        files=tree.files,
        lines=tree.lines,
        constraints=tree.constraints,
        install=path,
        local=any(texts.local_path(line) is not None for line in tree.lines),
        editable=any(texts.is_editable(line) and texts.local_path(line) for line in tree.lines),
        hashed=tree.hashed,
    )


def _working_directory(bundle: Path, path: Path, lines: tuple[str, ...]) -> Path:
    """Where local paths begin: the file's own folder, or the root when only there all of them exist."""
    places = [place for line in lines if (place := texts.local_path(line))]
    for folder in (path.parent, bundle):
        if all((folder / place).exists() for place in places):
            return folder
    return path.parent


def _toml(path: Path) -> dict[str, Any]:
    return bounded_toml.loads(texts.read(path), bounded_toml.LOCK_ITEMS)


def _uv_lock(_: Path, path: Path) -> Wanted:
    packages = _toml(path).get("package", [])
    kinds = {kind for package in packages for kind in package.get("source", {})}
    members = sorted(path.parent.rglob("pyproject.toml")) if kinds & {"editable", "virtual"} else []
    own = path.parent / "pyproject.toml"
    return Wanted(
        folder=path.parent,
        files=(path, own, *(member for member in members if member != own)),
        synced=True,
        local=bool(kinds & {"editable", "directory", "path"}),
        editable="editable" in kinds,
        python=_project(own).get("requires-python"),
    )


def _project(path: Path) -> dict[str, Any]:
    try:
        return dict(_toml(path).get("project", {}))
    except (ValueError, TypeError):
        return {}


def _pylock(_: Path, path: Path) -> Wanted:
    content = _toml(path)
    packages = content.get("packages", [])
    local = any("directory" in package or _is_in_upload(package) for package in packages)
    return Wanted(
        folder=path.parent,
        files=(path,),
        lines=tuple(f"{p['name']}=={p['version']}" for p in packages if "name" in p and "version" in p),
        install=path,
        local=local,
        editable=any("directory" in package for package in packages),
        built=any(map(_is_built, packages)),
        python=content.get("requires-python"),
    )


def _is_in_upload(package: dict[str, Any]) -> bool:
    """An archive by path (PEP 751)."""
    return any("path" in package.get(kind, {}) for kind in ("archive", "sdist"))


def _is_built(package: dict[str, Any]) -> bool:
    """Whether a package of a pylock file is code to build that the file names itself, and no index has."""
    archive = package.get("archive", {})
    place = str(archive.get("path") or archive.get("url") or "")
    source = "path" in package.get("sdist", {}) and not package.get("wheels")
    return "vcs" in package or source or bool(archive and not place.partition("#")[0].endswith(".whl"))


def _pyproject(bundle: Path, path: Path) -> Wanted:
    content = _toml(path)
    project, tool = content.get("project", {}), content.get("tool", {})
    if "poetry" in tool and not {"dependencies", "dynamic"} & project.keys():
        return _converted(bundle, path, poetry.from_poetry(tool["poetry"], path.parent))
    package = path.parent if "build-system" in content and project else None
    sources = tool.get("uv", {}).get("sources", {})
    return Wanted(
        folder=path.parent,
        files=(path,),
        lines=tuple(project.get("dependencies", [])),
        install=path if project else None,
        project=package,
        local=package is not None or "path" in str(sources),
        editable=package is not None or "editable" in str(sources),
        python=project.get("requires-python"),
    )


def _pipfile(bundle: Path, path: Path) -> Wanted:
    return _converted(bundle, path, poetry.from_pipfile(_toml(path), path.parent))


def _environment(bundle: Path, path: Path) -> Wanted:
    content = yaml.load(texts.read(path), _Loader)  # noqa: S506 - a SafeLoader
    return _converted(bundle, path, conda.from_environment(content, path.parent))


def _converted(bundle: Path, path: Path, found: conda.Conversion) -> Wanted:
    """Wanted for a file that uv can't read: its lines as a requirements file of ours."""
    text = "".join(f"{line}\n" for line in found.lines)
    nested = [texts.tree(bundle, path.parent / name) for name in found.nested]
    lines = tuple(texts.logical_lines(text))
    every = (*lines, *(line for tree in nested for line in tree.lines))
    return Wanted(
        folder=_working_directory(bundle, path, every),
        files=(path, *(file for tree in nested for file in tree.files)),
        lines=every,
        converted=text,
        local=any(texts.local_path(line) is not None for line in every),
        editable=any(texts.is_editable(line) and texts.local_path(line) for line in every),
        python=found.python,
        warnings=found.warnings,
        uncertain=found.uncertain,
    )
