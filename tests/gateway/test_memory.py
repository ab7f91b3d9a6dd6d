"""What the gateway's process keeps of what passes through it: bench/memory.py, smaller."""

from __future__ import annotations

import asyncio

from bench.memory import MB, measure


def test_memory_stays_flat_and_an_idle_websocket_is_small() -> None:
    """Far more passes than may be kept: 256 MB each way, where kept bytes would show."""
    figures = asyncio.run(measure(32 * MB, 8, 800))
    assert figures.up < 64 * MB
    assert figures.down < 64 * MB
    assert figures.websocket < 5 * 1024, "4 kB, and what of the heap's pages 800 do not fill"
