"""Tracebacks of apps: found in a log, and told without the platform's own paths."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BUNDLE = re.compile(r"""[^\s'"(]*/releases/[^/\s'"]+/bundle/""")
_ANY_BUNDLE = re.compile(r"""/[^\s'"(]*/bundle/""")
_PACKAGES = re.compile(r"""/[^\s'"(]*/(?=(?:site|dist)-packages/)""")
_STANDARD = re.compile(r"""/[^\s'"(]*/lib(?:64)?/(?=python3)""")
_HOME = re.compile(r"""/[^\s'"(]*/apps/[a-z0-9-]+/home(?=[/'"\s]|$)""")
_ANY_PATH = re.compile(r"""(?<![\w:/.~-])/(?:[^\s/'"`(),]+/)+(?=[^\s/'"`(),]+)""")
_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
_TAIL_LINES = 40
_START = re.compile(r"^.*Traceback \(most recent call last\):\s*$", re.MULTILINE)
_ENDED = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: ?(?P<message>.*))?$")
_FRAME = re.compile(r'^\s*File "')


@dataclass(frozen=True, slots=True)
class Trace:
    """An exception: its type and message, and its frames as traceback prints them, outermost first."""

    type: str
    message: str
    frames: tuple[str, ...] = ()


def without_paths(text: str) -> str:
    """``text`` without paths of the machine: files of an app or a package are named from its root."""
    for known in (_BUNDLE, _ANY_BUNDLE, _PACKAGES, _STANDARD):
        text = known.sub("", text)
    return _HOME.sub("~", text)


def plain(text: str) -> str:
    """``text`` for a message: no folder of the machine, no password in an address."""
    return _ANY_PATH.sub("…/", _PASSWORD.sub("", without_paths(text))).strip()


def end_of(log: str, lines: int = _TAIL_LINES) -> str:
    """The last lines of ``log``."""
    return "\n".join(log.rstrip().split("\n")[-lines:])


def last(log: str) -> Trace | None:
    """The last traceback in ``log``, or None. Of chained ones the last, which is what ended the run."""
    starts = [match.end() for match in _START.finditer(log)]
    cut_off = re.search(r'^\s*File "', log, re.MULTILINE)  # a log's tail may begin amid the frames
    if not starts and cut_off:
        starts.append(cut_off.start())
    return _read(log[starts[-1] :].lstrip("\n").split("\n")) if starts else None


def _read(lines: list[str]) -> Trace | None:
    frames: list[str] = []
    for at, line in enumerate(lines):
        if _FRAME.match(line):
            frames.append(line.strip())
        elif line.startswith((" ", "\t")):
            if frames:
                frames[-1] += "\n    " + line.strip()
        elif ended := _ENDED.match(line):
            return Trace(ended["type"], _message(ended["message"] or "", lines[at + 1 :]), tuple(frames))
        elif line.strip():
            return None
    return None


def _message(first: str, following: list[str]) -> str:
    """The message's first paragraph: what follows an empty line belongs to the next entry of the log."""
    rest = []
    for line in following:
        if not line.strip() or re.match(r"\d{4}-\d\d-\d\d[ T]", line):
            break
        rest.append(line.strip())
    return "\n".join([first, *rest[:5]]).strip()
