"""What changed between two releases, as uploaded."""

from __future__ import annotations

import difflib
import zlib

from hostd.bundles.pristine import decode, entries, read_bytes, tree
from hostd.layout import ReleaseLayout

DIFF_LIMIT = 200_000
"""Bytes of a file; a diff of two longer ones is nothing that a person reads."""
TOTAL_LIMIT = 1_000_000


def diff(old: ReleaseLayout, new: ReleaseLayout) -> list[tuple[str, str, str | None]]:
    """(path, 'added', 'removed' or 'changed', unified diff or None for what is binary or too large)."""
    before, after = _marks(old), _marks(new)
    found: list[tuple[str, str, str | None]] = []
    spent = 0
    for path in sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path)):
        status = "added" if path not in before else "removed" if path not in after else "changed"
        text = _unified(old, new, path) if spent < TOTAL_LIMIT else None
        spent += len(text or "")
        found.append((path, status, text))
    return found


def _marks(release: ReleaseLayout) -> dict[str, object]:
    """What tells two versions of a file apart, by path."""
    infos = entries(release)
    if infos is not None:
        return {path: (info.file_size, info.CRC) for path, info in infos.items()}
    found = {path: read_bytes(release, path) for path, _ in tree(release)}
    return {path: (len(data), zlib.crc32(data)) for path, data in found.items() if data is not None}


def _unified(old: ReleaseLayout, new: ReleaseLayout, path: str) -> str | None:
    texts = [_text(read_bytes(release, path, DIFF_LIMIT + 1)) for release in (old, new)]
    before, after = texts
    if before is None or after is None:
        return None
    names = (f"{old.root.name}/{path}", f"{new.root.name}/{path}")
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="")
    return "\n".join(lines)


def _text(data: bytes | None) -> str | None:
    if data is None:
        return ""
    return None if len(data) > DIFF_LIMIT else decode(data)
