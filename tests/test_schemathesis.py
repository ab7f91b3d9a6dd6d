"""schemathesis against our own OpenAPI document, on a platform where every install ends at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from .platform import Platform, until

OPERATIONS = [
    "list_apps", "create_app", "get_app", "update_app", "delete_app", "start_app", "stop_app", "restart_app",
    "get_logs", "get_file", "get_health", "list_releases", "create_release", "get_release", "get_bundle",
    "get_diff", "activate_release", "drain_release", "list_files", "list_gallery",
    "list_variables", "set_variables", "set_variable", "delete_variable",
    "list_secrets", "set_secrets", "set_secret", "delete_secrets", "delete_secret",
]  # fmt: skip
"""All but the stream, which ends only when the client leaves; tests/test_api.py reads it."""
NOT_IN_THE_SCHEMA = [
    # that a file is Python, and a line a requirement, no schema says
    positive_data_acceptance,
    # nor that this platform has no token; tests/test_guard.py asks one that has
    ignored_auth,
]
KNOWN = "known-app"
FORM: Any = {"app": b"import streamlit\n"}
GOOD = {
    "create_app": 201,
    "create_release": 202,
    "activate_release": 202,
    "drain_release": 409,
    "delete_variable": 202,
    "delete_secret": 202,
}
"""What an aimed request gets, where that is not 200: nothing runs here, so nothing can drain."""
NEW: Any = {"name": "made", **FORM}
BODIES: dict[str, Any] = {
    "/releases": FORM, "/variables": {"environment": "{}"}, "/secrets": {"secrets": "a = 1"},
}  # fmt: skip
"""What an aimed request sends, by the end of its path."""
PLACES: dict[str, Any] = {"app_id": KNOWN, "number": 1, "path": "app.py", "name": "region"}
"""An app that there is, with a release and a file that it has."""


@pytest.fixture(scope="module")
def offline() -> Iterator[Platform]:
    """A platform whose installs fail within a moment: uv may ask nobody and has nothing in store."""
    made = Platform(UV_OFFLINE="1", UV_NO_INDEX="1")
    made.settings["UV_CACHE_DIR"] = str(made.data / "empty-cache")
    made.start()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def schema(offline: Platform) -> OpenApiSchema:
    """The document as the platform itself gives it."""
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    return schemathesis.openapi.from_url(f"{offline.url}/api/openapi.json", config=config)


def cases(schema: OpenApiSchema, operation: str) -> st.SearchStrategy[Case[Any]]:
    """Requests for one call: as the document has them, and as it does not."""
    found = schema.find_operation_by_id(operation)
    return st.one_of(
        found.as_strategy(generation_mode=GenerationMode.POSITIVE),
        found.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )


def aim(case: Case[Any], platform: Platform) -> None:
    """Let the call reach an app that there is, and a create one that is made."""
    if "app_id" in case.path_parameters:
        if platform.api.get(f"/apps/{KNOWN}").status_code == 404:
            platform.create(app_id=KNOWN)
        case.path_parameters |= {name: PLACES[name] for name in case.path_parameters if name in PLACES}
        if "base" in case.query:
            case.query["base"] = 1
    for kind in case.operation.get_request_payload_content_types()[:1]:
        case.media_type = kind
        end = case.operation.path.rpartition("}")[2]
        case.body = {"value": "x"} if "{name}" in case.operation.path else BODIES.get(end, NEW)
    if case.method == "DELETE" and "name" in case.path_parameters:
        place = case.formatted_path.removeprefix("/api")
        assert platform.api.put(place, data={"value": "x"}).status_code in (200, 202)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_call(offline: Platform, schema: OpenApiSchema, operation: str) -> None:
    """No request ends in a 5xx, and every answer is one that the document names, in the shape it gives."""

    @limits(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases(schema, operation), aimed=st.booleans())
    def ask(case: Case[Any], aimed: bool) -> None:
        if aimed:
            aim(case, offline)
        answer = case.call(timeout=40)
        if answer.status_code == 201:
            offline.api.delete(f"/apps/{answer.json()['app_id']}")
        mended = [negative_data_rejection] if aimed else []
        case.validate_response(answer, excluded_checks=[*NOT_IN_THE_SCHEMA, *mended])
        seen.add(answer.status_code)

    seen: set[int] = set()
    ask()
    good = GOOD.get(operation, 200)
    assert good in seen, f"no request of {operation} got through: {seen}"


def test_nothing_is_left(offline: Platform) -> None:
    """After all of that the platform is well, and its apps go when they are told to."""
    for app in offline.api.get("/apps").json():
        assert offline.api.delete(f"/apps/{app['app_id']}").status_code == 200
    assert offline.api.get("/health").json()["status"] == "ok"
    assert offline.api.get("/apps").json() == []
    until(lambda: not list((offline.data / "supervisor" / "apps").glob("*.conf")), 20, what="no section left")
    assert "stumbled" not in (offline.data / "logs" / "hostd.log").read_text()
