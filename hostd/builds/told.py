"""What people are told about an install that failed. Goes when hostd/diagnosis.py is in."""

from __future__ import annotations

import errno
import re

from hostd.builds.exits import OUT_OF_TIME
from hostd.models import Failure, FailureKind

_NO_SPACE = re.compile(r"No space left on device|os error 28|Disk quota exceeded")


def failure(exit_code: int, log_tail: str, timeout: int) -> Failure:
    """What people are told about an install that ended with ``exit_code``."""
    if exit_code == OUT_OF_TIME:
        text = (
            f"The install took longer than {timeout} s. Raise STREAMLIT_HOST_INSTALL_TIMEOUT or ask for less."
        )
        return Failure(FailureKind.INSTALL_FAILED, text, log_tail)
    if exit_code == errno.ENOSPC or _NO_SPACE.search(log_tail):
        text = "The disk of the data folder is full. Free some space, then start the app again."
        return Failure(FailureKind.DISK_FULL, text, log_tail)
    reason = _reason(log_tail) or f"the installer ended with {exit_code}"
    return Failure(FailureKind.INSTALL_FAILED, f"The dependencies could not be installed: {reason}", log_tail)


def _reason(log_tail: str) -> str:
    """uv's own sentence: what follows its cross or 'error:', to the end of the paragraph."""
    text = "\n".join(re.sub(r"^\S+Z \[hostd\] ", "", line) for line in log_tail.splitlines())
    match = re.search(r"(?:×|error:)\s*(.+?)(?:\n\s*\n|\n\S+Z |\Z)", text, re.DOTALL)
    return re.sub(r"\s*\n\s*(?:[│╰├]─▶|│)?\s*", " ", match[1])[:600].strip() if match else ""
