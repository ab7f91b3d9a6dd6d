"""What a caller may give an app, as the API tells it, and where it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from hostd import egress
from hostd.person import Caller
from hostd.scale import Scale
from hostd.settings import Settings


class LimitOut(BaseModel):
    """One limit of an app. For an admin there is no bound."""

    default: int | str = Field(description="What an app has by itself; 0 no limit")
    most: int | str | None = Field(None, description="What the caller may set at most; null no bound")
    least: int | None = Field(None, description="What the caller may set at least; null no bound")


class Limits:
    """The bounds of one platform."""

    def __init__(self, settings: Settings) -> None:
        self._defaults = {**settings.app_limits, "replicas": 1}
        self._maxima = settings.maxima

    def check(self, caller: Caller, before: Scale, changes: Mapping[str, Any]) -> None:
        """Raises Invalid for what only an admin may set."""
        if not caller.is_admin:
            self._maxima.check(before, changes)

    def told(self, caller: Caller) -> dict[str, LimitOut]:
        """Each limit by its field."""
        bounds = {} if caller.is_admin else self._bounds()
        return {
            name: LimitOut(default=value, **bounds.get(name, {})) for name, value in self._defaults.items()
        }

    def _bounds(self) -> Mapping[str, dict[str, Any]]:
        most = self._maxima
        return {
            "memory_mb": {"most": most.memory_mb or None},
            "disk_mb": {"most": most.disk_mb or None},
            "processes": {"most": most.processes or None},
            "nice": {"least": most.nice},
            "connect_ports": {"most": egress.text(most.connect_ports)},
            "replicas": {"most": most.replicas},
        }
