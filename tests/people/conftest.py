"""One platform with people and an OpenID provider, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.people.house import FILES, PASSWORD, Client, bearer_of, first_sign_in, provider, sign_in
from tests.platform import Platform, until


@pytest.fixture(scope="package")
def issuer() -> Iterator[str]:
    """Where people sign in: one of each kind, and two who come under somebody else's name."""
    users = (
        {"sub": "s-olga", "preferred_username": "olga", "email": "olga@corp.example", "groups": ["ops", "x"]},
        {"sub": "s-otto", "preferred_username": "Otto", "email": "otto@corp.example", "groups": ["data"]},
        {"sub": "s-oona", "email": "oona@corp.example", "email_verified": True},
        {"sub": "s-admin", "preferred_username": "admin", "groups": ["ops"]},
        {"sub": "s-otto-2", "preferred_username": "otto", "groups": ["ops"]},
        {
            "sub": "s-mail",
            "preferred_username": "mail",
            "email": "anna@corp.example",
            "email_verified": False,
        },
    )
    with provider(*users) as found:
        yield found


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory, issuer: str) -> Iterator[Platform]:
    """A platform where people sign in; installs end at once, so that apps fail and cost nothing."""
    file = tmp_path_factory.mktemp("secret") / "password"
    file.write_text(f"{PASSWORD}\n")
    made = Platform(
        UV_OFFLINE="1",
        UV_NO_INDEX="1",
        STREAMLIT_HOST_ADMIN_PASSWORD_FILE=str(file),
        STREAMLIT_HOST_OIDC_ISSUER=issuer,
        STREAMLIT_HOST_OIDC_CLIENT_ID="hostd",
        STREAMLIT_HOST_OIDC_CLIENT_SECRET="s3cret",
        STREAMLIT_HOST_OIDC_ADMIN_GROUPS="ops",
        STREAMLIT_HOST_OIDC_PUBLISHER_GROUPS="data, science",
        NO_PROXY="127.0.0.1",
    )
    made.settings["UV_CACHE_DIR"] = str(made.data / "empty-cache")
    made.start(wait=False)
    made.api.headers["Authorization"] = f"Bearer {until(lambda: first_sign_in(made), 60, what='the API')}"
    yield made
    made.close()


@pytest.fixture(scope="package")
def people(house: Platform) -> dict[str, Client]:
    """One of each kind; ``read`` is a token of ``anna``, the publisher."""
    found = {"admin": Client(house, bearer_of(house)), "nobody": Client(house)}
    for name, role in (("anna", "publisher"), ("bert", "publisher"), ("vera", "viewer")):
        answer = house.api.post("/users", data={"name": name, "password": PASSWORD, "role": role})
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"].endswith(f"/api/users/{name}")
        found[name] = Client(house, sign_in(house, name).json()["token"])
    token = found["anna"].post("/tokens", data={"label": "reader", "scope": "read"}).json()
    found["read"] = Client(house, token["token"])
    return found


@pytest.fixture(scope="package")
def app(people: dict[str, Client]) -> str:
    """Anna's app, seen by bert and nobody else."""
    fields = {"name": "annas", "app_id": "annas", "visibility": "private", "viewers": "bert"}
    made = people["anna"].post("/apps", data={**fields, "environment": '{"KEY": "hidden"}'}, files=FILES)
    assert made.status_code == 201, made.text
    assert made.json()["access"]["owner"] == "anna"
    return "annas"
