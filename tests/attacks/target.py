"""The platform that is attacked, and how apps are put on it."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.platform import until

FOLDER = Path(__file__).parent / "hostile"
PROCESSES = 150
"""What the platform's STREAMLIT_HOST_APP_PROCESSES is, so that the table is there within seconds."""


def here(script: str, user: int | None = None) -> str:
    """What a shell of this machine says, of that user. Raises CalledProcessError."""
    groups = None if user is None else ()
    done = subprocess.run(
        ["sh", "-c", script], user=user, group=user, extra_groups=groups, cwd="/",
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class Target:
    """A platform as the attacker sees it from inside: ports and paths there. ``free`` is one of the pool.

    ``bait`` is a folder for links to lead to, that is made if it is not there; ``shell`` runs a script
    there, as who the platform is.
    """

    api: httpx.Client
    port: int
    console: int
    free: int
    code: str
    cache: str
    bait: str
    shell: Callable[[str], str] = here

    @property
    def url(self) -> str:
        """The platform from outside."""
        return str(self.api.base_url).rstrip("/").removesuffix("/api")

    def app(self, app_id: str) -> dict[str, Any]:
        """The app as the API shows it."""
        return dict(self.api.get(f"/apps/{app_id}").json())

    def log(self, app_id: str) -> list[str]:
        """Its run.log, as far as it is shown."""
        answer = self.api.get(f"/apps/{app_id}/logs", params={"tail": 4000})
        return str(answer.json()["logs"]).splitlines()


def create(target: Target, name: str, environment: Mapping[str, str], **more: Any) -> str:
    """Create an app, of fields (texts) and files (name and content); its id."""
    fields, files = _parts(environment, more)
    answer = target.api.post("/apps", data={"name": name, **fields}, files=files, timeout=120)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["app_id"])


def deploy(target: Target, app_id: str, environment: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """Deploy it anew, and wait for the end of that. The app."""
    fields, files = _parts(environment, more)
    answer = target.api.post(f"/apps/{app_id}/releases", data=fields, files=files, timeout=120)
    assert answer.status_code == 202, answer.text
    return settled(target, app_id)


def _parts(environment: Mapping[str, str], more: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    fields = {name: value for name, value in more.items() if isinstance(value, str)}
    files = {name: value for name, value in more.items() if not isinstance(value, str)}
    return {"environment": json.dumps(environment), **fields}, files


def settled(target: Target, app_id: str) -> dict[str, Any]:
    """The app, once it runs or has failed and nothing is being deployed."""

    def look() -> dict[str, Any] | None:
        app = target.app(app_id)
        return app if app["status"] in ("running", "failed") and app["deploying"] is None else None

    return until(look, 300, 0.2, app_id) or {}


def running(target: Target, app_id: str) -> dict[str, Any]:
    """The app, once it runs as it should."""
    app = settled(target, app_id)
    assert app["status"] == "running", app["error"]
    assert not app["warning"], app["warning"]
    return app


def tries(log: list[str]) -> dict[str, str]:
    """What an app said about its tries: name and outcome."""
    return dict(json.loads(line.partition("ATTACK ")[2]) for line in log if "ATTACK " in line)


def zipped(files: Mapping[str, bytes | str]) -> tuple[str, bytes]:
    """A bundle of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in sorted(files.items()):
            archive.writestr(name, data)
    return "bundle.zip", packed.getvalue()


def modules() -> dict[str, bytes]:
    """The attacker's files."""
    return {path.name: path.read_bytes() for path in sorted((FOLDER / "bundle").glob("*.py"))}
