"""Apps on hosts of their own: where a request leads, and how a sign-in comes there."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from hostd.access import Access, Visibility
from hostd.gateway import GatewayOptions
from hostd.models import Route, Status
from hostd.origins import Origins

from .conftest import CONSOLE_DOWN, StartBackend, running
from .test_access import House, Somebody, whose
from .wire import SWITCH, UPGRADE, Answer, Wire, plain, visit

BASE = "http://main.example:8080"
ACCEPT = "Accept: text/html"
PRIVATE = Access(visibility=Visibility.PRIVATE, owner="ann", viewers=("bob",))


def get(host: str, path: str, *headers: str, method: str = "GET") -> bytes:
    """The bytes of a request to one of the hosts."""
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode()


def opened(stack: ExitStack, backend: StartBackend, base: str, view_cookie: str) -> House:
    """A platform that is reached as ``base``."""
    heads: list[bytes] = []

    def script(wire: Wire) -> None:
        while True:
            heads.append(wire.head())
            if b"Upgrade: websocket" in heads[-1]:
                wire.send(SWITCH)
                wire.more()
                return
            wire.send(plain(b"app"))

    app = backend(script)
    app.heads = heads
    route = Route(Status.RUNNING, app.port, "Demo", viewer_key="k")
    private = replace(route, access=PRIVATE)
    apps = {"mine": private, "other": private, "open": replace(route, viewer_key=""), "Old_App": route}
    people = {name: Somebody(name.decode()) for name in (b"bob", b"eve")}
    options = GatewayOptions(
        whose=whose(people, view_cookie), sign_in="/sign-in", recheck=0.02, public_base=base,
        public_scheme=urlsplit(base).scheme, origins=Origins(base, "apps.example"), view_cookie=view_cookie,
    )  # fmt: skip
    console = replace(CONSOLE_DOWN, status=Status.RUNNING, port=app.port)
    return House(stack.enter_context(running(apps, console, options)), app, people)


@pytest.fixture
def house(stack: ExitStack, backend: StartBackend) -> House:
    """Apps below apps.example; Bob may see ``mine`` and ``other``, both private."""
    return opened(stack, backend, BASE, "hostd")


@pytest.fixture
def on_https(stack: ExitStack, backend: StartBackend) -> House:
    """The same behind a proxy that speaks https."""
    return opened(stack, backend, "https://main.example", "__Host-Http-hostd")


def ask(house: House, request: bytes) -> Answer:
    """One request on a connection of its own."""
    with visit(house.port) as wire:
        wire.send(request)
        return wire.answer()


def test_the_address_of_an_app() -> None:
    """Its id in front of the domain; the scheme, and a port, as on the main host."""
    assert Origins(BASE).url("x") == f"{BASE}/apps/x/"
    assert Origins(BASE, "apps.example").url("x") == "http://x.apps.example:8080/"
    assert Origins("https://main.example/st", "apps.example:444").url("x") == "https://x.apps.example:444/"
    assert Origins(BASE, "apps.example").url("Old_App") == f"{BASE}/apps/Old_App/"


@pytest.mark.parametrize("host", ["open.apps.example:8080", "OPEN.apps.example", "open.apps.example."])
def test_the_host_decides(house: House, host: str) -> None:
    """Every path of it is the app's, those of console and API too; the app serves where it always does."""
    for path in ("/", "/a/b?c=d", "/api/echo/x", "/console/", "/sign-in", "/apps/other/x", "/~t/x"):
        assert ask(house, get(host, path)).status == 200
        assert house.seen()[-1].startswith(b"GET /apps/open%b HTTP/1.1" % path.encode())
    with visit(house.port) as wire:
        wire.send(get(host, "/_stcore/stream", *UPGRADE))
        assert wire.head().startswith(b"HTTP/1.1 101")
    assert house.seen()[-1].startswith(b"GET /apps/open/_stcore/stream HTTP/1.1\r\nHost: " + host.encode())


