"""The pages' logic, seen through Streamlit's AppTest."""

from __future__ import annotations

import pytest

from tests.console.drive import labels, press, texts, visit, widget
from tests.console.fake import ID, FakeHostd, failure

NASTY = "a](javascript:alert(1)) <b>*x*</b> :material/bolt: $x$ # `y`"


def test_an_empty_console_teaches_and_deploys_the_demo_with_one_click() -> None:
    fake = FakeHostd()
    at = visit(fake)
    assert "one upload away" in texts(at)
    press(at, "Deploy the demo")
    assert "st.navigation" in fake.sent["app"]
    assert fake.sent["requirements"].strip() == "streamlit"
    assert at.query_params == {"id": "new-1"}
    assert "Waiting for a free install slot" in texts(at)


def test_the_list_shows_status_link_and_failure_of_each_app() -> None:
    fake = FakeHostd().add().add("bad-1", name="Bad", status="failed", error=failure("crashed", "Boom\nmore"))
    at = visit(fake)
    said = texts(at)
    assert "Running" in said
    assert "Failed" in said
    assert "Boom" in said
    links = {link.proto.url: link.proto.disabled for link in at.get("link_button")}
    assert links == {
        f"http://127.0.0.1:8080/apps/{ID}/": False,
        "http://127.0.0.1:8080/apps/bad-1/": True,
    }


def test_the_search_finds_names_and_ids() -> None:
    fake = FakeHostd().add(name="Sales").add("x-77aa11", name="Weather")
    at = visit(fake)
    for text, count in (("SALE", 1), ("77aa", 1), ("", 2), ("none", 0)):
        at.text_input[0].set_value(text).run()
        assert len(at.get("link_button")) == count
    assert "No app matches." in texts(at)


def test_the_filter_shows_apps_of_one_status() -> None:
    fake = FakeHostd().add("a").add("b", status="stopped").add("c", status="failed")
    at = visit(fake)
    for chosen, count in (("stopped", 1), ("created", 0), (None, 3)):
        at.selectbox[0].set_value(chosen).run()
        assert len(at.get("link_button")) == count


def test_many_apps_are_shown_in_pages() -> None:
    fake = FakeHostd()
    for number in range(120):
        fake.add(f"app-{number:03}", name=f"App {number:03}")
    at = visit(fake)
    assert "page_back" not in [button.key for button in at.button if not button.disabled]
    for way, said, count in (
        ("", "1–50 of 120", 50), ("next", "51–100 of 120", 50), ("next", "101–120 of 120", 20),
        ("back", "51–100 of 120", 50),
    ):  # fmt: skip
        if way:
            at.button(key=f"page_{way}").click().run()
        assert said in texts(at)
        assert len(at.get("link_button")) == count
    at.text_input[0].set_value("App 00").run()
    assert len(at.get("link_button")) == 10
    assert " of " not in texts(at)


def test_a_last_page_that_is_gone_is_left() -> None:
    fake = FakeHostd()
    for number in range(51):
        fake.add(f"app-{number:03}", name=f"App {number:03}")
    at = visit(fake)
    at.button(key="page_next").click().run()
    assert "51–51 of 51" in texts(at)
    del fake.apps["app-050"]
    at.run()
    assert len(at.get("link_button")) == 50


@pytest.mark.parametrize(
    ("status", "offered"), [("running", "stop"), ("stopped", "start"), ("failed", "start")]
)
def test_an_app_is_started_and_stopped_from_its_page(status: str, offered: str) -> None:
    fake = FakeHostd().add(status=status)
    at = press(visit(fake, "app", id=ID), offered.capitalize())
    assert f"POST /api/apps/{ID}/{offered}" in fake.calls
    assert ("Stop" if offered == "start" else "Start") in labels(at)


def test_deleting_asks_first_and_the_question_outlives_a_redraw() -> None:
    fake = FakeHostd().add()
    at = press(visit(fake, "app", id=ID), "Delete…")
    at.run()
    assert "can't be undone" in texts(at)
    assert ID in fake.apps
    press(at, "Delete")
    assert fake.apps == {}
    assert "Demo is gone." in texts(at)


def test_keeping_an_app_closes_the_question() -> None:
    fake = FakeHostd().add()
    at = press(press(visit(fake, "app", id=ID), "Delete…"), "Keep it")
    assert "can't be undone" not in texts(at)
    assert ID in fake.apps


