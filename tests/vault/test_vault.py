"""The encrypted store: tables to names and back, keys, what is bound to a value, rotation."""

from __future__ import annotations

import base64
import errno
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.errors import DiskFull, Invalid, SecretsUnreadable, SettingsError
from hostd.layout import Layout
from hostd.settings import Settings, load
from hostd.vault import Vault, conceal_all, keys, rotation, sealed, tables

KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2)]
SECRETS: dict[str, Any] = {
    "token": "tok-planted-123",
    "database.password": "geheim/äö",
    "database.port": 5432,
}
names = st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True), min_size=1, max_size=3).map(".".join)
leaves = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.integers(-(2**53), 2**53),
    st.booleans(),
    st.lists(st.text("ab\"'\\\n", max_size=5), max_size=3),
)


def settings_in(folder: Path, **more: str) -> Settings:
    """Settings of a platform in ``folder``."""
    return load({"STREAMLIT_HOST_DATA": str(folder), **more})


def vault_in(folder: Path, **more: str) -> Vault:
    """A vault that keeps in ``folder``."""
    layout = Layout(folder)
    for app_id in ("one", "two"):
        layout.app(app_id).root.mkdir(parents=True, exist_ok=True)
    return Vault(layout=layout, keys=keys.load(settings_in(folder, **more), layout))


@given(st.dictionaries(names, leaves, max_size=6))
def test_toml_there_and_back(secrets: dict[str, Any]) -> None:
    """What is dumped is what was given."""
    try:
        text = tables.dump(tables.check(secrets))
    except Invalid:
        return  # a value and a table of one name
    assert tables.parse(text) == secrets


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = 1\nb = = 2", "line 2"),
        ("a = 'secretvalue\n", "line 1"),
        ("'with space' = 1", "name"),
        ('"a.b" = 1', "name"),
        ("a = " + "[" * 5000, "TOML"),
        ("a = 2021-13-45", "TOML"),
        (f"a = '{'x' * 70_000}'", "65536"),
        ('a = "\\u0000"', "variable"),
        ("\n".join(f"a{n} = 1" for n in range(201)), "200"),
        (".".join("a" * 12) + " = 1", "name"),
    ],
)
def test_bad_toml(text: str, why: str) -> None:
    """It is refused with the place, and without any value."""
    with pytest.raises(Invalid) as caught:
        tables.parse(text)
    assert why in str(caught.value)
    assert "secretvalue" not in str(caught.value)


def test_a_value_and_a_table_of_one_name() -> None:
    """``a`` and ``a.b`` can't both be."""
    with pytest.raises(Invalid, match="a can't be a value and a table"):
        tables.check({"a": 1, "a.b": 2})


def test_kept_and_read(tmp_path: Path) -> None:
    """Nothing but the names stands in the file; another app, name or byte is refused."""
    vault = vault_in(tmp_path)
    vault.keep(vault.layout.app("one"), "one", 3, SECRETS)
    path = vault.layout.app("one").sealed(3)
    assert vault.secrets("one", 3) == SECRETS
    assert vault.secrets("one", 4) == {}
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"planted" not in path.read_bytes()
    moved = vault.layout.app("two").sealed(3)
    moved.parent.mkdir()
    moved.write_bytes(path.read_bytes())
    with pytest.raises(SecretsUnreadable):
        vault.secrets("two", 3)
    content = json.loads(path.read_text())
    content["values"]["other"] = content["values"].pop("token")
    path.write_text(json.dumps(content))
    with pytest.raises(SecretsUnreadable):
        vault.secrets("one", 3)


@pytest.mark.parametrize("content", ["", "[]", '{"key": "x"}', '{"key": "x", "values": 3}', '{"values": {}}'])
def test_a_broken_file(tmp_path: Path, content: str) -> None:
    """It is told as such."""
    vault = vault_in(tmp_path)
    vault.keep(vault.layout.app("one"), "one", 1, SECRETS)
    vault.layout.app("one").sealed(1).write_text(content)
    with pytest.raises(SecretsUnreadable):
        vault.secrets("one", 1)


