"""Who may see an app: the decision, and how people set it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from hostd.access import Access, Visibility
from hostd.store import parse

from .platform import Platform, assert_problem


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    name: str
    role: str = "viewer"
    email: str = ""
    groups: tuple[str, ...] = ()


STRANGER = Person("eve", email="eve@x.example", groups=("sales",))
BY_LINK = Access(
    visibility=Visibility.LINK, owner="ann", collaborators=("bob",), viewers=("carl", "dora@x.example"),
    viewer_groups=("finance",), link_sha256=hashlib.sha256(b"secret").hexdigest(),
)  # fmt: skip
MAY = (
    Person("ann"), Person("bob", "publisher"), Person("carl"), Person("d", email="dora@x.example"),
    Person("d", email="Dora@X.example"), Person("f", groups=("ops", "finance")), Person("root", "admin"),
)  # fmt: skip
MAY_NOT = (
    None, STRANGER, Person("", email=""), Person("p", "publisher"), Person("g", groups=("Finance",)),
    Person("carl2"), Person("x", email="carl2"), Person("x", email="carl"), Person("dora@x.example"),
)  # fmt: skip


@pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.LINK])
def test_private_and_link_admit_those_who_are_named(visibility: Visibility) -> None:
    """By name, e-mail address, group, as owner, collaborator or admin; nobody else."""
    access = dataclasses.replace(BY_LINK, visibility=visibility)
    assert all(access.admits(person) for person in MAY)
    assert not any(access.admits(person) for person in MAY_NOT)


def test_an_app_that_names_nobody_admits_nobody() -> None:
    """An empty owner is nobody's name, and an empty address nobody's address."""
    access = Access(visibility=Visibility.PRIVATE, viewers=("",))
    assert not any(access.admits(person) for person in (*MAY_NOT, *MAY[:-1]) if person and person.name)
    assert not access.admits(Person("nameless", email=""))


def test_public_and_signed_in() -> None:
    """Everybody, and everybody who is signed in."""
    assert Access().admits(None)
    signed_in = Access(visibility=Visibility.SIGNED_IN)
    assert signed_in.admits(STRANGER)
    assert not signed_in.admits(None)


def test_the_secret_opens_an_app_that_is_seen_by_link_only() -> None:
    """A private app is not opened by the link that it had, and no link is not the empty one."""
    assert BY_LINK.opens_with(b"secret")
    for other in (b"", b"Secret", BY_LINK.link_sha256.encode()):
        assert not BY_LINK.opens_with(other)
    for visibility in (Visibility.PRIVATE, Visibility.SIGNED_IN):
        assert not dataclasses.replace(BY_LINK, visibility=visibility).opens_with(b"secret")
    assert not BY_LINK.with_link("").opens_with(b"")
    assert BY_LINK.with_link("new").opens_with(b"new")
    assert not BY_LINK.with_link("new").opens_with(b"secret")


def test_an_old_meta_json_is_a_public_app() -> None:
    """And an Access comes back from its JSON as it was."""
    assert parse(Access, {}, "meta.json") == Access()
    assert parse(Access, dataclasses.asdict(BY_LINK), "meta.json") == BY_LINK


@pytest.fixture(scope="module")
def app_id(platform: Platform) -> Iterator[str]:
    """An app whose access is changed at will; it never needs to run."""
    made = platform.create("seen", visibility="private", viewers="ann, bob@x.example")
    yield made
    platform.api.delete(f"/apps/{made}")


def _patched(platform: Platform, app_id: str, **fields: str) -> dict[str, object]:
    answer = platform.api.patch(f"/apps/{app_id}", data=fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["access"])


def test_it_is_set_beside_the_releases(platform: Platform, app_id: str) -> None:
    """At the start and later; what is not sent stays, what is sent empty is emptied."""
    assert platform.app(app_id)["access"]["visibility"] == "private"
    assert platform.app(app_id)["access"]["viewers"] == ["ann", "bob@x.example"]
    found = _patched(platform, app_id, viewer_groups="finance, 销售部, finance")
    assert (found["viewer_groups"], found["viewers"]) == (["finance", "销售部"], ["ann", "bob@x.example"])
    found = _patched(platform, app_id, viewers="", visibility="signed-in")
    assert (found["viewers"], found["visibility"]) == ([], "signed-in")
    assert platform.app(app_id)["release"] in (None, 1)


def test_names_are_kept_in_lower_case(platform: Platform, app_id: str) -> None:
    """As users have them, so that 'Ann' is ann; groups are as the provider writes them."""
    fields = {"viewers": "Carl, Dora@X.example, carl", "owner": "Ann", "collaborators": "BOB"}
    found = _patched(platform, app_id, **fields, viewer_groups="Finance")
    assert found["viewers"] == ["carl", "dora@x.example"]
    assert (found["owner"], found["collaborators"]) == ("ann", ["bob"])
    assert found["viewer_groups"] == ["Finance"]
    _patched(platform, app_id, owner="", collaborators="")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("visibility", "secret"), ("visibility", ""), ("viewers", "a\0b"), ("viewers", "x" * 201),
        ("viewer_groups", ",".join(f"g{number}" for number in range(1001))),
    ],
)  # fmt: skip
def test_bad_access(platform: Platform, app_id: str, field: str, value: str) -> None:
    """What can't be set is named, and changes nothing."""
    before = platform.app(app_id)["access"]
    answer = platform.api.patch(f"/apps/{app_id}", data={"name": "other", field: value})
    assert_problem(answer, 422, field)
    assert platform.app(app_id)["access"] == before
    assert platform.app(app_id)["name"] == "seen"


def test_a_secret_link_is_shown_once(platform: Platform, app_id: str) -> None:
    """Only its digest is kept; a new one, or none, makes it void."""
    answer = platform.api.post(f"/apps/{app_id}/link")
    assert answer.status_code == 201, answer.text
    url = answer.json()["url"]
    assert url.startswith(platform.app(app_id)["access_url"] + "~link/")
    secret = url.rpartition("/")[2]
    assert len(secret) == 43
    found = platform.app(app_id)["access"]
    assert (found["visibility"], found["has_link"]) == ("link", True)
    meta = (platform.data / "apps" / app_id / "meta.json").read_text()
    assert secret not in meta
    assert hashlib.sha256(secret.encode()).hexdigest() in meta
    revoked = platform.api.delete(f"/apps/{app_id}/link")
    assert revoked.status_code == 200
    found = revoked.json()["access"]
    assert (found["visibility"], found["has_link"]) == ("link", False)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_link_of_no_app(platform: Platform, method: str) -> None:
    """There is none."""
    answer: httpx.Response = platform.api.request(method, "/apps/nobody/link")
    assert_problem(answer, 404)
