"""Known values are found however they are cut into pieces, and nothing else is touched."""

from __future__ import annotations

import base64
import json
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd import supervised_secrets
from hostd.scrubbing import MASK, SHORTEST, Scrubber, Stream, can_scrub, texts

VALUE = 'pass "word"/ä&<9>'
values = st.lists(st.text("abc\n%", min_size=SHORTEST, max_size=12), min_size=1, max_size=5)


@pytest.mark.parametrize(
    "shown",
    [
        VALUE,
        quote(VALUE, safe=""),
        json.dumps(VALUE),
        repr({"a": VALUE}),
        VALUE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        base64.b64encode(VALUE.encode()).decode(),
        f"a{VALUE}b{VALUE}",
    ],
)
def test_forms(shown: str) -> None:
    """A value is found as it is, and as URLs, JSON, tracebacks, HTML and Base64 have it."""
    found = Scrubber([VALUE]).text(f"before {shown} after")
    assert MASK.decode() in found
    assert shown not in found
    assert found.startswith("before ")
    assert found.endswith(" after")


def test_lines_of_a_long_value() -> None:
    """A private key is found line by line as well."""
    assert Scrubber(["first line\nsecond line\n"]).text("x second line x") == "x [secret] x"


def test_short_values_stay() -> None:
    """What is too short for it stays, and can be told beforehand."""
    assert Scrubber(["12345"]).text("12345") == "12345"
    assert not can_scrub("12345")
    assert not can_scrub(True)
    assert not can_scrub(["long enough", "not"])
    assert can_scrub("123456")


def test_no_values() -> None:
    """Then everything goes through at once."""
    stream = Stream(Scrubber([]))
    assert not Scrubber([])
    assert stream.feed(b"abc") == b"abc"
    assert stream.rest() == b""


def test_texts_of_a_table() -> None:
    """Every text and number, however deep."""
    assert list(texts({"a": {"b": [1, "x", {"c": 2.5}]}, "d": True})) == ["1", "x", "2.5"]


@given(values, st.text("abc\n%x", max_size=60), st.lists(st.integers(0, 80), max_size=6))
def test_pieces_make_no_difference(known: list[str], text: str, cuts: list[int]) -> None:
    """A stream lets through what a whole text becomes, wherever it is cut, and no value gets out."""
    scrubber, data = Scrubber(known), text.encode()
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    stream = Stream(scrubber)
    pieces = [stream.feed(data[start:end]) for start, end in pairwise(edges)]
    joined = b"".join([*pieces, stream.rest()])
    assert joined == scrubber.data(data)
    assert not any(value.encode() in part for value in known for part in joined.split(MASK))


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """What is no text is no trouble, and nothing is lost."""
    stream = Stream(Scrubber(["abcdef"]))
    assert stream.feed(data) + stream.rest() == Scrubber(["abcdef"]).data(data)


@pytest.mark.parametrize(
    "known",
    [
        ["a" * 200 + f"{number:05}" for number in range(200)],
        ["a" * length for length in range(SHORTEST, 206)],
        ["a" * length + "b" * 6 for length in range(SHORTEST, 206)],
        [
            "a" * length + other * 6
            for length in range(SHORTEST, 46, 5)
            for other in "bcdefghijklmnopqrstuvwxy"
        ],
    ],
)
def test_no_values_keep_supervisord_busy(known: list[str]) -> None:
    """Values that are alike, and a log that is alike as well: twenty seconds of CPU time for it once."""
    before = time.process_time()
    Stream(Scrubber(known)).feed(b"a" * 131_072)
    assert time.process_time() - before < 4


def test_a_long_value_is_found() -> None:
    """Piece by piece, and all of it."""
    value = "".join(f"{number:05}" for number in range(6_000))
    found = Scrubber([value]).text(f"before {value} after")
    assert set(found.removeprefix("before ").removesuffix(" after").split("]")) == {"[secret", ""}


def test_of_too_many_values_each_is_found_as_it_is() -> None:
    """Before any is looked for in another form."""
    known = [f"<{number:04}> ü 'x' {'y' * 20}" for number in range(200)]
    found = Scrubber(known).text("\n".join(known))
    assert found == "\n".join([MASK.decode()] * 200)


def test_output_from_before_the_secrets_are_there(tmp_path: Path) -> None:
    """What the launcher says first decides nothing: the program's file comes after it (hostd/lifecycle)."""
    config = SimpleNamespace(stdout_logfile=str(tmp_path / "run.log"), name="leak.r1")
    dispatcher = SimpleNamespace(process=SimpleNamespace(config=config))
    assert supervised_secrets._stream(dispatcher) is None
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "leak.r1.toml").write_text('key = "planted-value"')
    stream = supervised_secrets._stream(dispatcher)
    assert stream is not None
    assert b"planted" not in stream.feed(b"it is planted-value\n") + stream.rest()