@pytest.mark.parametrize("host", ["apps.example", "a.b.apps.example", ".apps.example", "-.apps.example"])
def test_what_is_no_apps_host_leads_nowhere(house: House, host: str) -> None:
    """Neither to an app nor to the console or the API."""
    for path in ("/", "/api/echo/x", "/console/", "/apps/open/"):
        assert ask(house, get(host, path)).status == 404
    assert house.seen() == []


def test_hosts_on_one_connection_are_told_apart(house: House) -> None:
    """Also where all but the Host repeats."""
    with visit(house.port) as wire:
        for _ in range(3):
            for host, status in (
                ("open.apps.example", 200),
                ("mine.apps.example", 401),
                ("main.example", 404),
            ):
                wire.send(get(host, "/x"))
                assert wire.answer().status == status
    assert len(house.seen()) == 3


def test_the_main_host_sends_visitors_there(house: House) -> None:
    """With path and query; one whose id can be no host's name stays."""
    answer = ask(house, get("main.example:8080", "/apps/open/a?b=c"))
    assert (answer.status, answer.one("location")) == (307, b"http://open.apps.example:8080/a?b=c")
    signed_in = "Referer: http://main.example:8080/sign-in?next=x"
    assert (
        local(ask(house, get("main.example:8080", "/apps/open/a", signed_in)))[0] == "open.apps.example:8080"
    )
    answer = ask(house, get("main.example:8080", "/apps/mine"))
    assert (answer.status, answer.one("location")) == (307, b"http://mine.apps.example:8080/")
    assert ask(house, get("main.example:8080", "/apps/Old_App/x")).status == 200
    answer = ask(house, get("open.apps.example:8080", "/apps/open/a?b=c"))
    assert (answer.status, answer.one("location")) == (307, b"http://open.apps.example:8080/a?b=c")


def cookie_of(answer: Answer) -> str:
    """Name and value of the cookie that is set; it must be no script's, and this host's alone."""
    cookie, *attributes = answer.one("set-cookie").decode().split("; ")
    assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= set(attributes)
    assert not [attribute for attribute in attributes if attribute.lower().startswith("domain")]
    return cookie


def local(answer: Answer) -> tuple[str, str]:
    """Host and path of a redirect."""
    assert answer.status in (200, 303)
    onward = (
        answer.one("location") if answer.status == 303 else answer.one("refresh").removeprefix(b"0; url=")
    )
    parts = urlsplit(onward.decode())
    return parts.netloc, f"{parts.path}?{parts.query}" if parts.query else parts.path


def entered(house: House, app_id: str, name: str, path: str = "/") -> str:
    """The way over the main host; the cookie that a visitor has on the app's host in the end."""
    begun = ask(house, get(f"{app_id}.apps.example", path, ACCEPT))
    nonce = cookie_of(begun)
    host, ticket = local(begun)
    assert host == "main.example:8080"
    issued = ask(house, get(host, ticket, ACCEPT, f"Cookie: hostd={name}"))
    host, redeemed = local(issued)
    assert host == f"{app_id}.apps.example:8080"
    answer = ask(house, get(host, redeemed, ACCEPT, f"Cookie: {nonce}"))
    assert local(answer)[1] == path
    return cookie_of(answer)


def test_a_sign_in_carries_over(house: House) -> None:
    """By a ticket; what the app's host gets is good there alone, and does not reach the app."""
    cookie = entered(house, "mine", "bob", "/a?b=%2Fc")
    assert cookie.startswith("hostd=")
    assert cookie != "hostd=bob"
    assert ask(house, get("mine.apps.example", "/x", f"Cookie: {cookie}; mine=1")).status == 200
    (head,) = house.seen()
    assert b"Cookie: mine=1\r\n" in head
    assert b"X-Hostd-User: bob\r\n" in head
    assert ask(house, get("other.apps.example", "/x", f"Cookie: {cookie}")).status == 401
    assert ask(house, get("main.example", "/apps/mine/~ticket", ACCEPT, f"Cookie: {cookie}")).status == 303
    assert ask(house, get("mine.apps.example", "/x", "Cookie: hostd=bob")).status == 401
    del house.people[b"bob"]
    assert ask(house, get("mine.apps.example", "/x", f"Cookie: {cookie}")).status == 401


