"""The sign-in page behind https and a path prefix, as the outer proxy passes it on. No network."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from starlette.types import Message

from hostd import settings
from hostd.house import House, build
from hostd.main import create_app
from hostd.people import passwords
from hostd.person import Role
from tests.people.house import PASSWORD

BASE = "https://apps.corp.example/tools/st"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A platform that is reached as BASE, with one user. It is not running."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", cheap)
    (tmp_path / "data").mkdir()
    made = build(
        settings.load(
            {
                "STREAMLIT_HOST_DATA": str(tmp_path / "data"),
                "STREAMLIT_HOST_PUBLIC_BASE": BASE,
                "STREAMLIT_HOST_SIGN_IN": "1",
                "STREAMLIT_HOST_TRUSTED_PROXIES": "10.0.0.0/8",
            }
        )
    )
    made.people.add("root", Role.ADMIN, PASSWORD)
    yield made


def ask(
    app: FastAPI, method: str, path: str, form: dict[str, str] | None = None, **headers: str
) -> tuple[int, list[tuple[str, str]], str]:
    """Status, header fields and body of one answer of the ASGI app, whose gateway took the prefix off.

    Each line of a header's value is a field of its own.
    """
    sent: list[Message] = []
    body = urlencode(form or {}).encode()
    fields = {"host": "apps.corp.example", "content-type": "application/x-www-form-urlencoded", **headers}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http",
        "client": ("10.0.0.7", 1), "server": ("127.0.0.1", 8080),
        "headers": [
            (name.encode(), line.encode()) for name, value in fields.items() for line in value.split("\n")
        ],
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    answered = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    return sent[0]["status"], answered, b"".join(part.get("body", b"") for part in sent[1:]).decode()


def test_sign_in(house: House) -> None:
    """Links and cookies are as the address wants; where a client is from, a line of the proxy's own says."""
    app = create_app(house)
    status, fields, page = ask(app, "GET", "/sign-in")
    assert status == 200
    assert 'action="/tools/st/sign-in"' in page
    (cookie,) = [value for name, value in fields if name == "set-cookie"]
    assert re.fullmatch(
        r"__Secure-hostd-sign-in=\S+; Path=/tools/st/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure", cookie
    )
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)">', page))
    form = {**hidden, "name": "root", "password": PASSWORD, "next": "/tools/st/apps/x/"}
    told = {"cookie": cookie.partition(";")[0], "x-forwarded-for": "203.0.113.9, 198.51.100.1\n192.0.2.44"}
    status, fields, _ = ask(app, "POST", "/sign-in", form, origin="https://apps.corp.example", **told)
    assert (status, dict(fields)["location"]) == (303, "/tools/st/apps/x/")
    cookies = [value for name, value in fields if name == "set-cookie"]
    assert cookies[0].startswith("__Secure-hostd=")
    assert "; Path=/tools/st/;" in cookies[0]
    assert cookies[1].startswith("__Secure-hostd-console=hs_")
    assert "; Path=/tools/st/console;" in cookies[1]
    assert all(each.endswith("; HttpOnly; SameSite=Lax; Secure") for each in cookies)
    acts, _ = house.signing.audit.read(1)
    assert (acts[0]["act"], acts[0]["who"], acts[0]["from"]) == ("sign_in", "root", "192.0.2.44")
