"""How long a way back takes until it serves, as a ratio to a bare boot of the same app in the same venv.

``python -m bench.rollback [--rounds N]``. Two releases whose dependencies differ, so each with a venv of its
own, both kept. Each round does both, the order turning with every round:

- bare: ``streamlit run`` in the release's venv and working directory, until its health endpoint says ``ok``;
- rollback: POST activate, until the gateway gives visitors that release. Its process does not run yet, and
  before visitors get it, hostd opens a first session on it.

That it is that release's code that runs, and that nothing was installed, is checked off the clock.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from bench.deploy import POLL, Contest, Hosted, bare_boot, get, referee_for, source, tell
from bench.measure import cpu_of_tree, wait_for
from tests.platform import Platform, platform

GOAL = 1.5


class Way:
    """An app of two releases on a platform, and the bare boot of either."""

    def __init__(self, running: Platform) -> None:
        assert running.process is not None
        self._platform = running
        self._pid = running.process.pid
        form = {"drain_minutes": "0"}  # or a release that still drains would be there without a start
        self._app_id = running.create("back", source("release 1"), b"streamlit\n", **form)
        running.wait(self._app_id, "running")
        self._path = f"/apps/{self._app_id}/releases"
        files: dict[str, Any] = {
            "app": ("app.py", source("release 2")),
            "requirements": ("requirements.txt", b"streamlit\npackaging\n"),
        }
        running.api.post(self._path, files=files).raise_for_status()
        running.wait(self._app_id, "running")
        self._settle()

    @property
    def _release(self) -> int:
        return int(self._state()["release"])

    def bare(self) -> tuple[float, float]:
        """Boot the release that is not serving. (seconds, CPU seconds)"""
        return bare_boot(self._folder(3 - self._release))

    def back(self) -> tuple[float, float]:
        """Activate the release that is not serving. (seconds, CPU seconds)"""
        number = 3 - self._release
        before, begin = cpu_of_tree(self._pid), time.perf_counter()
        self._platform.api.post(f"{self._path}/{number}/activate").raise_for_status()
        wait_for(lambda: self._release == number, "the rollback", interval=POLL)
        taken = time.perf_counter() - begin, cpu_of_tree(self._pid) - before
        self._must_be(number)
        self._settle()
        return taken

    def _must_be(self, number: int) -> None:
        Hosted(self._platform, self._app_id).must_show(f"release {number}")
        assert self._platform.logs(self._app_id, 10_000).count("install: release") == self._installs()

    def _installs(self) -> int:
        return 2 * len(list(self._folder(1).parent.glob("*/install.log")))

    def _settle(self) -> None:
        """Until bytecode is compiled and the other release's program is gone."""
        Hosted(self._platform, self._app_id).settle()
        wait_for(self._alone, "one program", interval=0.1)

    def _alone(self) -> bool:
        lines = self._platform.processes().values()
        return sum("bin/streamlit" in line for line in lines) == 1

    def _state(self) -> Any:
        return json.loads(get(self._platform.port, f"/api/apps/{self._app_id}"))

    def _folder(self, number: int) -> Path:
        return self._platform.data / "apps" / self._app_id / "releases" / str(number)


def main() -> None:
    """Run the contest and print the table."""
    referee = referee_for("A rollback beside a bare boot of the same venv and app.", rounds=5)
    with platform() as running:
        running.wait_for_console()
        way = Way(running)
        way.bare()
        way.back()
        contest: Contest = referee.compete("rollback", way.bare, way.back, GOAL)
    tell(referee, contest)


if __name__ == "__main__":
    main()
