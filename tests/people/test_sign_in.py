"""The sign-in page and the OpenID provider, over HTTP as a browser speaks it; the provider is a real one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest

from tests.people.house import PASSWORD, Client
from tests.platform import KEPT, Platform, assert_problem

DOCUMENT = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Accept": "text/html"}


def browser(house: Platform) -> httpx.Client:
    """Has cookies of its own."""
    return httpx.Client(base_url=house.url, headers=DOCUMENT, trust_env=False, timeout=60, limits=KEPT)


@pytest.fixture
def tab(house: Platform) -> Iterator[httpx.Client]:
    """A browser's tab: it keeps cookies."""
    with httpx.Client(
        base_url=house.url, headers=DOCUMENT, trust_env=False, timeout=60, limits=KEPT
    ) as client:
        yield client


def form(page: httpx.Response) -> dict[str, str]:
    """What the page's form holds."""
    assert page.status_code in (200, 401, 403, 429), page.text
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))


def sent(tab: httpx.Client, name: str, password: str, **more: str) -> httpx.Response:
    """The form, filled in."""
    fields = form(tab.get("/sign-in", params={"next": "/console/"}))
    return tab.post("/sign-in", data={**fields, "name": name, "password": password, **more})


def at_provider(tab: httpx.Client, sub: str, **query: str) -> httpx.Response:
    """Off to the provider, as ``sub``, and back: hostd's last answer."""
    away = tab.get("/sign-in/oidc", params=query)
    assert away.status_code == 303, away.text
    back = tab.post(away.headers["location"], data={"sub": sub})
    assert back.status_code in (302, 303), back.text
    return tab.get(back.headers["location"])


def who(house: Platform, tab: httpx.Client) -> dict[str, Any]:
    """Who the console's server would find the tab to be."""
    return dict(Client(house, tab.cookies["hostd-console"]).get("/session").json())


# The page


@pytest.mark.parametrize(("language", "title"), [("en", "Sign in"), ("zh-CN,zh;q=0.9", "登录")])
def test_page(tab: httpx.Client, language: str, title: str) -> None:
    """In the visitor's language, with both ways in, without scripts, nobody's to frame or to keep."""
    page = tab.get("/sign-in", headers={"Accept-Language": language})
    assert f"<title>{title}" in page.text
    assert "/sign-in/oidc" in page.text
    assert "<script" not in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"


def test_sign_in(house: Platform, tab: httpx.Client, people: dict[str, Client]) -> None:
    """Right: to where one wanted to go, with both cookies."""
    answer = sent(tab, "Anna", PASSWORD, next="/apps/annas/?a=[1]&b=%20{c}|")
    assert answer.status_code == 303
    assert unquote(answer.headers["location"]) == "/apps/annas/?a=[1]&b= {c}|"
    fields = {field.split("=")[0]: field for field in answer.headers.get_list("set-cookie")}
    assert "Path=/;" in fields["hostd"]
    assert "Path=/console;" in fields["hostd-console"]
    assert all("HttpOnly; SameSite=Lax" in field for field in fields.values())
    assert who(house, tab)["name"] == "anna"


def test_wrong_password(house: Platform, tab: httpx.Client, people: dict[str, Client]) -> None:
    """Wrong: the page again, with the name and a word, and no cookie; then right."""
    answer = sent(tab, 'an"na', "wrong")
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert 'value="an&#34;na"' in answer.text
    assert "wrong" not in answer.text.split('role="alert"')[0]
    assert "hostd-console" not in tab.cookies
    again = tab.post("/sign-in", data={**form(answer), "name": "anna", "password": PASSWORD})
    assert (again.status_code, again.headers["location"]) == (303, "/console/")


