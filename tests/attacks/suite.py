"""The attacks on a running platform, over its API and a shell there: it may be one in a container as well."""

from __future__ import annotations

import json
import secrets
from typing import Any

from tests.attacks import following, forging, gluttons, installing
from tests.attacks.target import PROCESSES, Target, create, modules, running, tries, zipped
from tests.platform import until

ABSENT = frozenset(("ENOENT", "ECONNREFUSED", "ESRCH", "ENXIO", "ENODEV"))
"""What was to be attacked is not there: that proves nothing."""
BOMB, STOPPED = "start processes without end", "failed: crashed: The app had "
"""The attacker's last try, and what hostd says when it ends the app for it."""


def run(target: Target) -> dict[str, str]:
    """What came of each attack: an errno's name, "open", or how else it was refused."""
    name = f"victim-{secrets.token_hex(4)}"
    full: dict[str, str] = {}
    made = [create(target, name, {"VICTIM": name}, app=("app.py", forging.victim()), visibility="link")]
    try:
        given = _given(target, name, running(target, made[0]))
        told = {"ATTACK_TARGETS": json.dumps(given)}
        made.append(create(target, "attacker", told, bundle=zipped(modules())))
        stranger = installing.begin(target, given)
        made.append(stranger.app_id)
        full |= gluttons.begin(target)
        return {
            **_said(target, made[1]),
            **forging.tried(target, made[0]),
            **following.tried(target, made[1], told),
            **installing.tried(target, stranger),
            **gluttons.tried(target, full),
        }
    finally:
        for app_id in (*made, *full.values()):
            target.api.delete(f"/apps/{app_id}", timeout=120)
            target.shell(f"rm -rf /dev/shm/*{app_id}*")  # which stay where all apps are one user
        target.shell(f"rm -f /dev/shm/hostd-victim-{name}")


def _given(target: Target, name: str, victim: dict[str, Any]) -> dict[str, Any]:
    health = target.api.get("/health").json()
    following.lay_bait(target)
    return {
        "data": health["data_dir"], "victim": victim["app_id"], "victim_name": name, "port": victim["port"],
        "pid": victim["pid"], "api": target.port, "console": target.console, "free": target.free,
        "code": target.code, "cache": target.cache, "bait": target.bait, "processes": PROCESSES,
        "forged": dict(forging.HEADERS),
    }  # fmt: skip


def _said(target: Target, app_id: str) -> dict[str, str]:
    """The first session runs the script. The last try is answered, or ends with the app."""

    def lines() -> list[str]:
        log = target.log(app_id)
        assert not any("Traceback" in line for line in log), "\n".join(log)
        return log if any(f'ATTACK ["{BOMB}"' in line or STOPPED in line for line in log) else []

    return {BOMB: "stopped", **tries(until(lines, 120, 0.2, "the attacks' end"))}


def verdict(came: str) -> str:
    """``blocked``, ``open``, or ``absent`` where there was nothing to attack."""
    return "open" if came == "open" else "absent" if came in ABSENT else "blocked"
