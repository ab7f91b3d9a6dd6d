"""A followed log as Server-Sent Events (HTML standard, section 9.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

from fastapi.responses import StreamingResponse

from hostd import runlog

HEARTBEAT = 60
"""Empty rounds of a followed log (a quarter of a second each) between two signs of life."""


class EventStream(StreamingResponse):
    """text/event-stream, as the HTML standard has it."""

    media_type = "text/event-stream"


async def events(
    log: Path, lines: int, gone: Callable[[], bool], scrub: Callable[[str], str] = str
) -> AsyncIterator[str]:
    """The tail and each new line, an event each, until ``gone`` (asked before each); a comment now and then.

    ``scrub`` takes out of a line what nobody may read.
    """
    idle = 0
    async for line in runlog.follow(log, lines):
        if gone():
            return
        idle = idle + 1 if line is None else 0
        if line is not None:
            yield event(scrub(line))
        elif idle % HEARTBEAT == 0:
            yield ": still here\n\n"


def event(line: str) -> str:
    """One event. A carriage return would end the field: what stands behind one gets a field of its own."""
    return "".join(f"data: {part}\n" for part in line.rstrip("\r").split("\r")) + "\n"
