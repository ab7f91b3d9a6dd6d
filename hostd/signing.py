"""Signing in, by whatever door: attempts slowed down, the provider asked, all of it in the audit log."""

from __future__ import annotations

import hmac
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hostd.audit import Act, Audit, Outcome
from hostd.errors import SettingsError, TooManyRequests, Unauthorized
from hostd.people import Opened, People
from hostd.people.attempts import Attempts, network
from hostd.people.claims import Claims, Rejected
from hostd.people.oidc import Begun, Client, Provider
from hostd.people.sessions import digest
from hostd.person import ANYONE, Means, Role
from hostd.settings import Settings

log = logging.getLogger(__name__)
CALLBACK = "/sign-in/oidc/callback"
MINUTES_AT_THE_PROVIDER = 10
MOST_AWAY = 10_000
"""People at the provider at the same time; of more, the one who is away longest begins anew."""
MOST_AWAY_AT_ONE_ADDRESS = 500
"""Likewise, so that nobody can throw the others out by beginning again and again."""


@dataclass(frozen=True, slots=True)
class _Away:
    """Somebody who was sent to the provider: from which browser, since when, and where to after that."""

    begun: Begun
    browser: str
    since: float
    following: str
    where: str


@dataclass(slots=True)
class Signing:
    """One for the whole platform. ``provider`` is None where people have passwords only."""

    people: People
    audit: Audit
    provider: Provider | None = None
    claims: Claims | None = None
    attempts: Attempts = field(default_factory=Attempts)
    clock: Callable[[], float] = time.monotonic
    _away: OrderedDict[str, _Away] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def password(self, name: str, password: str, address: str) -> Opened:
        """Open a session. Raises Unauthorized, TooManyRequests."""
        name = name.strip().lower()[:200]
        self._wait(name, address)
        try:
            opened = self.people.sign_in(name, password, address)
        except TooManyRequests:
            self.attempts.unmade(name, address)
            raise
        except Unauthorized:
            self._record("sign_in", name, address, Outcome.REFUSED)
            raise
        self.attempts.right(name, address)
        self._record("sign_in", name, address, Outcome.DONE)
        return opened

    def check_password(self, name: str, password: str, address: str) -> None:
        """Raises WrongPassword, TooManyRequests, and Invalid for who has no password here."""
        self.people.check_local(name)
        self._wait(name, address)
        try:
            self.people.check_password(name, password)
        except TooManyRequests:
            self.attempts.unmade(name, address)
            raise
        self.attempts.right(name, address)

    def _wait(self, name: str, address: str) -> None:
        wait = self.attempts.wait(name, address)
        if wait > 0:
            seconds = math.ceil(wait)
            if self.attempts.news(name, address):
                self._record("sign_in", name, address, Outcome.REFUSED, wait=f"{seconds} s")
            raise TooManyRequests(f"Too many wrong attempts. Wait {seconds} s and try again.", seconds)

    def to_provider(self, following: str, browser: bytes, address: str) -> str:
        """The URL to send a browser to, which is known again by ``browser``. Raises Unavailable."""
        assert self.provider is not None  # noqa: S101 - for the type checker
        begun, where = self.provider.begin(), network(address)
        with self._lock:
            self._make_room(where)
            self._away[begun.state] = _Away(begun, digest(browser), self.clock(), following, where)
        return begun.url

    def _make_room(self, where: str) -> None:
        """For one more: first those who are late go, then the oldest from there, then the oldest."""
        for state in [state for state, away in self._away.items() if self._late(away)]:
            del self._away[state]
        same = [state for state, away in self._away.items() if away.where == where]
        for state in same[: max(0, len(same) + 1 - MOST_AWAY_AT_ONE_ADDRESS)]:
            del self._away[state]
        while len(self._away) >= MOST_AWAY:
            self._away.popitem(last=False)

    def from_provider(
        self, answer: dict[str, str], browsers: Iterable[bytes], address: str
    ) -> tuple[Opened, str]:
        """A session for who came back, and where to. Raises Unauthorized, Unavailable."""
        assert self.provider is not None  # noqa: S101 - for the type checker
        assert self.claims is not None  # noqa: S101 - for the type checker
        away = self._back(answer.get("state", ""), browsers)
        name = ""
        try:
            if "error" in answer or not answer.get("code"):
                raise Rejected(f"the provider says {answer.get('error', 'nothing')[:200]!r}")
            told = self.provider.finish(away.begun, answer["code"], answer.get("iss", ""))
            name = str(told.get("sub", ""))
            user = self.claims.user(told)
            name = user.name
            opened, was = self.people.admit(user, address)
        except (Rejected, Unauthorized) as error:
            log.warning("a sign-in at the provider came to nothing: %s", error)
            self._record("sign_in", name, address, Outcome.REFUSED, provider=self.provider.client.issuer)
            raise Unauthorized("The sign-in provider did not let you in here.") from None
        if was is not user.role:
            act, groups = "update_user" if was else "create_user", ", ".join(user.groups)
            self._record(act, name, address, Outcome.DONE, user=name, role=user.role, groups=groups)
        self._record("sign_in", name, address, Outcome.DONE, provider=self.provider.client.issuer)
        return opened, away.following

    def _late(self, away: _Away) -> bool:
        return self.clock() - away.since > MINUTES_AT_THE_PROVIDER * 60

    def _back(self, state: str, browsers: Iterable[bytes]) -> _Away:
        """Whom this answer is about: each once, and only in the browser that began it (RFC 9700, 4.7)."""
        with self._lock:
            away = self._away.pop(state, None)
        known = away is not None and any(hmac.compare_digest(away.browser, digest(one)) for one in browsers)
        if away is None or not known or self._late(away):
            raise Unauthorized("This sign-in was not begun here, or too long ago. Begin again.")
        return away

    def _record(self, act: str, who: str, address: str, outcome: Outcome, **about: str) -> None:
        said = who or ANYONE.person.name
        means = str(Means.SESSION)
        self.audit.record(Act(act=act, who=said, means=means, address=address, outcome=outcome, about=about))


def provider_of(settings: Settings) -> dict[str, Any]:
    """``provider`` and ``claims`` as set, or nothing. Raises SettingsError when a secret can't be read."""
    if not settings.oidc_issuer:
        return {}
    secret = settings.oidc_client_secret or secret_in(settings.oidc_client_secret_file)
    client = Client(
        issuer=settings.oidc_issuer, client_id=settings.oidc_client_id, client_secret=secret,
        scopes=settings.oidc_scopes, redirect_uri=settings.public_base + CALLBACK,
    )  # fmt: skip
    default = None if settings.oidc_default_role == "none" else Role(settings.oidc_default_role)
    claims = Claims(
        name_claim=settings.oidc_name_claim, groups_claim=settings.oidc_groups_claim,
        admin_groups=frozenset(settings.oidc_admin_groups),
        publisher_groups=frozenset(settings.oidc_publisher_groups), default=default,
    )  # fmt: skip
    return {"provider": Provider(client), "claims": claims}


def secret_in(file: Any) -> str:
    """The one line of a secret's file, '' for none. Raises SettingsError."""
    try:
        return "" if file is None else str(file.read_text(encoding="utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: can't be read: {error}") from None
