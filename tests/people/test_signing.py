"""Signing in, without a network: who waits, who is remembered at the provider, what the audit log says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hostd import signing
from hostd.audit import Audit
from hostd.errors import Invalid, TooManyRequests, Unauthorized, WrongPassword
from hostd.people import Cookies, People, Source
from hostd.people.attempts import BOTH
from hostd.people.claims import Claims
from hostd.people.oidc import Begun
from hostd.person import Role
from hostd.signing import Signing


class Provider:
    """The provider's end, without one: each sign-in there has a number."""

    def __init__(self) -> None:
        self.begun = 0
        self.groups = ["data"]
        self.client = type("Client", (), {"issuer": "https://id.corp.example"})

    def begin(self) -> Begun:
        """Where to send somebody."""
        self.begun += 1
        return Begun("https://id.corp.example/auth", f"state {self.begun}", "", "")

    def finish(self, *_: object) -> dict[str, Any]:
        """The claims of who came back."""
        return {"sub": "s-1", "preferred_username": "otto", "groups": self.groups}


CLAIMS = Claims(
    name_claim="preferred_username", groups_claim="groups", admin_groups=frozenset({"ops"}),
    publisher_groups=frozenset({"data"}), default=None,
)  # fmt: skip


@pytest.fixture
def ours(tmp_path: Path) -> Signing:
    """hostd's end."""
    people = People(tmp_path / "people", Cookies("http://a.example"))
    provider: Any = Provider()
    return Signing(people, Audit(tmp_path / "audit.log"), provider, CLAIMS)


def acts(ours: Signing) -> list[tuple[str, str, str, dict[str, str]]]:
    """What the audit log says, oldest first."""
    found, _ = ours.audit.read(1000)
    return [(act["act"], act["who"], act["outcome"], act["about"]) for act in reversed(found)]


def back(ours: Signing, number: int, *browsers: bytes) -> object:
    """Come back from the provider."""
    return ours.from_provider({"state": f"state {number}", "code": "c"}, browsers, "192.0.2.1")


def test_full_line_is_no_wrong_attempt(ours: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds the line full may come again, however often."""

    def full(*_: object) -> None:
        raise TooManyRequests("Too many sign-ins at once. Wait a few seconds.")

    ours.people.add("anna", Role.ADMIN, "correct horse battery")
    for name in ("sign_in", "check_password"):
        monkeypatch.setattr(People, name, full)
    for call in (ours.password, ours.check_password):
        for _ in range(BOTH.free * 3):
            with pytest.raises(TooManyRequests, match="at once"):
                call("anna", "x", "192.0.2.1")


def test_wrong_present_password_is_counted(ours: Signing) -> None:
    """It names its field, and who guesses on must wait, here and at the sign-in."""
    ours.people.add("anna", Role.ADMIN, "correct horse battery")
    for _ in range(BOTH.free):
        with pytest.raises(WrongPassword, match="current: is not the present password"):
            ours.check_password("anna", "x", "192.0.2.1")
    for call in (ours.check_password, ours.password):
        with pytest.raises(TooManyRequests, match="Wait 4 s"):
            call("anna", "correct horse battery", "192.0.2.1")
    assert acts(ours) == [("sign_in", "anna", "refused", {"wait": "4 s"})]


def test_password_of_a_company_account(ours: Signing) -> None:
    """There is none here to be right or wrong."""
    opened = back_from(ours)
    assert ours.people.source(opened) is Source.OIDC
    for _ in range(BOTH.free * 3):
        with pytest.raises(Invalid, match="the OpenID provider's matter"):
            ours.check_password(opened, "x", "192.0.2.1")


def back_from(ours: Signing) -> str:
    """The name of who came from the provider."""
    ours.to_provider("/", b"b", "192.0.2.1")
    opened, _ = ours.from_provider({"state": "state 1", "code": "c"}, [b"b"], "192.0.2.1")
    return opened.session.name


def test_throttled_sign_ins_are_told(ours: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each wait, not for each try."""

    def wrong(*_: object) -> None:
        raise Unauthorized("The name or the password is not right.")

    monkeypatch.setattr(People, "sign_in", wrong)
    for number in range(BOTH.free + 10):
        with pytest.raises(Unauthorized if number < BOTH.free else TooManyRequests):
            ours.password("anna", "x", "192.0.2.1")
    refused = ("sign_in", "anna", "refused")
    assert acts(ours) == [(*refused, {})] * BOTH.free + [(*refused, {"wait": "4 s"})]


def test_nobody_throws_the_others_out(ours: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    """One address that begins again and again has its own oldest forgotten, and nobody else's."""
    monkeypatch.setattr(signing, "MOST_AWAY", 30)
    monkeypatch.setattr(signing, "MOST_AWAY_AT_ONE_ADDRESS", 10)
    ours.to_provider("/apps/x/", b"b", "192.0.2.1")
    for number in range(100):
        ours.to_provider("/", b"b", f"2001:db8::{number:x}")
    assert len(ours._away) == 11
    assert back(ours, 1, b"b")
    with pytest.raises(Unauthorized):
        back(ours, 2, b"b")
    for number in range(100):
        ours.to_provider("/", b"b", f"198.51.100.{number}")
    assert len(ours._away) == 30


def test_any_of_the_browsers_values(ours: Signing) -> None:
    """A browser that has the cookie twice, on two paths, comes back all the same; another one does not."""
    for _ in range(2):
        ours.to_provider("/", b"mine", "192.0.2.1")
    assert back(ours, 1, b"older", b"mine")
    with pytest.raises(Unauthorized):
        back(ours, 2, b"older", b"")


def test_users_whom_groups_make(ours: Signing) -> None:
    """The first time, and when the groups make somebody another; not each time."""
    for number, groups in enumerate((["data"], ["data"], ["ops"]), start=1):
        ours.provider.groups = groups  # type: ignore[union-attr]
        ours.to_provider("/", b"b", "192.0.2.1")
        back(ours, number, b"b")
    assert ours.people.user("otto").role is Role.ADMIN
    told = [each for each in acts(ours) if each[0] != "sign_in"]
    assert told == [
        ("create_user", "otto", "done", {"user": "otto", "role": "publisher", "groups": "data"}),
        ("update_user", "otto", "done", {"user": "otto", "role": "admin", "groups": "ops"}),
    ]
