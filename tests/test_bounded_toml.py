"""TOML that would keep the reader busy for minutes is refused at once, and all other TOML is read."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from hostd import bounded_toml, supervised_secrets
from hostd.errors import Invalid
from hostd.vault import tables

from .laying import Folder, refused, sent, zipped
from .platform import HELLO, Platform, assert_problem

PARTS = 30_000
BAD = {
    "bare": "a." * PARTS + "a=1",
    "blanks": "x = 1\n" + "a \t. " * PARTS + "a=1",
    "quoted": '"a".' * PARTS + "'b'=1",
    "quoted with quotes": '"\\"".' * PARTS + "'b'=1",
    "header": "[" + "a." * PARTS + "a]",
    "list header": "[[" + "a." * PARTS + "a]]",
    "inline": "b={" + "a." * PARTS + "a=1}",
    "after strings": "s='''\n#'''''\nt=\"\"\"\\\"\"\" #\"\"\" # '''\n" + "a." * PARTS + "a=1",
    "after line ends of DOS": 's = 1 # """\r\nt = \'#\'\r\n' + "a." * PARTS + "a=1",
    "arrays": "a=" + "[" * PARTS,
    "tables": "a=" + "{a=" * PARTS,
}
LONG = {
    "strings not ended": 'a="""' + '\\"""' * 500_000,
    "quotes": "\"'" * 500_000,
    "backslashes": '"\\' * 500_000,
    "comments": "#\n" * 500_000,
    "keys of blanks": " a" * 40_000,
    "dots": "." * 1_000_000,
    "digits": "a = 0x" + "f" * 1_000_000,
}
DEADLINE = 20.0
"""Seconds of CPU of this process; what is to be refused takes minutes."""


@contextmanager
def soon() -> Iterator[None]:
    """What is within takes less than DEADLINE."""
    begin = time.process_time()
    yield
    assert time.process_time() - begin < DEADLINE


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_refused_at_once(tmp_path: Path, text: str) -> None:
    """As secrets, in an upload, and by supervisord."""
    folder = Folder(tmp_path)
    with soon():
        with pytest.raises(bounded_toml.TooMuch, match="at line"):
            bounded_toml.loads(text)
        with pytest.raises(Invalid, match=r"^secrets: is no TOML that can be read: .*at line"):
            tables.parse(text[: tables.SIZE_LIMIT])
        for name in ("pyproject.toml", "Pipfile", "uv.lock", "pylock.toml"):
            with refused(tmp_path, "bundle", f"{name} would take too long to read"):
                folder.lay(sent({"app.py": HELLO, name: text.encode()}))
        (tmp_path / "a.toml").write_text(text)
        assert not supervised_secrets._scrubber(tmp_path / "a.toml")


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_the_look_itself_is_linear(text: str) -> None:
    """However little of it is TOML."""
    with soon():
        try:
            bounded_toml.loads(text)
        except ValueError as error:
            assert not isinstance(error, RecursionError)


def test_many_tables() -> None:
    """Each name costs a kilobyte."""
    text = "".join(f"[{n}.a.b.c.d.e.f.g.h]\n" for n in range(20_000))
    with pytest.raises(bounded_toml.TooMuch, match="more than 100000"):
        bounded_toml.loads(text)
    assert len(bounded_toml.loads(text, bounded_toml.LOCK_ITEMS)) == 20_000


def test_dots_and_brackets_in_texts() -> None:
    """They are no keys."""
    dots = "a." * 100 + "[{" * 100
    for text in (
        f"a = '{dots}'",
        f'a = "\\"{dots}"',
        f"a = '''\n'{dots}\n''''",
        f'a = """"\\"{dots}"""""',
        f"# {dots}",
    ):
        assert bounded_toml.loads(text) == tomllib.loads(text)
    assert bounded_toml.loads(".".join("a" * 16) + " = 1")
    assert bounded_toml.loads("a = [" + "[], " * 1000 + "]")


texts = st.text("ab.\"'\\\n#[]{}= ", max_size=30)
values = st.recursive(
    st.one_of(texts, st.integers(), st.floats(allow_nan=False), st.booleans()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(texts, values, max_size=6), st.booleans())
def test_other_toml_is_read(value: dict[str, Any], multiline: bool) -> None:
    """Whatever a writer of TOML makes."""
    text = tomli_w.dumps(value, multiline_strings=multiline)
    assert bounded_toml.loads(text) == tomllib.loads(text)


def test_over_the_api(platform: Platform) -> None:
    """422 that names the field, and hostd goes on."""
    app_id = platform.create("toml", HELLO)
    text = "a." * PARTS + "a=1"
    with soon():
        answer = platform.api.put(f"/apps/{app_id}/secrets", data={"secrets": text})
        assert "16 parts (at line 1)" in assert_problem(answer, 422, "secrets")["detail"]
        files = {"bundle": ("app.zip", zipped({"app.py": HELLO, "pyproject.toml": text.encode()}))}
        answer = platform.api.post("/apps", data={"name": "deep"}, files=files)
        assert "pyproject.toml" in assert_problem(answer, 422, "bundle")["detail"]
    platform.api.delete(f"/apps/{app_id}")
