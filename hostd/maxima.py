"""The most that publishers may give their own apps, as values: admins may go beyond."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hostd import egress
from hostd.errors import Invalid, SettingsError
from hostd.scale import Scale
from hostd.setting_texts import port_ranges

_NUMBERS = {"memory_mb": "MEMORY_MAX_MB", "disk_mb": "DISK_MAX_MB", "processes": "PROCESSES_MAX"}
_SETTINGS = {
    **_NUMBERS, "min_replicas": "REPLICAS_MAX", "max_replicas": "REPLICAS_MAX", "nice": "NICE_MIN",
    "connect_ports": "CONNECT_PORTS_MAX",
}  # fmt: skip
"""The fields of Scale that have a bound, and what sets it, behind STREAMLIT_HOST_APP_."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maxima:
    """Bounds of a Scale. Sizes are MB (10**6 bytes); 0 is none, but not of ``nice`` and ``replicas``.

    ``nice`` is the least: less of it is more of the CPU. ``connect_ports`` are the only ones that may be
    chosen, ``replicas`` the most that an app may have, each with limits of its own.
    """

    memory_mb: int
    disk_mb: int
    processes: int
    nice: int
    connect_ports: tuple[egress.Range, ...]
    replicas: int

    def check(self, before: Scale, changes: Mapping[str, Any]) -> None:
        """Raises Invalid, which names the bound, for a value beyond it that is not set already."""
        for name, value in changes.items():
            bound = None if value in (None, getattr(before, name)) else self.exceeded(name, value)
            if bound:
                setting = f"STREAMLIT_HOST_APP_{_SETTINGS[name]}"
                raise Invalid(name, f"{bound} ({setting}); only admins may go beyond")

    def check_defaults(self, defaults: Mapping[str, Any]) -> None:
        """Raises SettingsError where apps would have more than may be chosen for them."""
        for name, value in defaults.items():
            if self.exceeded(name, value):
                setting = f"STREAMLIT_HOST_APP_{_SETTINGS[name]}"
                raise SettingsError(f"{setting}: must allow what every app gets by itself, {name}={value}")

    def exceeded(self, name: str, value: Any) -> str:
        """What a field must be, where ``value`` goes beyond its bound; else ''."""
        if name in _NUMBERS:
            most = getattr(self, name)
            return f"must be a number from 1 to {most}" if most and not 0 < value <= most else ""
        if name in ("min_replicas", "max_replicas"):
            return f"must be at most {self.replicas}" if value > self.replicas else ""
        if name == "nice":
            return f"must be at least {self.nice}" if value < self.nice else ""
        if name == "connect_ports" and not egress.within(port_ranges(value), self.connect_ports):
            return f"may name only ports of {egress.text(self.connect_ports)}"
        return ""
