"""Links that an app has planted where the platform works: what they lead to is looked at, act by act."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from tests.attacks.target import Target, deploy, modules, settled, zipped
from tests.platform import until

BAIT = "Zq8rMouBAIT"
"""What the platform's file says that links lead to."""


def lay_bait(target: Target) -> None:
    """Files of the platform's own, that anybody might read who gets there."""
    bait = shlex.quote(target.bait)
    target.shell(
        f"mkdir -p {bait}/below && chmod 755 {bait} {bait}/below"
        f" && printf %s {BAIT} > {bait}/file && printf %s {BAIT} > {bait}/below/file"
        f" && chmod 644 {bait}/file {bait}/below/file"
    )


def looked_at(target: Target) -> str:
    """All of it: names, owners, modes, times, links, content."""
    bait = shlex.quote(target.bait)
    return target.shell(
        f"cd {bait} && find . /etc/passwd /etc/shadow -printf '%p %M %U:%G %n %s %T@ %C@ %l\\n' | sort"
        " && cat file below/file"
    )


def tried(target: Target, app_id: str, told: Mapping[str, str]) -> dict[str, str]:
    """What the platform's acts did to what the links lead to."""
    before, found = looked_at(target), {}

    def act(name: str, came: str = "untouched") -> None:
        found[f"have links followed: {name}"] = came if looked_at(target) == before else "open"

    settled(target, app_id)
    act("when its files are read", _read(target, app_id))
    target.api.post(f"/apps/{app_id}/restart", timeout=120)
    settled(target, app_id)
    act("when it starts again")
    more = dict.fromkeys(("extra.txt", "sub/extra.txt", "to-folder/file"), b"the release's")
    number = deploy(target, app_id, told, bundle=zipped(modules() | more))["release"]
    act("when it is deployed anew", "untouched" if number == 2 else "ENOENT")
    target.api.post(f"/apps/{app_id}/releases/1/activate", timeout=120)
    settled(target, app_id)
    act("when it is rolled back")
    act("when its log is rotated", _rotated(target, app_id))
    gone = target.api.delete(f"/apps/{app_id}", timeout=300).status_code == 200
    act("when it is deleted")
    found["leave a tree that can't be deleted"] = _left(target, app_id, gone, _data(target))
    found["leave files behind for all to see"] = _left(target, app_id, gone, "/dev/shm /tmp /var/tmp")
    target.shell(f"rm -rf /dev/shm/*{app_id}")
    return found


def _data(target: Target) -> str:
    return shlex.quote(f"{target.api.get('/health').json()['data_dir']}/apps")


def _read(target: Target, app_id: str) -> str:
    """Whether the API shows what a link leads to."""
    one = f"/apps/{app_id}"
    places = (
        "to-file",
        "to-folder/file",
        "sub/file",
        "to-folder",
        "to-itself",
        "fifo",
        "../../home/storage/file",
    )
    paths = [f"{one}/files", *(f"{one}/files/{place}" for place in places), f"{one}/releases/1/bundle"]
    answers = [target.api.get(path) for path in paths]
    assert answers[0].status_code == answers[-1].status_code == 200
    return "open" if any(BAIT.encode() in answer.content for answer in answers) else "untouched"


def _rotated(target: Target, app_id: str) -> str:
    """supervisord begins a new file."""
    folder = f"{_data(target)}/{app_id}"
    deploy(target, app_id, {"LOUD": "1"}, bundle=zipped(modules()))
    until(lambda: target.shell(f"ls {folder}").count("run.log") > 1, 120, 0.5, "run.log.1")
    return "untouched"


def _left(target: Target, app_id: str, gone: bool, places: str) -> str:
    found = target.shell(f"find {places} -maxdepth 1 -name '*{app_id}*'")
    return "all is gone" if gone and not found else "open"