@pytest.mark.parametrize(
    "following",
    [
        "", "https://evil.example/", "//evil.example/", "/\\evil.example", "/console/\r\nX: y", "/api/apps",
        "/apps", "console/", "/tools/st/console/", "javascript:alert(1)", "/apps/x/\\..", "/apps/ä/",
    ],
)  # fmt: skip
def test_leads_nowhere_else(tab: httpx.Client, people: dict[str, Client], following: str) -> None:
    """Whatever a link asks for, after the sign-in one is on this platform."""
    fields = form(tab.get("/sign-in", params={"next": following}))
    assert fields["next"] == "/console/"


@pytest.mark.parametrize("proof", ["", "0" * 64, "é"])
def test_form_of_another_page(
    house: Platform, tab: httpx.Client, people: dict[str, Client], proof: str
) -> None:
    """A page of an app can post the form with its own name and password, but not with the proof."""
    answer = sent(tab, "anna", PASSWORD, proof=proof)
    assert answer.status_code == 403
    assert "hostd-console" not in tab.cookies


def test_proof_of_another_browser(house: Platform, tab: httpx.Client, people: dict[str, Client]) -> None:
    """A proof that somebody fetched for themselves is nobody else's."""
    with httpx.Client(
        base_url=house.url, headers=DOCUMENT, trust_env=False, timeout=60, limits=KEPT
    ) as other:
        stolen = form(other.get("/sign-in"))["proof"]
    assert sent(tab, "anna", PASSWORD, proof=stolen).status_code == 403


@pytest.mark.parametrize("target", ["empty", "iframe", "embed", "object", "script", "image"])
def test_scripts_and_frames_are_refused(tab: httpx.Client, target: str) -> None:
    """What is not a tab gets no form, can't send one, and starts no way to the provider."""
    headers = {"Sec-Fetch-Dest": target}
    for path in ("/sign-in", "/sign-in/oidc", "/sign-in/oidc/callback"):
        assert_problem(tab.get(path, headers=headers), 403)
    assert_problem(tab.post("/sign-in", headers=headers, data={"name": "a"}), 403)


def test_tabs_share_the_form(house: Platform, tab: httpx.Client, people: dict[str, Client]) -> None:
    """A second tab, or a way to the provider that came to nothing, leaves the first tab's form as it is."""
    fields = form(tab.get("/sign-in"))
    tab.get("/sign-in")
    tab.get("/sign-in/oidc")
    answer = tab.post("/sign-in", data={**fields, "name": "anna", "password": PASSWORD})
    assert answer.status_code == 303


def test_tabs_share_the_way_back(house: Platform, tab: httpx.Client) -> None:
    """Off in one tab, the form in another, and back in the first."""
    away = tab.get("/sign-in/oidc")
    tab.get("/sign-in")
    back = tab.post(away.headers["location"], data={"sub": "s-olga"}).headers["location"]
    assert tab.get(back).status_code == 303
    assert who(house, tab)["name"] == "olga"


def test_second_sign_in_ends_the_first(house: Platform, tab: httpx.Client, people: dict[str, Client]) -> None:
    """Of the same browser, by whatever door; nothing of it can be used behind its owner's back."""
    sent(tab, "anna", PASSWORD)
    doors: tuple[Callable[[], httpx.Response], ...] = (
        lambda: at_provider(tab, "s-olga"),
        lambda: sent(tab, "anna", PASSWORD),
    )
    for again in doors:
        before = tab.cookies["hostd-console"]
        assert Client(house, before).get("/session").status_code == 200
        assert again().status_code == 303
        assert_problem(Client(house, before).get("/session"), 401)
    assert who(house, tab)["name"] == "anna"
    assert people["anna"].get("/session").status_code == 200, "other browsers' sessions stay"


def test_foreign_form(tab: httpx.Client) -> None:
    """A page of another site can't post the form either."""
    assert_problem(tab.post("/sign-in", headers={"Origin": "https://evil.example"}, data={"name": "a"}), 403)


# The provider


