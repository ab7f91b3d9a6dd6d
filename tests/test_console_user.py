"""Who the console runs as, and what it can reach: everybody who gets to the port sends it something."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hostd.confine import landlock
from hostd.lifecycle import console
from hostd.programs import LAUNCHER
from hostd.settings import load
from hostd.uids import Uids

from .platform import ROOT, Platform

PROBE = """
import errno, json, os, socket, sys
def tried(what, *arguments):
    try:
        what(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "open"
kinds = {
    "read": lambda path: open(path, "rb").read(1), "list": os.listdir,
    "write": lambda path: open(path, "ab").close(),
    "connect": lambda port: socket.create_connection(("127.0.0.1", port), timeout=5),
    "bind": lambda port: socket.create_server(("127.0.0.1", port)),
}
print(json.dumps({name: tried(kinds[kind], what) for name, (kind, what) in json.loads(sys.argv[1]).items()}))
"""
NO = {"EACCES", "EPERM"}


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def tried(platform: Platform, orders: dict[str, tuple[str, str | int]], folder: Path) -> dict[str, str]:
    """What came of each order, given to a process with the spec of the console's."""
    spec = json.loads((platform.data / "supervisor" / "console.json").read_text(encoding="utf-8"))
    del spec["tmp"]  # the console's own, which it is using
    path = folder / "spec.json"
    path.write_text(json.dumps({**spec, "argv": [spec["argv"][0], "-c", PROBE, json.dumps(orders)]}))
    command = [sys.executable, "-I", "-S", str(LAUNCHER), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_it_is_a_user_of_its_own_without_any_right(platform: Platform) -> None:
    """No group, no capability, none to be had; system calls are filtered. Its folder is its own."""
    platform.wait_for_console()
    found = status(platform.pid("console"))
    assert found["NoNewPrivs"] == "1"
    assert {int(found[name], 16) for name in ("CapPrm", "CapEff", "CapAmb")} == {0}
    assert found["Seccomp"] == "2"
    if os.geteuid() == 0:
        assert found["Uid"].split() == found["Gid"].split() == ["20002"] * 4
        assert found["Groups"] == ""
        assert (platform.data / "console").stat().st_uid == 20_002


@pytest.mark.skipif(landlock.abi() < 4, reason="the kernel's Landlock has no rules for TCP")
def test_what_it_reaches(platform: Platform, tmp_path: Path) -> None:
    """Its code, its folder and hostd; nothing of the platform's or of apps', and no other port."""
    app_id, data = platform.running("beside-the-console"), platform.data
    port = json.loads((data / "apps" / app_id / "meta.json").read_text())["port"]
    planted = ROOT / ".env.test-console"
    planted.write_text("SECRET=1", encoding="utf-8")
    refused: dict[str, tuple[str, str | int]] = {
        "the data folder": ("list", str(data)),
        "the key of secrets": ("read", str(data / "secrets.key")),
        "supervisord's password": ("read", str(data / "supervisor" / "password")),
        "its own spec": ("write", str(data / "supervisor" / "console.json")),
        "an app's meta.json": ("read", str(data / "apps" / app_id / "meta.json")),
        "an app's code": ("read", str(data / "apps" / app_id / "releases" / "1" / "bundle" / "app.py")),
        "hostd's log": ("read", str(data / "logs" / "hostd.log")),
        "its own code": ("write", str(ROOT / "console" / "app.py")),
        "the checkout": ("list", str(ROOT)),
        "settings beside the code": ("read", str(planted)),
        "passwords of the machine": ("read", "/etc/shadow"),
        "an app": ("connect", port),
        "another service": ("connect", platform.pool[-1]),
        "a port of the apps": ("bind", platform.pool[-1]),
    }
    allowed: dict[str, tuple[str, str | int]] = {
        "code": ("read", str(ROOT / "console" / "app.py")),
        "the demo app": ("list", str(ROOT / "demo_app")),
        "its folder": ("write", str(data / "console" / "x")),
        "hostd": ("connect", platform.port),
    }
    try:
        found = tried(platform, allowed | refused, tmp_path)
    finally:
        planted.unlink()
        platform.api.delete(f"/apps/{app_id}")
    assert {name: found[name] for name in allowed if found[name] != "open"} == {}
    assert {name: found[name] for name in refused if found[name] not in NO} == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="users are for a platform that is root")
def test_code_that_only_root_reads() -> None:
    """Then the console runs all the same, as a root that has no rights, and a line says why; apps run."""
    with tempfile.TemporaryDirectory(prefix="closed-") as folder:
        for name in ("hostd", "console", "templates", "demo_app"):
            shutil.copytree(ROOT / name, Path(folder, name))
        made = Platform(root=Path(folder)).start()
        try:
            made.wait_for_console()
            found = status(made.pid("console"))
            assert found["Uid"].split()[0] == "0"
            assert int(found["CapEff"], 16) == 0
            assert found["NoNewPrivs"] == "1"
            told = "the console runs as root, with none of root's capabilities: other users can't read "
            assert told + folder in made.output.read_text()
            secrets = (made.data / "secrets.key", "/etc/shadow")
            came = tried(made, {str(path): ("read", str(path)) for path in secrets}, made.data)
            assert set(came.values()) <= NO
            made.running("closed")
        finally:
            made.close()


def test_without_users_it_is_the_platforms_own() -> None:
    """By the platform's interpreter, and confined as well."""
    settings = load({"STREAMLIT_HOST_DATA": "/srv/hostd"})
    run = console.runner(settings, None)
    assert run == console.Runner(None, sys.executable)
    spec = console.console_spec(settings, run)
    assert spec["uid"] is None
    assert spec["confine"]["tcp"] == {"bind": [8500], "connect": [[8080, 8080]]}  # type: ignore[index]


def test_its_number_is_no_apps() -> None:
    """Four numbers are the platform's own; apps have two each from there on."""
    users = Uids(20_000, 20_009)
    assert users.console.uid not in users.all()
    assert users.fetcher.uid not in users.all()
    assert list(users.all()) == [20_004, 20_006, 20_008]
