"""People over the API: signing in, roles, owners, tokens, the audit log; and a rule for every call."""

from __future__ import annotations

import json
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from hostd import first_admin, settings
from hostd.api.rules import RULES, Needs
from hostd.house import build
from hostd.main import create_app
from hostd.people import Cookies, People
from hostd.person import Role
from tests.people.house import FILES, PASSWORD, Client, sign_in
from tests.platform import Platform, assert_problem, platform, until
from tests.scan import files_with


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The API's own description."""
    rooms = build(settings.load({"STREAMLIT_HOST_DATA": str(tmp_path_factory.mktemp("rules"))}))
    return create_app(rooms).openapi()


def calls(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(operation id, method, path below /api) of every call."""
    return [
        (call["operationId"], method.upper(), path.removeprefix("/api"))
        for path, item in document["paths"].items()
        for method, call in item.items()
    ]


# Every call has a rule


def test_every_call_has_a_rule(document: dict[str, Any]) -> None:
    """The table and the API name the same calls; the document says what each needs."""
    found = {name: (method, path) for name, method, path in calls(document)}
    assert set(found) == set(RULES)
    for item in document["paths"].values():
        for call in item.values():
            assert call["x-hostd-needs"] == RULES[call["operationId"]]
    assert [name for name, needs in RULES.items() if needs is Needs.NOTHING] == ["sign_in"]
    of_apps = {name for name, (_, path) in found.items() if "{app_id}" in path}
    assert {
        n for n, needs in RULES.items() if needs in (Needs.SEES_APP, Needs.MANAGES_APP, Needs.OWNS_APP)
    } == of_apps


SEEN = {Needs.SEES_APP: 0, Needs.MANAGES_APP: 403, Needs.OWNS_APP: 403}
EXPECTED: dict[str, dict[Needs, int]] = {
    "nobody": dict.fromkeys(Needs, 401) | {Needs.NOTHING: 0},
    "vera": dict.fromkeys(Needs, 0) | dict.fromkeys(SEEN, 404) | {Needs.PUBLISHER: 403, Needs.ADMIN: 403},
    "bert": dict.fromkeys(Needs, 0) | SEEN | {Needs.ADMIN: 403},
}
"""What somebody gets for a call on Anna's app; 0: the call is theirs, whatever it answers then."""

PLACES = {"number": 1, "path": "app.py", "token_id": "none", "name": "token"}
"""What else stands in paths."""


@pytest.mark.parametrize("who", EXPECTED)
def test_rules_are_kept(people: dict[str, Client], document: dict[str, Any], app: str, who: str) -> None:
    """Each call, walked, by somebody who has nothing to do with the app: refused as its rule says."""
    before = people["admin"].get("/apps").json()
    for name, method, path in calls(document):
        place = path.format(**PLACES | {"app_id": app, "user": "admin"})
        expected = EXPECTED[who][RULES[name]]
        if expected:
            assert people[who].request(method, place).status_code == expected, name
    after = people["admin"].get("/apps").json()
    assert [a["app_id"] for a in before] == [a["app_id"] for a in after]


def test_reading_token_changes_nothing(people: dict[str, Client], document: dict[str, Any], app: str) -> None:
    """A token that reads gets 403 for everything else, also for what its user may do."""
    for name, method, path in calls(document):
        place = path.format(**PLACES | {"app_id": app, "user": "anna"})
        if method != "GET" and RULES[name] is not Needs.NOTHING:
            assert_problem(people["read"].request(method, place), 403)
    assert people["read"].get(f"/apps/{app}").json()["options"]["environment"] == {"KEY": "hidden"}


def test_refused_before_the_body_is_read(house: Platform, people: dict[str, Client], app: str) -> None:
    """Nobody fills the disk with an upload that they may not make: the answer comes before the body."""
    head = (
        f"POST /api/apps/{app}/releases HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n"
        f"Authorization: Bearer {people['vera'].bearer}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", house.port), 60) as peer:
        peer.sendall(head.encode())
        assert peer.recv(12) == b"HTTP/1.1 404"


# Cookies


