"""A hostd made of one dictionary, for what the real one can't be made to do on demand."""

from __future__ import annotations

import email
import email.policy
import itertools
import zlib
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
        "streamlit_version": "1.67.0",
        "release": 1,
        "deploying": None,
        "draining": [],
        "warning": None,
        "entry": "app.py",
        "options": {"environment": {}, "drain_minutes": None, "strategy": "auto", "python": None,
                    "as_of": None, "entry": None},
        "scale": {"min_replicas": 1, "max_replicas": 1, "sessions_per_replica": None},
        "access": {"visibility": "public", "owner": "", "collaborators": [], "viewers": [],
                   "viewer_groups": [], "has_link": False},
        "replicas": [replica_json(1)],
        **changes,
    }  # fmt: skip


def replica_json(number: int, state: str = "running", sessions: int = 0) -> dict[str, Any]:
    """One of an app's processes as /api tells it."""
    known = {"port": 8500 + number, "pid": 4710 + number}
    return {"release": 1, "replica": number, "state": state, "sessions": sessions, **known}


def release_json(number: int, state: str = "retired", **changes: Any) -> dict[str, Any]:
    """A release as /api tells it."""
    source: dict[str, Any] = {
        "kind": "bundle", "entry": "app.py", "url": None, "ref": None, "commit": None, "subdir": None,
        "dependencies": "requirements.txt", "python": None, "packages": [], "warnings": [],
        "size": 2048, "files": 2, "sha256": "c" * 64,
    }  # fmt: skip
    return {
        "app_id": ID,
        "release": number,
        "state": state,
        "created_at": "2025-11-22T20:30:00Z",
        "by": "",
        "note": f"note {number}",
        "source": source | changes.pop("source", {}),
        "options": {},
        "python": "3.11.9",
        "streamlit_version": "1.67.0",
        "strategy": "overlap",
        "as_of": None,
        "ended_at": "2025-11-22T20:31:00Z",
        "error": None,
        "warning": None,
        **changes,
    }


def failure(
    kind: str, message: str = "It broke.", log_tail: str = "line one\nline two", advice: str = "Mend it."
) -> dict[str, str]:
    """An app's or a release's ``error``."""
    return {"kind": kind, "message": message, "advice": advice, "log_tail": log_tail, "log_url": "/x"}


