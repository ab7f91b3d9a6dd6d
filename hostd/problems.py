"""Every failure in one shape: application/problem+json (RFC 9457)."""

from __future__ import annotations

import http
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from hostd.errors import AmbiguousEntry, HostdError, Invalid, TooManyRequests, Unauthorized

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_RETRY_AFTER = {429: "5", 503: "5"}


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(BaseModel):
    """A failure (RFC 9457). ``field`` and ``errors`` come with a 422, ``candidates`` when one must choose,
    ``sign_in``, the page to do that at, with a 401 where people sign in.
    """

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    errors: list[FieldError] | None = None
    candidates: list[str] | None = None
    sign_in: str | None = None


def answer(status: int, title: str, detail: str, **more: Any) -> JSONResponse:
    """A problem: ``detail`` is what a person can act on; ``more`` are extension members."""
    headers = {"Retry-After": _RETRY_AFTER[status]} if status in _RETRY_AFTER else {}
    if status == Unauthorized.status:
        headers["WWW-Authenticate"] = 'Bearer realm="hostd"'
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, headers, MEDIA_TYPE)


def problem(error: HostdError) -> JSONResponse:
    """One of our own failures as an answer."""
    if isinstance(error, Invalid):
        errors = [{"field": error.field, "message": error.message}]
        more = {"candidates": error.candidates} if isinstance(error, AmbiguousEntry) else {}
        return answer(error.status, error.title, str(error), field=error.field, errors=errors, **more)
    page = {"sign_in": error.sign_in} if isinstance(error, Unauthorized) and error.sign_in else {}
    response = answer(error.status, error.title, str(error), **page)
    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def install(app: FastAPI) -> None:
    """Answer every failure of ``app`` with a problem."""
    app.add_exception_handler(HostdError, _hostd_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    app.router.redirect_slashes = False  # its 307 has no body and loses the public prefix
    _describe(app)


def _describe(app: FastAPI) -> None:
    """Give the OpenAPI document the schema that every failure's media type refers to."""
    document = app.openapi

    def openapi() -> dict[str, Any]:
        made = document()
        problem_schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        parts = {**problem_schema.pop("$defs"), "Problem": problem_schema}
        made["components"]["schemas"].update(parts)
        return made

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _hostd_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HostdError)  # noqa: S101 - for the type checker
    if error.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s", error)
    return problem(error)


def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - for the type checker
    errors = [{"field": _field(e["loc"]), "message": _plain(e)} for e in error.errors()]
    first = errors[0]
    detail = f"{first['field']}: {first['message']}"
    return answer(422, Invalid.title, detail, field=first["field"], errors=errors)


def _field(place: tuple[str | int, ...]) -> str:
    """The name of what was sent; of one that may come several times without the number."""
    return next((part for part in reversed(place) if isinstance(part, str)), str(place[-1]))


def _plain(error: Any) -> str:
    if error["type"] == "missing":
        return "is required, and must not be empty"
    if "UploadFile" in error["msg"]:
        return "must be sent as a file, as curl -F 'field=@file' does"
    return str(error["msg"])


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - for the type checker
    title = http.HTTPStatus(error.status_code).phrase
    detail = error.detail
    if error.status_code == http.HTTPStatus.NOT_FOUND and detail == title:
        detail = f"There is nothing at {request.url.path}. GET /api/docs lists the calls."
    if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not a call of {request.url.path}. GET /api/docs lists the calls."
    response = answer(error.status_code, title, detail)
    response.headers.update(error.headers or {})
    if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = _allowed(request)
    return response


def _allowed(request: Request) -> str:
    """Every method of the path. Starlette names only those of the first route that fits."""
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    fitting = [m for m in _METHODS if any(r.matches(scopes[m])[0] is Match.FULL for r in request.app.routes)]
    return ", ".join(fitting)


def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    log.error("a request stumbled", exc_info=error)
    detail = "Something broke in hostd; its log (logs/hostd.log) says what. Try again."
    response = answer(500, HostdError.title, detail)
    response.headers["Connection"] = "close"  # uvicorn cuts the connection after this answer
    return response
