"""An app attacks the platform that runs it, and a colleague's app: nothing is assumed of what holds."""

from __future__ import annotations

import os
import re

import pytest

from hostd.isolation import parse
from tests.attacks import contexts
from tests.attacks.suite import run, verdict
from tests.platform import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a platform in both ways")
LAYERS = parse("landlock7+seccomp")


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
    assert len(found) > 90
    assert {name: came for name, came in found.items() if verdict(came) != "blocked"} == {}


def test_what_is_open_for_one_user_is_what_the_manual_lists() -> None:
    """On a platform of an ordinary user's exactly that comes through which is written down."""
    with contexts.as_one_user() as target:
        level = target.api.get("/health").json()["isolation"]
        if not parse(level).reaches(LAYERS):
            pytest.skip(f"this machine gives apps {level} only")
        found = run(target)
    assert {name for name, came in found.items() if verdict(came) == "absent"} == set()
    assert {name for name, came in found.items() if verdict(came) == "open"} == listed()
