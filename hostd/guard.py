"""Who calls ``/api``, from which page, and with how much: caller, origin, size. ASGI, before any parsing.

Cookies open nothing here: a page of an app has the console's origin, and would send them. A caller shows
a bearer, which no page can make a browser send.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hostd.audit import Act, Audit, Outcome
from hostd.errors import Forbidden, HostdError, TooLarge, TooManyRequests, Unauthorized
from hostd.origins import is_loopback
from hostd.people import People
from hostd.people.sessions import CONSOLE_PREFIX
from hostd.people.tokens import PREFIX as TOKEN_PREFIX
from hostd.person import ANYONE, OPERATOR, Caller, Means
from hostd.problems import problem
from hostd.proxies import TrustedProxies
from hostd.settings import Settings
from hostd.spacing import Spacing

OPEN_PATHS = ("/api/docs", "/api/openapi.json")
"""They describe the API and hold nothing of anybody's."""
SIGN_IN = ("POST", "/api/session")
"""Needs no caller: it makes one."""
GUARDED = ("/api", "/sign-in")
WRONG_TOKEN_DELAY = 1.0
"""Seconds that a wrong token waits for its answer."""
WRONG_TOKENS_AT_ONCE = 8
_FORM_OVERHEAD = 1_000_000
SMALL = 64_000
"""Bytes of a sign-in: whoever sends one is a stranger so far."""
_READS = ("GET", "HEAD", "OPTIONS")
_RANDOM = (CONSOLE_PREFIX, TOKEN_PREFIX)
"""Begin what holds 256 random bits: nobody guesses it, so one that has ended is told so at once."""


