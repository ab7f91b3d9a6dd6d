"""The one door to hostd: its REST API as typed calls, and whatever goes wrong as one of these.

ApiError
├── Unreachable      nobody answered in time: hostd is starting, restarting or gone
├── TokenNeeded      hostd wants the admin token, or another one than it got
└── Refused          hostd answered with a problem; its text says what to do
    └── Missing      there is no such app
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self
from urllib.parse import quote

import httpx

QUICK = httpx.Timeout(10, connect=2)
SLOW = httpx.Timeout(60, connect=2)
"""For calls that wait for a process to end, and for uploads."""

BUSY = frozenset({"created", "installing", "starting"})


class ApiError(Exception):
    """Root of the tree."""


class Unreachable(ApiError):
    """hostd did not answer."""


class TokenNeeded(ApiError):
    """hostd answered 401."""


class Refused(ApiError):
    """hostd answered with a problem; the text is its ``detail``."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Missing(Refused):
    """hostd answered 404."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an app, or its last update, failed."""

    kind: str
    message: str
    log_tail: str = ""


@dataclass(frozen=True, slots=True)
class App:
    """An app as ``/api`` tells it; comparable, so that "has anything changed?" is ``==``."""

    app_id: str
    name: str
    status: str
    access_url: str
    created_at: str
    updated_at: str
    error: Failure | None = None
    port: int | None = None
    pid: int | None = None
    requirements_sha256: str | None = None
    app_sha256: str | None = None
    streamlit_version: str | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Fields that a newer hostd adds are passed over."""
        known = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        error = known.get("error")
        return cls(**{**known, "error": Failure(**error) if error else None})

    @property
    def busy(self) -> bool:
        """On its way somewhere: worth looking at every second."""
        return self.status in BUSY


class Hostd:
    """hostd as one caller sees it. ``http`` carries the base URL and may be shared; the token may not."""

    def __init__(self, http: httpx.Client, token: str | None = None) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def health(self) -> dict[str, Any]:
        """Version, supervisord's state, counts."""
        return dict(self._json("GET", "/api/health"))

    def apps(self) -> list[App]:
        """Every app."""
        return [App.from_json(item) for item in self._json("GET", "/api/apps")]

    def app(self, app_id: str) -> App:
        """One app."""
        return App.from_json(self._json("GET", _path(app_id)))

    def create(self, name: str, code: bytes, requirements: bytes | None = None) -> App:
        """Upload; answers at once, the install goes on behind."""
        files = _files(code, requirements)
        return App.from_json(self._json("POST", "/api/apps", data={"name": name}, files=files, timeout=SLOW))

    def change(
        self,
        app_id: str,
        *,
        name: str | None = None,
        code: bytes | None = None,
        requirements: bytes | None = None,
    ) -> App:
        """Rename, replace files, or both; a changed file redeploys."""
        # A multipart body needs a file part to be one; (None, text) is a plain field in it.
        parts: dict[str, Any] = {"name": (None, name)} if name is not None else {}
        parts |= _files(code, requirements)
        return App.from_json(self._json("PATCH", _path(app_id), files=parts, timeout=SLOW))

    def act(self, app_id: str, action: str) -> App:
        """``start``, ``stop`` or ``restart``."""
        return App.from_json(self._json("POST", f"{_path(app_id)}/{action}", timeout=SLOW))

    def delete(self, app_id: str) -> None:
        """Gone, with everything it kept."""
        self._ask("DELETE", _path(app_id), timeout=SLOW)

    def logs(self, app_id: str, tail: int = 300) -> str:
        """The last lines of ``run.log``."""
        return str(self._json("GET", f"{_path(app_id)}/logs", params={"tail": tail})["logs"])

    def file(self, app_id: str, name: str) -> str:
        """``app.py`` or ``requirements.txt`` as text."""
        return self._ask("GET", f"{_path(app_id)}/files/{name}").text

    def _json(self, method: str, path: str, **more: Any) -> Any:
        try:
            return self._ask(method, path, **more).json()
        except ValueError as error:
            raise Unreachable(f"something else than hostd answers at {path}") from error

    def _ask(self, method: str, path: str, timeout: httpx.Timeout = QUICK, **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, headers=self._headers, timeout=timeout, **more)
        except httpx.HTTPError as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        _check(answer)
        return answer


def _path(app_id: str) -> str:
    return f"/api/apps/{quote(app_id, safe='')}"


def _files(code: bytes | None, requirements: bytes | None) -> dict[str, Any]:
    parts = {"app": ("app.py", code), "requirements": ("requirements.txt", requirements)}
    return {field: part for field, part in parts.items() if part[1] is not None}


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    if answer.status_code == 401:
        raise TokenNeeded
    if answer.status_code in {502, 504}:  # an outer proxy speaks for a hostd that is away
        raise Unreachable(f"HTTP {answer.status_code}")
    kind = Missing if answer.status_code == 404 else Refused
    raise kind(answer.status_code, _detail(answer))


def _detail(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return str(problem.get("detail") or problem.get("title"))
    except (ValueError, AttributeError):
        return f"HTTP {answer.status_code}: {answer.text[:200]}"


def connect(api_url: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """One pool for the whole console.

    ``trust_env`` is off: a company's HTTP_PROXY must not be asked for 127.0.0.1.
    """
    return httpx.Client(base_url=api_url, transport=transport, timeout=QUICK, trust_env=False)
