"""A disk that is full, for real: a small tmpfs as the data folder."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform import HELLO, Platform, assert_problem, until

SIZE = 900_000_000


@pytest.fixture
def small() -> Iterator[Platform]:
    """A platform whose data folder is a file system of its own, with its uv cache elsewhere."""
    platform = Platform(pool=6, UV_LINK_MODE="copy")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(platform.data)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        platform.data.rmdir()
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        platform.start()
        yield platform
        platform.stop()
    finally:
        subprocess.run(["umount", "--lazy", str(platform.data)], check=True)
        platform.close()


def fill(folder: Path, leave: int) -> Path:
    """A file that takes all space but ``leave`` bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65536))
    os.truncate(ballast, max(0, ballast.stat().st_size - leave))
    return ballast


def test_a_full_disk_loses_nothing(small: Platform) -> None:
    """Full in an install: disk_full. Full in a state write: 507, the old state whole. Then all goes on."""
    app_id = small.running("first")
    small.supervisorctl("stop", f"build.{app_id}")  # its bytecode would come and go on the full disk
    ballast = fill(small.data, leave=30_000_000)
    second = small.create("second", HELLO)
    error = small.wait(second, "failed")["error"]
    assert error["kind"] == "disk_full", error
    assert small.serves(app_id)

    ballast.unlink()
    ballast = fill(small.data, leave=0)
    meta = small.data / "apps" / app_id / "meta.json"
    before = meta.read_bytes()
    renamed = small.api.patch(f"/apps/{app_id}", data={"name": "a new name"})
    assert_problem(renamed, 507)
    assert_problem(small.api.post("/apps", data={"name": "third"}, files={"app": ("app.py", HELLO)}), 507)
    newer = {"app": ("app.py", HELLO + b"# newer\n")}
    assert_problem(small.api.patch(f"/apps/{app_id}", files=newer), 507)
    assert [p.name for p in (meta.parent / "releases").iterdir()] == ["1"]
    assert meta.read_bytes() == before
    assert json.loads(before)["name"] == small.app(app_id)["name"] == "first"
    assert small.serves(app_id)
    assert {p.name for p in (small.data / "apps").iterdir()} == {app_id, second}

    ballast.unlink()
    assert small.api.patch(f"/apps/{app_id}", data={"name": "a new name"}).json()["name"] == "a new name"
    small.api.post(f"/apps/{second}/start")
    small.wait(second, "running")
    until(lambda: small.serves(second), 10)