def test_only_a_person_in_a_tab_gets_a_ticket(house: House) -> None:
    """An app whose id is no host's name stays on the main host: its page must not read others' tickets."""
    _, way = local(ask(house, get("mine.apps.example", "/", ACCEPT)))
    for dest in ("empty", "iframe", "object", "embed", "image", "script", "worker"):
        asked = (ACCEPT, f"Sec-Fetch-Dest: {dest}", "Sec-Fetch-Site: same-origin", "Cookie: hostd=bob")
        answer = ask(house, get("main.example", way, *asked))
        assert answer.status == 403
        assert b"~ticket" not in answer.body
    answer = ask(house, get("main.example", way, ACCEPT, "Sec-Fetch-Dest: document", "Cookie: hostd=bob"))
    assert local(answer)[0] == "mine.apps.example:8080"
    assert answer.one("cross-origin-opener-policy") == b"same-origin"
    assert answer.one("x-frame-options") == b"DENY"
    assert answer.one("content-security-policy") == b"frame-ancestors 'none'"


@pytest.mark.parametrize("app_id", ["mine", "open"])
def test_a_socket_that_another_host_opens(house: House, app_id: str) -> None:
    """The apps' hosts are one site: browsers send their cookies with it."""
    host, cookie = f"{app_id}.apps.example:8080", entered(house, "mine", "bob")
    for origin, status in (
        ("http://other.apps.example:8080", 403), ("http://main.example:8080", 403), ("null", 403),
        (f"http://{host}", 101), ("http://" + host.upper(), 101),
    ):  # fmt: skip
        with visit(house.port) as wire:
            wire.send(get(host, "/_stcore/stream", *UPGRADE, f"Origin: {origin}", f"Cookie: {cookie}"))
            assert int(wire.head().split(b" ")[1]) == status, origin


def test_names_of_cookies_on_https(on_https: House) -> None:
    """None can be set for several hosts: neither the one of the way there nor the one in the end."""
    begun = ask(on_https, get("mine.apps.example", "/", ACCEPT))
    nonce, (host, way) = cookie_of(begun), local(begun)
    assert nonce.startswith("__Host-hostd-ticket=")
    assert begun.one("set-cookie").endswith(b"; Secure")
    answer = ask(on_https, get(host, way, ACCEPT, "Cookie: __Host-Http-hostd=bob"))
    tossed = nonce.removeprefix("__Host-")
    for field in (tossed, f"__Secure-{tossed}", f"__Secure-{nonce}"):
        redeemed = get("mine.apps.example", local(answer)[1], ACCEPT, f"Cookie: {field}")
        assert ask(on_https, redeemed).status == 403
        answer = ask(on_https, get(host, way, ACCEPT, "Cookie: __Host-Http-hostd=bob"))
    redeemed = get("mine.apps.example", local(answer)[1], ACCEPT, f"Cookie: {tossed}x; {nonce}")
    cookie = cookie_of(ask(on_https, redeemed))
    assert cookie.startswith("__Host-Http-hostd=")
    value = cookie.partition("=")[2]
    for field, status in ((cookie, 200), (f"hostd={value}", 401), (f"__Host-hostd={value}", 401)):
        assert ask(on_https, get("mine.apps.example", "/x", f"Cookie: {field}")).status == status