def test_cookies_open_nothing(house: Platform, app: str) -> None:
    """An app's page sends its visitor's cookies along: no call looks at them, not even one that reads."""
    signed = sign_in(house, "admin")
    jar = dict(signed.cookies)
    assert set(jar) == {"hostd", "hostd-console"}
    for method, path in (
        ("GET", "/session"),
        ("DELETE", f"/apps/{app}"),
    ):
        header = "; ".join(f"{name}={value}" for name, value in jar.items())
        answer = httpx.request(
            method, f"{house.url}/api{path}", headers={"Cookie": header, "Origin": house.url}, trust_env=False
        )
        assert_problem(answer, 401)
        bearer = {"Authorization": f"Bearer {jar['hostd']}", "Cookie": header}
        assert (
            httpx.request(method, f"{house.url}/api{path}", headers=bearer, trust_env=False).status_code
            == 401
        )
    assert Client(house, jar["hostd-console"]).get("/session").json()["name"] == "admin"


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode"])
def test_no_cookie_for_pages(house: Platform, header: str) -> None:
    """A page can't sign its visitor in as somebody else."""
    answer = sign_in(house, "admin", **{header: house.url if header == "Origin" else "same-origin"})
    assert answer.status_code == 201
    assert "set-cookie" not in answer.headers


# Sessions


def test_session(house: Platform) -> None:
    """Sign in, who am I, sign out: then the bearer opens nothing, at once."""
    answer = sign_in(house, "admin")
    body = answer.json()
    assert (answer.status_code, body["name"], body["role"], body["seconds"]) == (
        201,
        "admin",
        "admin",
        12 * 3600,
    )
    mine = Client(house, body["token"])
    told = mine.get("/session").json()
    assert (told["name"], told["means"], told["token"]) == ("admin", "session", None)
    ended = mine.delete("/session")
    assert ended.json() == {"signed_out": True}
    assert all("Max-Age=0" in field for field in ended.headers.get_list("set-cookie"))
    assert_problem(mine.get("/session"), 401)
    assert_problem(Client(house).delete("/session"), 401)


def _held_up(answer: httpx.Response) -> int:
    return int(answer.headers.get("retry-after", 0))


@pytest.mark.parametrize("name", ["vera", "nobody-at-all"])
def test_wrong_passwords_are_slowed_down(house: Platform, people: dict[str, Client], name: str) -> None:
    """After a few wrong ones the right one must wait too; whether there is such a user, nobody learns."""
    answers = [sign_in(house, name, f"wrong {number}") for number in range(5)]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    until(lambda: _held_up(sign_in(house, name, "wrong")) > 6, what="held up for long")
    limited = sign_in(house, name)
    assert_problem(limited, 429)
    assert int(limited.headers["retry-after"]) >= 1
    assert sign_in(house, "anna").status_code == 201  # others are not held up


def test_signing_in_needs_a_form(house: Platform) -> None:
    """As all calls that take fields."""
    answer = httpx.post(
        f"{house.url}/api/session", json={"name": "admin", "password": PASSWORD}, trust_env=False
    )
    assert_problem(answer, 415)
    assert_problem(
        httpx.post(f"{house.url}/api/session", data={"name": "x"}, trust_env=False), 422, "password"
    )


def test_says_where_to_sign_in(house: Platform) -> None:
    """A 401 tells a person what to do."""
    detail = assert_problem(Client(house).get("/apps"), 401)["detail"]
    assert f"{house.settings['STREAMLIT_HOST_PORT']}/sign-in" in detail
    assert "Bearer" in detail


# Apps and owners


def test_who_sees_what(people: dict[str, Client], app: str) -> None:
    """The list and the app: whole for those who manage it, little for those who look, nothing for others."""
    assert app not in [each["app_id"] for each in people["vera"].get("/apps").json()]
    assert people["vera"].get("/apps").headers["x-total-count"] == "0"
    assert_problem(people["vera"].get(f"/apps/{app}"), 404)
    for each in (people["bert"].get(f"/apps/{app}").json(), *people["bert"].get("/apps").json()):
        assert (each["app_id"], each["options"]["environment"], each["error"]) == (app, {}, None)
        assert each["access"]["viewers"] == []
    for who in ("anna", "admin"):
        for each in (people[who].get(f"/apps/{app}").json(), *people[who].get("/apps").json()):
            assert each["options"]["environment"] == {"KEY": "hidden"}


