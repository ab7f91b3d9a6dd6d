"""A hostd made of one dictionary, for what the real one can't be made to do on demand."""

from __future__ import annotations

import email
import email.policy
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

ID = "demo-3f9a2c"


def app_json(app_id: str = ID, **changes: Any) -> dict[str, Any]:
    """An app as /api tells it."""
    return {
        "app_id": app_id,
        "name": "Demo",
        "status": "running",
        "port": 8501,
        "pid": 4711,
        "error": None,
        "access_url": f"http://127.0.0.1:8080/apps/{app_id}/",
        "created_at": "2025-11-22T20:30:00Z",
        "updated_at": "2025-11-22T20:31:00Z",
        "requirements_sha256": "b" * 64,
        "app_sha256": "a" * 64,
        "streamlit_version": "1.67.0",
        **changes,
    }


def failure(kind: str, message: str = "It broke.", log_tail: str = "line one\nline two") -> dict[str, str]:
    """An app's ``error``."""
    return {"kind": kind, "message": message, "log_tail": log_tail}


@dataclass
class FakeHostd:
    """Answers like hostd; ``calls`` says what was asked, ``token`` protects, ``down`` does not answer."""

    apps: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=lambda: {"app.py": "import streamlit\n"})
    health: dict[str, Any] = field(default_factory=dict)
    refusal: tuple[int, str] | None = None
    token: str = ""
    down: bool = False
    calls: list[str] = field(default_factory=list)
    sent: dict[str, str] = field(default_factory=dict)

    def add(self, app_id: str = ID, **changes: Any) -> FakeHostd:
        """One more app."""
        self.apps[app_id] = app_json(app_id, **changes)
        return self

    @property
    def http(self) -> httpx.Client:
        """The client that the console is handed."""
        return httpx.Client(base_url="http://hostd.test", transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        """One request, answered."""
        if self.down:
            raise httpx.ConnectError("refused")
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return problem(401, "Unauthorized")
        self.calls.append(f"{request.method} {request.url.raw_path.decode()}")
        if self.refusal and request.method != "GET":
            return problem(*self.refusal)
        parts = request.url.path.removeprefix("/api/").split("/")
        routes: dict[str, Callable[[], httpx.Response]] = {
            "health": self._health,
            "apps": lambda: self._all(request) if len(parts) == 1 else self._one(request, *parts[1:]),
        }
        return routes[parts[0]]()

    def _health(self) -> httpx.Response:
        return httpx.Response(200, json={"status": "ok", "version": "0.1.0", **self.health})

    def _all(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=list(self.apps.values()))
        self.sent = form(request)
        app_id = next(f"new-{n}" for n in itertools.count(1) if f"new-{n}" not in self.apps)
        self.add(app_id, name=self.sent["name"], status="created")
        return httpx.Response(201, json=self.apps[app_id])

    def _one(self, request: httpx.Request, app_id: str, *rest: str) -> httpx.Response:
        if app_id not in self.apps:
            return problem(404, f"There is no app with the id '{app_id}'.")
        app = self.apps[app_id]
        if rest[:1] == ("logs",):
            return httpx.Response(200, json={"app_id": app_id, "logs": "first line\nlast line"})
        if rest[:1] == ("files",):
            return self._file(rest[1])
        self._change(request, app, rest)
        return httpx.Response(200, json=app)

    def _change(self, request: httpx.Request, app: dict[str, Any], rest: tuple[str, ...]) -> None:
        if request.method == "DELETE":
            del self.apps[app["app_id"]]
        elif request.method == "PATCH":
            self.sent = form(request)
            app["name"] = self.sent.get("name", app["name"])
        elif rest:
            app["status"] = "stopped" if rest[0] == "stop" else "running"

    def _file(self, name: str) -> httpx.Response:
        if name not in self.files:
            return problem(404, f"The app has no {name}.")
        return httpx.Response(200, text=self.files[name])


def form(request: httpx.Request) -> dict[str, str]:
    """The fields of a multipart body, files included."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.read(), policy=email.policy.HTTP)
    fields = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        fields[str(part.get_param("name", header="content-disposition"))] = content.decode()
    return fields


def problem(status: int, detail: str) -> httpx.Response:
    """RFC 9457."""
    return httpx.Response(
        status,
        json={"type": "about:blank", "title": "No", "status": status, "detail": detail},
        headers={"Content-Type": "application/problem+json"},
    )