def test_carried_and_forgotten(tmp_path: Path) -> None:
    """A release that is gone back to runs with the secrets of today, and old ones go."""
    vault, folder = vault_in(tmp_path), Layout(tmp_path).app("one")
    vault.keep(folder, "one", 1, {"token": "old-value-1"})
    vault.keep(folder, "one", 2, SECRETS)
    vault.carry("one", 2, 1)
    assert vault.secrets("one", 1) == SECRETS
    vault.keep_only("one", (1, None))
    assert [path.name for path in folder.secrets.iterdir()] == ["1.json"]
    vault.carry("one", 7, 1)
    assert not list(folder.secrets.iterdir())


def test_clear_file(tmp_path: Path) -> None:
    """Only the app's user reads it; it holds what tomllib reads back; it goes."""
    vault, folder = vault_in(tmp_path), Layout(tmp_path).app("one")
    vault.keep(folder, "one", 1, SECRETS)
    path = folder.secrets_toml("one.r1")
    assert not vault.runs_with("one", 1, "one.r1")
    vault.reveal("one", 1, "one.r1")
    assert path.stat().st_mode & 0o777 == 0o400
    assert tomllib.loads(path.read_text())["database"] == {"password": "geheim/äö", "port": 5432}
    assert vault.runs_with("one", 1, "one.r1")
    vault.keep(folder, "one", 1, {"token": "another-1"})
    assert not vault.runs_with("one", 1, "one.r1")
    vault.reveal("one", 1, "one.r1")
    assert "another-1" in path.read_text()
    vault.conceal("one", "one.r1")
    assert not path.exists()


def test_keys_from_everywhere(tmp_path: Path) -> None:
    """A file, the environment, or one that is made, once, for this user alone."""
    made = keys.load(settings_in(tmp_path), Layout(tmp_path))
    assert Layout(tmp_path).secrets_key.stat().st_mode & 0o777 == 0o600
    assert keys.load(settings_in(tmp_path), Layout(tmp_path)) == made
    given = keys.load(settings_in(tmp_path, STREAMLIT_HOST_SECRETS_KEY="01" * 32), Layout(tmp_path))
    path = tmp_path / "elsewhere"
    path.write_text(f"{KEYS[0]}\n{KEYS[1]}\n")
    by_file = keys.load(settings_in(tmp_path, STREAMLIT_HOST_SECRETS_KEY_FILE=str(path)), Layout(tmp_path))
    assert given.keys == by_file.keys[:1] == (b"\1" * 32,)


@pytest.mark.parametrize(
    "text", ["short", "zz" * 32, "01" * 31, "é" * 32, base64.b64encode(b"x" * 31).decode()]
)
def test_bad_keys(tmp_path: Path, text: str) -> None:
    """A start is refused, and the text is not repeated."""
    (tmp_path / "file").write_text(text)
    with pytest.raises(SettingsError) as caught:
        keys.load(
            settings_in(tmp_path, STREAMLIT_HOST_SECRETS_KEY_FILE=str(tmp_path / "file")), Layout(tmp_path)
        )
    assert text not in str(caught.value).split(": ", 1)[1]


def test_no_key_file(tmp_path: Path) -> None:
    """One that was named and is not there is not made: it would be the wrong one."""
    with pytest.raises(SettingsError, match="can't be read"):
        keys.load(
            settings_in(tmp_path, STREAMLIT_HOST_SECRETS_KEY_FILE=str(tmp_path / "no")), Layout(tmp_path)
        )


