"""Both languages say everything, and nothing is said that nobody asks for."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from console.parts import COLOURS, STEPS
from console.releases_tab import COLOURS as RELEASE_COLOURS
from console.texts import LANGUAGES, TEXTS, Say, language_of
from hostd.api.rules import RULES
from hostd.models import Status, Step, Strategy
from hostd.outcome import ReleaseState

ABOUT_PEOPLE = ("role_", "scope_", "outcome_", "user_from_")
SOURCES = Path(__file__).resolve().parents[2] / "console"


def _fields(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


@pytest.mark.parametrize("key", TEXTS)
def test_a_text_exists_in_every_language_with_the_same_fields(key: str) -> None:
    said = TEXTS[key]
    assert len(said) == len(LANGUAGES)
    assert all(text.strip() for text in said)
    assert len({frozenset(_fields(text)) for text in said}) == 1


@pytest.mark.parametrize("key", TEXTS)
def test_chinese_texts_are_not_left_in_english(key: str) -> None:
    english, chinese = TEXTS[key]
    product_names = {
        "supervisord",
        "Streamlit",
        "Python",
        "Id",
        "git",
        "{time} · {by}",
        "{step} · #{release}",
    }
    assert english in product_names or any("\u4e00" <= letter <= "\u9fff" for letter in chinese)


def test_no_text_is_left_over() -> None:
    code = "".join(path.read_text("utf-8") for path in SOURCES.glob("*.py"))
    made_of_parts = (
        "step_",
        "now_",
        "tab_",
        "way_",
        "source_",
        "strategy_",
        "file_",
        "replica_",
        "access_",
        "about_isolation_",
        "about_cpu_",
        "limit_",
        "act_",
        *ABOUT_PEOPLE,
    )
    made = {f"release_{state}" for state in ReleaseState} | set(Status)
    busy = {f"{action}_busy" for action in ("start", "stop", "restart")}
    hints = {"entry_hint", "python_hint"}
    left = {key for key in TEXTS if not re.search(f"[\"']{key}[\"']", code)}
    assert {key for key in left - made - busy - hints if not key.startswith(made_of_parts)} == set()


@pytest.mark.parametrize(
    "call", [call for call in RULES if not call.startswith(("list_", "get_", "stream_"))]
)
def test_every_act_in_the_audit_log_has_a_word(call: str) -> None:
    assert f"act_{call}" in TEXTS


@pytest.mark.parametrize("state", list(ReleaseState))
def test_every_state_of_a_release_has_a_word_and_a_colour(state: ReleaseState) -> None:
    assert f"release_{state}" in TEXTS
    assert state in RELEASE_COLOURS


@pytest.mark.parametrize("step", list(Step))
def test_every_step_of_a_deploy_has_a_word_and_a_sentence(step: Step) -> None:
    assert step in STEPS
    assert f"now_{step}" in TEXTS


@pytest.mark.parametrize("strategy", list(Strategy))
def test_every_strategy_has_a_word(strategy: Strategy) -> None:
    assert f"strategy_{strategy}" in TEXTS


@pytest.mark.parametrize("status", list(Status))
def test_every_status_of_hostd_has_a_word_a_colour_and_a_sentence(status: Status) -> None:
    assert status in TEXTS
    assert status in COLOURS
    assert f"now_{status}" in TEXTS or status == Status.FAILED  # a failure has its own sentences


@pytest.mark.parametrize(
    ("locale", "language"),
    [("zh-CN", "zh"), ("zh", "zh"), ("ZH-tw", "zh"), ("en-US", "en"), ("de", "en"), ("", "en"), (None, "en")],
)
def test_the_browser_chooses_the_language(locale: str | None, language: str) -> None:
    assert language_of(locale) == language


def test_a_text_is_filled_in() -> None:
    assert Say("en")("deleted", name="Demo") == "Demo is gone."
    assert Say("zh")("deleted", name="Demo") == "Demo 已删除。"
