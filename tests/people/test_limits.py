"""How far publishers may go with the limits of their own apps."""

from __future__ import annotations

import pytest

from hostd.errors import Invalid, SettingsError
from hostd.maxima import Maxima
from hostd.scale import Scale
from hostd.settings import load
from tests.people.house import FILES, Client
from tests.platform import Platform, assert_problem

BEYOND = [
    ("memory_mb", "2001", "2000", "1500"),
    ("memory_mb", "0", "2000", "2000"),
    ("disk_mb", "10001", "10000", "1"),
    ("processes", "1001", "1000", "50"),
    ("nice", "4", "5", "19"),
    ("connect_ports", "common,10001", "common", "443,8000-8100"),
    ("connect_ports", "1-65535", "common", "none"),
]


@pytest.mark.parametrize("values", BEYOND)
def test_only_admins_go_beyond_the_maxima(
    people: dict[str, Client], app: str, values: tuple[str, str, str, str]
) -> None:
    """A publisher is told the field and its bound; what an admin has set stays, and may be sent again."""
    name, beyond, bound, within = values
    anna, admin, path = people["anna"], people["admin"], f"/apps/{app}"
    refused = anna.patch(path, data={name: beyond})
    assert_problem(refused, 422, name)
    assert bound in refused.json()["detail"]
    assert_problem(anna.post("/apps", data={"name": "greedy", name: beyond}, files=FILES), 422, name)
    assert anna.patch(path, data={name: within}).status_code == 200
    as_set = admin.patch(path, data={name: beyond}).json()["scale"][name]
    assert str(as_set) == beyond
    assert anna.patch(path, data={name: beyond, "idle_minutes": "7"}).status_code == 200
    assert anna.patch(path, data={"idle_minutes": ""}).json()["scale"][name] == as_set
    assert anna.patch(path, data={name: ""}).json()["scale"][name] is None
    assert_problem(anna.patch(path, data={name: beyond}), 422, name)


def test_replicas_have_a_maximum(people: dict[str, Client], app: str) -> None:
    """Unless set, it is that of the platform for everybody."""
    assert_problem(people["anna"].patch(f"/apps/{app}", data={"replicas": "17"}), 422, "replicas")
    limits = {who: people[who].get("/health").json()["limits"] for who in ("anna", "admin")}
    assert limits["anna"]["memory_mb"] == {"default": 2000, "most": 2000, "least": None}
    assert limits["anna"]["nice"] == {"default": 5, "most": None, "least": 5}
    assert limits["anna"]["replicas"] == {"default": 1, "most": 16, "least": None}
    assert all(each["most"] is each["least"] is None for each in limits["admin"].values())


def test_a_token_that_only_deploys_is_no_admins(house: Platform, people: dict[str, Client], app: str) -> None:
    """A pipeline's token that has leaked gives an app no more than a publisher could."""
    for scope, status in (("deploy", 422), ("admin", 200)):
        made = people["admin"].post("/tokens", data={"label": scope, "scope": scope}).json()
        token = Client(house, made["token"])
        assert token.patch(f"/apps/{app}", data={"memory_mb": "9000"}).status_code == status
        people["admin"].delete(f"/tokens/{made['token_id']}")
    people["admin"].patch(f"/apps/{app}", data={"memory_mb": ""})


def maxima(**given: str) -> Maxima:
    """Those of a platform with these settings, behind STREAMLIT_HOST_APP_."""
    return load({f"STREAMLIT_HOST_APP_{name}": text for name, text in given.items()}).maxima


@pytest.mark.parametrize(
    ("given", "name", "most", "beyond"),
    [
        ({"MEMORY_MAX_MB": "4000"}, "memory_mb", 4000, 4001),
        ({"MEMORY_MAX_MB": "4000"}, "memory_mb", 1, 0),
        ({"MEMORY_MAX_MB": "0"}, "memory_mb", 0, None),
        ({"MEMORY_MB": "0"}, "memory_mb", 99_999_999, None),
        ({"DISK_MB": "500"}, "disk_mb", 500, 501),
        ({"PROCESSES_MAX": "3000"}, "processes", 3000, 3001),
        ({"NICE_MIN": "0"}, "nice", 0, None),
        ({"NICE": "10"}, "nice", 10, 9),
        ({"REPLICAS_MAX": "2"}, "max_replicas", 2, 3),
        ({"REPLICAS_MAX": "2"}, "min_replicas", 2, 3),
        ({"CONNECT_PORTS": "443"}, "connect_ports", "443", "443,80"),
        ({"CONNECT_PORTS_MAX": "common,40000-40009"}, "connect_ports", "40001,5432", "40009-40010"),
        ({"CONNECT_PORTS_MAX": "1-65535"}, "connect_ports", "1-65535", None),
    ],
)
def test_what_an_operator_sets(given: dict[str, str], name: str, most: object, beyond: object) -> None:
    """The bound itself is allowed, the next value is not; an empty field is the platform's own limit."""
    bounds = maxima(**given)
    bounds.check(Scale(), {name: most, "idle_minutes": 5.0, "always_on": True})
    bounds.check(Scale(), {name: None} if "replicas" not in name else {})
    if beyond is None:
        return
    with pytest.raises(Invalid) as caught:
        bounds.check(Scale(), {name: beyond})
    assert caught.value.field == name
    bounds.check(Scale(**{name: beyond}), {name: beyond})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ({"MEMORY_MB": "0", "MEMORY_MAX_MB": "4000"}, "MEMORY_MAX_MB"),
        ({"NICE": "3", "NICE_MIN": "4"}, "NICE_MIN"),
        ({"CONNECT_PORTS": "80,443", "CONNECT_PORTS_MAX": "443"}, "CONNECT_PORTS_MAX"),
    ],
)
def test_what_every_app_gets_is_within(given: dict[str, str], setting: str) -> None:
    """A platform whose own limits are beyond its maxima does not start."""
    with pytest.raises(SettingsError, match=f"^STREAMLIT_HOST_APP_{setting}: must allow"):
        maxima(**given)
