"""Names and versions in requirement lines (PEP 508)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


def parsed(line: str) -> Requirement | None:
    """The requirement of a line; None for an option, a path or a URL without a name."""
    try:
        return Requirement(line)
    except (InvalidRequirement, RecursionError):
        return None


def is_named(name: str, lines: Iterable[str]) -> bool:
    """Whether a line asks for the package ``name``, in whatever form."""
    for line in lines:
        requirement = parsed(line)
        if requirement is not None and canonicalize_name(requirement.name) == name:
            return True
        if requirement is None and re.search(rf"(?:/|^){name}-\d[^\s/]*\.(?:whl|tar\.gz|zip)", line):
            return True
        if requirement is None and re.search(rf"#egg={name}\b", line):
            return True
    return False


def pins(lines: Iterable[str], constraints: Iterable[str] = ()) -> tuple[str, ...]:
    """``name==version`` of each top-level requirement that allows exactly one version here."""
    wanted = [requirement for line in lines if (requirement := parsed(line)) and _holds_here(requirement)]
    names = {canonicalize_name(requirement.name) for requirement in wanted}
    limits = [limit for line in constraints if (limit := parsed(line)) and _holds_here(limit)]
    found = [*wanted, *(limit for limit in limits if canonicalize_name(limit.name) in names)]
    return tuple(sorted({pin for requirement in found if (pin := _pin(requirement))}))


def _holds_here(requirement: Requirement) -> bool:
    return requirement.url is None and (requirement.marker is None or requirement.marker.evaluate())


def _pin(requirement: Requirement) -> str | None:
    for specifier in requirement.specifier:
        if specifier.operator in ("==", "===") and not specifier.version.endswith("*"):
            return f"{canonicalize_name(requirement.name)}=={specifier.version}"
    return None