@dataclass
class FakeHostd:
    """Answers like hostd; ``calls`` says what was asked, ``token`` protects, ``down`` does not answer."""

    apps: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=lambda: {"app.py": "import streamlit\n"})
    health: dict[str, Any] = field(default_factory=dict)
    releases: list[dict[str, Any]] = field(default_factory=list)
    gallery: list[dict[str, str]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    refusal: tuple[int, str] | None = None
    candidates: list[str] = field(default_factory=list)
    token: str = ""
    me: dict[str, str] = field(default_factory=lambda: {"name": "anyone", "role": "admin", "means": "open"})
    down: bool = False
    calls: list[str] = field(default_factory=list)
    sent: dict[str, str] = field(default_factory=dict)
    language: str = ""

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
        self.language = request.headers.get("Accept-Language", "")
        self.calls.append(f"{request.method} {request.url.raw_path.decode()}")
        if self.refusal and request.method != "GET":
            self.sent = form(request) if "Content-Type" in request.headers else {}
            return problem(*self.refusal, candidates=self.candidates)
        parts = request.url.path.removeprefix("/api/").split("/")
        routes: dict[str, Callable[[], httpx.Response]] = {
            "health": self._health,
            "session": lambda: httpx.Response(200, json=self.me),
            "gallery": lambda: httpx.Response(200, json=self.gallery),
            "apps": lambda: self._all(request) if len(parts) == 1 else self._one(request, *parts[1:]),
        }
        return routes[parts[0]]()

    def _health(self) -> httpx.Response:
        return httpx.Response(200, json={"status": "ok", "version": "0.1.0", **self.health})

    def _all(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return self._listed(request)
        self.sent = form(request)
        app_id = next(f"new-{n}" for n in itertools.count(1) if f"new-{n}" not in self.apps)
        self.add(app_id, name=self.sent["name"], status="created", release=None)
        return httpx.Response(201, json=self.apps[app_id])

    def _listed(self, request: httpx.Request) -> httpx.Response:
        """Cursors are plain numbers here; the tag is the list itself, digested."""
        asked = request.url.params
        wanted, statuses = asked.get("q", "").casefold(), asked.get_list("status")
        found = [
            app
            for app in self.apps.values()
            if wanted in f"{app['name']} {app['app_id']}".casefold()
            and (not statuses or app["status"] in statuses)
        ]
        if asked.get("sort") == "name":
            found.sort(key=lambda app: str(app["name"]).casefold())
        begin = int(asked.get("cursor", 0))
        end = begin + int(asked.get("limit", len(found)))
        tag = f'"{zlib.crc32(repr(self.apps).encode())}"'
        headers = {"X-Total-Count": str(len(found)), "ETag": tag}
        if end < len(found):
            headers["Link"] = f'<{request.url.copy_set_param("cursor", end)}>; rel="next"'
        if request.headers.get("If-None-Match") == tag:
            return httpx.Response(304, headers=headers)
        return httpx.Response(200, json=found[begin:end], headers=headers)

    def _one(self, request: httpx.Request, app_id: str, *rest: str) -> httpx.Response:
        if app_id not in self.apps:
            return problem(404, f"There is no app with the id '{app_id}'.")
        app = self.apps[app_id]
        if rest[:1] == ("logs",):
            return httpx.Response(200, json={"app_id": app_id, "logs": "first line\nlast line"})
        if rest[:1] == ("files",):
            return self._file("/".join(rest[1:]))
        if rest[:1] == ("releases",):
            return self._releases(request, app, *rest[1:])
        if rest[:1] in (("secrets",), ("variables",)):
            return self._secrets(request, rest)
        if rest[:1] == ("link",):
            app["access"] |= {"visibility": "link", "has_link": request.method == "POST"}
            return httpx.Response(201, json={"app_id": app_id, "url": f"{app['access_url']}~link/secret"})
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

    def _secrets(self, request: httpx.Request, rest: tuple[str, ...]) -> httpx.Response:
        """Keeps names alone, as hostd tells them."""
        if request.method == "PUT":
            self.sent = form(request)
            self.secrets += [name for name in rest[1:] if name not in self.secrets]
        elif request.method == "DELETE":
            self.secrets.remove(rest[1])
        told = [{"name": name, "in_environment": "." not in name, "scrubbed": name != "short"}
                for name in self.secrets]  # fmt: skip
        return httpx.Response(200 if request.method == "GET" else 202, json={"secrets": told})

    def _file(self, name: str) -> httpx.Response:
        if not name:
            return httpx.Response(200, json=[{"path": path, "size": 1} for path in self.files])
        if name not in self.files:
            return problem(404, f"The app has no {name}.")
        return httpx.Response(200, text=self.files[name])

    def _releases(
        self, request: httpx.Request, app: dict[str, Any], number: str = "", what: str = ""
    ) -> httpx.Response:
        if not number and request.method == "POST":
            self.sent = form(request)
            self.releases.insert(0, release_json(len(self.releases) + 1, "deploying"))
            app["deploying"] = {
                "release": len(self.releases),
                "step": "waiting",
                "since": "2025-11-22T20:31:00Z",
            }
            return httpx.Response(202, json=self.releases[0])
        if not number:
            return httpx.Response(200, json=self.releases)
        if what == "diff":
            return httpx.Response(200, json={"release": 2, "base": 1, "files": self.changes})
        if what == "drain":
            app["draining"] = []
            return httpx.Response(200, json=app)
        found = [release for release in self.releases if release["release"] == int(number)]
        return httpx.Response(200, json=found[0]) if found else problem(404, f"There is no release {number}.")


def parts(request: httpx.Request) -> list[tuple[str, str, bytes]]:
    """The parts of a multipart body: field, file name ('' for a plain field), content."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.read(), policy=email.policy.HTTP)
    found = []
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        name = str(part.get_param("name", header="content-disposition"))
        found.append((name, str(part.get_filename("")), content))
    return found


def form(request: httpx.Request) -> dict[str, str]:
    """The fields of a multipart body; ``files`` go by their own names."""
    return {file if name == "files" else name: content.decode() for name, file, content in parts(request)}


def problem(status: int, detail: str, **more: Any) -> httpx.Response:
    """RFC 9457."""
    return httpx.Response(
        status,
        json={"type": "about:blank", "title": "No", "status": status, "detail": detail, **more},
        headers={"Content-Type": "application/problem+json"},
    )
