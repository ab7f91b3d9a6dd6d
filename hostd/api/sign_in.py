"""The sign-in page, and the way to the OpenID provider and back: HTML, for browsers, under ``/sign-in``.

Pages of apps have the same origin as these. So that none of them signs its visitor in as somebody else, or
reads along: the form holds a proof that only this page has, made from a cookie that no script can read.
The page can't be fetched (Sec-Fetch-Dest), framed (frame-ancestors) or read through the window that
opened it (Cross-Origin-Opener-Policy). The Referer proves nothing: history.pushState changes it.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from hostd.api.people import set_cookies
from hostd.api.rules import Address
from hostd.api.sign_in_texts import TEXTS
from hostd.errors import Forbidden, RequestError, TooManyRequests, Unauthorized, Unavailable
from hostd.language import preferred_language
from hostd.people import Opened, cookies
from hostd.settings import Settings
from hostd.signing import Signing
from hostd.templating import Templates

_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Cookie, Sec-Fetch-Dest",
}
_FORM_SECONDS = 3600
_FOLLOWING = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}")
"""A path of this host, and a query: no other host (``//``, ``/\\``), no control characters."""
_BROWSER = re.compile(rb"[A-Za-z0-9_-]{43}")
"""What a browser is known again by: 32 random bytes."""
Next = Annotated[str, Query(alias="next")]


@dataclass(slots=True)
class SignInPages:
    """The pages, bound to one Signing. The key of the forms' proofs lives as long as the process."""

    signing: Signing
    settings: Settings
    templates: Templates
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def router(self) -> APIRouter:
        """Not in the OpenAPI document: these are no calls."""
        pages = APIRouter(include_in_schema=False, dependencies=[])
        pages.add_api_route("/sign-in", self.show, methods=["GET"])
        pages.add_api_route("/sign-in", self.send, methods=["POST"])
        pages.add_api_route("/sign-in/oidc", self.to_provider, methods=["GET"])
        pages.add_api_route("/sign-in/oidc/callback", self.from_provider, methods=["GET"])
        return pages

    def show(self, request: Request, following: Next = "") -> Response:
        """The form."""
        _check_document(request)
        return self._page(request, self.following(following))

    def send(
        self,
        *,
        request: Request,
        address: Address,
        name: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        proof: Annotated[str, Form()] = "",
        following: Annotated[str, Form(alias="next")] = "",
    ) -> Response:
        """The form, filled in."""
        _check_document(request)
        following = self.following(following)
        if not any(
            hmac.compare_digest(proof.encode(), self._proof(each)) for each in self._browsers(request)
        ):
            return self._page(request, following, "stale", 403)
        try:
            opened = self.signing.password(name, password, address)
        except TooManyRequests as error:
            return self._page(request, following, "wait", 429, name=name, seconds=error.retry_after)
        except Unauthorized:
            return self._page(request, following, "wrong", 401, name=name)
        return self._in(request, opened, following)

    def to_provider(self, request: Request, address: Address, following: Next = "") -> Response:
        """Off to the OpenID provider."""
        _check_document(request)
        following = self.following(following)
        if self.signing.provider is None:
            return self._page(request, following, status=404)
        browser = self._browser(request)
        try:
            url = self.signing.to_provider(following, browser, address)
        except Unavailable:
            return self._page(request, following, "provider_away", 503)
        return self._known_again(RedirectResponse(url, 303, HEADERS), browser)

    def from_provider(self, request: Request, address: Address) -> Response:
        """Back from the OpenID provider, with a code."""
        _check_document(request)
        if self.signing.provider is None:
            return self._page(request, self.following(""), status=404)
        try:
            opened, following = self.signing.from_provider(
                dict(request.query_params), list(self._browsers(request)), address
            )
        except Unavailable:
            return self._page(request, self.following(""), "provider_away", 503)
        except RequestError:
            return self._page(request, self.following(""), "provider_refused", 401)
        return self._in(request, opened, following)

    def _in(self, request: Request, opened: Opened, following: str) -> Response:
        """Onward, signed in; the session that the browser had so far ends."""
        self.signing.people.leave(request.headers.get("cookie", "").encode("latin-1"))
        response = RedirectResponse(following, 303, HEADERS)
        set_cookies(response, self.signing, opened)
        return response

    def following(self, asked: str) -> str:
        """Where to after the sign-in: a page of this platform, else the console."""
        prefix = self.settings.path_prefix
        local = asked.removeprefix(prefix)
        known = local.startswith(("/apps/", "/console/")) and _FOLLOWING.fullmatch(asked)
        return asked if known and asked.startswith(f"{prefix}/") else f"{prefix}/console/"

    @property
    def _cookies(self) -> cookies.Cookies:
        return self.signing.people.cookies

    def _browsers(self, request: Request) -> Iterator[bytes]:
        header = request.headers.get("cookie", "").encode("latin-1")
        return cookies.values(header, self._cookies.sign_in.encode())

    def _browser(self, request: Request) -> bytes:
        """What this browser is known again by: its present value, so that the forms of all its tabs hold."""
        known = (each for each in self._browsers(request) if _BROWSER.fullmatch(each))
        return next(known, secrets.token_urlsafe(32).encode())

    def _known_again(self, response: Response, browser: bytes) -> Response:
        field = self._cookies.set_sign_in(browser.decode(), _FORM_SECONDS)
        response.headers.append("Set-Cookie", field)
        return response

    def _proof(self, browser: bytes) -> bytes:
        return hmac.new(self._key, browser, "sha256").hexdigest().encode()

    def _page(
        self, request: Request, following: str, trouble: str = "", status: int = 200, *, name: str = "",
        seconds: int = 0,
    ) -> Response:  # fmt: skip
        """A fresh form; ``trouble`` is a key of the texts."""
        language = preferred_language(request.headers.get("accept-language", ""))
        text, browser = TEXTS[language], self._browser(request)
        body = self.templates.render(
            "pages/sign_in.html",
            language={"zh": "zh-CN"}.get(language, language),
            text=text,
            trouble=text[trouble].format(seconds=seconds) if trouble else "",
            user=name[:200],
            following=following,
            proof=self._proof(browser).decode(),
            action=f"{self.settings.path_prefix}/sign-in",
            provider=self.signing.provider is not None,
            passwords=self.settings.sign_in or self.settings.admin_password_file is not None
            or any(user.password for user in self.signing.people.users()),
        )  # fmt: skip
        response = HTMLResponse(body, status, HEADERS)
        if status == TooManyRequests.status:
            response.headers["Retry-After"] = str(seconds)
        return self._known_again(response, browser)


def _check_document(request: Request) -> None:
    """Raises Forbidden when a script or a frame asks (Fetch Metadata, W3C), not a person in a tab."""
    if request.headers.get("sec-fetch-dest", "document") != "document":
        raise Forbidden("The sign-in page is for people: open it in a tab of its own.")