def test_admin_of_the_provider(house: Platform, tab: httpx.Client, issuer: str) -> None:
    """Code flow with PKCE, state and nonce; the groups make an admin, and the user is kept with them."""
    away = tab.get("/sign-in/oidc", params={"next": "/apps/x/"})
    assert "Secure" not in away.headers["set-cookie"]  # this platform is plain http on loopback
    assert away.headers["location"].startswith(f"{issuer}/")
    query = parse_qs(urlsplit(away.headers["location"]).query)
    assert query["response_type"] == ["code"]
    assert query["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= query.keys()
    assert query["redirect_uri"] == [f"http://127.0.0.1:{house.port}/sign-in/oidc/callback"]
    answer = at_provider(tab, "s-olga", next="/apps/x/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/apps/x/")
    told = who(house, tab)
    assert (told["name"], told["role"], told["groups"]) == ("olga", "admin", ["ops", "x"])
    kept = house.api.get("/users/olga").json()
    assert (kept["source"], kept["email"]) == ("oidc", "olga@corp.example")
    assert_problem(house.api.put("/users/olga/password", data={"password": PASSWORD}), 422, "password")
    assert_problem(house.api.patch("/users/olga", data={"role": "viewer"}), 422, "role")


@pytest.mark.parametrize(
    ("sub", "found"),
    [
        ("s-otto", ("otto", "publisher", "otto@corp.example")),
        ("s-oona", ("oona@corp.example", "viewer", "oona@corp.example")),
        ("s-mail", ("mail", "viewer", "")),
    ],
)
def test_claims(house: Platform, tab: httpx.Client, sub: str, found: tuple[str, ...]) -> None:
    """Names, roles and mail addresses, as the claims say; one that is not verified does not count."""
    assert at_provider(tab, sub).status_code == 303
    told = who(house, tab)
    assert (told["name"], told["role"], told["email"]) == found


@pytest.mark.parametrize("sub", ["s-admin", "s-otto-2"])
def test_nobodys_place(house: Platform, tab: httpx.Client, sub: str) -> None:
    """Who comes from the provider under a local user's name, or another subject's, is refused."""
    with httpx.Client(
        base_url=house.url, headers=DOCUMENT, trust_env=False, timeout=60, limits=KEPT
    ) as first:
        at_provider(first, "s-otto")
    answer = at_provider(tab, sub)
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "hostd-console" not in tab.cookies
    newest = house.api.get("/audit", params={"limit": 1}).json()["acts"][0]
    assert (newest["act"], newest["outcome"]) == ("sign_in", "refused")


def test_disabled(house: Platform, tab: httpx.Client) -> None:
    """The provider's yes does not open what an admin has closed."""
    at_provider(tab, "s-oona")
    console = tab.cookies["hostd-console"]
    house.api.patch("/users/oona@corp.example", data={"disabled": "true"})
    assert_problem(Client(house, console).get("/session"), 401)
    assert at_provider(tab, "s-oona").status_code == 401
    house.api.patch("/users/oona@corp.example", data={"disabled": "false"})
    assert at_provider(tab, "s-oona").status_code == 303


def test_denied_at_the_provider(tab: httpx.Client) -> None:
    """Who says no there is told so here."""
    away = tab.get("/sign-in/oidc")
    back = tab.post(away.headers["location"], data={"action": "deny"})
    answer = tab.get(back.headers["location"])
    assert answer.status_code == 401
    assert "hostd-console" not in tab.cookies


def test_answer_counts_once_and_here(house: Platform, tab: httpx.Client) -> None:
    """Neither in another browser, nor twice, nor with another state: a code that leaked is worth nothing."""
    away = tab.get("/sign-in/oidc")
    back = tab.post(away.headers["location"], data={"sub": "s-olga"}).headers["location"]
    with httpx.Client(
        base_url=house.url, headers=DOCUMENT, trust_env=False, timeout=60, limits=KEPT
    ) as other:
        assert other.get(back).status_code == 401
        assert "hostd-console" not in other.cookies
    assert tab.get(back).status_code == 401, "the try from elsewhere has used it up"
    assert tab.get(re.sub(r"state=[^&]*", "state=x", back)).status_code == 401
    assert tab.get("/sign-in/oidc/callback").status_code == 401
    assert "hostd-console" not in tab.cookies
