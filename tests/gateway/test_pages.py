"""What visitors see while no app answers."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.errors import NoFreePort, NoRoom
from hostd.gateway.pages import Trouble
from hostd.gateway.texts import TEXTS
from hostd.language import LANGUAGES, preferred_language
from hostd.models import Route, RoutingTable, Status

from .conftest import StartGateway, up
from .wire import HOST, Answer, closed_port, get, visit

BROWSER = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
HOPEFUL = (Status.CREATED, Status.INSTALLING, Status.STARTING, Status.SLEEPING)


def ask(port: int, request: bytes, method: str = "GET") -> Answer:
    with visit(port) as visitor:
        visitor.send(request)
        return visitor.answer(method)


def refresh(page: str) -> int | None:
    found = re.search(r'<meta http-equiv="refresh" content="(\d+)">', page)
    return int(found[1]) if found else None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RUNNING])
def test_a_browser_gets_a_page(gateway: StartGateway, status: Status, language: str) -> None:
    """Each status has its page, in the visitor's language; it comes back quickly only while there is hope."""
    door = gateway({"x": Route(status, None, "销售 <b>&\"'")})
    answer = ask(door.port, get("/apps/x/p?q", BROWSER, f"Accept-Language: {language}"))
    page = answer.body.decode()
    assert (answer.status, answer.one("content-language")) == (503, language.encode())
    assert answer.one("cache-control") == b"no-store"
    assert b"default-src 'none'" in answer.one("content-security-policy")
    text = TEXTS[language, status]
    assert text.title in page
    assert text.status in page
    assert "销售 &lt;b&gt;&amp;&#34;&#39;" in page
    assert "<b>" not in page
    assert refresh(page) == (2 if status in HOPEFUL else 30)
    assert answer.one("retry-after") == str(refresh(page)).encode()
    assert not re.search(r"""(?:src|href)=|url\(|@import|<script""", page)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (NoRoom("no memory"), Trouble.NO_ROOM),
        (NoFreePort("All ports are taken."), Trouble.NO_PORT),
        (OSError("something else"), Trouble.UNREACHABLE),
    ],
)
def test_a_wake_that_can_not_be(
    gateway: StartGateway,
    caplog: pytest.LogCaptureFixture,
    language: str,
    error: Exception,
    trouble: Trouble,
) -> None:
    """The page says why, and comes back; what is known to happen leaves no traceback in the log."""

    def wake(_app_id: str) -> None:
        raise error

    door = gateway({"x": Route(Status.SLEEPING, None, "X", wakes=True)}, fresh=True)
    door.protocol.gateway.waking.wake_by(wake)
    answer = ask(door.port, get("/apps/x/", BROWSER, f"Accept-Language: {language}"))
    assert (answer.status, answer.one("retry-after")) == (503, b"2")
    assert TEXTS[language, trouble].title in answer.body.decode()
    assert refresh(answer.body.decode()) == 2
    (record,) = [record for record in caplog.records if "can't be woken" in record.message]
    assert (record.exc_info is None) == (trouble is not Trouble.UNREACHABLE)


@pytest.mark.parametrize("status", list(Status))
def test_other_clients_get_a_problem(gateway: StartGateway, status: Status) -> None:
    """Who does not ask for HTML, or sends something, gets problem+json with 503 and Retry-After."""
    door = gateway({"x": Route(status, None, "X")})
    post = b"POST /apps/x/ HTTP/1.1\r\n" + HOST + BROWSER.encode() + b"\r\nContent-Length: 1\r\n\r\nx"
    for request in (get("/apps/x/", "Accept: application/json"), get("/apps/x/"), post):
        answer = ask(door.port, request)
        assert (answer.status, answer.one("content-type")) == (503, b"application/problem+json")
        assert answer.one("retry-after") == (b"30" if status in (Status.STOPPED, Status.FAILED) else b"2")
        assert json.loads(answer.body)["status"] == 503


