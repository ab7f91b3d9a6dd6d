"""Any request by anybody: no 5xx, and no call does anything for whom its rule keeps out."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import given, seed
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from hostd.api.rules import RULES, Needs
from tests.fuzz import counted, examples
from tests.people.house import Client
from tests.platform import Platform

ENDLESS = {"stream_logs"}
"""Ends only when the client leaves."""
NOT_ALIKE = {"sign_in", "sign_out"}
"""They would end the session that asks, or slow the next sign-in down."""
OF_APPS = (Needs.SEES_APP, Needs.MANAGES_APP, Needs.OWNS_APP)
KEPT_OUT: dict[str, dict[Needs, set[int]]] = {
    "nobody": {needs: {401} for needs in Needs if needs is not Needs.NOTHING},
    "vera": {Needs.PUBLISHER: {403}, Needs.ADMIN: {403}} | {needs: {404} for needs in OF_APPS},
    "bert": {Needs.ADMIN: {403}, Needs.MANAGES_APP: {403, 404}, Needs.OWNS_APP: {403, 404}},
}
"""What somebody gets for a call that is not theirs, whatever it sends; an app that is not there is 404."""
EARLY = {400, 404, 405, 413, 414, 431}
"""What a request that is none gets before anybody looks at who sends it: a path that no call has, say."""


@pytest.fixture(scope="module")
def schema(house: Platform) -> Any:
    """The document as the platform itself gives it."""
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    return schemathesis.openapi.from_url(f"{house.url}/api/openapi.json", config=config)


def cases(schema: Any) -> st.SearchStrategy[Case[Any]]:
    """Requests for every call: as the document has them, and as it does not."""
    found = [
        call.ok() for call in schema.get_all_operations()
        if call.ok().definition.raw["operationId"] not in ENDLESS | NOT_ALIKE
    ]  # fmt: skip
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    return st.one_of(*(call.as_strategy(generation_mode=mode) for call in found for mode in modes))


@pytest.mark.parametrize("who", KEPT_OUT)
def test_nobody_gets_round_a_rule(
    house: Platform, people: dict[str, Client], app: str, schema: Any, who: str
) -> None:
    """Each request is answered, with less than 500; what is not the caller's is refused as its rule says."""
    bearer = people[who].bearer
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}

    @seed(0)
    @examples(120)
    @given(case=cases(schema), aimed=st.booleans())
    def ask(case: Case[Any], aimed: bool) -> None:
        if aimed and "app_id" in case.path_parameters:
            case.path_parameters["app_id"] = app
        case.headers.pop("authorization", None)
        answer = case.call(headers=headers, timeout=60)
        needs = RULES[case.operation.definition.raw["operationId"]]
        assert answer.status_code < 500, (case.operation.label, answer.text)
        expected = KEPT_OUT[who].get(needs)
        assert expected is None or answer.status_code in expected | EARLY, (case.operation.label, answer.text)
        ends[str(answer.status_code)] += 1

    with counted(f"API as {who}") as ends:
        ask()
    found = people["admin"].get(f"/apps/{app}").json()
    assert found["options"]["environment"] == {"KEY": "hidden"}
    assert found["access"]["owner"] == "anna"
    assert "stumbled" not in (house.data / "logs" / "hostd.log").read_text()