def test_followed_log_ends_with_the_right_to_it(house: Platform, people: dict[str, Client], app: str) -> None:
    """A token that was taken away, a session that ended, an app that is somebody else's now."""
    token = people["anna"].post("/tokens", data={"label": "logs", "scope": "read"}).json()
    session = Client(house, sign_in(house, "anna").json()["token"])
    people["admin"].patch(f"/apps/{app}", data={"collaborators": "bert"})
    acts: tuple[tuple[Client, Callable[[], httpx.Response]], ...] = (
        (Client(house, token["token"]), lambda: people["anna"].delete(f"/tokens/{token['token_id']}")),
        (session, lambda: session.delete("/session")),
        (people["bert"], lambda: people["admin"].patch(f"/apps/{app}", data={"collaborators": ""})),
    )
    for client, act in acts:
        headers = {"Authorization": f"Bearer {client.bearer}"}
        url = f"{client.url}/apps/{app}/logs/stream"
        with httpx.stream("GET", url, headers=headers, trust_env=False, timeout=60) as followed:
            lines = followed.iter_lines()
            assert next(lines).startswith("data: ")
            assert act().status_code == 200
            assert isinstance(list(lines), list), "it was read to its end"


def test_list_has_a_tag_of_its_own(people: dict[str, Client], app: str) -> None:
    """Nobody is told 'nothing has changed' about somebody else's list."""
    tags = {who: people[who].get("/apps").headers["etag"] for who in ("anna", "bert", "vera", "admin")}
    assert len(set(tags.values())) == len(tags)
    assert people["vera"].get("/apps", headers={"If-None-Match": tags["anna"]}).status_code == 200


def test_collaborators_and_owners(people: dict[str, Client]) -> None:
    """A collaborator changes the app but not whose it is; an owner gives it away."""
    made = people["anna"].post("/apps", data={"name": "shared", "app_id": "shared"}, files=FILES)
    assert made.json()["access"]["visibility"] == "signed-in"
    path = "/apps/shared"
    assert_problem(people["bert"].patch(path, data={"name": "mine"}), 403)
    shared = people["anna"].patch(path, data={"collaborators": "bert"})
    assert shared.json()["access"]["collaborators"] == ["bert"]
    assert people["bert"].patch(path, data={"name": "ours"}).json()["name"] == "ours"
    assert people["bert"].get(f"{path}/logs").status_code == 200
    assert_problem(people["bert"].patch(path, data={"owner": "bert"}), 403)
    assert_problem(people["bert"].patch(path, data={"collaborators": ""}), 403)
    assert_problem(people["bert"].delete(path), 403)
    assert people["anna"].patch(path, data={"owner": "bert"}).json()["access"]["owner"] == "bert"
    assert_problem(people["anna"].delete(path), 403)
    assert people["bert"].get(f"{path}/releases").json()[0]["by"].startswith("anna (")
    assert people["bert"].delete(path).status_code == 200


def test_only_admins_make_apps_for_others(people: dict[str, Client]) -> None:
    """A publisher's new app is the publisher's; an admin may make one for somebody."""
    for owner in ("bert", "admin", ""):
        answer = people["anna"].post("/apps", data={"name": "x", "owner": owner}, files=FILES)
        assert_problem(answer, 403)
    for who, owner in (("anna", "Anna"), ("admin", "bert")):
        made = people[who].post("/apps", data={"name": "x", "owner": owner}, files=FILES)
        assert made.status_code == 201, made.text
        assert made.json()["access"]["owner"] == owner.lower()
        people["admin"].delete(f"/apps/{made.json()['app_id']}")


