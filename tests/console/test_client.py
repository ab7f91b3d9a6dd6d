"""The client: typed answers, and one error per thing a person can do about it."""

from __future__ import annotations

import dataclasses

import httpx
import pytest

from console.answers import App
from console.client import Hostd, Missing, Refused, TokenNeeded, Unreachable, connect
from console.upload import Upload, of_text
from tests.console.fake import ID, FakeHostd, app_json, failure, release_json


def _answering(answer: httpx.Response | Exception) -> Hostd:
    def handle(_request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Hostd(connect("http://hostd.test", httpx.MockTransport(handle)))


def test_an_app_is_read_with_its_failure_and_unknown_fields_are_passed_over() -> None:
    app = App.from_json(app_json(error=failure("crashed"), invented_later=1))
    assert app.error is not None
    assert app.error.kind == "crashed"
    assert not app.busy
    assert dataclasses.replace(app, status="installing").busy


def test_two_looks_at_an_unchanged_app_are_equal() -> None:
    assert App.from_json(app_json()) == App.from_json(app_json())
    assert App.from_json(app_json()) != App.from_json(app_json(pid=1))


def test_an_upload_travels_as_a_form() -> None:
    fake = FakeHostd()
    app = Hostd(fake.http).create(of_text("print(1)", "pandas\n").having(name="销售"))
    assert app.status == "created"
    assert fake.sent == {"name": "销售", "app": "print(1)", "requirements": "pandas\n"}


def test_without_requirements_the_field_is_left_out() -> None:
    fake = FakeHostd()
    Hostd(fake.http).create(of_text("print(1)", "").having(name="Demo"))
    assert set(fake.sent) == {"name", "app"}


def test_a_rename_alone_is_a_form_too() -> None:
    fake = FakeHostd().add()
    assert Hostd(fake.http).change(ID, Upload({"name": "Other"})).name == "Other"
    assert fake.sent == {"name": "Other"}


def test_an_id_can_not_leave_its_place_in_the_path() -> None:
    fake = FakeHostd().add()
    with pytest.raises(Missing):
        Hostd(fake.http).app("../health?x=")
    assert fake.calls == ["GET /api/apps/..%2Fhealth%3Fx%3D"]


def test_the_token_travels_as_bearer() -> None:
    fake = FakeHostd(token="right")
    assert Hostd(fake.http, "right").health()["status"] == "ok"
    for wrong in (None, "wrong"):
        with pytest.raises(TokenNeeded):
            Hostd(fake.http, wrong).health()


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("no"), httpx.ReadTimeout("slow"), httpx.ReadError("cut")]
)
def test_no_answer_is_unreachable(error: Exception) -> None:
    with pytest.raises(Unreachable):
        _answering(error).health()


@pytest.mark.parametrize("status", [502, 504])
def test_an_outer_proxy_without_hostd_is_unreachable(status: int) -> None:
    with pytest.raises(Unreachable):
        _answering(httpx.Response(status, text="<html>")).health()


def test_a_problem_is_told_in_its_own_words() -> None:
    fake = FakeHostd(refusal=(409, "The id 'demo' is taken. Choose another."))
    with pytest.raises(Refused, match="taken") as caught:
        Hostd(fake.http).create(Upload({"name": "Demo"}))
    assert caught.value.status == 409


@pytest.mark.parametrize("body", ["<html>", "[]", '"text"'])
def test_an_answer_that_is_no_problem_is_told_as_it_is(body: str) -> None:
    with pytest.raises(Refused, match="HTTP 500"):
        _answering(httpx.Response(500, text=body)).apps({})


def test_what_was_seen_comes_back_while_it_is_so() -> None:
    fake = FakeHostd().add("a").add("b").add("c")
    hostd = Hostd(fake.http)
    seen = hostd.apps({"limit": 2})
    assert ([app.app_id for app in seen.apps], seen.total, seen.next) == (["a", "b"], 3, "2")
    assert hostd.apps({"limit": 2}, seen) is seen
    fake.add("d")
    newer = hostd.apps({"limit": 2}, seen)
    assert (newer.apps, newer.total) == (seen.apps, 4)
    assert newer != seen
    assert hostd.apps({"limit": 2, "cursor": newer.next}).next == ""


def test_a_200_that_is_not_hostd_is_an_error_of_the_tree() -> None:
    with pytest.raises(Unreachable):
        _answering(httpx.Response(200, text="<html>Welcome to the proxy")).apps({})


def test_the_console_s_language_is_asked_for_and_the_candidates_of_an_entry_are_told() -> None:
    fake = FakeHostd(refusal=(422, "Which one?"), candidates=["a.py", "b.py"])
    with pytest.raises(Refused) as caught:
        Hostd(fake.http, language="zh").create(Upload({"name": "Demo"}))
    assert caught.value.candidates == ("a.py", "b.py")
    assert fake.language.startswith("zh")


def test_releases_are_made_run_ended_and_compared() -> None:
    change = {"path": "app.py", "status": "changed", "diff": "-a\n+b"}
    fake = FakeHostd(releases=[release_json(1)], changes=[change, {**change, "diff": None}]).add()
    hostd = Hostd(fake.http)
    assert hostd.deploy(ID, of_text("print(1)", ""), force=True).release == 2
    assert hostd.activate(ID, 1, force=True).source.kind == "bundle"
    assert hostd.end_drain(ID, 1).draining == ()
    assert [change.diff for change in hostd.diff(ID, 2, 1)] == ["-a\n+b", None]
    assert [call for call in fake.calls if "?" in call] == [
        f"POST /api/apps/{ID}/releases?force=true",
        f"POST /api/apps/{ID}/releases/1/activate?force=true",
        f"POST /api/apps/{ID}/releases/1/drain?now=true",
        f"GET /api/apps/{ID}/releases/2/diff?base=1",
    ]


def test_every_call_has_an_end() -> None:
    seen: list[dict[str, float | None]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200, json=app_json())

    hostd = Hostd(connect("http://hostd.test", httpx.MockTransport(handle)))
    hostd.app(ID)
    hostd.act(ID, "stop")
    hostd.create(Upload({"name": "Demo"}))
    assert all(limit for timeout in seen for limit in timeout.values())
