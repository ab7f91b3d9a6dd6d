"""What people set of how an app runs, beside its releases: applied at once, without a deploy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Part of ``meta.json``.

    ``idle_minutes``: how long without visitors until the app sleeps; None is the platform's default, 0
    never. ``always_on``: after a boot it starts at once, rather than at its first visit.
    """

    idle_minutes: float | None = None
    always_on: bool = False
