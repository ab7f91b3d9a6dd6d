"""A Unix user for each app: who can read and write what, on a platform that runs as root."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.platform import HELLO, Platform, until
from tests.session import Session

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="users are for a platform that is root")

PROBE = b"""
import getpass, json, os, pathlib, streamlit as st
def tried(what, *arguments):
    try:
        return repr(what(*arguments))
    except OSError as error:
        return error.strerror
orders = json.loads(pathlib.Path(os.environ["HOME"], "orders.json").read_text()) \\
    if pathlib.Path(os.environ["HOME"], "orders.json").exists() else {}
found = {"uids": os.getresuid(), "gids": os.getresgid(), "groups": os.getgroups(), "name": getpass.getuser(),
         "caps": [line for line in open("/proc/self/status") if line.startswith(("Cap", "NoNew"))]}
for name, order in orders.items():
    kind, target = order
    found[name] = {
        "read": lambda: tried(lambda: open(target, "rb").read(64)),
        "write": lambda: tried(lambda: open(target, "ab").write(b"x")),
        "list": lambda: tried(lambda: os.listdir(target)),
        "add": lambda: tried(lambda: open(target, "xb").write(b"x")),
        "delete": lambda: tried(lambda: os.unlink(target)),
    }[kind]()
st.text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def pair(platform: Platform) -> tuple[str, str]:
    """Two apps that run: one probes, the other is its victim."""
    return platform.running("probe", PROBE), platform.running("victim")


def root_of(platform: Platform, app_id: str) -> Path:
    return platform.data / "apps" / app_id


def probe(platform: Platform, app_id: str, orders: dict[str, tuple[str, str]]) -> dict[str, object]:
    """Have the app try ``orders`` in a session, and what came of each."""
    folder = root_of(platform, app_id)
    uid = (folder / "home").stat().st_uid
    told = folder / "home" / "orders.json"
    told.write_text(json.dumps(orders), encoding="utf-8")
    os.chown(told, uid, uid)
    session = Session(f"{platform.url}/apps/{app_id}")
    try:
        return dict(json.loads(session.run()[0]))
    finally:
        session.close()


def test_an_app_is_a_user_of_its_own(platform: Platform, pair: tuple[str, str]) -> None:
    """Another number for each, in every slot of the process; no group, no capability, none to be had."""
    app_id = pair[0]
    uids = [json.loads((root_of(platform, one) / "meta.json").read_text())["uid"] for one in pair]
    assert len(set(uids)) == 2
    assert all(20_000 < uid <= 59_999 for uid in uids)
    found = probe(platform, app_id, {})
    assert found["uids"] == found["gids"] == [uids[0]] * 3
    assert found["groups"] == []
    assert found["name"] == app_id
    caps = {line.split(":")[0]: int(line.split()[1], 16) for line in found["caps"]}  # type: ignore[attr-defined]
    assert caps["NoNewPrivs"] == 1
    assert caps["CapEff"] == caps["CapPrm"] == caps["CapAmb"] == 0


def test_what_an_app_can_reach(platform: Platform, pair: tuple[str, str]) -> None:
    """Its own files as meant, and nothing of another app's or of the platform's."""
    app_id, victim = pair
    mine, other, data = root_of(platform, app_id), root_of(platform, victim), platform.data
    allowed = {
        "own code": ("read", mine / "releases/1/bundle/app.py"),
        "add beside the code": ("add", mine / "releases/1/bundle/added.txt"),
        "change what it added": ("write", mine / "releases/1/bundle/added.txt"),
        "delete what it added": ("delete", mine / "releases/1/bundle/added.txt"),
        "own storage": ("add", mine / "home/storage/kept.txt"),
        "own venv": ("read", mine / "releases/1/venv/pyvenv.cfg"),
    }
    refused = {
        "change own code": ("write", mine / "releases/1/bundle/app.py"),
        "delete own code": ("delete", mine / "releases/1/bundle/app.py"),
        "change own venv": ("write", mine / "releases/1/venv/pyvenv.cfg"),
        "add to own venv": ("add", mine / "releases/1/venv/x.pth"),
        "own meta": ("read", mine / "meta.json"),
        "own run.log": ("write", mine / "run.log"),
        "own release.json": ("write", mine / "releases/1/release.json"),
        "own bundle.zip": ("write", mine / "releases/1/bundle.zip"),
        "add beside meta": ("add", mine / "x"),
        "add beside release.json": ("add", mine / "releases/1/x"),
        "their code": ("read", other / "releases/1/bundle/app.py"),
        "their folder": ("list", other),
        "their venv": ("read", other / "releases/1/venv/pyvenv.cfg"),
        "their home": ("list", other / "home"),
        "their log": ("read", other / "run.log"),
        "their meta": ("read", other / "meta.json"),
        "the list of apps": ("list", data / "apps"),
        "the data folder": ("list", data),
        "supervisor": ("list", data / "supervisor"),
        "supervisord.conf": ("read", data / "supervisor/supervisord.conf"),
        "hostd.log": ("read", data / "logs/hostd.log"),
        "cache": ("list", data / "cache"),
        "own builder's cache": ("list", data / "cache/own"),
        "uv's cache": ("list", Path(platform.settings["UV_CACHE_DIR"])),
        "uids.json": ("write", data / "uids.json"),
    }
    orders = {name: (kind, str(path)) for name, (kind, path) in (allowed | refused).items()}
    found = probe(platform, app_id, orders)
    no = ("Permission denied", "Operation not permitted")
    assert {name: found[name] for name in allowed if found[name] in no} == {}
    assert {name: found[name] for name in refused if found[name] not in no} == {}


