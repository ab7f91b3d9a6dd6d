"""Apps of every shape, sent all at once: each ends as its expect.json says. And the gallery's templates."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests import corpus
from tests.browser import OpenTab
from tests.corpus import Case
from tests.platform import ROOT, Platform, assert_problem
from tests.platform import platform as running_platform

Answers = dict[str, httpx.Response]
Hosted = Callable[[Platform, httpx.Response], str]
CASES = corpus.cases()
REFUSED = [case for case in CASES if case.refused]
SERVED = [case for case in CASES if not case.refused and not case.told]
RAISING = [case for case in CASES if case.told and "first_words" in case.expect]
FAILED = [case for case in CASES if case.told and "first_words" not in case.expect]
GALLERY = {
    "hello": "Hello 👋",
    "dashboard": "Coffee sales · 咖啡销售",
    "multipage": "Team board · 团队看板",
    "chat": "Chat · 聊天",
    "upload": "File upload · 文件上传",
}
PATIENCE = 300
"""Seconds until all of them are installed, on a machine that is busy with other tests."""


@pytest.fixture(scope="module")
def impatient() -> Iterator[Platform]:
    """A platform whose limits are short."""
    with running_platform(STREAMLIT_HOST_INSTALL_TIMEOUT="20", STREAMLIT_HOST_START_TIMEOUT="5") as made:
        yield made


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a web server with a git repository for each app that comes from one."""
    folder = tmp_path_factory.mktemp("repositories")
    for case in CASES:
        if case.expect.get("send") == "git":
            corpus.repository(case, folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def answers(
    request: pytest.FixtureRequest, platform: Platform, impatient: Platform, repositories: str
) -> Answers:
    """The answer to the POST of each case that this run is about; all are sent before one is looked at."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    wanted = {str(value) for call in calls if call is not None for value in call.params.values()}
    found = {}
    for case in sorted(CASES, key=lambda case: (not case.impatient, not case.refused)):
        if case.name not in wanted:
            continue
        api = (impatient if case.impatient else platform).api
        data, files = corpus.form(case, repositories)
        found[case.name] = api.post("/apps", data=data, files=files or None)
    for template in wanted.intersection(GALLERY):
        name = f"template {template}"
        found[name] = platform.api.post("/apps", data={"name": name, "template": template})
    return found


@pytest.fixture
def hosted() -> Iterator[Hosted]:
    """The id of the app that an answer speaks of; it is deleted afterwards."""
    made: list[tuple[Platform, str]] = []

    def find(where: Platform, answer: httpx.Response) -> str:
        assert answer.status_code == 201, answer.text
        made.append((where, answer.json()["app_id"]))
        return made[-1][1]

    yield find
    for where, app_id in made:
        where.api.delete(f"/apps/{app_id}")


def _begins(page: Page, words: str) -> None:
    """The page's own part begins with these words."""
    beginning = re.compile(rf"^\s*{re.escape(words)}")
    expect(page.locator(".stMain")).to_have_text(beginning, use_inner_text=True)


def _visit(tab: OpenTab, platform: Platform, app_id: str, words: str) -> Page:
    page = tab().page
    page.goto(f"{platform.url}/apps/{app_id}/")
    _begins(page, words)
    return page


def _release(platform: Platform, app_id: str) -> dict[str, Any]:
    answer = platform.api.get(f"/apps/{app_id}/releases/1")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_can_not_be_run_is_refused_at_once(answers: Answers, case: Case) -> None:
    """A problem that names the field, and the candidates where there are some."""
    problem = assert_problem(answers[case.name], case.expect["status"], case.expect.get("field"))
    assert re.search(case.expect["sentence"], problem["detail"]), problem
    assert problem.get("candidates") == case.expect.get("candidates")


@pytest.mark.parametrize("case", SERVED, ids=str)
def test_each_shape_is_served(
    platform: Platform, answers: Answers, hosted: Hosted, tab: OpenTab, case: Case
) -> None:
    """The first words of its page in a real browser, and what was recorded of its source."""
    app_id = hosted(platform, answers[case.name])
    app = platform.wait(app_id, "running", timeout=PATIENCE)
    assert app["warning"] is None, app["warning"]
    page = _visit(tab, platform, app_id, case.expect["first_words"])
    if "then" in case.expect:
        page.get_by_role("link", name=case.expect["then"]).first.click()
        _begins(page, case.expect["then_words"])

    release = _release(platform, app_id)
    recorded = {name: release["source"][name] for name in case.expect.get("source", {})}
    assert recorded == case.expect.get("source", {})
    assert (release["state"], release["source"]["kind"]) == ("active", _kind(case))
    assert case.expect.get("warning", "") in " ".join(release["source"]["warnings"]) + release["install_log"]
    assert any(line.startswith("streamlit==") for line in release["resolved"])


def _kind(case: Case) -> str:
    send = case.expect.get("send", "zip")
    return send if send in ("git", "files") else "bundle"


@pytest.mark.parametrize("case", RAISING, ids=str)
def test_a_first_page_that_raises_is_served_with_a_warning(
    platform: Platform, answers: Answers, hosted: Hosted, tab: OpenTab, case: Case
) -> None:
    """For there is nothing better to keep; visitors see what its author would see."""
    app_id = hosted(platform, answers[case.name])
    app = platform.wait(app_id, "running", timeout=PATIENCE)
    _assert_told(platform, app_id, app, "warning", case)
    page = _visit(tab, platform, app_id, case.expect["first_words"])
    expect(page.locator(".stException")).to_be_visible()


@pytest.mark.parametrize("case", FAILED, ids=str)
def test_each_failure_is_told(
    platform: Platform, impatient: Platform, answers: Answers, hosted: Hosted, case: Case
) -> None:
    """Its kind, its cause in one sentence and what to do, in both languages."""
    where = impatient if case.impatient else platform
    app_id = hosted(where, answers[case.name])
    app = where.wait(app_id, "failed", timeout=PATIENCE)
    _assert_told(where, app_id, app, "error", case)
    assert _release(where, app_id)["state"] == "failed"


def _assert_told(platform: Platform, app_id: str, app: dict[str, Any], name: str, case: Case) -> None:
    failure = app[name]
    assert failure["kind"] == case.expect["kind"], failure
    assert re.search(case.expect["sentence"], f"{failure['message']} {failure['advice']}"), failure
    assert failure["advice"], failure
    assert failure["message"] in platform.logs(app_id)
    assert httpx.get(failure["log_url"], trust_env=False).status_code == 200

    chinese = platform.api.get(f"/apps/{app_id}", headers={"Accept-Language": "zh-CN"}).json()[name]
    assert chinese["kind"] == failure["kind"]
    for part in ("message", "advice"):
        assert re.search("[\u4e00-\u9fff]", chinese[part]), chinese


@pytest.mark.parametrize("template", GALLERY)
def test_each_template_of_the_gallery_is_served(
    platform: Platform, answers: Answers, hosted: Hosted, tab: OpenTab, template: str
) -> None:
    """From its name alone; what describes a template is no part of the app."""
    app_id = hosted(platform, answers[f"template {template}"])
    app = platform.wait(app_id, "running", timeout=PATIENCE)
    assert app["warning"] is None, app["warning"]
    visit = _visit(tab, platform, app_id, GALLERY[template])
    expect(visit.locator(".stException")).to_have_count(0)

    release = _release(platform, app_id)
    assert (release["source"]["kind"], release["source"]["entry"]) == ("template", "app.py")
    assert "template.json" not in [file["path"] for file in release["files"]]


def test_the_gallery_is_listed(platform: Platform) -> None:
    """Every folder of it, described in both languages."""
    listed = platform.api.get("/gallery").json()
    assert {entry["name"] for entry in listed} == set(GALLERY)
    assert {folder.name for folder in Path(ROOT, "templates/gallery").iterdir()} == set(GALLERY)
    for entry in listed:
        assert all(entry[name] for name in ("title", "title_zh", "description", "description_zh")), entry
