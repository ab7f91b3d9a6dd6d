"""An app's replicas in the console: shown, and set."""

from __future__ import annotations

import pytest

from console.texts import TEXTS
from hostd.scale import MAX_REPLICAS, ReplicaState
from tests.console.drive import press, texts, visit, widget
from tests.console.fake import ID, FakeHostd, replica_json

SHOWN = [replica_json(1, sessions=3), replica_json(2, "draining", 1)]


def test_the_page_tells_how_many_run_and_for_whom() -> None:
    """In the head in a word, in the settings each of them; an app with one process has no badge."""
    at = visit(FakeHostd().add(replicas=SHOWN), "app", id=ID)
    assert "1 of 2 replicas · 4 sessions" in texts(at)
    assert at.table[0].value["State"].tolist() == ["Running", "Draining"]
    assert "replicas ·" not in texts(visit(FakeHostd().add(), "app", id=ID))
    assert "副本 1/2" in texts(visit(FakeHostd().add(replicas=SHOWN), "app", locale="zh-CN", id=ID))


def test_they_are_set_without_a_deploy() -> None:
    """Only what was changed is sent."""
    fake = FakeHostd().add(scale={"min_replicas": 1, "max_replicas": 4, "sessions_per_replica": 20})
    at = visit(fake, "app", id=ID)
    assert "Nothing was changed" in texts(press(at, "Apply now"))
    assert not [call for call in fake.calls if call.startswith("PATCH")]
    widget(at.number_input, "At least").set_value(2)
    widget(at.number_input, "Sessions per replica").set_value(30)
    assert "Applied." in texts(press(at, "Apply now"))
    assert fake.sent == {"min_replicas": "2", "sessions_per_replica": "30"}
    assert widget(at.number_input, "At most").max == MAX_REPLICAS


def test_sleep_is_set_as_well() -> None:
    """The idle time, 0 included, and whether the app is always on."""
    fake = FakeHostd().add(scale={"idle_minutes": 45, "always_on": False})
    at = visit(fake, "app", id=ID)
    assert widget(at.number_input, "Sleeps after (minutes)").value == 45
    widget(at.number_input, "Sleeps after (minutes)").set_value(0.0)
    widget(at.checkbox, "Always on").check()
    assert "Applied." in texts(press(at, "Apply now"))
    assert fake.sent == {"idle_minutes": "0", "always_on": "true"}


def test_bounds_stand_beside_the_fields() -> None:
    """Of those who have some; what hostd refuses is told in its own words."""
    bounds = {
        "memory_mb": {"default": 2000, "most": 4000, "least": None},
        "nice": {"default": 5, "most": None, "least": 3},
        "processes": {"default": 1000, "most": None, "least": None},
        "connect_ports": {"default": "common", "most": "common,40000", "least": None},
        "replicas": {"default": 1, "most": 2, "least": None},
    }
    fake = FakeHostd(health={"limits": bounds}).add()
    at = visit(fake, "app", id=ID)
    labels = {field.label for field in (*at.number_input, *at.text_input)}
    assert {"Memory (MB) · up to 4000", "Nice · from 3 up", "Processes", "At most · up to 2"} <= labels
    assert "Ports it may connect to · of common,40000" in labels
    widget(at.number_input, "Memory (MB) · up to 4000").set_value(4001)
    fake.refusal = (422, "memory_mb: must be a number from 1 to 4000")
    assert "from 1 to 4000" in texts(press(at, "Apply now"))
    assert fake.sent == {"memory_mb": "4001"}
    free = visit(FakeHostd(health={"limits": {name: {"default": 1} for name in bounds}}).add(), "app", id=ID)
    assert widget(free.number_input, "Memory (MB)").max == 99_999_999


@pytest.mark.parametrize("state", list(ReplicaState))
def test_every_state_of_a_replica_has_a_word(state: ReplicaState) -> None:
    assert f"replica_{state}" in TEXTS
