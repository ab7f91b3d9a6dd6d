"""The fuzzers of tests/byte_fuzz.py hold for what they begin with, and for what they have found."""

from __future__ import annotations

import pytest

from hostd.gateway.cookies import without_ours
from tests.byte_fuzz import BASE, SEEDS, TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    """Each is one that something is done with."""
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("blank", [b"\xa0", b"\x85", b"\x1f", b"\x1c", b"\x0b"])
def test_a_cookie_behind_a_blank_of_latin_1(blank: bytes) -> None:
    """Servers that read a field as text find the platform's name there (found by atheris)."""
    assert without_ours(b"a=b;" + blank + b"hostd=x" + blank) == b"a=b"
    TARGETS["heads"](BASE + b"Cookie: " + blank + b"hostd" + blank + b"=x\r\n\r\n")
