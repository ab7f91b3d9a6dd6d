"""How the one-shot program ends, beside 0, 1 and errno.ENOSPC: hostd/diagnosis.py tells people."""

from __future__ import annotations

OUT_OF_TIME = 124
"""The install took longer than the setting allows (the code of timeout(1))."""
NO_PYTHON = 125
"""No interpreter here is the one that the release asks for; the log lists those there are."""


class Stop(Exception):
    """The install ends with ``code``; ``line`` tells why, '' when the log already does."""

    def __init__(self, code: int, line: str = "") -> None:
        super().__init__(line)
        self.code = code
        self.line = line
