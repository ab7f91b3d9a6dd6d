"""The form of a release: every way to bring a bundle, and what can be set with it."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import Depends, File, Form, Query, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import WithJsonSchema

from hostd import bundles
from hostd.api.rules import address_of, caller_of
from hostd.errors import Invalid, UnsupportedMedia
from hostd.lifecycle.environment import is_ours
from hostd.lifecycle.wanted import Wanted
from hostd.models import Strategy
from hostd.vault import parse as parse_secrets

A_FILE = WithJsonSchema({"type": "string", "contentMediaType": "application/octet-stream"})
"""How a file that may be left out is described: pydantic would say 'or null', which no form can send."""
_FILES = WithJsonSchema(
    {"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}}
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MAX_FILES = bundles.Limits().files + 10
"""Parts with a file in one form: a dropped folder; of a few too many, bundles tells."""
ENVIRONMENT_LIMIT = 32_768
"""Characters of all names and values together."""
Text = Annotated[str | None, Form()]


async def form_only(request: Request) -> None:
    """Raises UnsupportedMedia for anything but a form."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise UnsupportedMedia(
            f"Send a form (multipart/form-data), as curl -F does, not {kind or 'a body without type'}."
        )


async def emptied_fields(request: Request) -> frozenset[str]:
    """The fields that were sent empty; FastAPI would have them as not sent at all."""
    form = await request.form()
    return frozenset(name for name, value in form.multi_items() if value == "")


def release_form(  # noqa: PLR0917 - FastAPI reads the form's fields from here
    request: Request,
    emptied: Annotated[frozenset[str], Depends(emptied_fields)],
    app: Annotated[UploadFile | None, A_FILE, File(description="app.py, or the entry's new text")] = None,
    requirements: Annotated[UploadFile | None, A_FILE, File(description="requirements.txt")] = None,
    bundle: Annotated[UploadFile | None, A_FILE, File(description="A .zip or .tar.gz of the app")] = None,
    files: Annotated[
        list[UploadFile] | None, _FILES, File(description="The app's files; each file name is its path")
    ] = None,
    git: Annotated[str | None, Form(description="A URL, or JSON: url, ref, subdir")] = None,
    git_ref: Annotated[str | None, Form(description="Branch, tag or commit")] = None,
    git_subdir: Annotated[str | None, Form(description="The app's folder in the repository")] = None,
    template: Annotated[str | None, Form(description="An app of GET /api/gallery")] = None,
    entry: Annotated[str | None, Form(description="The script to run; '' finds it by itself again")] = None,
    python: Annotated[str | None, Form(description="Such as 3.11 or >=3.10; '' as the bundle says")] = None,
    as_of: Annotated[str | None, Form(description="YYYY-MM-DD: no package newer than that")] = None,
    build_from_source: Annotated[
        str | None, Form(description="1: packages may be built that are there as source only")
    ] = None,
    strategy: Annotated[str | None, Form(description="auto, overlap or replace")] = None,
    drain_minutes: Annotated[
        str | None, Form(description="How long open sessions go on; 0 ends them, '' is the default")
    ] = None,
    environment: Annotated[str | None, Form(description="A JSON object of names and texts")] = None,
    secrets: Annotated[str | None, Form(description="The text of a secrets.toml: all secrets")] = None,
    note: Annotated[str, Form(description="A word about this release", max_length=1000)] = "",
    force: Annotated[bool, Query(description="Accept a first page that raises")] = False,
) -> Wanted:
    """What a request wants of a release. Raises Invalid."""
    upload = bundles.Upload(
        app=_read(app),
        requirements=_read(requirements),
        bundle=bundle.file if bundle else None,
        bundle_name=(bundle.filename or "") if bundle else "",
        files=tuple((file.filename or "", file.file) for file in files or ()),
        git=_git(git, git_ref, git_subdir),
        template=template or None,
        overlay=request.method == "PATCH",
    )
    _check_one_way(upload)
    given: dict[str, Any] = {
        "entry": entry, "python": python, "as_of": as_of, "strategy": strategy,
        "drain_minutes": drain_minutes, "environment": environment, "build_from_source": build_from_source,
    }  # fmt: skip
    given |= dict.fromkeys(emptied & given.keys(), "")
    options = {name: _PARSERS[name](text.strip()) for name, text in given.items() if text is not None}
    given_secrets = None if secrets is None and "secrets" not in emptied else parse_secrets(secrets or "")
    return Wanted(
        upload=upload,
        options=options,
        secrets=None if given_secrets is None else lambda _: given_secrets,
        all_secrets=True,
        by=who(request),
        note=note.strip(),
        force=force,
    )