def test_an_app_that_runs_but_does_not_answer_has_hope(gateway: StartGateway) -> None:
    """A refused connection is a page that comes back soon."""
    door = gateway({"x": up(closed_port())})
    answer = ask(door.port, get("/apps/x/", BROWSER))
    assert (answer.status, refresh(answer.body.decode())) == (503, 2)
    assert TEXTS["en", Trouble.UNREACHABLE].title in answer.body.decode()


def test_an_unknown_app_is_a_404(gateway: StartGateway) -> None:
    """Browsers get a page that does not come back, others a problem, without Retry-After."""
    door = gateway()
    page = ask(door.port, get("/apps/nope/", BROWSER))
    assert (page.status, refresh(page.body.decode()), page.all("retry-after")) == (404, None, [])
    problem = ask(door.port, get("/apps/nope/"))
    assert (problem.status, json.loads(problem.body)["status"]) == (404, 404)


def test_a_head_request_gets_no_page_body(gateway: StartGateway) -> None:
    """HEAD has the page's head and nothing behind it; the connection stays."""
    door = gateway()
    with visit(door.port) as visitor:
        for _ in range(2):
            visitor.send(get("/apps/nope/", BROWSER, method="HEAD"))
            answer = visitor.answer("HEAD")
            assert (answer.status, answer.body) == (404, b"")
            assert int(answer.one("content-length")) > 0


@pytest.mark.parametrize("status", [Status.STARTING, Status.FAILED])
@pytest.mark.parametrize(
    "path",
    [
        *("/apps/_stcore/health", "/apps/_stcore/host-config", "/apps/x/page/_stcore/health"),
        *("/apps/x/page/_stcore/host-config", "/console/page/_stcore/health"),
    ],
)
def test_probes_for_another_base_stay_404(gateway: StartGateway, path: str, status: Status) -> None:
    """Streamlit's front end looks for its base by asking; a page there would lead it astray."""
    door = gateway({"x": Route(status, None, "X")}, console=Route(status, None, "Console"))
    assert ask(door.port, get(path, BROWSER)).status == 404
    assert ask(door.port, get(path)).status == 404


@pytest.mark.parametrize("path", ["/apps/x/_stcore/metrics", "/console/_stcore/script-health-check"])
def test_endpoints_for_operators_are_404(gateway: StartGateway, path: str) -> None:
    """Metrics, and the check that runs the script, are not for visitors."""
    door = gateway({"x": up(closed_port())}, console=up(closed_port()))
    assert ask(door.port, get(path)).status == 404


def test_the_console_has_the_same_pages(gateway: StartGateway) -> None:
    """While the console starts, its visitors see that it does."""
    door = gateway()
    door.table = RoutingTable(Route(Status.STARTING, None, "Console"))
    page = ask(door.port, get("/console/", BROWSER, "Accept-Language: zh-CN,zh;q=0.9")).body.decode()
    assert "Console" in page
    assert "正在启动" in page


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("fr, zh-TW;q=0.3", "zh"),
        ("fr", "en"),
        ("zh;q=0, en;q=0.1", "en"),
        ("en;q=x, zh;q=0.1", "zh"),
        ("ZH-hans", "zh"),
        ("*", "en"),
    ],
)
def test_the_language_is_the_visitors(accept: str, language: str) -> None:
    """Of our two languages the one that the visitor likes better, else English."""
    assert preferred_language(accept) == language


@given(st.binary(max_size=60))
def test_any_language_field_gives_a_language(accept: bytes) -> None:
    """Nonsense in Accept-Language is English, and never an error."""
    assert preferred_language(accept.decode("latin-1")) in LANGUAGES


def test_every_situation_has_its_text() -> None:
    """Both languages say all there is to say."""
    situations = {*Status, *Trouble} - {Status.RUNNING}
    assert set(TEXTS) == {(language, situation) for language in LANGUAGES for situation in situations}


class Tags(HTMLParser):
    """Collects tags that are opened and not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_pages_are_well_formed(gateway: StartGateway) -> None:
    """Every tag that is opened is closed."""
    door = gateway({"x": Route(Status.FAILED, None, "X")})
    tags = Tags()
    tags.feed(ask(door.port, get("/apps/x/", BROWSER)).body.decode())
    assert not tags.open
