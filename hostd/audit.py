"""The audit log: who did what, when, from where, and what came of it. JSON lines, only ever appended to."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import mmap
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from hostd.runlog import now

log = logging.getLogger(__name__)
LONGEST_TEXT = 200
"""Characters of one value: what strangers send is among them."""


class Outcome(StrEnum):
    """What came of an act."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act. ``means`` is how ``who`` was recognised, ``address`` where the request came from.

    ``act`` is the API's operation id, ``about`` what it was done to.
    """

    act: str
    who: str
    means: str
    address: str
    outcome: Outcome
    about: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Audit:
    """The log at ``path``; safe for threads and processes: one line at a time (flock)."""

    path: Path

    def record(self, act: Act) -> None:
        """Append one line. A full disk is told in hostd's own log; the act has happened by then."""
        line = {
            "at": now(), "act": act.act[:LONGEST_TEXT], "who": act.who[:LONGEST_TEXT], "means": act.means,
            "from": act.address, "outcome": act.outcome,
            "about": {name: value[:LONGEST_TEXT] for name, value in act.about.items()},
        }  # fmt: skip
        try:
            self._append(json.dumps(line).encode() + b"\n")
        except OSError as error:
            log.error("the audit log can't be written (%s): %s", error.strerror, line)

    def _append(self, line: bytes) -> None:
        """Raises OSError, also when only a part was written; that part then stands alone in its line."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)

    def read(self, limit: int, before: int | None = None) -> tuple[list[dict[str, Any]], int | None]:
        """The newest ``limit`` lines that end at or before byte ``before``, newest first.

        Beside them where the older ones end, None when there are none.
        """
        found: list[dict[str, Any]] = []
        for begin, line in self._backwards(before):
            value = _decoded(line)
            if value is not None:
                found.append(value)
            if len(found) == limit:
                return found, begin or None
        return found, None

    def _backwards(self, before: int | None) -> Iterator[tuple[int, bytes]]:
        """(offset, line) from the end; one that is not whole (disk full, hostd killed) is passed over."""
        if not self.path.is_file() or not (size := self.path.stat().st_size):
            return
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as text:
            end = text.rfind(b"\n", 0, size if before is None else min(before, size)) + 1
            while end > 0:
                begin = text.rfind(b"\n", 0, end - 1) + 1
                yield begin, text[begin:end]
                end = begin


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and {"at", "act", "who"} <= value.keys() else None
