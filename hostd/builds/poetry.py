"""Poetry's and Pipenv's tables to requirement lines. Both write versions and sources in much the same way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hostd.builds.conda import Conversion


def from_poetry(tool: Mapping[str, Any], folder: Path) -> Conversion:
    """``[tool.poetry]`` of a pyproject.toml that lies in ``folder``. Raises ValueError."""
    entries = dict(tool.get("dependencies", {}))
    python = entries.pop("python", None)
    warnings = ["poetry.lock is not read: the newest versions that pyproject.toml allows are installed"]
    lines = _lines({name: value for name, value in entries.items() if not _is_optional(value)})
    return Conversion(
        tuple(lines),
        version_specifier(python) if isinstance(python, str) else None,
        tuple(warnings if (folder / "poetry.lock").is_file() else ()),
    )


def from_pipfile(content: Mapping[str, Any], folder: Path) -> Conversion:
    """The content of a Pipfile that lies in ``folder``. Raises ValueError."""
    requires = content.get("requires", {})
    python = requires.get("python_full_version") or requires.get("python_version")
    warnings = []
    if (folder / "Pipfile.lock").is_file():
        warnings.append("Pipfile.lock is not read: the newest versions that Pipfile allows are installed")
    if len(content.get("source", [])) > 1:
        warnings.append("Pipfile: its sources are not used, but the indexes that this platform is set to")
    return Conversion(tuple(_lines(content.get("packages", {}))), python, tuple(warnings))


def _is_optional(value: Any) -> bool:
    return isinstance(value, dict) and bool(value.get("optional"))


def _lines(entries: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for name, value in entries.items():
        for one in value if isinstance(value, list) else [value]:  # one name, several markers
            lines.append(_line(name, one if isinstance(one, dict) else {"version": str(one)}))
    return lines


def _line(name: str, entry: Mapping[str, Any]) -> str:
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    marker = _marker(entry)
    tail = f" ; {marker}" if marker else ""
    if place := entry.get("path") or entry.get("file"):
        prefix = "-e " if entry.get("editable") or entry.get("develop") else ""
        return f"{prefix}{place if '/' in place or '://' in place else './' + place}{extras}{tail}"
    if git := entry.get("git"):
        revision = next((entry[key] for key in ("rev", "ref", "tag", "branch") if key in entry), "")
        at = f"@{revision}" if revision else ""
        return f"{name}{extras} @ {'' if git.startswith('git+') else 'git+'}{git}{at}{tail}"
    if url := entry.get("url"):
        return f"{name}{extras} @ {url}{tail}"
    return f"{name}{extras}{version_specifier(str(entry.get('version', '*')))}{tail}"


def _marker(entry: Mapping[str, Any]) -> str:
    parts = [str(entry["markers"])] if entry.get("markers") else []
    if isinstance(entry.get("python"), str):
        parts += [_python_marker(part) for part in version_specifier(entry["python"]).split(",") if part]
    names = ("sys_platform", "platform_system", "platform_machine", "os_name", "python_version")
    parts += [f"{name} {entry[name]}" for name in names if name in entry]
    if isinstance(entry.get("platform"), str):
        parts.append(f"sys_platform == '{entry['platform']}'")
    return " and ".join(parts)


def _python_marker(specifier: str) -> str:
    operator, version = re.fullmatch(r"([<>=!~]+)(.*)", specifier).groups()  # type: ignore[union-attr]
    name = "python_full_version" if version.count(".") > 1 and "*" not in version else "python_version"
    return f"{name} {operator} '{version}'"


def version_specifier(text: str) -> str:
    """Poetry's version as PEP 440: ``^1.2`` to ``>=1.2,<2``, ``~1.2`` to ``>=1.2,<1.3``, ``*`` to ''."""
    text = " ".join(text.split())  # one blank at most: linear
    parts = [part for part in re.split(r" ?, ?|(?<=[\w*]) (?=[<>=!~^])", text) if part]
    if "|" in text:
        return ""
    return ",".join(one for part in parts if (one := _part(part)))


def _part(part: str) -> str:
    operator, version = re.fullmatch(r"([\^<>=!~]*)\s*(.*)", part.strip()).groups()  # type: ignore[union-attr]
    if version in ("*", ""):
        return ""
    if operator in ("^", "~"):
        return f">={version},<{_next(version, caret=operator == '^')}"
    if operator in ("", "="):
        return f"=={version}"
    return f"{operator}{version}"


def _next(version: str, *, caret: bool) -> str:
    """The first version that a caret or a tilde does not allow any more (Poetry's documentation)."""
    numbers = [int(number) for number in re.findall(r"\d+", re.split(r"[a-z+-]", version)[0])]
    place = min(1, len(numbers) - 1)
    if caret:
        place = next((i for i, number in enumerate(numbers) if number), len(numbers) - 1)
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1]))
