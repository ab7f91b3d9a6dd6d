"""What an ID token must be to count: a provider of our own making sends bad ones. No network."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from hostd.errors import Unavailable
from hostd.people.claims import Claims, Rejected
from hostd.people.oidc import FAILURE_SECONDS, IN_LINE, METADATA_SECONDS, Client, Provider
from hostd.person import Role

ISSUER = "https://id.corp.example"
SECRET = "a client secret that is long enough"
KEY = RSAKey.generate_key(2048, parameters={"kid": "one"})
OTHER = RSAKey.generate_key(2048, parameters={"kid": "one"})
CLIENT = Client(
    issuer=ISSUER,
    client_id="hostd",
    client_secret=SECRET,
    scopes="openid",
    redirect_uri="https://h.example/cb",
)


class Fake:
    """The provider's end: what it answers may be bent."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/auth",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "userinfo_endpoint": f"{ISSUER}/me",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }
        self.userinfo: dict[str, Any] = {"sub": "s-1", "groups": ["told apart"]}
        self.token: Callable[[], Any] = self.signed
        self.nonce = ""
        self.asked: list[httpx.Request] = []

    def claims(self, **more: Any) -> dict[str, Any]:
        """Good ones, bent."""
        now = int(time.time())
        told = {"iss": ISSUER, "aud": "hostd", "sub": "s-1", "nonce": self.nonce, "iat": now, "exp": now + 60}
        return {name: value for name, value in {**told, **more}.items() if value is not None}

    def signed(self, key: Any = KEY, alg: str = "RS256", **more: Any) -> str:
        """An ID token."""
        return jwt.encode({"alg": alg, "kid": "one"}, self.claims(**more), key, algorithms=[alg])

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Whatever is asked."""
        self.asked.append(request)
        if request.url.path == "/token":
            token = self.token()
            body = {"access_token": "a", "token_type": "Bearer", "id_token": token}
            return token if isinstance(token, httpx.Response) else httpx.Response(200, json=body)
        found = {
            "/.well-known/openid-configuration": self.metadata,
            "/keys": {"keys": [KEY.as_dict(private=False)]},
            "/me": self.userinfo,
        }
        return httpx.Response(200, json=found[request.url.path])


@pytest.fixture
def fake() -> Fake:
    """Of one test."""
    return Fake()


def provider(fake: Fake, **more: Any) -> Provider:
    """hostd's end."""
    return Provider(CLIENT, lambda: httpx.Client(transport=httpx.MockTransport(fake.answer)), **more)


def finished(fake: Fake, **more: Any) -> Any:
    """The claims of a sign-in."""
    ours = provider(fake)
    begun = ours.begin()
    fake.nonce = begun.nonce
    return ours.finish(begun, "the code", **more)


def test_good(fake: Fake) -> None:
    """The ID token and userinfo together; the code goes with the verifier, by the client's own secret."""
    claims = finished(fake, issuer=ISSUER)
    assert (claims["sub"], claims["groups"]) == ("s-1", ["told apart"])
    request = next(each for each in fake.asked if each.url.path == "/token")
    form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
    assert (form["code"], form["grant_type"]) == ("the code", "authorization_code")
    assert len(form["code_verifier"]) >= 43
    assert request.headers["authorization"].startswith("Basic ")
    assert SECRET not in request.content.decode()


BAD: dict[str, Callable[[Fake], Any]] = {
    "another issuer": lambda fake: fake.signed(iss="https://evil.example"),
    "another audience": lambda fake: fake.signed(aud="somebody"),
    "no audience": lambda fake: fake.signed(aud=None),
    "another nonce": lambda fake: fake.signed(nonce="replayed"),
    "no nonce": lambda fake: fake.signed(nonce=None),
    "expired": lambda fake: fake.signed(exp=int(time.time()) - 3600),
    "no expiry": lambda fake: fake.signed(exp=None),
    "no subject": lambda fake: fake.signed(sub=None),
    "another key": lambda fake: fake.signed(key=OTHER),
    "the secret as key": lambda fake: fake.signed(key=OctKey.import_key(SECRET), alg="HS256"),
    "no signature": lambda fake: f"{_part({'alg': 'none'})}.{_part(fake.claims())}.",
    "no ID token": lambda fake: "",
    "nonsense": lambda fake: "a.b.c",
    "an error": lambda fake: httpx.Response(400, json={"error": "invalid_grant"}),
    "no JSON": lambda fake: httpx.Response(200, text="hello"),
    "a list": lambda fake: httpx.Response(200, json=[]),
}


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("bad", BAD)
def test_bad(fake: Fake, bad: str) -> None:
    """Whatever is not as it must be vouches for nobody."""
    fake.token = lambda: BAD[bad](fake)
    with pytest.raises(Rejected):
        finished(fake)


def test_answer_of_another_provider(fake: Fake) -> None:
    """RFC 9207: a mix-up of providers is found out."""
    with pytest.raises(Rejected):
        finished(fake, issuer="https://other.example")


def test_userinfo_of_somebody_else(fake: Fake) -> None:
    """OpenID Connect Core 1.0, section 5.3.2."""
    fake.userinfo = {"sub": "s-2", "groups": ["ops"]}
    with pytest.raises(Rejected):
        finished(fake)


