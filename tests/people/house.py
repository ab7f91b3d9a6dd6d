"""A platform where people sign in, and those who call it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.machine import free_range
from tests.platform import HELLO, Platform, until

PASSWORD = "correct horse battery"
FILES: Any = {"app": ("app.py", HELLO)}


class Client:
    """Somebody with a bearer; a connection for each call, so that none is left open."""

    def __init__(self, made: Platform, bearer: str = "") -> None:
        self.url = f"{made.url}/api"
        self.bearer = bearer

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One call."""
        headers = {"Authorization": f"Bearer {self.bearer}"} if self.bearer else {}
        headers |= more.pop("headers", {})
        return httpx.request(method, self.url + path, headers=headers, trust_env=False, timeout=60, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Read."""
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        """Make."""
        return self.request("POST", path, **more)

    def patch(self, path: str, **more: Any) -> httpx.Response:
        """Change."""
        return self.request("PATCH", path, **more)

    def put(self, path: str, **more: Any) -> httpx.Response:
        """Set."""
        return self.request("PUT", path, **more)

    def delete(self, path: str) -> httpx.Response:
        """Take away."""
        return self.request("DELETE", path)


def first_sign_in(made: Platform) -> str:
    """The first admin's bearer, once the API answers."""
    try:
        answer = sign_in(made, "admin")
    except httpx.TransportError:
        return ""
    return str(answer.json().get("token", ""))


def bearer_of(made: Platform) -> str:
    """The bearer that a platform's own client has."""
    return made.api.headers["Authorization"].removeprefix("Bearer ")


def sign_in(made: Platform, name: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    """What a sign-in answers."""
    fields = {"name": name, "password": password}
    return httpx.post(f"{made.url}/api/session", data=fields, headers=headers, trust_env=False, timeout=60)


@contextmanager
def provider(*users: dict[str, Any]) -> Iterator[str]:
    """The issuer of a real OpenID provider, in a process of its own, with these users: claims with a sub."""
    port = free_range(1)
    claims = [part for user in users for part in ("--user-claims", json.dumps(user))]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "-n",
        "true",
        "-p",
        str(port),
        *claims,
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    issuer = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(issuer), 60, what="the provider")
        yield issuer
    finally:
        process.terminate()
        process.wait(30)


def _answers(issuer: str) -> bool:
    try:
        return httpx.get(f"{issuer}/.well-known/openid-configuration", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
