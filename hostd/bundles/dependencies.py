"""Which file of a bundle names its dependencies, and what else it asks the machine for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hostd import bounded_toml
from hostd.bundles.requirements import SOURCE_LIMIT, check_requirements
from hostd.bundles.upload import REQUIREMENTS
from hostd.errors import Invalid

KINDS = (
    "uv.lock",
    "pylock.toml",
    REQUIREMENTS,
    "pyproject.toml",
    "Pipfile",
    "environment.yml",
    "environment.yaml",
)
"""In this order, first in the entry's folder, then in the root."""
_LOCK, _YAML = 20_000_000, 300_000
_LIMITS = {"uv.lock": _LOCK, "pylock.toml": _LOCK, "environment.yml": _YAML, "environment.yaml": _YAML}
"""Bytes: a program wrote the locks, and YAML takes ten seconds for a megabyte."""


_TOML = {
    "pyproject.toml": bounded_toml.ITEMS,
    "Pipfile": bounded_toml.ITEMS,
    "pylock.toml": bounded_toml.LOCK_ITEMS,
    "uv.lock": bounded_toml.LOCK_ITEMS,
}
"""With the most that each may hold."""


def places(entry: str, name: str) -> list[str]:
    """Where a file of the app is looked for: beside the entry, then at the root."""
    folder = entry.rpartition("/")[0]
    return [f"{folder}/{name}", name] if folder else [name]


def find_dependencies(folder: Path, files: Sequence[str], entry: str) -> str | None:
    """The file that names the dependencies; None where Streamlit alone is wanted."""
    root = entry.rpartition("/")[0]
    for place in dict.fromkeys([f"{root}/" if root else "", ""]):
        for kind in KINDS:
            if f"{place}{kind}" in files and _counts(folder, files, f"{place}{kind}"):
                return f"{place}{kind}"
    return None


def _counts(folder: Path, files: Sequence[str], path: str) -> bool:
    name = path.rpartition("/")[2]
    if name == "uv.lock":
        return path.removesuffix(name) + "pyproject.toml" in files
    if name != "pyproject.toml":
        return True
    value = toml(folder / path)
    return "dependencies" in table(value, "project") or "dependencies" in table(value, "tool", "poetry")


def toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; empty when it is none, which is for the build to tell."""
    try:
        with path.open("rb") as file:
            return bounded_toml.loads(file.read(SOURCE_LIMIT).decode("utf-8-sig"))
    except (OSError, ValueError):
        return {}


def check_toml(folder: Path, files: Sequence[str], entry: str, field: str) -> None:
    """Raises Invalid(field) for a TOML file that would take minutes or gigabytes, here or in the build."""
    for name, items in _TOML.items():
        for path in places(entry, name):
            if path in files:
                with (folder / path).open("rb") as file:
                    text = file.read(_LIMITS.get(name, SOURCE_LIMIT)).decode("utf-8-sig", "replace")
                try:
                    bounded_toml.check(text, items)
                except bounded_toml.TooMuch as error:
                    raise Invalid(field, f"{path} would take too long to read: {error}") from None


def table(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A table in a table; empty where there is none."""
    for key in keys:
        value = value.get(key, {})
        if not isinstance(value, dict):
            return {}
    return value


def check_dependencies(folder: Path, path: str | None, field: str) -> list[str]:
    """What to tell about the file. Raises Invalid(field) with file and line when a requirement is none."""
    if path is None:
        return []
    name = path.rpartition("/")[2]
    limit = _LIMITS.get(name, SOURCE_LIMIT)
    if (folder / path).stat().st_size > limit:
        raise Invalid(field, f"{path} must be at most {limit / 1e6:g} MB of text")
    if name == REQUIREMENTS:
        check_requirements((folder / path).read_bytes(), field, f"{path}, ")
    if name == "pyproject.toml" and "dependencies" not in table(toml(folder / path), "project"):
        return [f"{path} lists its dependencies in Poetry's way; they are read as far as pip knows the same."]
    return []


def system_packages(folder: Path, files: Sequence[str], entry: str) -> tuple[tuple[str, ...], list[str]]:
    """The lines of packages.txt, and the sentence that they are not installed."""
    for path in places(entry, "packages.txt"):
        if path in files:
            with (folder / path).open("rb") as file:
                text = file.read(100_000).decode("utf-8-sig", "replace")
            lines = [line.split("#")[0].strip() for line in text.splitlines()]
            packages = tuple(line[:100] for line in lines if line)[:100]
            return packages, [_not_installed(path, packages)] if packages else []
    return (), []


def _not_installed(path: str, packages: tuple[str, ...]) -> str:
    listed = ", ".join(packages[:10]) + (", …" if len(packages) > 10 else "")
    return f"{path} asks for system packages, which are not installed: {listed}. Ask whoever runs the server."
