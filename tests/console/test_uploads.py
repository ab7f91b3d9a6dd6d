"""The ways in which an app can come, seen through Streamlit's AppTest."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from console.upload import Unusable, environment, of_files, of_folder, of_git
from tests.console.drive import choose_way, press, texts, visit, widget
from tests.console.fake import FakeHostd

GALLERY = [
    {
        "name": "hello",
        "title": "Hello",
        "title_zh": "你好",
        "description": "A page.",
        "description_zh": "一页",
    },
    {"name": "chat", "title": "Chat", "title_zh": "聊天", "description": "Talk.", "description_zh": "对话"},
]


def _form(fake: FakeHostd, way: str, name: str = "Mine") -> AppTest:
    at = choose_way(visit(fake, "new"), way)
    widget(at.text_input, "Name").set_value(name)
    return at


def test_pasted_code_is_deployed() -> None:
    fake = FakeHostd()
    at = _form(fake, "Paste code", " Mine ")
    widget(at.text_area, "app.py").set_value("print('ü')")
    press(at, "Deploy")
    assert fake.sent == {"name": "Mine", "app": "print('ü')"}
    assert at.query_params["id"] == "new-1"


def test_uploaded_files_are_deployed() -> None:
    fake = FakeHostd()
    at = _form(fake, "Upload")
    at.file_uploader[0].upload("my.py", b"print(2)").upload("needs.txt", b"pandas")
    press(at, "Deploy")
    assert fake.sent == {"name": "Mine", "my.py": "print(2)", "needs.txt": "pandas"}


def test_a_folder_is_deployed_with_its_paths_and_without_what_no_app_needs() -> None:
    fake = FakeHostd()
    at = _form(fake, "Upload", "")
    folder = at.file_uploader[1]
    for path in ("proj/app.py", "proj/pages/1_a.py", "proj/.streamlit/config.toml", "proj/.git/HEAD"):
        folder.upload(path, b"x")
    press(at, "Deploy")
    assert set(fake.sent) == {"name", "proj/app.py", "proj/pages/1_a.py", "proj/.streamlit/config.toml"}
    assert fake.sent["name"] == "proj"


def test_an_archive_goes_as_it_is_and_names_the_app() -> None:
    fake = FakeHostd()
    at = _form(fake, "Upload", "")
    at.file_uploader[0].upload("Sales.tar.gz", b"packed")
    press(at, "Deploy")
    assert fake.sent == {"name": "Sales", "bundle": "packed"}


def test_a_repository_is_deployed_with_options() -> None:
    fake = FakeHostd()
    at = _form(fake, "From git", "")
    widget(at.text_input, "Repository").set_value("git@git.corp.example:team/tool.git")
    widget(at.text_input, "Branch, tag or commit").set_value("v2")
    widget(at.text_input, "Python version").set_value("3.12")
    widget(at.text_area, "Environment variables").set_value("A=1\n\nB=x=y")
    widget(at.number_input, "Open sessions may stay (minutes)").set_value(5)
    widget(at.selectbox, "How a new release takes over").set_value("replace")
    press(at, "Deploy")
    assert fake.sent == {
        "name": "tool",
        "git": "git@git.corp.example:team/tool.git",
        "git_ref": "v2",
        "python": "3.12",
        "drain_minutes": "5",
        "strategy": "replace",
        "environment": '{"A": "1", "B": "x=y"}',
    }


@pytest.mark.parametrize(("locale", "label", "title"), [("en", "Templates", "Chat"), ("zh", "模板", "聊天")])
def test_a_template_is_deployed_with_one_click(locale: str, label: str, title: str) -> None:
    fake = FakeHostd(gallery=GALLERY)
    at = choose_way(visit(fake, "new", locale=locale), label)
    assert title in texts(at)
    next(button for button in at.button if button.key == "use_chat_new_0").click()
    at.run()
    assert fake.sent == {"name": title, "template": "chat"}


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("Paste code", "Paste the code"),
        ("Upload", "Choose what to deploy"),
        ("From git", "Give the repository"),
        ("Templates", "Choose one of the templates"),
    ],
)
def test_a_form_that_is_not_complete_says_what_is_missing(way: str, said: str) -> None:
    fake = FakeHostd()
    assert said in texts(press(_form(fake, way), "Deploy"))
    assert not fake.sent


def test_files_without_a_name_ask_for_one() -> None:
    fake = FakeHostd()
    at = _form(fake, "Upload", "")
    at.file_uploader[0].upload("app.py", b"x")
    assert "Give the app a name" in texts(press(at, "Deploy"))
    assert not fake.sent


def test_an_ambiguous_entry_is_picked_and_nothing_given_is_lost() -> None:
    fake = FakeHostd(refusal=(422, "entry: a.py or b.py?"), candidates=["a.py", "b.py"])
    at = _form(fake, "Upload")
    at.file_uploader[0].upload("two.zip", b"packed")
    press(at, "Deploy")
    assert "More than one file could be the app" in texts(at)
    fake.refusal = None
    at.radio[0].set_value("b.py")
    press(at, "Deploy")
    assert fake.sent == {"name": "Mine", "bundle": "packed", "entry": "b.py"}


def test_a_picked_entry_belongs_to_its_upload_only() -> None:
    fake = FakeHostd(refusal=(422, "entry: a.py or b.py?"), candidates=["a.py", "b.py"])
    at = _form(fake, "Upload")
    at.file_uploader[0].upload("two.zip", b"packed")
    press(at, "Deploy")
    fake.refusal = None
    choose_way(at, "Paste code")
    widget(at.text_area, "app.py").set_value("print(1)")
    press(at, "Deploy")
    assert fake.sent == {"name": "Mine", "app": "print(1)"}


def test_what_hostd_refuses_is_shown_in_the_form_and_nothing_typed_is_lost() -> None:
    fake = FakeHostd(refusal=(422, "app: line 1: invalid syntax"))
    at = _form(fake, "Paste code")
    widget(at.text_area, "app.py").set_value("def")
    press(at, "Deploy")
    assert "invalid syntax" in texts(at)
    assert widget(at.text_area, "app.py").value == "def"


def test_an_outage_does_not_take_what_was_typed() -> None:
    fake = FakeHostd()
    at = _form(fake, "Paste code")
    widget(at.text_area, "app.py").set_value("print(1)")
    fake.down = True
    press(at, "Deploy")
    assert "hostd is not answering" in texts(at)
    fake.down = False
    at.run()
    assert widget(at.text_area, "app.py").value == "print(1)"


def test_a_line_of_the_environment_that_is_none_is_named() -> None:
    fake = FakeHostd()
    at = _form(fake, "Paste code")
    widget(at.text_area, "app.py").set_value("print(1)")
    widget(at.text_area, "Environment variables").set_value("A=1\nB")
    assert "line 2" in texts(press(at, "Deploy"))
    assert not fake.sent


def test_an_environment_is_read_line_by_line() -> None:
    assert environment("# why\nA = 1\n\nB=") == ({"A": "1", "B": ""}, None)
    assert environment("A=1\n=2")[1] == 2


@pytest.mark.parametrize("names", [[], ["a.zip", "b.py"], ["a.zip", "b.tgz"]])
def test_files_that_can_not_go_together_are_told(names: list[str]) -> None:
    with pytest.raises(Unusable):
        of_files((name, b"") for name in names)


def test_a_folder_of_leftovers_is_none() -> None:
    with pytest.raises(Unusable):
        of_folder([("p/.venv/x.py", b""), ("p/__pycache__/y.pyc", b"")])


@pytest.mark.parametrize(
    ("url", "subdir", "title"),
    [
        ("https://h/t/tool.git/", "", "tool"),
        ("git@h:tool.git", "", "tool"),
        ("https://h/mono", "a/one", "one"),
    ],
)
def test_a_repository_names_the_app(url: str, subdir: str, title: str) -> None:
    assert of_git(url, "", subdir).title == title
