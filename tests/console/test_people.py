"""Users and the way to the sign-in page, in the console."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest

from tests.console.drive import press, texts, visit
from tests.console.fake import FakeHostd, problem


@dataclass
class WithPeople(FakeHostd):
    """A hostd where people sign in; ``fails`` is how a change of a user ends."""

    fails: str = ""
    sign_in: str = ""

    def answer(self, request: httpx.Request) -> httpx.Response:
        """One request, answered."""
        if self.sign_in or (self.fails == "signed out" and request.method != "GET"):
            self.sign_in = self.sign_in or "https://corp.example/tools/st/sign-in"
            return problem(401, "Sign in.", sign_in=self.sign_in)
        if self.fails == "away" and request.method != "GET":
            self.down = True
        if request.url.path == "/api/users" and not self.down:
            user = {"name": "vera", "role": "viewer", "email": "", "groups": [], "source": "local"}
            return httpx.Response(201 if request.method == "POST" else 200, json=[user])
        return super().answer(request)


@pytest.mark.parametrize(("fails", "said"), [("away", "is not answering"), ("signed out", "Please sign in")])
def test_trouble_while_a_user_is_made(fails: str, said: str) -> None:
    """The session has ended, or hostd is away: the page says so, and nothing breaks."""
    fake = WithPeople(fails=fails)
    at = press(visit(fake, "users"), "New user")
    at = press(at, "Add user")
    assert not at.exception
    assert said in texts(at)


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("https://corp.example/tools/st/sign-in", "/tools/st/sign-in?next="),
        ("http://127.0.0.1:8080/sign-in", "/sign-in?next="),
    ],
)
def test_sign_in_is_on_the_host_that_was_asked(page: str, link: str) -> None:
    """The console may be reached by another name than the public base's; there one must stay."""
    said = texts(visit(WithPeople(sign_in=page)))
    assert f'href="{link}' in said