class Guard:
    """ASGI middleware around the API. It leaves the Caller in ``scope["hostd.caller"]``, and the address
    of the client, as far as proxies are trusted, in ``scope["hostd.address"]``.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, people: People | None = None, audit: Audit | None = None
    ) -> None:
        self._app = app
        self._settings = settings
        self._people = people
        self._audit = audit
        self._proxies = TrustedProxies(settings.trusted_proxies)
        self._limit = settings.max_upload_mb * 1_000_000 + _FORM_OVERHEAD
        self._waiting = 0
        self._spacing = Spacing()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer with a problem."""
        if scope["type"] != "http" or not scope["path"].startswith(GUARDED):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope["hostd.address"] = self._address(scope, headers)
        try:
            self._check_origin(scope["method"], headers)
            if scope["path"].startswith("/api") and not scope["path"].startswith(OPEN_PATHS):
                scope["hostd.caller"] = await self._caller(scope, headers)
            limit = self._limit_of(scope["path"])
            self._check_length(headers, limit)
        except HostdError as error:
            self._note(error, scope, headers)
            await problem(error)(scope, receive, send)
            return
        await self._app(scope, self._counted(receive, limit), send)

    @property
    def _closed(self) -> bool:
        """Whether one must say who one is."""
        wanted = self._people is not None and self._people.wanted
        return wanted or bool(self._settings.admin_token)

    def _address(self, scope: Scope, headers: Headers) -> str:
        """The client's; of a trusted proxy, whom it names last. 'unix' where there is none."""
        peer = scope["client"][0] if scope.get("client") else "unix"
        before = ",".join(headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
        return before[:45] if before and before.isascii() and peer in self._proxies else peer

    def _check_origin(self, method: str, headers: Headers) -> None:
        """An open API on a developer's machine must not be driven by any web page the developer visits."""
        origin, host = headers.get("origin"), headers.get("host", "")
        ours = (host, urlsplit(self._settings.public_base).netloc)
        if method not in _READS and origin is not None and origin.partition("://")[2] not in ours:
            raise Forbidden(f"Pages of {origin} may not change anything here.")
        if not self._closed and not self._settings.allow_open and not self._is_own_name(host):
            raise Forbidden(
                f"'{host}' is not this machine's name. Set STREAMLIT_HOST_PUBLIC_BASE and an admin token."
            )

    def _is_own_name(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        with contextlib.suppress(ValueError):
            return bool(ipaddress.ip_address(name))
        return is_loopback(f"//{host}") or name == urlsplit(self._settings.public_base).hostname

    async def _caller(self, scope: Scope, headers: Headers) -> Caller | None:
        """Who calls; None where nobody needs to be anybody. Raises Unauthorized, TooManyRequests."""
        scheme, given = _shown(headers)
        found = self._known(given.encode()) if scheme == "bearer" and given else None
        if found is not None:
            if found.means is Means.TOKEN and self._people is not None:
                await asyncio.to_thread(self._people.used, found.key)
            return found
        if not self._closed:
            return ANYONE
        if given and not given.startswith(_RANDOM):
            await self._slow_down()
            self._record(scope, "wrong_token")
        if (scope["method"], scope["path"].rstrip("/")) == SIGN_IN:
            return None
        raise self._nobody()

    def _known(self, bearer: bytes) -> Caller | None:
        wanted = self._settings.admin_token
        if wanted and hmac.compare_digest(bearer, wanted.encode()):
            return OPERATOR
        return None if self._people is None else self._people.caller(bearer)

    def _nobody(self) -> Unauthorized:
        if self._people is None or not self._people.wanted:
            return Unauthorized(
                "Send the admin token as 'Authorization: Bearer <token>' (STREAMLIT_HOST_ADMIN_TOKEN)."
            )
        page = f"{self._settings.public_base}/sign-in"
        return Unauthorized(
            f"Sign in at {page}, or send an API token as 'Authorization: Bearer <token>'.", page
        )

    async def _slow_down(self) -> None:
        if self._waiting >= WRONG_TOKENS_AT_ONCE:
            raise TooManyRequests("Too many wrong tokens at once. Wait a few seconds.")
        self._waiting += 1
        try:
            await asyncio.sleep(WRONG_TOKEN_DELAY)
        finally:
            self._waiting -= 1

    def _note(self, error: HostdError, scope: Scope, headers: Headers) -> None:
        """A change refused to a page, or to a token that has ended. Guesses are slow, and all told."""
        act = {Forbidden: "foreign_page", Unauthorized: "wrong_token"}.get(type(error))
        if act is None or scope["method"] in _READS:
            return
        told = act == "foreign_page" or _shown(headers)[1].startswith(_RANDOM)
        if told and self._spacing.news(scope["hostd.address"]):
            self._record(scope, act)

    def _record(self, scope: Scope, act: str) -> None:
        if self._audit is not None:
            line = Act(
                act=act, who=ANYONE.person.name, means="", address=scope["hostd.address"],
                outcome=Outcome.REFUSED, about={"call": f"{scope['method']} {scope['path']}"},
            )  # fmt: skip
            self._audit.record(line)

    def _limit_of(self, path: str) -> int:
        """The most bytes that a request for ``path`` may bring."""
        return SMALL if path.startswith(("/sign-in", SIGN_IN[1])) else self._limit

    def _check_length(self, headers: Headers, limit: int) -> None:
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > limit:
            raise TooLarge(self._too_large(limit))

    def _too_large(self, most: int) -> str:
        if most == SMALL:
            return f"The request is over {SMALL // 1000} kB: send a name and a password."
        limit = self._settings.max_upload_mb
        return f"The request is over {limit} MB. Send less, or raise STREAMLIT_HOST_MAX_UPLOAD_MB."

    def _counted(self, receive: Receive, limit: int) -> Receive:
        """A body without Content-Length is counted as it comes."""
        total = 0

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > limit:
                raise HTTPException(413, self._too_large(limit))
            return message

        return counted


def _shown(headers: Headers) -> tuple[str, str]:
    """(scheme, token) of the Authorization field, empty where there is none."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return scheme.lower(), given.strip()
