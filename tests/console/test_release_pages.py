"""Releases, files and settings of one app, seen through Streamlit's AppTest."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import TextArea

from tests.console.drive import choose_way, labels, press, texts, visit, widget
from tests.console.fake import ID, FakeHostd, failure, release_json

DEPLOYING = {"release": 3, "step": "first_session", "since": "2025-11-22T20:31:00Z"}
DRAINING = [{"release": 1, "since": "", "until": "2025-11-22T21:01:00Z", "connections": 4}]


def _editor(at: AppTest) -> TextArea:
    """The editor of a file; a new release's form has one for pasting, too."""
    return next(area for area in at.text_area if str(area.key).startswith(f"code_{ID}_"))


def _three(**changes: Any) -> FakeHostd:
    """An app with a failed release on top of the one that runs."""
    bad = failure("first_page_failed", "KeyError: 'x'", advice="Mend app.py.")
    releases = [release_json(3, "failed", error=bad), release_json(2, "active"), release_json(1, "draining")]
    return FakeHostd(releases=releases).add(release=2, draining=DRAINING, **changes)


def test_the_releases_are_listed_with_state_note_and_failure() -> None:
    said = texts(visit(_three(), "app", id=ID))
    for words in ("#3", "Failed", "Active", "Draining", "note 2", r"3\.11\.9", "KeyError", "Mend"):
        assert words in said
    assert "go on here: 4" in said


def test_a_release_that_has_served_is_rolled_back_to_after_a_question() -> None:
    fake = _three()
    at = press(visit(fake, "app", id=ID), "Roll back")
    at.run()
    assert "New visitors get release 1" in texts(at)
    next(box for box in at.checkbox if box.key == f"force_{ID}_1").check()
    press(at, "Run release 1")
    assert f"POST /api/apps/{ID}/releases/1/activate?force=true" in fake.calls
    assert "New visitors get" not in texts(at)


def test_a_rollback_that_is_not_wanted_is_left() -> None:
    fake = _three()
    at = press(press(visit(fake, "app", id=ID), "Roll back"), "Leave it")
    assert "New visitors get" not in texts(at)
    assert not [call for call in fake.calls if call.startswith("POST")]


def test_what_hostd_refuses_is_told_in_the_dialog() -> None:
    fake = _three()
    fake.refusal = (409, "Release 1 is gone.")
    at = press(press(visit(fake, "app", id=ID), "Roll back"), "Run release 1")
    assert "is gone" in texts(at)


def test_a_release_is_told_in_detail() -> None:
    fake = _three()
    fake.releases[1] |= {"resolved": ["pandas==2.2"], "install_log": "Installed 40 packages"}
    at = visit(fake, "app", id=ID)
    next(button for button in at.button if button.key == "details_2").click()
    said = texts(at.run())
    assert "pandas==2.2" in said
    assert "Installed 40 packages" in said


def test_a_draining_release_is_ended() -> None:
    fake = _three()
    at = press(visit(fake, "app", id=ID), "End now")
    assert f"POST /api/apps/{ID}/releases/1/drain?now=true" in fake.calls
    assert "Release 1 has ended" in texts(at)
    assert "go on here" not in texts(at)


def test_two_releases_are_compared() -> None:
    fake = _three()
    fake.changes = [
        {"path": "app.py", "status": "changed", "diff": "-old\n+new"},
        {"path": "logo.png", "status": "added", "diff": None},
    ]
    at = visit(fake, "app", id=ID)
    assert not [call for call in fake.calls if "/diff" in call]
    at.session_state["compare"] = True
    said = texts(at.run())
    assert f"GET /api/apps/{ID}/releases/3/diff?base=2" in fake.calls
    assert "-old\n+new" in said
    assert "Not a text file" in said


def test_a_new_release_is_sent_with_its_note_and_followed() -> None:
    fake = _three()
    at = choose_way(visit(fake, "app", id=ID), "Paste code", f"release_{ID}")
    widget(at.text_input, "Note").set_value("faster")
    next(area for area in at.text_area if area.key == f"code_app_release_{ID}_0").set_value("print(3)")
    next(box for box in at.checkbox if box.key == f"force_release_{ID}_0").check()
    press(at, "Deploy the release")
    assert fake.sent == {"note": "faster", "app": "print(3)"}
    assert f"POST /api/apps/{ID}/releases?force=true" in fake.calls
    assert at.query_params == {"id": ID, "release": "4"}
    assert "Release 4 is on its way" in texts(at)


