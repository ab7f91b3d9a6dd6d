"""Every failure in one shape: application/problem+json (RFC 9457)."""

from __future__ import annotations

import http
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from hostd.errors import HostdError, Invalid, Unauthorized

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)
_RETRY_AFTER = {429: "5", 503: "5"}


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
        return answer(error.status, error.title, str(error), field=error.field, errors=errors)
    return answer(error.status, error.title, str(error))


def install(app: FastAPI) -> None:
    """Answer every failure of ``app`` with a problem."""
    app.add_exception_handler(HostdError, _hostd_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def _hostd_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HostdError)  # noqa: S101 - for the type checker
    if error.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s", error)
    return problem(error)


def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - for the type checker
    errors = [{"field": str(e["loc"][-1]), "message": _plain(e)} for e in error.errors()]
    first = errors[0]
    detail = f"{first['field']}: {first['message']}"
    return answer(422, Invalid.title, detail, field=first["field"], errors=errors)


def _plain(error: Any) -> str:
    return "is required" if error["type"] == "missing" else str(error["msg"])


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
    return response


def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    log.error("a request stumbled", exc_info=error)
    return answer(
        500, HostdError.title, "Something broke in hostd; its log (logs/hostd.log) says what. Try again."
    )
