"""Packages of strangers, a wheel and a source distribution, and an app that asks for them."""

from __future__ import annotations

import base64
import io
import json
import random
import secrets
import shlex
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.attacks.target import FOLDER, Target, create, deploy, modules, running, tries, zipped

WHEEL, SOURCE = "evil_wheel-1-py3-none-any.whl", "evil_source-1.tar.gz"
WITHOUT_LEAVE = "have a setup.py run without leave"
PORTS = range(9_100, 9_900)
"""Where their index may be: apps may connect there, and so may their own builders."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """An app; ``server`` is the pid of the index that it names, which has both packages, at ``url``."""

    app_id: str
    url: str
    server: int

    def bundle(self, *wanted: str) -> tuple[str, bytes]:
        """An upload that wants these."""
        lines = (f"--find-links {self.url}", "streamlit", *wanted)
        app = (FOLDER / "stranger.py").read_bytes()
        return zipped({"app.py": app, "requirements.txt": "".join(f"{line}\n" for line in lines)})


def begin(target: Target, given: Mapping[str, Any]) -> Stranger:
    """Create the app, which asks for the wheel alone."""
    app_id, port = f"stranger-{secrets.token_hex(4)}", random.choice(PORTS)
    packages = {WHEEL: _wheel(app_id), SOURCE: _source(app_id, given)}
    made = Stranger(app_id, f"http://127.0.0.1:{port}/", _served(target, port, packages))
    create(target, "stranger", {"ROUND": "1"}, app_id=app_id, bundle=made.bundle("evil-wheel"))
    return made


def _served(target: Target, port: int, packages: Mapping[str, bytes]) -> int:
    folder = shlex.quote(f"{target.bait}-packages")
    target.shell(f"mkdir -p {folder} && chmod 755 {folder}")
    for name, data in packages.items():
        target.shell(f"echo {base64.b64encode(data).decode()} | base64 -d > {folder}/{name}")
    server = f"setsid python3 -m http.server --bind 127.0.0.1 --directory {folder} {port}"
    asks = f"python3 -c 'import urllib.request as u; u.urlopen(\"http://127.0.0.1:{port}/\")'"
    waits = f"for _ in $(seq 50); do {asks} 2>/dev/null && break; sleep 0.2; done"
    return int(target.shell(f"{server} >/dev/null 2>&1 & echo $!; {waits}"))


def tried(target: Target, made: Stranger) -> dict[str, str]:
    """What the packages' code did: as a wheel, from source without leave, and with it."""
    try:
        running(target, made.app_id)
        found = _told(target, made.app_id, "1")
        both = ("evil-wheel", "evil-source")
        app = deploy(target, made.app_id, {"ROUND": "2"}, bundle=made.bundle(*both))
        refused = app["release"] == 1 and app["error"]["kind"]
        more = {"build_from_source": "1", "bundle": made.bundle(*both)}
        deploy(target, made.app_id, {"ROUND": "3"}, **more)
        running(target, made.app_id)
        return {**found, WITHOUT_LEAVE: refused or "open", **_told(target, made.app_id, "3")}
    finally:
        target.shell(f"kill {made.server}; rm -r {shlex.quote(target.bait)}-packages")


def _told(target: Target, app_id: str, number: str) -> dict[str, str]:
    found = tries(target.log(app_id))
    assert found.pop("told") == number, found
    return found


def _wheel(token: str) -> bytes:
    """Its code is run by any Python that looks for packages where it lies, unless told not to."""
    about = "evil_wheel-1.dist-info"
    return zipped({
        "evil_wheel.py": _recorder(token),
        "evil_wheel.pth": "import evil_wheel; evil_wheel.record('.pth')\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: evil-wheel\nVersion: 1\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    })[1]  # fmt: skip


def _recorder(token: str) -> bytes:
    return (FOLDER / "evil_wheel.py").read_text("utf-8").replace("@TOKEN@", token).encode()


def _source(token: str, given: Mapping[str, Any]) -> bytes:
    files = {
        "PKG-INFO": b"Metadata-Version: 2.1\nName: evil-source\nVersion: 1\n",
        "setup.py": (FOLDER / "setup.py").read_bytes(),
        "evil_wheel.py": _recorder(token),
        "evil_source/__init__.py": b"",
        "targets.json": json.dumps(given).encode(),
        **modules(),
    }
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"evil_source-1/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()
