"""No bypass: whatever a request looks like, a private app gets it from those who may see it alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostd.access import Access, Visibility
from hostd.gateway import GatewayOptions
from hostd.gateway.cookies import for_visitor, without_ours
from hostd.models import Route, Status

from .conftest import running
from .test_access import Somebody, whose
from .wire import Backend, Wire, plain, visit

NAMES = ("hostd", "hostd-console", "hostd-sign-in", "hostd-link", "hostd-ticket")
PREFIXES = ("", "__Host-", "__Secure-", "__Http-", "__Host-Http-", "__host-", "__SECURE-")
BLANKS = st.sampled_from(("", " ", "\t", "  "))
NAME = st.one_of(
    st.builds(lambda start, name: start + name, st.sampled_from(PREFIXES), st.sampled_from(NAMES)),
    st.sampled_from(("a", "hostdata", "my-hostd", "_streamlit_xsrf", "", "Hostd")),
)
VALUE = st.text("abc=\"', /\\{}", max_size=12)
PAIR = st.builds(
    lambda before, name, between, equals, value: f"{before}{name}{between}{equals}{value}",
    BLANKS,
    NAME,
    BLANKS,
    st.sampled_from(("=", "")),
    VALUE,
)


def is_ours(name: str) -> bool:
    """As a browser, or a server that is kind to odd spellings, would take it."""
    low = name.strip(" \t").lower()
    for prefix in ("__host-http-", "__host-", "__secure-", "__http-"):
        low = low.removeprefix(prefix)
    return low == "hostd" or low.startswith("hostd-")


@given(st.lists(PAIR, max_size=6))
def test_no_cookie_of_ours_is_left(pairs: list[str]) -> None:
    """And every other one is, in its order."""
    left = without_ours(";".join(pairs).encode()).decode()
    others = [pair for pair in pairs if not is_ours(pair.partition("=")[0])]
    assert [pair.strip() for pair in left.split(";")] == [pair.strip() for pair in others or [""]]


@given(
    st.lists(
        st.tuples(st.sampled_from(("Set-Cookie", "set-cookie", "SET-COOKIE", "X-Set-Cookie")), BLANKS, PAIR)
    )
)
def test_no_cookie_of_ours_is_set(fields: list[tuple[str, str, str]]) -> None:
    """What is left of an app's head sets none by a name of ours (RFC 6265 section 5.2); no more went."""
    lines = [f"{name}:{blank}{pair}; Path=/" for name, blank, pair in fields]
    head = "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()
    left = for_visitor(head).decode().split("\r\n")
    for line in left:
        name, _, value = line.partition(":")
        if name.lower() == "set-cookie":
            pair = value.strip(" \t").partition(";")[0]
            key, equals, rest = pair.partition("=")
            stored = key if equals and key.strip(" \t") else rest.partition("=")[0]
            assert not is_ours(stored or pair), line
    kept = [
        line for line in lines if not line.lower().startswith("set-cookie") or "hostd" not in line.lower()
    ]
    assert [line for line in left if line in kept] == kept


@pytest.fixture(scope="module")
def door() -> Iterator[tuple[int, list[bytes]]]:
    """A gateway before one private app; the heads that reach it."""
    heads: list[bytes] = []

    def script(wire: Wire) -> None:
        while True:
            heads.append(wire.head())
            wire.send(plain(b"secret"))

    with ExitStack() as stack:
        app = Backend(script)
        stack.callback(app.close)
        access = Access(visibility=Visibility.PRIVATE, owner="ann")
        route = Route(Status.RUNNING, app.port, "Demo", 1, access=access, viewer_key="k")
        people = {b"ann": Somebody("ann"), b"eve": Somebody("eve")}
        options = GatewayOptions(whose=whose(people), sign_in="/sign-in")
        yield stack.enter_context(running({"x": route}, options=options)).port, heads


PATH = st.builds(
    lambda start, rest: start + "".join(rest),
    st.sampled_from(
        (
            "/apps/x",
            "/apps/x/",
            "//apps/x/",
            "/apps//x/",
            "/apps/x/~r1/",
            "/apps/%78/",
            "/./apps/x/",
            "/apps/y/../x/",
            "/apps/x/~r1.2/~t" + "0" * 32 + "/",
            "/APPS/x/",
            "http://a/apps/x/",
        )
    ),
    st.lists(
        st.sampled_from(
            (
                "_stcore/",
                "stream",
                "health",
                "media/",
                "..",
                "/",
                "%2e%2e",
                "%2f",
                "~r1/",
                "~link/",
                "~ticket",
                "~generation",
                "static/",
                "?",
                "a=b",
                "%00",
                ";",
                "~static/",
                "x",
            )
        ),
        max_size=5,
    ),
)
FIELD = st.sampled_from(
    (
        "Cookie: hostd=eve",
        "Cookie: hostd=",
        "Cookie: hostd=eve; hostd=nobody",
        "cookie: ann",
        "Cookie : hostd=ann",
        "X-Hostd-User: ann",
        "X_Hostd_User: ann",
        "X-Forwarded-User: ann",
        "X-Forwarded-For: 127.0.0.1",
        "X-Original-URL: /apps/x/",
        "X-Rewrite-URL: /apps/x/",
        "Authorization: Bearer ann",
        "X-Cookie: hostd=ann",
        "Connection: cookie",
        "Connection: close",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Accept: text/html",
        "Sec-Fetch-Dest: document",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Transfer-Encoding: chunked",
        "Content-Length: 0",
        "Expect: 100-continue",
        "Host: x",
        "Cookie2: hostd=ann",
    )
)
METHOD = st.sampled_from(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(method=METHOD, path=PATH, fields=st.lists(FIELD, max_size=6), again=st.booleans())
def test_nothing_reaches_a_private_app_but_from_whom_it_names(
    door: tuple[int, list[bytes]], method: str, path: str, fields: list[str], again: bool
) -> None:
    """Whatever the method, the path and the fields are, also behind a request that was allowed."""
    port, heads = door
    heads.clear()
    lines = "".join(f"{field}\r\n" for field in fields)
    request = f"{method} {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode("latin-1")
    with visit(port) as wire:
        if again:
            wire.send(b"GET /apps/x/ok HTTP/1.1\r\nHost: a\r\nCookie: hostd=ann\r\n\r\n")
            assert wire.answer().body == b"secret"
        wire.send(request + b"GET /apps/nobody/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        said = b""
        if "Expect: 100-continue" not in fields and "Transfer-Encoding: chunked" not in fields:
            said = wire.rest()
    assert len(heads) == again
    assert b"secret" not in said
