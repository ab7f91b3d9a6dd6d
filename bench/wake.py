"""How long a visit to a sleeping app takes, as a ratio to a bare boot of the same app in the same venv.

``python -m bench.wake [--rounds N]``. Each round does both, the order turning with every round:

- bare: ``streamlit run`` in the release's venv and working directory, until its health endpoint says ``ok``;
- wake: one GET of the sleeping app's page through the gateway, until its first byte.

At the end fifty visitors come at once to the sleeping app: how many starts, and answers other than 200.
"""

from __future__ import annotations

import socket
import threading
import time

from bench.deploy import Contest, Hosted, bare_boot, referee_for, source, tell
from bench.measure import cpu_of_tree, wait_for
from tests.platform import Platform, platform

GOAL = 1.3
CROWD = 50


def put_to_sleep(running: Platform, app_id: str) -> None:
    """Until the app's process is gone; then it may stay awake for an hour."""
    path, folder = f"/apps/{app_id}", f"/{app_id}/"
    running.api.patch(path, data={"idle_minutes": "0.001"}).raise_for_status()
    wait_for(lambda: running.app(app_id)["status"] == "sleeping", "sleep", interval=0.1)
    gone = "the end of its process"
    wait_for(lambda: not any(folder in line for line in running.processes().values()), gone, interval=0.1)
    running.api.patch(path, data={"idle_minutes": "60"}).raise_for_status()


class Bed:
    """An app on a platform that sleeps when it is told to, and the bare boot of it."""

    def __init__(self, running: Platform) -> None:
        assert running.process is not None
        self._platform = running
        self._pid = running.process.pid
        self._app_id = running.create("sleeper", source("awake"), b"streamlit\n", idle_minutes="60")
        running.wait(self._app_id, "running")
        Hosted(running, self._app_id).settle()

    def bare(self) -> tuple[float, float]:
        """Boot it without hostd. (seconds, CPU seconds)"""
        return bare_boot(self._platform.data / "apps" / self._app_id / "releases" / "1")

    def wake(self) -> tuple[float, float]:
        """Visit the sleeping app. (seconds, CPU seconds)"""
        self.sleep()
        before, begin = cpu_of_tree(self._pid), time.perf_counter()
        answer = self._first_byte()
        taken = time.perf_counter() - begin, cpu_of_tree(self._pid) - before
        assert answer.startswith(b"HTTP/1.1 200"), answer
        return taken

    def crowd(self) -> tuple[int, int]:
        """(starts, answers that are no 200) when many visit it at once."""
        self.sleep()
        before, answers = self._starts(), list[bytes]()
        visitors = [threading.Thread(target=lambda: answers.append(self._first_byte())) for _ in range(CROWD)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
        wrong = CROWD - sum(answer.startswith(b"HTTP/1.1 200") for answer in answers)
        return self._starts() - before, wrong

    def sleep(self) -> None:
        """Until its process is gone."""
        put_to_sleep(self._platform, self._app_id)

    def _starts(self) -> int:
        return self._platform.logs(self._app_id, 10_000).count("serves")

    def _first_byte(self) -> bytes:
        host = f"127.0.0.1:{self._platform.port}"
        with socket.create_connection(("127.0.0.1", self._platform.port), timeout=60) as connection:
            head = f"GET /apps/{self._app_id}/ HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n\r\n"
            connection.sendall(head.encode())
            return connection.recv(65536)


def main() -> None:
    """Run the contest and print the table."""
    referee = referee_for("A visit to a sleeping app beside a bare boot of it.", rounds=5)
    with platform() as running:
        running.wait_for_console()
        bed = Bed(running)
        bed.bare()
        bed.wake()
        contest: Contest = referee.compete("wake", bed.bare, bed.wake, GOAL)
        starts, wrong = bed.crowd()
    tell(referee, contest)
    print(f"{CROWD} visitors at once: {starts} start, {wrong} answers other than 200")


if __name__ == "__main__":
    main()
