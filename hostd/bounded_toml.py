"""TOML from strangers: ``tomllib``, and before it a look at what would make it take minutes or gigabytes.

A key of n parts costs tomllib n² in time and memory, and each part of a table's name a kilobyte
(tomllib/_parser.py: ``parse_key``, ``key_value_rule``, ``Flags.set``). All else in it is linear.
Standard library only: it runs inside supervisord as well.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

PARTS = 16
"""Of one dotted key or of one table's name."""
NESTED = 20
"""Arrays and inline tables in each other."""
ITEMS = 100_000
"""Parts of keys, values and brackets together: what takes at most some 100 MB and a second."""
LOCK_ITEMS = 500_000
"""The same for a lock file, which a program wrote: some 10 MB of one."""

_PART = r"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]++|\\.)*+"?+|'[^'\n]*+'?+)"""
_DOT = r"[ \t]*+\.[ \t]*+"
_ITEM = re.compile(
    rf"""
      "{{3}}(?:[^"\\]++|\\(?s:.)|"(?!""))*+"{{0,5}}+
    | '{{3}}(?:[^']++|'(?!''))*+'{{0,5}}+
    | (?P<comment>\#[^\n]*+)
    | (?P<open>[\[{{])
    | (?P<close>[\]}}])
    | {_PART}(?P<dotted>(?:{_DOT}{_PART}){{1,{PARTS - 1}}}+)?+(?P<deep>{_DOT}{_PART})?+
    """,
    re.VERBOSE,
)
"""Every alternative takes what it has begun (possessive) and needs no end, so that the scan is linear.
Where it sees other items than tomllib, tomllib stops with an error."""


class TooMuch(ValueError):
    """The text would take too much to parse; the text of the error says why, with the line and no value."""


def loads(text: str, items: int = ITEMS) -> dict[str, Any]:
    """What ``tomllib.loads`` gives. Raises TooMuch and tomllib.TOMLDecodeError, both ValueErrors."""
    text = text.replace("\r\n", "\n")
    check(text, items)
    return tomllib.loads(text)


def check(text: str, items: int = ITEMS) -> None:
    """Raises TooMuch where ``tomllib`` would not be linear, or has more than ``items`` to keep."""
    nested = count = 0
    for found in _ITEM.finditer(text):
        kind = found.lastgroup
        if kind == "deep":
            raise TooMuch(f"a name has more than {PARTS} parts ({_line(text, found)})")
        if kind in ("open", "close"):
            nested += 1 if kind == "open" else -1
            if nested > NESTED:
                raise TooMuch(f"more than {NESTED} arrays and tables in each other ({_line(text, found)})")
        count += 0 if kind == "comment" else 1 + (found["dotted"] or "").count(".")
        if count > items:
            raise TooMuch(f"more than {items} keys and values ({_line(text, found)})")


def _line(text: str, found: re.Match[str]) -> str:
    return f"at line {text.count(chr(10), 0, found.start()) + 1}"
