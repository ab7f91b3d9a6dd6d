"""The audit log where the disk is full, for real: a small tmpfs; and after a write that was cut short."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.audit import Act, Audit, Outcome

SIZE = 16_384


def act(number: int) -> Act:
    """One of many; 50 of them are more than SIZE."""
    about = {"number": str(number), "filled": "x" * 180}
    return Act(act="delete_app", who="ann", means="session", address="::1", outcome=Outcome.DONE, about=about)


def numbers(audit: Audit) -> list[int]:
    """Of the acts that can be read, oldest first."""
    found, _ = audit.read(1000)
    return [int(line["about"]["number"]) for line in reversed(found)]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for SIZE bytes."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(tmp_path)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_full_disk_loses_no_act(small: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What finds no room, also the one that is cut short, stands in hostd's log; with room all goes on."""
    ballast = small / "ballast"
    ballast.write_bytes(bytes(4096))
    audit = Audit(small / "logs" / "audit.log")
    with caplog.at_level(logging.ERROR):
        for number in range(50):
            audit.record(act(number))
    kept = numbers(audit)
    assert kept
    assert not audit.path.read_bytes().endswith(b"\n"), "no line was cut short: nothing is shown"
    missing = [number for number in range(50) if number not in kept]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == len(missing)
    assert all(f"'number': '{number}'" in line for number, line in zip(missing, told, strict=True))
    ballast.unlink()
    audit.record(act(50))
    audit.record(act(51))
    assert numbers(audit) == [*kept, 50, 51]


def test_after_a_kill_in_the_middle_of_a_write(tmp_path: Path) -> None:
    """The stub stays alone; the lines before and after it are whole, page by page."""
    audit = Audit(tmp_path / "audit.log")
    audit.record(act(0))
    with audit.path.open("ab") as file:
        file.write(json.dumps({"at": "x", "act": "y"}).encode()[:-9])
    audit.record(act(1))
    assert numbers(audit) == [0, 1]
    newest, cursor = audit.read(1)
    assert newest[0]["about"]["number"] == "1"
    assert [line["about"]["number"] for line in audit.read(1, cursor)[0]] == ["0"]
