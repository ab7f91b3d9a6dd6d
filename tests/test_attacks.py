"""Apps attack the platform that runs them, and a colleague's app: nothing is assumed of what holds."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.isolation import parse
from tests.attacks import contexts
from tests.attacks.secrets_scan import scanned
from tests.attacks.suite import run, verdict
from tests.attacks.target import Target
from tests.planted import NEEDLES
from tests.platform import ROOT
from tests.scan import in_bytes

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a platform in both ways"),
    pytest.mark.timeout(900),
]
LAYERS = parse("landlock7+seccomp")
INSTALL = "at install: "


@pytest.fixture(scope="module")
def one_user() -> Iterator[Target]:
    """A platform of an ordinary user's."""
    with contexts.as_one_user() as target:
        yield target


def listed() -> set[str]:
    """The attacks that docs/security.md says are open where all apps are one user."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    section = text.partition("### Open where all apps are one user\n")[2].partition("\n#")[0]
    return set(re.findall(r"^\| ([a-z][^|]*?) \|", section, re.MULTILINE))


def test_everything_is_blocked_for_apps_with_a_uid_of_their_own() -> None:
    """On a platform of root's no attack comes through, and each had something to attack."""
    with contexts.as_started() as target:
        level = target.api.get("/health").json()["isolation"]
        if not parse(level).reaches(parse("uid+landlock7+seccomp")):
            pytest.skip(f"this machine gives apps {level} only")
        found = run(target)
    assert len(found) > 230
    assert {name: came for name, came in found.items() if verdict(came) != "blocked"} == {}


def test_what_is_open_for_one_user_is_what_the_manual_lists(one_user: Target) -> None:
    """On a platform of an ordinary user's exactly that comes through which is written down."""
    level = one_user.api.get("/health").json()["isolation"]
    if not parse(level).reaches(LAYERS):
        pytest.skip(f"this machine gives apps {level} only")
    found = run(one_user)
    assert len(found) > 230
    assert {name for name, came in found.items() if verdict(came) == "absent"} == set()
    came_through = {name for name, came in found.items() if verdict(came) == "open"}
    assert {name for name in came_through if not name.startswith(INSTALL)} == listed()
    assert {name.removeprefix(INSTALL) for name in came_through} == listed()


def test_secrets_stand_nowhere_else_for_one_user(one_user: Target) -> None:
    """Data, logs, conf, command lines, answers and pages hold none, but for the app's own 0400 file."""
    data = Path(one_user.api.get("/health").json()["data_dir"])
    scanned(one_user, str(data))
    assert not in_bytes(data.with_suffix(".out").read_bytes(), NEEDLES)