def test_audit_tells_what_changed(house: Platform, people: dict[str, Client]) -> None:
    """Of an app each field with its new value; of variables, secrets and files only that there were some."""
    fields = {"name": "told", "app_id": "told", "visibility": "private", "viewers": "bert, vera"}
    secret = {"environment": '{"KEY": "hidden value"}', "secrets": 'word = "hidden value"'}
    assert people["anna"].post("/apps", data={**fields, **secret}, files=FILES).status_code == 201
    until(lambda: house.api.get("/apps/told").json()["status"] == "failed", 60, what="the install's end")
    changes = {"name": "Told", "owner": "Bert", "memory_mb": "900", "viewers": "", "idle_minutes": ""}
    assert people["anna"].patch("/apps/told", data=changes).status_code == 200
    update, create = house.api.get("/audit", params={"limit": 2}).json()["acts"]
    assert (create["act"], update["act"]) == ("create_app", "update_app")
    assert create["about"] == {
        "location": "/api/apps/told", "name": "told", "owner": "anna", "visibility": "private",
        "viewers": "bert, vera", "files": "sent", "environment": "sent", "secrets": "sent",
    }  # fmt: skip
    assert update["about"] == {
        "app_id": "told", "name": "Told", "owner": "bert", "memory_mb": "900", "viewers": "",
        "idle_minutes": "",
    }  # fmt: skip
    assert "hidden value" not in log_of(house).read_text()
    people["admin"].delete("/apps/told")


def test_viewers_make_no_apps(house: Platform, people: dict[str, Client]) -> None:
    """Nor do tokens of theirs."""
    assert_problem(people["vera"].post("/apps", data={"name": "x"}, files=FILES), 403)
    token = people["admin"].post("/tokens", data={"label": "x", "user": "vera"}).json()
    assert_problem(people["vera"].post("/tokens", data={"label": "x", "scope": "admin"}), 422, "scope")
    hers = Client(house, token["token"])
    assert hers.get("/session").json()["means"] == "token"
    assert_problem(hers.post("/apps", data={"name": "x"}, files=FILES), 403)
    assert_problem(hers.post("/tokens", data={"label": "y"}), 403)
    assert people["vera"].delete(f"/tokens/{token['token_id']}").status_code == 200


# Users and tokens


def test_users(house: Platform, people: dict[str, Client]) -> None:
    """A user comes, changes, is disabled, and goes; nothing of a password is ever answered."""
    made = house.api.post(
        "/users", data={"name": "New@Corp.example", "password": PASSWORD, "email": "n@x.example"}
    )
    assert (made.status_code, made.json()["name"], made.json()["role"]) == (201, "new@corp.example", "viewer")
    path = "/users/new@corp.example"
    assert_problem(house.api.post("/users", data={"name": "new@corp.example", "password": PASSWORD}), 409)
    assert house.api.patch(path, data={"role": "publisher", "email": ""}).json()["email"] == ""
    assert_problem(house.api.patch(path, data={"role": "king"}), 422, "role")
    assert house.api.patch(path, data={"disabled": "true"}).json()["disabled"] is True
    assert_problem(sign_in(house, "new@corp.example"), 401)
    assert "argon2" not in house.api.get("/users").text
    assert house.api.delete(path).json() == {"deleted": True, "name": "new@corp.example"}
    assert_problem(house.api.get(path), 404)


def test_own_password(house: Platform) -> None:
    """By the present one; another's is for admins; a new one ends the sessions."""
    house.api.post("/users", data={"name": "paula", "password": PASSWORD})
    mine = Client(house, sign_in(house, "paula").json()["token"])
    new = "another good password"
    assert mine.get("/session").json()["source"] == "local"
    assert_problem(mine.put("/users/paula/password", data={"password": new}), 422, "current")
    assert_problem(mine.put("/users/paula/password", data={"password": new, "current": "x"}), 422, "current")
    told = house.api.get("/audit", params={"limit": 1}).json()["acts"][0]
    assert (told["act"], told["who"], told["outcome"]) == ("set_password", "paula", "refused")
    assert_problem(mine.put("/users/admin/password", data={"password": new, "current": PASSWORD}), 403)
    assert_problem(mine.put("/users/paula/password", data={"password": "short", "current": PASSWORD}), 422)
    assert mine.put("/users/paula/password", data={"password": new, "current": PASSWORD}).status_code == 200
    assert_problem(mine.get("/session"), 401)
    assert sign_in(house, "paula", new).status_code == 201
    assert house.api.put("/users/paula/password", data={"password": PASSWORD}).status_code == 200
    assert house.api.delete("/users/paula").status_code == 200