@pytest.mark.parametrize("change", [{"issuer": "https://evil.example"}, {"issuer": None}])
def test_metadata_of_another(fake: Fake, change: dict[str, Any]) -> None:
    """A discovery document that names another issuer is not used (Discovery 1.0, section 4.3)."""
    fake.metadata |= change
    with pytest.raises(Unavailable):
        provider(fake).begin()


def test_provider_is_away() -> None:
    """What can't be reached is said to be so, before and after the visit there."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(Unavailable):
        Provider(CLIENT, lambda: httpx.Client(transport=httpx.MockTransport(refuse))).begin()


def test_provider_that_fails_is_left_alone_for_a_while(fake: Fake) -> None:
    """One call finds out; those behind it in the line, and after it, are told at once."""
    at, asked = [0.0], []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise httpx.ConnectError("refused", request=request)

    ours = Provider(CLIENT, lambda: httpx.Client(transport=httpx.MockTransport(refuse)), clock=lambda: at[0])
    for moment in (0.0, 1.0, FAILURE_SECONDS - 0.1, FAILURE_SECONDS + 0.1):
        at[0] = moment
        with pytest.raises(Unavailable):
            ours.begin()
    assert len(asked) == 2


def test_line_before_the_provider_is_bounded(fake: Fake) -> None:
    """While it takes its time only so many wait for it; the others are told so, and hold no thread."""
    reached, go = threading.Event(), threading.Event()

    def slow(request: httpx.Request) -> httpx.Response:
        reached.set()
        assert go.wait(60)
        return fake.answer(request)

    ours = Provider(CLIENT, lambda: httpx.Client(transport=httpx.MockTransport(slow)))
    with ThreadPoolExecutor(IN_LINE + 1) as pool:
        waiting = [pool.submit(ours.begin)]
        assert reached.wait(60)
        waiting += [pool.submit(ours.begin) for _ in range(IN_LINE)]
        done, _ = wait(waiting, 60, FIRST_COMPLETED)
        assert [type(each.exception()) for each in done] == [Unavailable]
        go.set()
    assert sum(each.exception() is None for each in waiting) == IN_LINE


@pytest.mark.parametrize("gone", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_metadata_without(fake: Fake, gone: str) -> None:
    """What is needed must be there, and is said when it is not."""
    fake.metadata[gone] = None
    with pytest.raises(Unavailable, match=gone):
        provider(fake).begin()


def test_metadata_without_algorithms(fake: Fake) -> None:
    """RS256 is what every provider must have (Discovery 1.0, section 3)."""
    del fake.metadata["id_token_signing_alg_values_supported"]
    assert finished(fake)["sub"] == "s-1"


@pytest.mark.parametrize("metadata", [[], "text", None, 1])
def test_metadata_that_are_none(fake: Fake, metadata: Any) -> None:
    """Any JSON may come."""
    fake.metadata = metadata
    with pytest.raises(Unavailable):
        provider(fake).begin()


@pytest.mark.parametrize("userinfo", [[], ["sub"], "text", None, 1])
def test_userinfo_that_is_none(fake: Fake, userinfo: Any) -> None:
    """As above."""
    fake.userinfo = userinfo
    with pytest.raises(Rejected):
        finished(fake)


def test_metadata_is_kept_for_a_while(fake: Fake) -> None:
    """It is asked for once an hour."""
    at = [0.0]
    ours = provider(fake, clock=lambda: at[0])
    for moment in (0.0, METADATA_SECONDS - 1, METADATA_SECONDS + 1):
        at[0] = moment
        ours.begin()
    asked = [each for each in fake.asked if "well-known" in each.url.path]
    assert len(asked) == 2


CLAIMS = Claims(
    name_claim="preferred_username", groups_claim="groups", admin_groups=frozenset({"ops"}),
    publisher_groups=frozenset({"data"}), default=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("groups", "role"), [(["ops", "data"], Role.ADMIN), (["data"], Role.PUBLISHER), ("data", Role.PUBLISHER)]
)
def test_roles(groups: Any, role: Role) -> None:
    """The highest of somebody's groups; one group may come as a text."""
    assert CLAIMS.user({"sub": "s", "preferred_username": "anna", "groups": groups}).role is role


@pytest.mark.parametrize("claim", ["preferred_username", "email"])
def test_address_that_is_not_verified_is_no_name(claim: str) -> None:
    """Whoever can type any address at the provider must not come in under it."""
    made = replace(CLAIMS, name_claim=claim)
    told = {"sub": "s-9", "groups": ["ops"], "email": "boss@corp.example"}
    for verified in (False, "false", "true", None):
        user = made.user({**told, "email_verified": verified})
        assert (user.name, user.email) == ("s-9", "")
    assert made.user({**told, "email_verified": True}).name == "boss@corp.example"
    assert made.user(told).name == "boss@corp.example"


@pytest.mark.parametrize(
    "claims",
    [
        *({"groups": ["x"]}, {}, {"groups": None}, {"groups": {"ops": 1}}),
        {"groups": ["ops"], "preferred_username": "a b"},
        {"groups": ["ops"], "preferred_username": "anyone"},
        {"groups": ["data"], "email": "a@b@c"},
    ],
)
def test_nobody(claims: dict[str, Any]) -> None:
    """In no group that counts, or with a name that can be none: not let in."""
    with pytest.raises(Rejected):
        CLAIMS.user({"sub": "s", "preferred_username": "anna", **claims})
