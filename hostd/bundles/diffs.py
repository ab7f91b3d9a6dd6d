"""What changed between two releases, as uploaded."""

from __future__ import annotations

import contextlib
import difflib
import zlib
from collections.abc import Callable

from hostd.bundles.pristine import decode, entries, read_bytes, reader, tree
from hostd.layout import ReleaseLayout

DIFF_LIMIT = 200_000
"""Bytes of a file; a diff of two longer ones is nothing that a person reads."""
TOTAL_LIMIT = 1_000_000
READ_LIMIT = 20_000_000
"""Bytes of all files together that are looked into; most of them may turn out to be no text."""
_Mark = tuple[int, int]


def diff(old: ReleaseLayout, new: ReleaseLayout) -> list[tuple[str, str, str | None]]:
    """(path, 'added', 'removed' or 'changed', unified diff or None for what is binary or too large)."""
    before, after = _marks(old), _marks(new)
    found: list[tuple[str, str, str | None]] = []
    spent = read = 0
    with contextlib.ExitStack() as stack:
        readers = [(release.root.name, reader(release, stack)) for release in (old, new)]
        for path in sorted({path for path, _ in before.items() ^ after.items()}):
            status = "added" if path not in before else "removed" if path not in after else "changed"
            sizes = [marks[path][0] for marks in (before, after) if path in marks]
            text = None
            if max(sizes) <= DIFF_LIMIT and spent < TOTAL_LIMIT and read < READ_LIMIT:
                text = _unified(path, *readers)
                read += sum(sizes)
            spent += len(text or "")
            found.append((path, status, text))
    return found


def _marks(release: ReleaseLayout) -> dict[str, _Mark]:
    """What tells two versions of a file apart, by path: its size and checksum."""
    infos = entries(release)
    if infos is not None:
        return {path: (info.file_size, info.CRC) for path, info in infos.items()}
    found = {path: read_bytes(release, path) for path, _ in tree(release)}
    return {path: (len(data), zlib.crc32(data)) for path, data in found.items() if data is not None}


def _unified(path: str, *sides: tuple[str, Callable[[str, int], bytes | None]]) -> str | None:
    before, after = (_text(read(path, DIFF_LIMIT + 1)) for _, read in sides)
    if before is None or after is None:
        return None
    old, new = (f"{release}/{path}" for release, _ in sides)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), old, new, lineterm="")
    return "\n".join(lines)


def _text(data: bytes | None) -> str | None:
    if data is None:
        return ""
    return None if len(data) > DIFF_LIMIT else decode(data)
