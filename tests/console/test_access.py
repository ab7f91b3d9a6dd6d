"""Who may see an app, in the console."""

from __future__ import annotations

from console.access_form import VISIBILITIES
from console.texts import TEXTS
from hostd.access import Visibility
from tests.console.drive import labels, press, texts, visit, widget
from tests.console.fake import ID, FakeHostd


def test_only_what_was_changed_is_sent() -> None:
    """And what was set is shown."""
    access = {"visibility": "private", "viewers": ["ann", "bob"], "owner": "carl"}
    at = visit(FakeHostd().add(access=access), "app", id=ID)
    assert widget(at.text_input, "People").value == "ann, bob"
    assert widget(at.text_input, "Owner").value == "carl"
    assert "Owner: carl." in texts(at)
    fake = FakeHostd().add(access=access)
    at = visit(fake, "app", id=ID)
    assert "Nothing was changed" in texts(press(at, "Set visibility"))
    assert not [call for call in fake.calls if call.startswith("PATCH")]
    widget(at.selectbox, "Visibility").set_value("signed-in")
    widget(at.text_input, "People").set_value("")
    widget(at.text_input, "Groups").set_value("finance")
    assert "Set. Who may not see it" in texts(press(at, "Set visibility"))
    assert fake.sent == {"visibility": "signed-in", "viewers": "", "viewer_groups": "finance"}


def test_an_app_is_given_away_by_its_owner_and_admins() -> None:
    """A collaborator is told whose it is, and has no field that would be refused."""
    access = {"visibility": "private", "owner": "carl", "collaborators": ["ann"]}
    fake = FakeHostd(me={"name": "carl", "role": "publisher", "means": "session"}).add(access=access)
    at = visit(fake, "app", id=ID)
    widget(at.text_input, "Owner").set_value("")
    press(at, "Give it away")
    assert not [call for call in fake.calls if call.startswith("PATCH")], "an app is not lost by a slip"
    widget(at.text_input, "Owner").set_value("bob")
    assert "It has another owner." in texts(press(at, "Give it away"))
    assert fake.sent == {"owner": "bob"}
    fake = FakeHostd(me={"name": "ann", "role": "publisher", "means": "session"}).add(access=access)
    at = visit(fake, "app", id=ID)
    assert "Owner: carl." in texts(at)
    assert not {"Owner", "Collaborators, who may change it"} & {field.label for field in at.text_input}


def test_a_secret_link_is_shown_once() -> None:
    """It can be withdrawn when there is one."""
    at = visit(FakeHostd().add(), "app", id=ID)
    assert "Withdraw the link" not in labels(at)
    at = press(at, "New secret link")
    assert f"/apps/{ID}/~link/secret" in texts(at)
    assert "~link/secret" not in texts(at.run())
    assert "Withdrawn." in texts(press(at, "Withdraw the link"))
    assert "Withdraw the link" not in labels(at)


def test_every_visibility_has_its_words() -> None:
    assert set(VISIBILITIES) == set(Visibility)
    assert all(f"access_{value}" in TEXTS for value in VISIBILITIES)
