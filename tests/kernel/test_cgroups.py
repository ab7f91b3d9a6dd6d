"""Apps' shares of the CPU by cgroup v2: whole in a kernel where groups may be made, refused in this one's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hostd import cgroups
from tests.docker.engine import NoEngineError
from tests.kernel.uml import booted, kernel
from tests.platform import Platform

BY_NICE = "apps share the CPU by nice alone: "


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What tests/kernel/guest.py found."""
    command = [sys.executable, "-m", "tests.kernel.guest"]
    try:
        said = booted(kernel(), command, tmp_path_factory.mktemp("guest"), seconds=400)
    except NoEngineError as reason:
        pytest.skip(str(reason))
    return dict(json.loads(said))


def test_apps_share_as_wholes(guest: dict[str, Any]) -> None:
    """Of nice 0 and nice 10 one gets nine times as much as the other, however many processes that one has.

    By nice alone it would be three times.
    """
    shares = guest["shares"]
    assert shares["prepared"] == shares["again"] == ["", True]
    assert shares["weights"] == [100, 11]
    one, three = shares["used"]
    assert 4.5 < one / three < 20


def test_groups_end_with_their_apps(guest: dict[str, Any]) -> None:
    """A sweep takes those away of which nothing runs, and no other."""
    assert guest["shares"]["while they run"] == ["one", "three"]
    assert guest["shares"]["afterwards"] == []


def test_what_is_not_ours_is_left_alone(guest: dict[str, Any]) -> None:
    """Other programs' groups, systemd's, those without the controller: then by nice, and it is said why."""
    found = guest["refusals"]
    for name in ("others", "no controller", "systemd", "broken"):
        assert found[name][0].startswith(BY_NICE)
        found[name][0] = found[name][0].removeprefix(BY_NICE)
    assert found["others"] == ["/sys/fs/cgroup/strange holds other programs as well", False]
    assert found["no controller"] == ["the controller cpu is not there in /sys/fs/cgroup/strange", False]
    assert found["systemd"][0].startswith("/sys/fs/cgroup/systemds is systemd's")
    assert found["delegated"] == ["", True]
    assert found["broken"] == ["/sys/fs/cgroup/halfway: broken", False, "0::/halfway\n"]
    assert found["left"] == [[], []]


def test_a_platform_in_groups(guest: dict[str, Any]) -> None:
    """supervisord, hostd and the console are in the platform's, and nothing is left beside it."""
    found = guest["platform"]
    assert (found["cpu_share"], found["beside"]) == ("cgroup", [])
    assert found["own"] >= 3


def test_the_platform_says_which(platform: Platform) -> None:
    """Health tells what was found at the start; an app runs either way."""
    share = platform.api.get("/health").json()["cpu_share"]
    said = BY_NICE in platform.output.read_text()
    assert said == (share == "nice")


def test_nothing_happens_where_groups_are_not_used(tmp_path: Path) -> None:
    """The launcher passes over the app's group where the platform has none of its own."""
    if cgroups.used():
        pytest.skip("a platform that ran before has moved these tests into its own group")
    before = Path("/proc/self/cgroup").read_text()
    spec = {
        "argv": [sys.executable, "-c", "print(open('/proc/self/cgroup').read(), end='')"], "env": {},
        "cwd": "/", "cgroup": {"app_id": "x", "nice": 5},
    }  # fmt: skip
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec))
    command = [sys.executable, "-I", "-S", "hostd/launch.py", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (before, "")
