"""The level of isolation: its text, what is measured, what is required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd import self_test, uids
from hostd.confine import landlock, seccomp
from hostd.isolation import NONE, Isolation, parse
from hostd.settings import load

from .platform import ROOT, Platform

levels = st.builds(Isolation, uid=st.booleans(), landlock=st.integers(0, 12), seccomp=st.booleans())
REFUSED = dict.fromkeys(
    ["private", "setuid", "file", "tcp", "bind", "signal", "fast open", "mptcp", "vsock", "own memory",
     "ptrace", "clone3"], "EPERM",
)  # fmt: skip


@given(levels, levels)
def test_text_and_order(one: Isolation, other: Isolation) -> None:
    """A level reads back as itself; reaching is an order."""
    assert parse(str(one)) == one
    assert one.reaches(one)
    assert one.reaches(NONE)
    assert (one.reaches(other) and other.reaches(one)) == (one == other)


def here() -> Isolation:
    """What this machine's kernel should give to apps without a uid of their own."""
    return Isolation(False, landlock.abi(), seccomp.program(os.uname().machine) is not None)


def test_measured_from_inside() -> None:
    """The self-test finds what the kernel has."""
    assert self_test.measure() == here()


def test_a_python_that_does_not_run_counts_for_nothing(tmp_path: Path) -> None:
    """The next one is tried; without any nothing is claimed."""
    assert self_test.measure(pythons=[str(tmp_path / "none"), sys.executable]) == here()
    assert self_test.measure(pythons=[str(tmp_path / "none")]) == NONE


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ((), "uid+landlock7+seccomp"),
        (("file",), "uid+seccomp"),
        (("tcp",), "uid+seccomp"),
        (("bind",), "uid+seccomp"),
        (("signal",), "seccomp"),
        (("private",), "landlock7+seccomp"),
        (("setuid",), "landlock7+seccomp"),
        (("clone3",), "uid+landlock7"),
        (("mptcp", "file"), "uid"),
        (tuple(REFUSED), "none"),
    ],
)
def test_one_hole_and_the_layer_does_not_count(held: tuple[str, ...], expected: str) -> None:
    """Nothing is believed of a layer that let something through."""
    found = {**REFUSED, **dict.fromkeys(held, "open"), "uid": 20001}
    assert str(self_test.judge(found, 7, 0)) == expected


def test_an_older_landlock_is_asked_for_less() -> None:
    """Before ABI 4 it has no rules for TCP, before 6 none for signals."""
    found = {**REFUSED, "uid": 5, "tcp": "open", "bind": "open", "signal": "open"}
    assert self_test.judge(found, 3, 5).landlock == 3
    assert self_test.judge(found, 4, 5).landlock == 0


def test_health_and_log_tell(platform: Platform) -> None:
    """As measured on the running platform."""
    told = platform.api.get("/health").json()["isolation"]
    assert parse(told).reaches(here())
    assert f"isolation of apps: {told}" in (platform.data / "logs" / "hostd.log").read_text()


WITHOUT_KILL = ["setpriv", "--bounding-set=-kill", "--inh-caps=-all"]
LACK = "root lacks the capability KILL (in Docker: cap_add)"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to lack")
def test_root_that_lacks_a_capability_says_so() -> None:
    """All apps are one user then: the log and health name what is missing, and a required uid is refused."""
    made = Platform()
    made.command = [*WITHOUT_KILL, *made.command]
    try:
        made.start()
        health = made.api.get("/health").json()
        assert health["missing_capabilities"] == ["KILL"]
        assert not parse(health["isolation"]).uid
        assert f"warning: {LACK}, so all apps run as one user" in made.output.read_text()
        made.stop()
        done = subprocess.run(
            made.command, cwd=ROOT, env={**made.environment(), "STREAMLIT_HOST_REQUIRE_ISOLATION": "uid"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        made.close()
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("hostd: STREAMLIT_HOST_REQUIRE_ISOLATION=uid: apps would only have ")
    assert f", for {LACK}; see" in line


def test_what_the_image_says_is_lacking() -> None:
    """Its entry gives root up before hostd begins, and hands on why."""
    settings = load({"HOSTD_ROOT_LACKS": "DAC_OVERRIDE,KILL"})
    if os.geteuid() != 0:
        assert uids.lacking(settings) == ["DAC_OVERRIDE", "KILL"]
    assert settings.root_lacks == ("DAC_OVERRIDE", "KILL")
    assert load({}).root_lacks == ()


def test_less_than_required_is_a_refusal(tmp_path: Path) -> None:
    """One clear line, and no platform."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")},
        "STREAMLIT_HOST_DATA": str(tmp_path / "data"), "STREAMLIT_HOST_PORT": "20900",
        "STREAMLIT_HOST_CONSOLE_PORT": "20901", "STREAMLIT_HOST_REQUIRE_ISOLATION": "landlock99+seccomp",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "hostd"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "hostd: STREAMLIT_HOST_REQUIRE_ISOLATION=landlock99+seccomp: apps would only have "
    )