def test_tokens(house: Platform, people: dict[str, Client]) -> None:
    """Shown once, listed without its value, its last use with it; gone when it is taken away."""
    made = people["anna"].post("/tokens", data={"label": "ci", "days": "30"})
    token = made.json()
    assert (made.status_code, token["user"], token["scope"]) == (201, "anna", "deploy")
    assert token["expires_at"] > token["created_at"]
    hers = Client(house, token["token"])
    assert hers.get("/session").json()["scope"] == "deploy"
    listed = {each["token_id"]: each for each in people["anna"].get("/tokens").json()}
    assert listed[token["token_id"]]["token"] is None
    assert listed[token["token_id"]]["last_used_at"]
    assert_problem(people["bert"].delete(f"/tokens/{token['token_id']}"), 404)
    assert_problem(people["bert"].get("/tokens", params={"everybodys": "true"}), 403)
    assert token["token_id"] in house.api.get("/tokens", params={"everybodys": "true"}).text
    assert people["anna"].delete(f"/tokens/{token['token_id']}").status_code == 200
    assert_problem(hers.get("/session"), 401)


# The audit log


def test_audit(house: Platform, people: dict[str, Client]) -> None:
    """Who did what, from where, and what came of it; page by page; readable by admins only."""
    made = people["anna"].post("/apps", data={"name": "traced", "app_id": "traced"}, files=FILES)
    assert made.status_code == 201
    assert_problem(people["vera"].delete("/apps/annas"), 404)
    assert_problem(people["bert"].delete("/apps/traced"), 403)
    assert_problem(people["anna"].patch("/apps/traced", data={"strategy": "?"}), 422)
    assert people["anna"].delete("/apps/traced").status_code == 200
    acts = house.api.get("/audit", params={"limit": 10}).json()["acts"]
    found = [(act["act"], act["who"], act["outcome"]) for act in acts[:5]]
    assert found == [
        ("delete_app", "anna", "done"),
        ("update_app", "anna", "failed"),
        ("delete_app", "bert", "refused"),
        ("delete_app", "vera", "failed"),
        ("create_app", "anna", "done"),
    ]
    assert {act["address"] for act in acts} == {"127.0.0.1"}
    assert acts[0]["about"] == {"app_id": "traced"}
    assert acts[4]["about"]["location"] == "/api/apps/traced"
    assert_problem(people["anna"].get("/audit"), 403)


def test_audit_pages(house: Platform) -> None:
    """A cursor leads through all of it, each line once, oldest last: the first start's admin."""
    seen: list[dict[str, Any]] = []
    query: dict[str, int] = {"limit": 7}
    while True:
        page = house.api.get("/audit", params=query).json()
        seen += page["acts"]
        if page["cursor"] is None:
            break
        query["cursor"] = page["cursor"]
    lines = [json.loads(line) for line in log_of(house).read_text().splitlines()]
    assert [(act["at"], act["act"]) for act in seen] == [
        (each["at"], each["act"]) for each in reversed(lines)
    ]
    assert seen[-1]["act"] == "create_user"


def test_audit_tells_of_wrong_tokens(house: Platform) -> None:
    """A guess is a refusal worth a line; a missing token is none."""
    assert_problem(Client(house, "guessed").get("/apps"), 401)
    assert_problem(Client(house).get("/apps"), 401)
    newest = house.api.get("/audit", params={"limit": 1}).json()["acts"][0]
    assert (newest["act"], newest["who"], newest["outcome"]) == ("wrong_token", "anyone", "refused")


def test_audit_tells_of_changes_refused_at_the_door(house: Platform) -> None:
    """With a token that has ended: the first of a minute. Reads, and calls without a token, are not."""
    token = "ht_" + "x" * 43
    size = log_of(house).stat().st_size
    assert_problem(Client(house).delete("/apps/annas"), 401)
    assert_problem(Client(house, token).get("/apps"), 401)
    assert log_of(house).stat().st_size == size
    for _ in range(5):
        assert_problem(Client(house, token).delete("/apps/annas"), 401)
    line, *more = log_of(house).read_bytes()[size:].splitlines()
    assert len(more) < 4
    told = json.loads(line)
    assert (told["act"], told["outcome"]) == ("wrong_token", "refused")
    assert told["about"] == {"call": "DELETE /api/apps/annas"}
    assert token.encode() not in line