def test_a_failed_app_says_what_happened_and_what_to_do() -> None:
    fake = FakeHostd().add(status="failed", error=failure("install_failed", "No such package."))
    for page in ("app", "deploy"):
        said = texts(visit(fake, page, id=ID))
        assert "No such package" in said
        assert r"Mend it" in said
        assert "line two" in said


def test_a_failed_update_says_that_the_old_version_runs() -> None:
    fake = FakeHostd().add(error=failure("crashed"))
    at = visit(fake, "app", id=ID)
    assert not at.error
    assert "It broke" in at.warning[0].value
    assert "Stop" in labels(at)


@pytest.mark.parametrize("page", ["app", "deploy"])
def test_an_app_that_is_not_there_is_said_so(page: str) -> None:
    assert "no app with the id “gone”" in texts(visit(FakeHostd(), page, id="gone"))


def test_an_app_is_renamed() -> None:
    fake = FakeHostd().add()
    at = visit(fake, "app", id=ID)
    widget(at.text_input, "Name").set_value("Other")
    press(at, "Rename")
    assert at.title[0].value == "Other"


@pytest.mark.parametrize("page", ["", "app", "deploy"])
def test_a_name_is_shown_as_text_never_as_markup(page: str) -> None:
    at = visit(FakeHostd().add(name=NASTY, status="created"), page, **({"id": ID} if page else {}))
    assert not at.exception
    shown = "\n".join([texts(at), *(link.proto.label for link in at.get("page_link"))])
    assert r"\]\(javascript\:alert" in shown
    assert "](javascript" not in shown


def test_about_tells_version_folder_and_health() -> None:
    fake = FakeHostd(
        health={"data_dir": "/data", "apps": {"total": 3}, "public_base": "https://x.example/st"}
    )
    at = visit(fake, "about")
    assert at.metric[0].value == "3"
    assert at.get("link_button")[0].proto.url == "https://x.example/st/api/docs"


@pytest.mark.parametrize(
    ("share", "words"), [("cgroup", "each app as a whole"), ("nice", "each process for itself")]
)
def test_about_tells_how_the_cpu_is_shared(share: str, words: str) -> None:
    about = visit(FakeHostd(health={"cpu_share": share}), "about").table[0].value.to_string()
    assert words in about


def test_about_names_what_root_lacks() -> None:
    fake = FakeHostd(health={"isolation": "landlock7+seccomp", "missing_capabilities": ["KILL", "SETUID"]})
    told = visit(fake, "about").table[0].value.to_string()
    assert "All apps are one user, for root lacks the capability KILL, SETUID" in told


def test_an_open_hostd_is_warned_about() -> None:
    assert "no admin token is set" in texts(visit(FakeHostd(health={"open_without_token": True})))


def test_a_wrong_token_is_told_and_the_right_one_lets_in() -> None:
    fake = FakeHostd(token="right").add()
    at = visit(fake)
    assert "This hostd is protected" in texts(at)
    at.text_input[0].set_value("wrong")
    assert "not the right one" in texts(press(at, "Sign in"))
    at.text_input[0].set_value("right")
    assert "Running" in texts(press(at, "Sign in"))
    assert "not the right one" not in texts(at)


@pytest.mark.parametrize("page", ["", "new", "app", "about"])
def test_a_hostd_that_is_away_gets_a_friendly_page_that_comes_back(page: str) -> None:
    fake = FakeHostd(down=True).add()
    at = visit(fake, page, **({"id": ID} if page == "app" else {}))
    assert "hostd is not answering" in texts(at)
    assert not at.exception
    fake.down = False
    assert "hostd is not answering" not in texts(at.run())


@pytest.mark.parametrize(("locale", "title"), [("zh-CN", "应用"), ("en-GB", "Apps")])
def test_the_browser_chooses_the_language_of_the_page(locale: str, title: str) -> None:
    at = visit(FakeHostd().add(), locale=locale)
    assert at.title[0].value == title
    assert "lang" not in at.query_params


def test_a_chosen_language_stays_in_the_address() -> None:
    at = visit(FakeHostd().add())
    at.segmented_control[0].set_value("zh").run()
    assert at.title[0].value == "应用"
    assert at.query_params["lang"] == "zh"
    assert visit(FakeHostd().add(), lang="zh").title[0].value == "应用"
    at.segmented_control[0].set_value("en").run()
    assert "lang" not in at.query_params


def test_a_language_that_is_not_there_is_passed_over() -> None:
    assert visit(FakeHostd().add(), lang="xx").title[0].value == "Apps"
