"""Where the attacks are tried: a platform of root's, and one of an ordinary user's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from hostd.layout import Layout
from tests.attacks.target import PROCESSES, Target, here
from tests.platform import Platform, until

ORDINARY = 54_322
"""The uid of the ordinary user: any that nobody has."""


class OneUser(Platform):
    """A platform that an ordinary user started, with a Python that ordinary users can run."""

    def __init__(self, venv: Path, **settings: Any) -> None:
        cache = Path(tempfile.gettempdir(), f"hostd-tests-uv-cache-{ORDINARY}")
        cache.mkdir(mode=0o755, exist_ok=True)
        super().__init__(UV_CACHE_DIR=str(cache), **settings)
        self.python = str(venv / "bin" / "python")
        for path in (self.data, cache):
            os.chown(path, ORDINARY, ORDINARY)

    def start(self, wait: bool = True) -> OneUser:
        """Start it as that user, and wait until the API answers."""
        environment = {**self.environment(), "HOME": str(self.data), "PATH": "/usr/local/bin:/usr/bin:/bin"}
        with self.output.open("ab") as output:
            os.chown(output.fileno(), ORDINARY, ORDINARY)  # supervisord opens it by name
            self.process = subprocess.Popen(
                [self.python, "-m", "hostd"], cwd=self.root, env=environment, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
                user=ORDINARY, group=ORDINARY, extra_groups=[],
            )  # fmt: skip
        if wait:
            until(self.answers, 60, what="the API")
        return self


@contextmanager
def as_started() -> Iterator[Target]:
    """A platform of whoever runs this: root, mostly."""
    platform = Platform(STREAMLIT_HOST_APP_PROCESSES=str(PROCESSES))
    with _running(platform) as target:
        yield target


@contextmanager
def as_one_user() -> Iterator[Target]:
    """A platform of an ordinary user. Only root can start one as another user."""
    with (
        _reachable_venv() as venv,
        _running(OneUser(venv, STREAMLIT_HOST_APP_PROCESSES=str(PROCESSES)), ORDINARY) as target,
    ):
        yield target


@contextmanager
def _running(platform: Platform, user: int | None = None) -> Iterator[Target]:
    bait, people = Path(tempfile.mkdtemp(prefix="bait-")), Layout(platform.data).people
    people.mkdir(mode=0o700)
    for folder in (people, bait):
        os.chown(folder, platform.data.stat().st_uid, -1)
    try:
        platform.start()
        platform.wait_for_console()
        yield Target(
            api=platform.api, port=platform.port, console=platform.console_port, free=platform.pool[-1],
            code=str(platform.root), cache=platform.settings["UV_CACHE_DIR"], bait=str(bait),
            shell=partial(here, user=user),
        )  # fmt: skip
    finally:
        platform.close()
        shutil.rmtree(bait)


@contextmanager
def _reachable_venv() -> Iterator[Path]:
    """A venv of the system's Python with our packages: this one's interpreter may lie in root's home.

    Both must be of the same version, since packages hold compiled code.
    """
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    with tempfile.TemporaryDirectory(prefix="venv-") as folder:
        venv = Path(folder)
        subprocess.run([f"/usr/bin/{version}", "-m", "venv", "--without-pip", folder], check=True)
        packages = venv / "lib" / version / "site-packages"
        (packages / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
        (venv / "bin" / "uv").symlink_to(Path(sysconfig.get_path("scripts"), "uv"))
        venv.chmod(0o755)
        yield venv