def test_nothing_secret_is_written(house: Platform, people: dict[str, Client]) -> None:
    """Neither passwords nor bearers are in the log, in hostd's own, or in the people's files."""
    bearers = [each.bearer for each in people.values()]
    files = [
        log_of(house),
        house.output,
        *(house.data / "people").iterdir(),
        *(house.data / "logs").iterdir(),
    ]
    for file in files:
        text = file.read_text(errors="replace")
        assert not [secret for secret in (PASSWORD, *filter(None, bearers)) if secret in text], file
    assert stat.S_IMODE(log_of(house).stat().st_mode) == 0o600


def log_of(house: Platform) -> Path:
    """The audit log's file."""
    return house.data / "logs" / "audit.log"


# How people come to be wanted


def test_first_password_is_shown_once() -> None:
    """SIGN_IN alone makes an admin with a password that stands in the output, and in no file of ours."""
    made = Platform(STREAMLIT_HOST_SIGN_IN="1").start(wait=False)
    try:
        shown = until(
            lambda: re.findall(r"password of 'admin', shown this once: (\S+)", made.output.read_text()), 60
        )
        until(lambda: _role(made, shown[0]) == "admin", 60, what="the admin signed in")
        assert not list(files_with(made.data, [shown[0].encode()]))
        first = json.loads(log_of(made).read_text().splitlines()[0])
        assert (first["act"], first["about"]) == ("create_user", {"user": "admin", "role": "admin"})
        made.stop()
        made.start(wait=False)
        until(lambda: _role(made, shown[0]) == "admin", 60, what="the admin signed in")
        assert made.output.read_text().count("shown this once") == 1
    finally:
        made.close()


def test_first_password_is_in_no_file_under_systemd() -> None:
    """There standard output is a socket, and what hostd says goes to a file: the password does not."""
    made = Platform(STREAMLIT_HOST_SIGN_IN="1")
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("r", encoding="utf-8") as said:
        try:
            with theirs:
                made.process = subprocess.Popen(
                    [sys.executable, "-m", "hostd"], cwd=made.root, env=made.environment(),
                    stdout=theirs.fileno(), start_new_session=True,
                )  # fmt: skip
            line = next(line for line in said if "shown this once" in line)
            password = line.split()[-1]
            until(lambda: _role(made, password) == "admin", 60, what="the admin signed in")
            assert "hostd " in (made.data / "logs" / "hostd.out").read_text()
            assert not list(files_with(made.data, [password.encode()]))
        finally:
            made.close()


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ({}, True),
        ({"STREAMLIT_HOST_OIDC_ADMIN_GROUPS": "ops"}, False),
        ({"STREAMLIT_HOST_ADMIN_TOKEN": "s3cret"}, False),
    ],
)
def test_warning_where_nobody_can_be_an_admin(tmp_path: Path, more: dict[str, str], warned: bool) -> None:
    """The provider alone, without groups that make admins; a local admin is one as well."""
    provider = {"STREAMLIT_HOST_OIDC_ISSUER": "https://id.corp.example", "STREAMLIT_HOST_OIDC_CLIENT_ID": "h"}
    loaded = settings.load({**provider, **more})
    people = People(tmp_path, Cookies("https://a.example"))
    assert bool(first_admin.missing(loaded, people)) is warned
    people.add("root", Role.ADMIN, PASSWORD)
    assert first_admin.missing(loaded, people) == ()


def _role(made: Platform, password: str) -> str:
    try:
        return str(sign_in(made, "admin", password).json().get("role", ""))
    except httpx.TransportError:
        return ""


def test_first_user_closes_an_open_platform() -> None:
    """Open until there is a user; that one must be an admin, since nobody else could let others in."""
    with platform() as made:
        assert made.api.get("/session").json()["means"] == "open"
        assert made.api.get("/health").json()["auth_required"] is False
        assert_problem(made.api.post("/users", data={"name": "v", "password": PASSWORD}), 409)
        assert (
            made.api.post("/users", data={"name": "a", "password": PASSWORD, "role": "admin"}).status_code
            == 201
        )
        assert_problem(made.api.get("/apps"), 401)
        made.api.headers["Authorization"] = f"Bearer {sign_in(made, 'a').json()['token']}"
        assert made.api.get("/health").json()["auth_required"] is True
        assert made.api.delete("/users/a").status_code == 409
