"""What an app is told of who looks, read as the manual says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import unquote

import pytest

from hostd.api.access import access_form
from hostd.person import Person, Role
from hostd.viewer import KEY_VARIABLE, header_lines, viewer_key

from .platform import ROOT

KEY = viewer_key("cookie secret")
NOW = 1_700_000_000
ANN = Person("ann", Role.VIEWER, "ann@x.example", frozenset({"a,b", "50%", "销售", "a"}))
Check = Callable[[Mapping[str, str]], "str | None"]


def told(person: Person, key: str = KEY, at: int = NOW) -> dict[str, str]:
    """The fields of a request, by name."""
    lines = header_lines(person, key, at).decode().splitlines()
    return dict(line.split(": ", 1) for line in lines if not re.match(r"X-Hostd-[0-9a-f]{32}-", line))


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Check:
    """The function of docs/security.md, at a time when ``NOW`` has just been."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.setattr("time.time", lambda: NOW + 5.0)
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/security.md").read_text("utf-8"), re.DOTALL)
    names: dict[str, Check] = {}
    exec(snippet, names)
    return names["viewer"]


def test_the_manuals_check_of_the_signature(check: Check) -> None:
    """It believes what the gateway sends, and nothing that was changed, made up, or is old."""
    fields = told(ANN)
    assert check(fields) == "ann"
    assert check({}) is None
    for name, value in (
        ("X-Hostd-User", "root"), ("X-Hostd-Email", ""), ("X-Hostd-Groups", "admins"),
        ("X-Hostd-Signature", f"t={NOW},v1="), ("X-Hostd-Signature", "t=²,v1=x"), ("X-Hostd-Signature", "x"),
    ):  # fmt: skip
        assert check({**fields, name: value}) is None
    assert check(told(ANN, key=viewer_key("another app"))) is None
    assert check(told(ANN, at=NOW - 7200)) is None


def test_groups_are_told_apart(check: Check) -> None:
    """Commas stand between them: one in a group's name is encoded. An app is given to them the same way."""
    groups = told(ANN)["X-Hostd-Groups"]
    assert groups == "50%25,a,a%2Cb,%E9%94%80%E5%94%AE"
    assert {unquote(group) for group in groups.split(",")} == ANN.groups
    assert check(told(ANN)) == "ann"
    given = access_form(emptied=frozenset(), viewer_groups="a%2Cb, 50%25, a%252Cb, 100%, 销售")
    assert given["viewer_groups"] == ("a,b", "50%", "a%2Cb", "100%", "销售")


def test_what_is_kept_is_nobody_elses(check: Check) -> None:
    """Fields that were made before stand for the same person, app and second, and for nothing else."""
    before = header_lines(ANN, KEY, NOW)
    assert header_lines(replace(ANN), KEY, NOW) == before
    others = (
        replace(ANN, name="eve"),
        replace(ANN, email="ann@y.example"),
        replace(ANN, groups=ANN.groups - {"a"}),
    )
    later, elsewhere = header_lines(ANN, KEY, NOW + 1), header_lines(ANN, viewer_key("other"), NOW)
    changed = [header_lines(one, KEY, NOW) for one in others]
    assert len({before, later, elsewhere, *changed}) == 6
    assert check(told(others[0])) == "eve"
    assert check(told(others[2])) == "ann"
    assert check(told(ANN, at=NOW + 1)) == "ann"