def test_a_deleted_apps_number_does_not_come_again(platform: Platform) -> None:
    """Not while others are free; and what it left running ends with it."""
    app = (
        b"import subprocess, streamlit as st\n"
        b"subprocess.Popen(['sleep', '987654'], start_new_session=True)\nst.title('x')\n"
    )
    first = platform.running("first", app)
    uid = json.loads((root_of(platform, first) / "meta.json").read_text())["uid"]
    assert until(lambda: processes_of(uid), 10)
    assert platform.api.delete(f"/apps/{first}").status_code == 200
    until(lambda: not processes_of(uid), 10, what="the process that hid")
    second = platform.running("second")
    assert json.loads((root_of(platform, second) / "meta.json").read_text())["uid"] > uid
    platform.api.delete(f"/apps/{second}")


def processes_of(uid: int) -> list[int]:
    """The pids of a user."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                lines = (entry / "status").read_text().splitlines()
            except OSError:
                continue
            fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            if fields["Uid"].split()[0] == str(uid) and fields["State"][0] not in "ZX":
                found.append(int(entry.name))
    return found


def uid_of(platform: Platform, app_id: str) -> int:
    return int(json.loads((root_of(platform, app_id) / "meta.json").read_text())["uid"])


def test_a_package_that_is_source_only_needs_leave(platform: Platform) -> None:
    """Nothing is built by default, and the failure says what to do; then the app's own builder does it."""
    app_id = platform.create("source", requirements=b"streamlit\ndocopt==0.6.2\n")
    error = platform.wait(app_id, "failed")["error"]
    assert error["kind"] == "resolve_failed"
    assert "docopt" in error["message"]
    assert "build_from_source=1" in error["advice"]
    assert not list((platform.data / "cache" / "own").glob(f"{app_id}*"))
    answer = platform.api.patch(f"/apps/{app_id}", data={"build_from_source": "1"})
    assert answer.json()["options"]["build_from_source"] is True
    platform.wait(app_id, "running")
    venv = root_of(platform, app_id) / "releases" / "2" / "venv"
    assert venv.stat().st_uid == uid_of(platform, app_id) + 1
    own = platform.data / "cache" / "own" / app_id
    assert own.is_dir()
    assert platform.api.delete(f"/apps/{app_id}").status_code == 200
    until(lambda: not own.exists(), 10, what="the builder's cache of a deleted app")


SETUP = """
import os, pathlib, subprocess
from setuptools import setup
who = repr((os.getresuid(), os.getresgid(), os.getgroups()))
pathlib.Path(__file__).with_name("whoami.txt").write_text(who)
quiet = subprocess.DEVNULL
subprocess.Popen(["sleep", "123456"], start_new_session=True, stdin=quiet, stdout=quiet, stderr=quiet)
setup(name="mine", version="1", py_modules=["mine"])
"""


def test_an_apps_own_project_is_built_by_its_own_builder(platform: Platform) -> None:
    """Its setup.py runs as that, without any leave; what it left running is ended."""
    files = {
        "app.py": HELLO,
        "requirements.txt": b"streamlit\n-e .\n",
        "setup.py": SETUP.encode(),
        "mine.py": b"",
    }
    parts = [("files", (name, data)) for name, data in files.items()]
    made = platform.api.post("/apps", data={"name": "project"}, files=parts)
    app_id = made.json()["app_id"]
    platform.wait(app_id, "running")
    uid = uid_of(platform, app_id)
    told = root_of(platform, app_id) / "releases" / "1" / "bundle" / "whoami.txt"
    assert told.read_text() == repr(((uid + 1,) * 3, (uid + 1,) * 3, [uid]))
    until(lambda: not processes_of(uid + 1), 60, what="only its bytecode is still compiled, and then nothing")
    platform.api.delete(f"/apps/{app_id}")
