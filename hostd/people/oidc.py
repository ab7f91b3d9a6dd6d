"""OpenID Connect: people who sign in at the company's provider. Authlib builds requests and checks tokens.

The authorization code flow (OpenID Connect Core 1.0, section 3.1) with PKCE (RFC 7636, S256), state and
nonce. Nothing of the provider's tokens is kept: they say who somebody is, once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.base_client.sync_openid import OpenIDMixin
from authlib.oauth2.client import OAuth2Client
from joserfc.errors import JoseError

from hostd.errors import Unavailable
from hostd.people.claims import Rejected

TIMEOUT = 10.0
METADATA_SECONDS = 3600.0
FAILURE_SECONDS = 5.0
"""How long a provider that did not answer is not asked again."""
IN_LINE = 16
"""Calls that wait while the provider is asked: more would hold all threads that answer calls."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""What ID tokens may be signed with: public keys only, so that ``none`` and the client secret are out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What hostd is to the provider. ``redirect_uri`` is registered there."""

    issuer: str
    client_id: str
    client_secret: str
    scopes: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that somebody was sent to the provider for."""

    url: str
    state: str
    nonce: str
    verifier: str


class Provider(OpenIDMixin):  # type: ignore[misc]  # Authlib ships no types
    """One provider. Its metadata and keys are asked for when they are needed, and kept for an hour."""

    def __init__(
        self, client: Client, connect: Callable[[], httpx.Client] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.client = client
        self.client_id = client.client_id
        self.server_metadata: dict[str, Any] = {}
        self._connect = connect or (lambda: httpx.Client(timeout=TIMEOUT))
        self._clock = clock
        self._asked = float("-inf")
        self._failure: str | None = None
        self._failed = float("-inf")
        self._lock = threading.Lock()
        self._line = threading.BoundedSemaphore(IN_LINE)

    def begin(self) -> Begun:
        """Where to send somebody. Raises Unavailable when the provider does not answer."""
        begun = Begun("", generate_token(43), generate_token(43), generate_token(64))
        with self._get_session() as session:
            url, _ = self._oauth(session).create_authorization_url(
                self.load_server_metadata()["authorization_endpoint"],
                state=begun.state, nonce=begun.nonce, code_verifier=begun.verifier,
            )  # fmt: skip
        return Begun(url, begun.state, begun.nonce, begun.verifier)

    def finish(self, begun: Begun, code: str, issuer: str = "") -> Mapping[str, Any]:
        """The claims of who came back with ``code``; ``issuer`` as RFC 9207 sends it.

        Raises Rejected, and Unavailable when the provider does not answer.
        """
        if issuer and issuer != self.client.issuer:
            raise Rejected(f"the answer is of another provider: {issuer[:200]!r}")
        try:
            with self._get_session() as session:
                token = self._oauth(session).fetch_token(
                    self.load_server_metadata()["token_endpoint"], grant_type="authorization_code",
                    code=code, code_verifier=begun.verifier, auth=self._auth(), client_id=self.client_id,
                )  # fmt: skip
                claims = dict(self._claims(token, begun.nonce))
                return self._with_userinfo(session, token, claims)
        except httpx.HTTPError as error:
            raise Unavailable(f"The sign-in provider does not answer: {type(error).__name__}.") from None
        except (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError) as error:
            raise Rejected(f"{type(error).__name__}: {error}") from None

    def load_server_metadata(self) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0, section 4. Raises Unavailable, also for a while after it failed."""
        if not self._line.acquire(blocking=False):
            raise Unavailable("The sign-in provider takes its time, and others wait for it already.")
        try:
            with self._lock:
                return self._metadata()
        finally:
            self._line.release()

    def _metadata(self) -> dict[str, Any]:
        if self._failure is not None and self._clock() - self._failed < FAILURE_SECONDS:
            raise Unavailable(self._failure)
        if self._clock() - self._asked > METADATA_SECONDS:
            try:
                self.server_metadata = self._discovered()
            except Unavailable as error:
                self._failure, self._failed = str(error), self._clock()
                raise
            self._failure, self._asked = None, self._clock()
        return self.server_metadata

    def _discovered(self) -> dict[str, Any]:
        url = f"{self.client.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            with self._get_session() as session:
                found = session.get(url).raise_for_status().json()
            named, offered = found["issuer"], found.get("id_token_signing_alg_values_supported", ["RS256"])
            signed = [name for name in offered if name in _ALGORITHMS]
            missing = [name for name in _ENDPOINTS if not isinstance(found.get(name), str)]
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unavailable(f"The sign-in provider can't be asked: {type(error).__name__}.") from None
        if missing:
            raise Unavailable(f"The sign-in provider's metadata have no {missing[0]}.")
        if named != self.client.issuer:
            raise Unavailable(f"The sign-in provider calls itself {named!r}, not {self.client.issuer!r}.")
        return {**found, "id_token_signing_alg_values_supported": signed}

    def _get_session(self) -> AbstractContextManager[Any]:
        return _Session(self._connect())

    def _oauth(self, session: Any) -> OAuth2Client:
        client = self.client
        return OAuth2Client(
            session, client.client_id, client.client_secret or None, scope=client.scopes,
            redirect_uri=client.redirect_uri, code_challenge_method="S256",
        )  # fmt: skip

    def _auth(self) -> Any:
        """RFC 6749 section 2.3.1; a client without a secret only names itself, in the body."""
        if not self.client.client_secret:
            return lambda request: request
        return httpx.BasicAuth(quote(self.client_id, safe=""), quote(self.client.client_secret, safe=""))

    def _claims(self, token: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """The ID token's, checked as OpenID Connect Core 1.0 section 3.1.3.7 says."""
        if not token.get("id_token"):
            raise Rejected("the provider sent no ID token")
        options = {
            "iss": {"essential": True, "values": [self.client.issuer]},
            "aud": {"essential": True, "values": [self.client_id]},
            "nonce": {"essential": True, "value": nonce},
            "sub": {"essential": True},
        }
        claims: Mapping[str, Any] = self.parse_id_token(token, nonce, claims_options=options)
        return claims

    def _with_userinfo(
        self, session: Any, token: Mapping[str, Any], claims: dict[str, Any]
    ) -> dict[str, Any]:
        """What the ID token leaves out, if it is the same person's (section 5.3.2)."""
        endpoint = self.load_server_metadata().get("userinfo_endpoint")
        if not endpoint:
            return claims
        answer = session.get(endpoint, headers={"Authorization": f"Bearer {token['access_token']}"})
        told = answer.raise_for_status().json()
        if not isinstance(told, dict) or told.get("sub") != claims["sub"]:
            raise Rejected("userinfo is about somebody else")
        return {**told, **claims}


class _Session(AbstractContextManager["_Session"]):
    """httpx behind the few calls that Authlib makes of a session."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        """``withhold_token`` is Authlib's own, and means nothing without a token."""
        more.pop("withhold_token", None)
        return self._client.request(method, url, **more)

    def get(self, url: str, **more: Any) -> httpx.Response:
        """GET."""
        return self.request("GET", url, **more)

    def post(self, url: str, **more: Any) -> httpx.Response:
        """POST."""
        return self.request("POST", url, **more)