def test_an_old_id_that_can_be_no_hosts_name(house: House) -> None:
    """It is private on the main host as well, by the sign-in there, and nowhere else."""
    house.set("Old_App", access=PRIVATE)
    answer = ask(house, get("main.example:8080", "/apps/Old_App/", ACCEPT))
    assert (answer.status, answer.one("location")) == (303, b"/sign-in?next=%2Fapps%2FOld_App%2F")
    assert ask(house, get("main.example:8080", "/apps/Old_App/x", "Cookie: hostd=bob")).status == 200
    for host in ("Old_App.apps.example", "old_app.apps.example"):
        assert ask(house, get(host, "/x", "Cookie: hostd=bob")).status == 404


def test_somebody_else_is_told_so(house: House) -> None:
    """The sign-in carries over, and does not open what is not for them."""
    cookie = entered(house, "mine", "eve")
    assert ask(house, get("mine.apps.example", "/x", f"Cookie: {cookie}")).status == 403
    assert house.seen() == []


def test_who_is_not_signed_in_signs_in_on_the_main_host(house: House) -> None:
    """And comes back to where the ticket is made."""
    _, ticket = local(ask(house, get("mine.apps.example", "/a", ACCEPT)))
    host, path = local(ask(house, get("main.example", ticket, ACCEPT)))
    assert (host, path.partition("?")[0]) == ("", "/sign-in")
    assert parse_qs(urlsplit(path).query)["next"] == [ticket]


def test_a_ticket_is_good_once_for_one_app_in_one_browser(house: House) -> None:
    """Whoever else has it gets nothing of it."""
    begun = ask(house, get("mine.apps.example", "/", ACCEPT))
    nonce, (_, way) = cookie_of(begun), local(begun)

    def issued() -> str:
        return local(ask(house, get("main.example", way, ACCEPT, "Cookie: hostd=bob")))[1]

    stolen = issued()
    assert ask(house, get("mine.apps.example", stolen, ACCEPT)).status == 403
    assert ask(house, get("mine.apps.example", stolen, ACCEPT, f"Cookie: {nonce}")).status == 403
    assert ask(house, get("mine.apps.example", issued(), "Cookie: hostd-ticket=other")).status == 403
    assert ask(house, get("other.apps.example", issued(), f"Cookie: {nonce}")).status == 403
    used = issued()
    assert ask(house, get("mine.apps.example", used, f"Cookie: {nonce}")).status == 303
    assert ask(house, get("mine.apps.example", used, f"Cookie: {nonce}")).status == 403


@pytest.mark.parametrize(
    "back", ["//evil.example/", "/\\evil.example", "https://evil.example", "/a%0d%0aX: y", ""]
)
def test_the_way_back_stays_on_the_host(house: House, back: str) -> None:
    """Whatever the address says."""
    begun = ask(house, get("mine.apps.example", "/", ACCEPT))
    digest = parse_qs(urlsplit(local(begun)[1]).query)["n"][0]
    quoted = back.replace("\\", "%5C").replace("/", "%2F").replace(" ", "%20")
    way = f"/apps/mine/~ticket?n={digest}&next={quoted}"
    _, ticket = local(ask(house, get("main.example", way, "Cookie: hostd=bob")))
    answer = ask(house, get("mine.apps.example", ticket, f"Cookie: {cookie_of(begun)}"))
    assert answer.one("location") == b"/"


def test_a_link_on_the_apps_own_host(house: House) -> None:
    """Its cookie is for all of that host."""
    house.set("mine", access=PRIVATE.with_link("s3cret"))
    answer = ask(house, get("mine.apps.example", "/~link/s3cret", ACCEPT))
    assert answer.one("location") == b"/"
    assert ask(house, get("mine.apps.example", "/x", f"Cookie: {cookie_of(answer)}")).status == 200


def test_a_socket_there_ends_with_the_session(house: House) -> None:
    """As everywhere."""
    cookie = entered(house, "mine", "bob")
    with visit(house.port) as wire:
        wire.send(get("mine.apps.example", "/_stcore/stream", *UPGRADE, f"Cookie: {cookie}"))
        assert wire.head().startswith(b"HTTP/1.1 101")
        del house.people[b"bob"]
        assert wire.ended()
