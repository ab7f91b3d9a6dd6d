"""The one door to hostd: its REST API as typed calls, and whatever goes wrong as one of these.

ApiError
├── Unreachable      nobody answered in time: hostd is starting, restarting or gone
├── TokenNeeded      hostd wants the admin token, or another one than it got
└── Refused          hostd answered with a problem; its text says what to do
    └── Missing      there is no such app
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from console.answers import App, Apps, Limit, known
from console.people_calls import PeopleCalls
from console.release_answers import FileChange, Release, Template
from console.secrets_calls import SecretsCalls
from console.upload import Upload

QUICK = httpx.Timeout(10, connect=2)
SLOW = httpx.Timeout(60, connect=2)
"""For calls that wait for a process to end."""
LONG = httpx.Timeout(600, connect=2)
"""For uploads, and for what hostd fetches before it answers."""

LANGUAGES = {"zh": "zh-CN, zh;q=0.9", "en": "en"}


class ApiError(Exception):
    """Root of the tree."""


class Unreachable(ApiError):
    """hostd did not answer."""


class TokenNeeded(ApiError):
    """hostd answered 401; ``sign_in`` is the page where people sign in, '' where they have the token."""

    def __init__(self, sign_in: str = "") -> None:
        super().__init__(sign_in)
        self.sign_in = sign_in


class Refused(ApiError):
    """hostd answered with a problem; the text is its ``detail``.

    ``candidates`` are the files that could be the entry, when it can't tell.
    """

    def __init__(self, status: int, detail: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.candidates = candidates


class Missing(Refused):
    """hostd answered 404."""


class Hostd(PeopleCalls, SecretsCalls):
    """hostd as one caller sees it. ``http`` carries the base URL and may be shared; the token may not."""

    def __init__(self, http: httpx.Client, token: str | None = None, language: str = "en") -> None:
        self._http = http
        self._headers = {"Accept-Language": LANGUAGES.get(language, "en")}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def health(self) -> dict[str, Any]:
        """Version, supervisord's state, counts."""
        return dict(self._json("GET", "/api/health"))

    def limits(self) -> dict[str, Limit]:
        """What whoever is signed in may give an app, by field; an older hostd tells nothing."""
        told = self.health().get("limits", {})
        return {name: Limit(**known(Limit, each)) for name, each in told.items()}

    def apps(self, query: Mapping[str, Any], seen: Apps | None = None) -> Apps:
        """A page of apps: ``query`` as ``GET /api/apps`` takes it. ``seen`` comes back while it is so."""
        known = {"If-None-Match": seen.tag} if seen is not None and seen.tag else {}
        answer = self._ask("GET", "/api/apps", params=query, headers=known)
        if answer.status_code == httpx.codes.NOT_MODIFIED and seen is not None:
            return seen
        apps = tuple(App.from_json(item) for item in _decoded(answer))
        following = httpx.URL(answer.links.get("next", {}).get("url", "")).params.get("cursor", "")
        total = int(answer.headers.get("X-Total-Count", len(apps)))
        return Apps(apps, total, following, answer.headers.get("ETag", ""))

    def app(self, app_id: str) -> App:
        """One app."""
        return App.from_json(self._json("GET", _path(app_id)))

    def gallery(self) -> list[Template]:
        """The templates that an app can begin with."""
        return [Template(**known(Template, item)) for item in self._json("GET", "/api/gallery")]

    def create(self, upload: Upload) -> App:
        """A new app; answers at once, the install goes on behind."""
        return App.from_json(self._json("POST", "/api/apps", files=upload.parts(), timeout=LONG))

    def change(self, app_id: str, upload: Upload) -> App:
        """Rename, set options, or lay files over those that are there; all but the name redeploys."""
        return App.from_json(self._json("PATCH", _path(app_id), files=upload.parts(), timeout=LONG))

    def act(self, app_id: str, action: str) -> App:
        """``start``, ``stop`` or ``restart``."""
        return App.from_json(self._json("POST", f"{_path(app_id)}/{action}", timeout=SLOW))

    def delete(self, app_id: str) -> None:
        """Gone, with everything it kept."""
        self._ask("DELETE", _path(app_id), timeout=SLOW)

    def make_link(self, app_id: str) -> str:
        """A new secret link of an app, which nobody is told again."""
        return str(self._json("POST", f"{_path(app_id)}/link")["url"])

    def revoke_link(self, app_id: str) -> None:
        """The secret link is void."""
        self._ask("DELETE", f"{_path(app_id)}/link")

    def logs(self, app_id: str, tail: int = 300) -> str:
        """The last lines of ``run.log``."""
        return str(self._json("GET", f"{_path(app_id)}/logs", params={"tail": tail})["logs"])

    def files(self, app_id: str) -> list[str]:
        """The paths of an app's files."""
        return [str(item["path"]) for item in self._json("GET", f"{_path(app_id)}/files")]

    def file(self, app_id: str, path: str) -> str:
        """One file as text."""
        return self._ask("GET", f"{_path(app_id)}/files/{quote(path)}").text

    def releases(self, app_id: str) -> list[Release]:
        """Every release, newest first."""
        return [Release.from_json(item) for item in self._json("GET", f"{_path(app_id)}/releases")]

    def release(self, app_id: str, number: int) -> Release:
        """One release, with what it installed and how."""
        return Release.from_json(self._json("GET", _path(app_id, number)))

    def deploy(self, app_id: str, upload: Upload, *, force: bool = False) -> Release:
        """A new release of an app; ``force`` accepts a first page that raises."""
        path, params = f"{_path(app_id)}/releases", _force(force)
        return Release.from_json(self._json("POST", path, params=params, files=upload.parts(), timeout=LONG))

    def activate(self, app_id: str, number: int, *, force: bool = False) -> Release:
        """Back, or forward, to a release that is kept."""
        path = f"{_path(app_id, number)}/activate"
        return Release.from_json(self._json("POST", path, params=_force(force), timeout=SLOW))

    def end_drain(self, app_id: str, number: int) -> App:
        """End the sessions that go on with an old release."""
        path = f"{_path(app_id, number)}/drain"
        return App.from_json(self._json("POST", path, params={"now": "true"}, timeout=SLOW))

    def bundle(self, app_id: str, number: int) -> bytes:
        """A release as a zip."""
        return self._ask("GET", f"{_path(app_id, number)}/bundle", timeout=LONG).content

    def diff(self, app_id: str, number: int, base: int) -> list[FileChange]:
        """What changed from release ``base`` to this one."""
        answer = self._json("GET", f"{_path(app_id, number)}/diff", params={"base": base}, timeout=SLOW)
        return [FileChange(**known(FileChange, item)) for item in answer["files"]]

    def _json(self, method: str, path: str, **more: Any) -> Any:
        return _decoded(self._ask(method, path, **more))

    def _ask(
        self,
        method: str,
        path: str,
        timeout: httpx.Timeout = QUICK,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        sent = {**self._headers, **(headers or {})}
        try:
            answer = self._http.request(method, path, headers=sent, timeout=timeout, **more)
        except httpx.HTTPError as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        _check(answer)
        return answer


def _path(app_id: str, release: int | None = None) -> str:
    path = f"/api/apps/{quote(app_id, safe='')}"
    return path if release is None else f"{path}/releases/{release}"


def _force(force: bool) -> dict[str, str]:
    return {"force": "true"} if force else {}


def _decoded(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise Unreachable(f"something else than hostd answers at {answer.request.url.path}") from error


def _check(answer: httpx.Response) -> None:
    if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
        return
    if answer.status_code == 401:
        raise TokenNeeded(str(_problem(answer).get("sign_in") or ""))
    if answer.status_code in {502, 504}:  # an outer proxy speaks for a hostd that is away
        raise Unreachable(f"HTTP {answer.status_code}")
    kind = Missing if answer.status_code == 404 else Refused
    problem = _problem(answer)
    detail = (
        problem.get("detail") or problem.get("title") or f"HTTP {answer.status_code}: {answer.text[:200]}"
    )
    raise kind(answer.status_code, str(detail), tuple(map(str, problem.get("candidates") or ())))


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def connect(api_url: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """One pool for the whole console.

    ``trust_env`` is off: a company's HTTP_PROXY must not be asked for 127.0.0.1. A connection is let
    go before uvicorn closes it (after 5 s): a POST must not meet its end.
    """
    kept = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2)
    return httpx.Client(base_url=api_url, transport=transport, timeout=QUICK, trust_env=False, limits=kept)
