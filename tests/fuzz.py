"""How long the fuzz tests go on: short in the suite, as long as wanted by ``python -m bench.fuzz``."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, settings

FACTOR = int(os.environ.get("FUZZ_FACTOR", "1"))
"""Examples are this many times as many."""
FIGURES = os.environ.get("FUZZ_FIGURES", "")
"""A file that gets a line of JSON for each fuzzer: what it is called, and how many inputs ended how."""


def examples(count: int) -> settings:
    """So many examples, or more when it is asked for; found anew each time."""
    return settings(
        max_examples=count * FACTOR, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )


@contextmanager
def counted(name: str) -> Iterator[Counter[str]]:
    """Count how inputs end, and write it down when somebody asks."""
    ends: Counter[str] = Counter()
    yield ends
    if FIGURES:
        with Path(FIGURES).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"fuzzer": name, **dict(sorted(ends.items()))}) + "\n")
