"""How the platform is."""

from __future__ import annotations

from typing import Any

from hostd import __version__, cgroups
from hostd.api.limits import Limits
from hostd.api.rules import Calling
from hostd.api.shapes import HealthOut
from hostd.errors import SupervisorUnavailable
from hostd.isolation import Isolation
from hostd.lifecycle import Lifecycle
from hostd.people import People
from hostd.settings import Settings


class HealthApi:
    """One call, and what it asks."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        settings: Settings,
        isolation: Isolation,
        limits: Limits,
        people: People,
    ) -> None:
        self._lifecycle = lifecycle
        self._settings = settings
        self._limits = limits
        self._people = people
        self._measured: Any = {
            "isolation": str(isolation),
            "missing_capabilities": list(isolation.lacks),
            "cpu_share": "cgroup" if cgroups.used() else "nice",
        }

    def get_health(self, caller: Calling) -> HealthOut:
        """Version, supervisord's state, counts."""
        supervisord = self._supervisord()
        installs = self._lifecycle.deployer.installer.slots
        wanted = self._people.wanted
        return HealthOut(
            status="degraded" if "detail" in supervisord else "ok",
            version=__version__,
            supervisord=supervisord,
            apps=self._lifecycle.counts(),
            installs={"running": installs.held, "queued": installs.queued, "limit": installs.limit},
            data_dir=str(self._settings.data) if caller.is_admin else "",
            public_base=self._settings.public_base,
            auth_required=bool(self._settings.admin_token) or wanted,
            open_without_token=self._settings.open_without_token and not wanted,
            limits=self._limits.told(caller),
            **self._measured,
        )

    def _supervisord(self) -> dict[str, Any]:
        """``detail`` says why it can't be reached."""
        try:
            return dict(self._lifecycle.deployer.supervisor.identify())
        except SupervisorUnavailable as error:
            return {"state": "UNREACHABLE", "detail": str(error)}
