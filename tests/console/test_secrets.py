"""Variables and secrets in the console."""

from __future__ import annotations

from console.desk import plain
from tests.console.drive import labels, press, texts, visit, widget
from tests.console.fake import ID, FakeHostd


def _app(*secrets: str) -> FakeHostd:
    fake = FakeHostd(secrets=list(secrets))
    return fake.add(options={"environment": {"A": "1"}})


def test_names_are_shown_and_what_becomes_of_them() -> None:
    said = texts(visit(_app("token", "database.password", "short"), "app", id=ID))
    assert "token" in said
    assert plain("database.password") in said
    assert "also in the environment · too short to be taken out of logs" in said
    assert "None yet." in texts(visit(_app(), "app", id=ID))


def test_variables_are_set_whole_and_only_when_they_differ() -> None:
    fake = _app()
    at = visit(fake, "app", id=ID)
    assert "Nothing was changed" in texts(press(at, "Set variables"))
    area = next(each for each in at.text_area if str(each.key).startswith(f"code_environment_{ID}"))
    area.set_value("A=2\nB=x=y")
    assert "Set. A new release is on its way." in texts(press(at, "Set variables"))
    assert fake.sent == {"environment": '{"A": "2", "B": "x=y"}'}
    area = next(each for each in at.text_area if str(each.key).startswith(f"code_environment_{ID}"))
    area.set_value("no sign")
    assert "1" in texts(press(at, "Set variables"))


def test_one_secret_is_set() -> None:
    fake = _app()
    at = visit(fake, "app", id=ID)
    press(at, "Set this secret")
    assert not fake.sent
    widget(at.text_input, "Name of the secret").set_value(" database.password ")
    widget(at.text_input, "Value").set_value("hush")
    assert "Set. A new release" in texts(press(at, "Set this secret"))
    assert fake.calls.count(f"PUT /api/apps/{ID}/secrets/database.password") == 1
    assert fake.sent == {"value": "hush"}
    assert "hush" not in texts(at)


def test_a_whole_file_is_pasted() -> None:
    fake = _app("old")
    at = visit(fake, "app", id=ID)
    widget(at.text_area, "Or all of them, as a secrets.toml").set_value("a = 1\n")
    press(at, "Replace all secrets")
    assert fake.sent == {"secrets": "a = 1\n"}


def test_what_hostd_refuses_is_told() -> None:
    fake = _app()
    at = visit(fake, "app", id=ID)
    fake.refusal = (422, "secrets: is no TOML: at line 2")
    widget(at.text_area, "Or all of them, as a secrets.toml").set_value("a = 1\n=")
    assert "line 2" in texts(press(at, "Replace all secrets"))


def test_a_secret_is_deleted() -> None:
    fake = _app("token", "other")
    at = visit(fake, "app", id=ID)
    assert "The app runs on without **token**" in texts(at)
    next(button for button in at.button if button.key == "delete_secret_token").click()
    at.run()
    assert fake.secrets == ["other"]
    assert "delete_secret_token" not in [button.key for button in at.button]
    assert labels(at)


def test_in_chinese() -> None:
    assert "密钥" in texts(visit(_app("token"), "app", locale="zh-CN", id=ID))
