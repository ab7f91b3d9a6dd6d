"""Which Chromium the tests take, and what they say when there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from tests import browser


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have been run; every command ends well."""
    ran: list[list[str]] = []

    def run(command: Sequence[str], **_more: object) -> SimpleNamespace:
        ran.append(list(command))
        return SimpleNamespace(returncode=0, stdout="", stderr="")

    monkeypatch.setattr(browser, "subprocess", SimpleNamespace(run=run))
    return ran


def _machine(monkeypatch: pytest.MonkeyPatch, *programs: str, uid: int) -> None:
    """A machine with these programs, and this user."""
    which = {program: f"/usr/bin/{program}" for program in programs}.get
    monkeypatch.setattr(browser, "shutil", SimpleNamespace(which=which))
    monkeypatch.setattr("os.geteuid", lambda: uid)


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_a_browser_of_the_system_is_taken(
    monkeypatch: pytest.MonkeyPatch, commands: list[list[str]], name: str
) -> None:
    """Nothing is installed when there is one."""
    _machine(monkeypatch, name, "apt-get", uid=0)
    assert browser.ensure() == f"/usr/bin/{name}"
    assert commands == []


def test_root_on_debian_gets_the_package(
    monkeypatch: pytest.MonkeyPatch, commands: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """apt-get is asked, and what it did not bring is told."""
    _machine(monkeypatch, "apt-get", uid=0)
    assert browser.main() == 1
    assert [command[1] for command in commands] == ["update", "install"]
    assert "put a Chromium or Chrome on PATH" in capsys.readouterr().err


def test_others_get_playwrights_own(monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]) -> None:
    """Without root there is no apt-get; Playwright's download needs none, and is not repeated."""
    _machine(monkeypatch, "apt-get", uid=1000)
    own = browser.ensure()
    assert "chrom" in own
    assert [command[1:] for command in commands] in ([], [["-m", "playwright", "install", "chromium"]])


ASKS = """
import errno, socket
try:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
except OSError as error:
    print(errno.errorcode[error.errno])
socket.socket(socket.AF_INET, socket.SOCK_STREAM), socket.socketpair()
print("online")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has netlink sockets, and seccomp")
def test_the_browser_hears_nothing_of_network_interfaces() -> None:
    """It gets no netlink socket, and all others."""
    environment = {**os.environ, "CALM_BROWSER": sys.executable}
    command = [str(browser.CALM), "-c", ASKS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["EAFNOSUPPORT", "online"]
