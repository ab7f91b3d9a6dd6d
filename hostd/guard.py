"""Who may call ``/api``, and with how much: token, origin, size. Plain ASGI, before any parsing."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hostd.errors import Forbidden, HostdError, TooLarge, TooManyRequests, Unauthorized
from hostd.problems import problem
from hostd.settings import Settings, is_loopback

OPEN_PATHS = ("/api/docs", "/api/openapi.json")
"""They describe the API and hold nothing of anybody's."""
WRONG_TOKEN_DELAY = 1.0
"""Seconds that a wrong token waits for its answer."""
WRONG_TOKENS_AT_ONCE = 8
_FORM_OVERHEAD = 1_000_000


class Guard:
    """ASGI middleware around the API."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._limit = settings.max_upload_mb * 1_000_000 + _FORM_OVERHEAD
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer with a problem."""
        if scope["type"] != "http" or not scope["path"].startswith("/api"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_origin(scope["method"], headers)
            if not scope["path"].startswith(OPEN_PATHS):
                await self._check_token(headers)
            self._check_length(headers)
        except HostdError as error:
            await problem(error)(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _check_origin(self, method: str, headers: Headers) -> None:
        """An open API on a developer's machine must not be driven by any web page the developer visits."""
        origin, host = headers.get("origin"), headers.get("host", "")
        ours = (host, urlsplit(self._settings.public_base).netloc)
        changes = method not in ("GET", "HEAD", "OPTIONS")
        if changes and origin is not None and origin.partition("://")[2] not in ours:
            raise Forbidden(f"Pages of {origin} may not change anything here.")
        if not self._settings.admin_token and not self._settings.allow_open and not self._is_own_name(host):
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

    async def _check_token(self, headers: Headers) -> None:
        wanted = self._settings.admin_token
        if not wanted:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), wanted.encode()):
            return
        if given:
            await self._slow_down()
        raise Unauthorized(
            "Send the admin token as 'Authorization: Bearer <token>' (STREAMLIT_HOST_ADMIN_TOKEN)."
        )

    async def _slow_down(self) -> None:
        if self._waiting >= WRONG_TOKENS_AT_ONCE:
            raise TooManyRequests("Too many wrong tokens at once. Wait a few seconds.")
        self._waiting += 1
        try:
            await asyncio.sleep(WRONG_TOKEN_DELAY)
        finally:
            self._waiting -= 1

    def _check_length(self, headers: Headers) -> None:
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._limit:
            raise TooLarge(self._too_large())

    def _too_large(self) -> str:
        limit = self._settings.max_upload_mb
        return f"The request is over {limit} MB. Send less, or raise STREAMLIT_HOST_MAX_UPLOAD_MB."

    def _counted(self, receive: Receive) -> Receive:
        """A body without Content-Length is counted as it comes."""
        total = 0

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._limit:
                raise HTTPException(413, self._too_large())
            return message

        return counted
