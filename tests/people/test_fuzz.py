"""schemathesis against the calls about people, signed in as an admin."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.people.house import Client
from tests.platform import Platform

OPERATIONS = [
    "get_session", "list_users", "create_user", "get_user", "update_user", "delete_user", "set_password",
    "list_tokens", "create_token", "delete_token", "list_audit",
]  # fmt: skip
"""All but sign_in, whose wrong attempts would hold up other tests, and sign_out, which ends this session."""
NOT_IN_THE_SCHEMA = [positive_data_acceptance, negative_data_rejection, ignored_auth]
"""What a name and a password must be, no schema says; who may call, tests/people/test_api.py asks."""


@pytest.fixture(scope="module")
def schema(house: Platform) -> OpenApiSchema:
    """The document as the platform itself gives it."""
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    return schemathesis.openapi.from_url(f"{house.url}/api/openapi.json", config=config)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_call(people: dict[str, Client], schema: OpenApiSchema, operation: str) -> None:
    """No request ends in a 5xx, and every answer is one that the document names, in the shape it gives."""
    found = schema.find_operation_by_id(operation)
    cases = st.one_of(
        found.as_strategy(generation_mode=GenerationMode.POSITIVE),
        found.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @limits(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases, aimed=st.booleans())
    def ask(case: Case[Any], aimed: bool) -> None:
        if aimed and "user" in case.path_parameters:
            case.path_parameters["user"] = "fuzzed"
        answer = case.call(headers={"Authorization": f"Bearer {people['admin'].bearer}"}, timeout=60)
        case.validate_response(answer, excluded_checks=NOT_IN_THE_SCHEMA)

    people["admin"].post("/users", data={"name": "fuzzed", "password": "a long password"})
    ask()
    people["admin"].delete("/users/fuzzed")
    assert people["admin"].get("/session").json()["name"] == "admin"
