"""Attacks on a running platform, over its API alone: so it may be one in a container as well."""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.platform import until

FOLDER = Path(__file__).parent
ABSENT = frozenset(("ENOENT", "ECONNREFUSED", "ESRCH", "ENXIO", "ENODEV"))
"""What was to be attacked is not there: that proves nothing."""
BOMB, STOPPED = "start processes without end", "failed: crashed: The app had "
"""The last try, and what hostd says when it ends the app for it."""
PROCESSES = 150
"""What the platform's STREAMLIT_HOST_APP_PROCESSES is, so that the table is there within seconds."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A platform as the attacker sees it from inside: ports and paths there. ``free`` is one of the pool."""

    api: httpx.Client
    port: int
    console: int
    free: int
    code: str
    cache: str
    bait: str
    more: Mapping[str, str] = field(default_factory=dict)


def run(target: Target) -> dict[str, str]:
    """What came of each attack: an errno's name, "open", or how else it was refused."""
    code = ("app.py", (FOLDER / "victim.py").read_bytes())
    name = f"victim-{secrets.token_hex(4)}"
    victim = _create(target, name, environment=json.dumps({"VICTIM": name}), app=code)
    health = target.api.get("/health").json()
    targets = {
        "data": health["data_dir"], "victim": victim["app_id"], "victim_name": name, "port": victim["port"],
        "pid": victim["pid"], "api": target.port, "console": target.console, "free": target.free,
        "code": target.code, "cache": target.cache, "bait": target.bait, "processes": PROCESSES,
    }  # fmt: skip
    attacker = _create(
        target, "attacker", waits=False, bundle=("bundle.zip", _bundle()),
        environment=json.dumps({"ATTACK_TARGETS": json.dumps(targets)}),
    )  # fmt: skip
    found = _said(target, attacker["app_id"])
    for app in (attacker, victim):
        target.api.delete(f"/apps/{app['app_id']}", timeout=120)
    Path("/dev/shm", f"hostd-victim-{name}").unlink(missing_ok=True)
    return found


def _create(
    target: Target, name: str, environment: str, *, waits: bool = True, **files: Any
) -> dict[str, Any]:
    data = {"name": name, "environment": environment}
    answer = target.api.post("/apps", data=data, files=files, timeout=120)
    assert answer.status_code == 201, answer.text
    if not waits:
        return dict(answer.json())
    path = f"/apps/{answer.json()['app_id']}"

    def settled() -> dict[str, Any] | None:
        app = dict(target.api.get(path).json())
        assert app["status"] != "failed", app["error"]
        assert not app["warning"], app["warning"]
        return app if app["status"] == "running" and app["deploying"] is None else None

    return until(settled, 300, 0.2, name) or {}


def _bundle() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted((FOLDER / "bundle").glob("*.py")):
            archive.write(path, path.name)
    return packed.getvalue()


def _said(target: Target, app_id: str) -> dict[str, str]:
    """The first session runs the script. The last try is answered, or ends with the app."""

    def lines() -> list[str]:
        log = target.api.get(f"/apps/{app_id}/logs", params={"tail": 2000}).json()["logs"].splitlines()
        return log if any(f'ATTACK ["{BOMB}"' in line or STOPPED in line for line in log) else []

    log = until(lines, 120, 0.2, "the attacks' end")
    tries = [line.partition("ATTACK ")[2] for line in log if "ATTACK " in line]
    return {BOMB: "stopped", **dict(json.loads(one) for one in tries)}


def verdict(came: str) -> str:
    """``blocked``, ``open``, or ``absent`` where there was nothing to attack."""
    return "open" if came == "open" else "absent" if came in ABSENT else "blocked"
