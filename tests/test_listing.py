"""GET /api/apps by pages, by what is searched for, and not at all when nothing has changed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.platform import HELLO, Platform, assert_problem, until
from tests.session import Session

NAMES = ("Zebra", "apple", "Ärger", "mango 100%", "mango & co")


@pytest.fixture(scope="module")
def listed(platform: Platform) -> Iterator[list[str]]:
    """The ids of five apps that do not run, in the order they were made."""
    made = [platform.create(name, b"raise SystemExit\n") for name in NAMES]
    for app_id in made:
        platform.api.post(f"/apps/{app_id}/stop")
    yield made
    for app_id in made:
        platform.api.delete(f"/apps/{app_id}")


def pages(platform: Platform, **params: Any) -> list[dict[str, Any]]:
    """All pages, by the Link of each."""
    answer = platform.api.get("/apps", params=params)
    found: list[dict[str, Any]] = []
    while True:
        assert answer.status_code == 200, answer.text
        assert len(answer.json()) <= params.get("limit", 1000)
        found += answer.json()
        if "next" not in answer.links:
            assert len(found) == int(answer.headers["x-total-count"])
            return found
        url = urlsplit(answer.links["next"]["url"])
        assert f"{url.scheme}://{url.netloc}{url.path}" == f"{platform.url}/api/apps"
        answer = platform.api.get("/apps", params=parse_qs(url.query))


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
@pytest.mark.parametrize("sort", ["created", "name"])
def test_pages_add_up(platform: Platform, listed: list[str], limit: int, sort: str) -> None:
    """Page after page gives each app once, in order."""
    whole = platform.api.get("/apps").json()
    found = pages(platform, limit=limit, sort=sort)
    assert {app["app_id"] for app in found} >= set(listed)
    if sort == "created":
        assert [app["app_id"] for app in found] == [app["app_id"] for app in whole]
    else:
        keys = [(app["name"].casefold(), app["app_id"]) for app in found]
        assert keys == sorted(keys)
        assert len(found) == len(whole)


def test_a_search_looks_at_name_and_id(platform: Platform, listed: list[str]) -> None:
    """q matches a part of either, whatever the case; what it holds comes back in the Link as it was."""
    assert [app["app_id"] for app in pages(platform, q="ÄRGER")] == [listed[2]]
    assert [app["app_id"] for app in pages(platform, q=listed[0].upper())] == [listed[0]]
    assert [app["app_id"] for app in pages(platform, q=" mango ", limit=1)] == listed[3:]
    assert [app["app_id"] for app in pages(platform, q="mango &", limit=1)] == listed[4:]
    assert pages(platform, q="no such app") == []


def test_statuses_are_any_of(platform: Platform, listed: list[str]) -> None:
    """status may come several times, and is kept from page to page."""
    stopped = pages(platform, status="stopped", limit=2)
    assert {app["app_id"] for app in stopped} >= set(listed)
    assert {app["status"] for app in stopped} == {"stopped"}
    both = pages(platform, status=["failed", "stopped"], limit=2)
    assert {app["app_id"] for app in both} >= set(listed)
    assert not [app for app in pages(platform, status=["failed", "running"]) if app["app_id"] in listed]


def test_an_app_that_goes_leaves_no_hole(platform: Platform) -> None:
    """The next page begins where the last one ended, though the app it ended with is gone."""
    first, second = (platform.create(name, b"raise SystemExit\n") for name in ("pear a", "pear b"))
    page = platform.api.get("/apps", params={"q": "pear", "limit": 1, "sort": "name"})
    assert [app["app_id"] for app in page.json()] == [first]
    platform.api.delete(f"/apps/{first}")
    rest = platform.api.get("/apps", params=parse_qs(urlsplit(page.links["next"]["url"]).query))
    assert [app["app_id"] for app in rest.json()] == [second]
    platform.api.delete(f"/apps/{second}")


def tag(platform: Platform, **headers: str) -> str:
    """The tag of the whole list."""
    return platform.api.get("/apps", headers=headers).headers["etag"]


def test_nothing_new_is_a_304(platform: Platform, listed: list[str]) -> None:
    """The tag stays while nothing changes, weak or in a list; another query or language has another one."""
    app_id = listed[0]

    def ask(sent: str, **more: Any) -> httpx.Response:
        return platform.api.get("/apps", params={"q": app_id}, headers={"If-None-Match": sent, **more})

    # Apps of other tests may still be on their way: the tag is that of all apps.
    def unchanged() -> bool:
        found = ask("").headers["etag"]
        return ask(found).status_code == 304 and ask(f'"x", W/{found}').status_code == 304

    until(unchanged, 60)
    until(lambda: ask("*").status_code == 304, 5)
    found = ask("").headers["etag"]
    assert ask(found, **{"Accept-Language": "zh"}).status_code == 200
    assert platform.api.get("/apps", headers={"If-None-Match": found}).status_code == 200
    platform.api.patch(f"/apps/{app_id}", data={"name": "Zebra"})
    platform.api.patch(f"/apps/{app_id}", data={"name": "Zebra 2"})
    changed = ask(found)
    assert changed.status_code == 200
    assert changed.json()[0]["name"] == "Zebra 2"
    assert "accept-language" in changed.headers["vary"].lower()


def test_open_sessions_of_a_draining_release_count(platform: Platform) -> None:
    """A session that opens on a draining release changes the answer, though the app's value is the same."""
    app_id = platform.running("tagged")
    session = Session(f"{platform.url}/apps/{app_id}")
    try:
        assert session.run()
        platform.api.patch(f"/apps/{app_id}", files={"app": ("app.py", HELLO + b"st.write('newer')\n")})
        platform.wait(app_id, "running")

        def connections() -> int:
            found = platform.api.get("/apps", params={"q": app_id}).json()[0]["draining"]
            return int(found[0]["connections"])

        assert connections() == platform.app(app_id)["draining"][0]["connections"] == 1
        before = tag(platform)
        session.close()
        until(lambda: connections() == 0, 10)
        assert platform.api.get("/apps", headers={"If-None-Match": before}).status_code == 200
    finally:
        session.close()
        platform.api.delete(f"/apps/{app_id}")


def cursor(value: object) -> str:
    """``value`` in the clothes of a cursor."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "ten"),
        ("limit", "1.5"),
        ("status", "asleep"),
        ("status", ""),
        ("sort", "size"),
        ("q", "x" * 201),
        ("cursor", "nonsense"),
        ("cursor", "é"),
        ("cursor", cursor(["name", "a", "b"])),
        ("cursor", cursor(["created", 1, "b"])),
        ("cursor", cursor(["created", "a"])),
        ("cursor", cursor({})),
        ("cursor", cursor(7)),
        ("cursor", "[" * 900),
    ],
)
def test_bad_values_are_named(platform: Platform, field: str, value: str) -> None:
    """422, and the field by its name."""
    assert_problem(platform.api.get("/apps", params={field: value}), 422, field)


def test_it_is_described(platform: Platform) -> None:
    """The document names the parameters, the body, the headers and the 304."""
    call = platform.api.get("/openapi.json").json()["paths"]["/api/apps"]["get"]
    assert {p["name"] for p in call["parameters"]} == {"limit", "cursor", "q", "status", "sort"}
    found = call["responses"]["200"]
    assert found["content"]["application/json"]["schema"]["items"]["$ref"].endswith("/AppOut")
    assert set(found["headers"]) == {"ETag", "Link", "X-Total-Count"}
    assert "304" in call["responses"]
