"""Strangers' refusals are told, and don't fill the disk."""

from __future__ import annotations

from hostd.spacing import MOST, PERIOD, Spacing


def test_one_per_address_and_period() -> None:
    """The 64 bits of one owner of IPv6 count as one address, and all addresses together have a bound."""
    now = 0.0
    spacing = Spacing(lambda: now)
    assert spacing.news("192.0.2.1")
    assert not spacing.news("192.0.2.1")
    assert spacing.news("2001:db8::1")
    assert not spacing.news("2001:db8::2")
    assert sum(spacing.news(f"198.51.100.{n}") for n in range(200)) == MOST - 2
    now = PERIOD
    assert spacing.news("192.0.2.1")