def who(request: Request) -> str:
    """Who asks, and from where."""
    return f"{caller_of(request).person.name} ({address_of(request)})"


def _check_one_way(upload: bundles.Upload) -> None:
    ways = {
        "bundle": upload.bundle is not None,
        "files": bool(upload.files) and not upload.overlay,
        "git": upload.git is not None,
        "template": upload.template is not None,
    }
    used = [name for name, is_used in ways.items() if is_used]
    if len(used) > 1:
        raise Invalid(used[1], f"can't be sent together with '{used[0]}': one way to bring an app at a time")
    if used and (upload.app is not None or upload.requirements is not None):
        raise Invalid(used[0], "can't be sent together with 'app' or 'requirements': put them into it")


async def new_app_form(request: Request, wanted: Annotated[Wanted, Depends(release_form)]) -> Wanted:
    """What a request wants of a new app. Raises RequestValidationError that names all that is missing."""
    if wanted.upload.app is not None or wanted.upload.trees:
        return wanted
    form = await request.form()  # read already, and FastAPI looks for the name only after this
    nameless = [] if form.get("name") else [{"type": "missing", "loc": ("body", "name")}]
    words = "is required, and must not be empty; or send bundle, files, git or template"
    raise RequestValidationError([*nameless, {"type": "no_app", "loc": ("body", "app"), "msg": words}])


def _git(text: str | None, ref: str | None, subdir: str | None) -> bundles.GitSource | None:
    if not text:
        return None
    if not text.lstrip().startswith("{"):
        return bundles.GitSource(url=text.strip(), ref=ref or None, subdir=subdir or None)
    try:
        parts = json.loads(text)
        known = {name: parts.get(name) or None for name in ("ref", "subdir")}
        strings = all(isinstance(part, str | None) for part in known.values())
        if not isinstance(parts["url"], str) or not strings or set(parts) - {"url", "ref", "subdir"}:
            raise ValueError
    except (ValueError, KeyError, RecursionError):
        raise Invalid("git", 'must be a URL, or JSON such as {"url": "...", "ref": "main"}') from None
    return bundles.GitSource(url=parts["url"], ref=ref or known["ref"], subdir=subdir or known["subdir"])


def environment_of(text: str) -> dict[str, str]:
    """The variables in a JSON object. Raises Invalid."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Invalid("environment", 'must be a JSON object of names and texts, such as {"REGION": "eu"}')
    return checked_environment(found)


def checked_environment(found: dict[str, str]) -> dict[str, str]:
    """The same variables, if an app can have them. Raises Invalid."""
    for name, value in found.items():
        if not _NAME.fullmatch(name):
            raise Invalid("environment", f"{name[:50]!r} is no name for a variable")
        if is_ours(name):
            raise Invalid("environment", f"{name} is set by hostd and can't be changed")
        if (not value.isprintable() and set(value) & {"\0"}) or not _is_text(value):
            raise Invalid("environment", f"{name} holds what no variable can hold")
    if sum(len(name) + len(value) for name, value in found.items()) > ENVIRONMENT_LIMIT:
        raise Invalid("environment", f"must have at most {ENVIRONMENT_LIMIT} characters in all")
    return found


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_of(text: str) -> str | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.max
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text) or day > datetime.now(UTC).date():
        raise Invalid("as_of", "must be a day that has been, such as 2023-06-15")
    return text


def _build_from_source(text: str) -> bool:
    words = {"": False, "0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}
    if text.lower() not in words:
        raise Invalid("build_from_source", "must be 1 or 0")
    return words[text.lower()]


def _strategy(text: str) -> Strategy:
    try:
        return Strategy(text or "auto")
    except ValueError:
        raise Invalid("strategy", "must be auto, overlap or replace") from None


def _drain_minutes(text: str) -> float | None:
    if not text:
        return None
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text):
        raise Invalid("drain_minutes", "must be a number of minutes from 0 to 999999")
    return float(text)


_PARSERS: dict[str, Any] = {
    "entry": lambda text: text or None,
    "python": lambda text: text or None,
    "as_of": _as_of,
    "strategy": _strategy,
    "drain_minutes": _drain_minutes,
    "build_from_source": _build_from_source,
    "environment": environment_of,
}


def _read(file: UploadFile | None) -> bytes | None:
    return None if file is None else file.file.read()