@pytest.mark.parametrize("page", ["app", "deploy"])
def test_a_release_on_its_way_is_shown_while_the_app_runs(page: str) -> None:
    fake = _three(deploying=DEPLOYING)
    fake.releases[0] = release_json(3, "deploying")
    said = texts(visit(fake, page, id=ID, **({"release": "3"} if page == "deploy" else {})))
    assert "First page" in said
    assert "Opening its first page" in said
    assert "Release 3 is on its way" in said


@pytest.mark.parametrize(
    ("number", "words"),
    [("3", "KeyError"), ("2", "Release 2 of **Demo** is online"), ("1", "another has followed it")],
)
def test_the_end_of_a_release_s_way_is_told(number: str, words: str) -> None:
    at = visit(_three(), "deploy", id=ID, release=number)
    assert words in texts(at)
    assert "Manage this app" in labels(at)


def test_the_list_shows_what_is_under_way_and_what_drains() -> None:
    said = texts(visit(_three(deploying=DEPLOYING)))
    assert "First page · #3" in said
    assert "1 draining" in said


def test_a_first_page_that_raises_is_warned_about() -> None:
    at = visit(_three(warning=failure("first_page_failed", "ValueError: no")), "app", id=ID)
    assert "ValueError" in at.warning[0].value
    assert "Mend it" in at.warning[0].value


def test_only_what_was_edited_is_sent_from_however_many_files() -> None:
    fake = FakeHostd(files={"app.py": "old", "pages/1_a.py": "page", "requirements.txt": "pandas\n"}).add()
    at = visit(fake, "app", id=ID)
    _editor(at).set_value("new").run()
    widget(at.selectbox, "File").set_value("pages/1_a.py").run()
    _editor(at).set_value("other").run()
    assert "Edited, not saved yet" in texts(at)
    press(at, "Save and redeploy")
    assert fake.sent == {"app.py": "new", "pages/1_a.py": "other"}


def test_an_edit_survives_a_look_at_another_file_and_can_be_discarded() -> None:
    fake = FakeHostd(files={"app.py": "old", "b.py": "page"}).add()
    at = visit(fake, "app", id=ID)
    _editor(at).set_value("new").run()
    widget(at.selectbox, "File").set_value("b.py").run()
    widget(at.selectbox, "File").set_value("app.py").run()
    assert _editor(at).value == "new"
    press(at, "Discard")
    assert _editor(at).value == "old"
    assert "not saved yet" not in texts(at)


def test_saving_without_a_change_redeploys_nothing() -> None:
    fake = FakeHostd().add()
    at = press(visit(fake, "app", id=ID), "Save and redeploy")
    assert "Nothing was changed" in texts(at)
    assert not fake.sent


def test_a_file_that_is_not_there_yet_can_be_written() -> None:
    fake = FakeHostd().add()
    at = visit(fake, "app", id=ID)
    widget(at.selectbox, "File").set_value("requirements.txt").run()
    _editor(at).set_value("pandas\n").run()
    press(at, "Save and redeploy")
    assert fake.sent == {"requirements.txt": "pandas\n"}


def test_only_the_options_that_differ_are_sent_and_an_empty_one_is_the_default_again() -> None:
    options = {"environment": {"A": "1"}, "drain_minutes": 5.0, "strategy": "auto", "python": "3.11"}
    fake = FakeHostd().add(options=options)
    at = visit(fake, "app", id=ID)
    own = [each for each in at.text_input if ID in str(each.key) and "release" not in str(each.key)]
    widget(own, "Python version").set_value("")
    next(button for button in at.button if button.form_id == "options").click()
    at.run()
    assert fake.sent == {"python": ""}


def test_options_that_did_not_change_are_not_sent() -> None:
    fake = FakeHostd().add()
    at = visit(fake, "app", id=ID)
    next(button for button in at.button if button.form_id == "options").click()
    assert "Nothing was changed" in texts(at.run())
    assert not fake.sent