def test_rotation_by_the_command(tmp_path: Path) -> None:
    """Everything is encrypted by a new key, and the old one is gone."""
    vault, folder = vault_in(tmp_path), Layout(tmp_path).app("one")
    vault.keep(folder, "one", 1, SECRETS)
    before = Layout(tmp_path).secrets_key.read_text()
    done = subprocess.run(
        [sys.executable, "-m", "hostd", "rotate-secrets-key"],
        env={"STREAMLIT_HOST_DATA": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "1 files are encrypted with the key" in done.stderr
    assert before.strip() not in Layout(tmp_path).secrets_key.read_text()
    assert vault_in(tmp_path).secrets("one", 1) == SECRETS
    with pytest.raises(SecretsUnreadable):
        vault.secrets("one", 1)


@pytest.mark.parametrize("step", range(4))
def test_rotation_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Killed between any two writes, all can be read; and the next run ends it."""
    vault = vault_in(tmp_path)
    for app_id in ("one", "two"):
        vault.keep(vault.layout.app(app_id), app_id, 1, SECRETS)
    left = [step]

    def counted(real: Any) -> Any:
        def write(*arguments: Any) -> None:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            real(*arguments)

        return write

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(keys, "write_keys", counted(keys.write_keys))
        patched.setattr(sealed, "write", counted(sealed.write))
        rotation.rotate(settings_in(tmp_path), Layout(tmp_path), str)
    assert [vault_in(tmp_path).secrets(app_id, 1) for app_id in ("one", "two")] == [SECRETS] * 2
    rotation.rotate(settings_in(tmp_path), Layout(tmp_path), str)
    assert [vault_in(tmp_path).secrets(app_id, 1) for app_id in ("one", "two")] == [SECRETS] * 2
    assert len(keys.read_keys(Layout(tmp_path).secrets_key).keys) == 1


def test_rotation_of_keys_in_the_environment(tmp_path: Path) -> None:
    """One alone can't be rotated; the first of two encrypts everything from then on."""
    vault = vault_in(tmp_path, STREAMLIT_HOST_SECRETS_KEY=KEYS[0])
    vault.keep(vault.layout.app("one"), "one", 1, SECRETS)
    with pytest.raises(SettingsError, match="put a new key before"):
        rotation.rotate(settings_in(tmp_path, STREAMLIT_HOST_SECRETS_KEY=KEYS[0]), Layout(tmp_path), str)
    both = f"{KEYS[1]},{KEYS[0]}"
    rotation.rotate(settings_in(tmp_path, STREAMLIT_HOST_SECRETS_KEY=both), Layout(tmp_path), str)
    assert vault_in(tmp_path, STREAMLIT_HOST_SECRETS_KEY=KEYS[1]).secrets("one", 1) == SECRETS


def test_rotation_keeps_what_it_cant_read(tmp_path: Path) -> None:
    """A file of another key is told, and stays; so does the old key."""
    vault = vault_in(tmp_path)
    vault.keep(vault.layout.app("one"), "one", 1, SECRETS)
    stranger = Vault(layout=vault.layout, keys=keys.Keyring((b"x" * 32,)))
    stranger.keep(vault.layout.app("two"), "two", 1, SECRETS)
    told: list[str] = []
    rotation.rotate(settings_in(tmp_path), Layout(tmp_path), told.append)
    assert "two" in told[0]
    assert stranger.secrets("two", 1) == vault_in(tmp_path).secrets("one", 1) == SECRETS
    assert len(keys.read_keys(Layout(tmp_path).secrets_key).keys) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from hostd.vault import _write_clear
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
_write_clear(Path(sys.argv[1]), b"planted", None)
"""


@pytest.mark.parametrize("all_at_once", [False, True])
def test_a_kill_while_secrets_are_written_leaves_none_for_good(tmp_path: Path, all_at_once: bool) -> None:
    """What was half written goes with the file itself, and before a platform starts."""
    vault = vault_in(tmp_path)
    vault.keep(vault.layout.app("one"), "one", 1, SECRETS)
    path = vault.layout.app("one").secrets_toml("one.r1")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -9
    assert [found.read_bytes() for found in path.parent.iterdir() if found.suffix == ".tmp"] == [b"planted"]
    if all_at_once:
        conceal_all(vault.layout)
    else:
        vault.conceal("one", "one.r1")
    assert [found.name for found in path.parent.iterdir()] == ["1.json"]


def test_a_full_disk_while_secrets_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and nothing half written stays."""
    vault = vault_in(tmp_path)
    vault.keep(vault.layout.app("one"), "one", 1, SECRETS)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", _no_space)
        with pytest.raises(DiskFull):
            vault.reveal("one", 1, "one.r1")
    assert [found.name for found in vault.layout.app("one").secrets.iterdir()] == ["1.json"]


def _no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
