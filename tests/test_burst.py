"""Fifty apps at once: installs are limited, the queue is visible, all end as asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.platform import HELLO, Platform, until
from tests.platform import platform as running_platform

APPS = 50


def test_fifty_apps_in_one_burst() -> None:
    """Never more than two install at once, the others are shown as queued, and all run or are stopped."""
    with running_platform(pool=APPS + 2) as platform:
        with ThreadPoolExecutor(10) as people:
            ids = list(people.map(lambda n: create(platform, n), range(APPS)))
        assert len(set(ids)) == APPS
        stopped = ids[1::10]
        seen = platform.api.get("/health").json()["installs"]
        assert seen["limit"] == 2
        assert seen["queued"] > APPS / 2
        with ThreadPoolExecutor(5) as people:
            list(people.map(lambda app_id: platform.api.post(f"/apps/{app_id}/stop"), stopped))
        most = watch(platform, stopped)
        assert most == 2
        for app in platform.api.get("/apps").json():
            assert app["status"] == ("stopped" if app["app_id"] in stopped else "running"), app
        ports = [app["port"] for app in platform.api.get("/apps").json() if app["port"]]
        assert len(ports) == len(set(ports)) == APPS - len(stopped)
        assert all(platform.serves(app_id) for app_id in ids if app_id not in stopped)


def create(platform: Platform, number: int) -> str:
    """One create; its id."""
    form = {"name": f"burst {number}"}
    answer = httpx.post(f"{platform.url}/api/apps", data=form, files={"app": ("app.py", HELLO)}, timeout=60)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["app_id"])


def watch(platform: Platform, stopped: list[str]) -> int:
    """Wait until nothing is on its way any more; the most installs that were seen at once."""
    most = 0

    def settled() -> bool:
        nonlocal most
        health = platform.api.get("/health").json()
        most = max(most, health["installs"]["running"])
        installing = [a for a in platform.api.get("/apps").json() if a["status"] == "installing"]
        assert len(installing) <= 2, installing
        return bool(health["apps"]["running"] + health["apps"]["stopped"] == APPS)

    until(settled, 500, 0.2, "all fifty settled")
    return most
