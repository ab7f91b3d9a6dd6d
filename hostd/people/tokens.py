"""API tokens: named, scoped, expiring; only their digests are kept, in tokens.json."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from hostd import store
from hostd.errors import Invalid
from hostd.person import Scope

PREFIX = "ht_"
"""Begins every token, so that scanners for leaked secrets can find one."""
LABEL_LENGTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token of the user ``name``. ``digest`` is of its value; times are seconds since the epoch."""

    token_id: str
    name: str
    label: str
    scope: Scope
    digest: str
    created: float
    expires: float | None = None
    last_used: float | None = None


def value() -> str:
    """A new token's value: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def check_label(label: str) -> str:
    """A token's label. Raises Invalid."""
    label = label.strip()
    if not 1 <= len(label) <= LABEL_LENGTH or not label.isprintable():
        raise Invalid("label", f"must be 1 to {LABEL_LENGTH} printable characters")
    return label


def load(path: Path) -> list[Token]:
    """Every token, oldest first. Raises BadState when the file is there and can't be read."""
    if not path.exists():
        return []
    return [store.parse(Token, value, path.name) for value in store.read_json(path).get("tokens", [])]


def save(path: Path, tokens: list[Token]) -> None:
    """Write all of them, whole. Raises DiskFull."""
    store.write_json(path, {"tokens": [asdict(token) for token in tokens]})
