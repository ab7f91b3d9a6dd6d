"""A secrets.toml and the single secrets in it: nested tables to dotted names, and back.

``{"database.password": "…"}`` is ``[database]`` with ``password = "…"``: what st.secrets shows as
``st.secrets["database"]["password"]``. An array is one secret.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

import tomli_w

from hostd import bounded_toml
from hostd.errors import Invalid

SIZE_LIMIT = 65_536
"""Characters of all names and values of an app together."""
COUNT_LIMIT = 200
DEPTH_LIMIT = 10
NAME_LIMIT = 200
_PART = r"[A-Za-z0-9_-]+"
_NAME = re.compile(rf"{_PART}(\.{_PART})*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Secrets = Mapping[str, Any]
"""Values by dotted name, as ``tomllib`` gives them."""


def parse(text: str, field: str = "secrets") -> dict[str, Any]:
    """The secrets in the text of a secrets.toml. Raises Invalid that names the line, never a value."""
    if len(text) > SIZE_LIMIT:
        raise Invalid(field, f"must have at most {SIZE_LIMIT} characters in all")
    try:
        found = dict(_leaves(bounded_toml.loads(text)))
    except tomllib.TOMLDecodeError as error:
        end = f"at line {len(text.splitlines())}, the end"
        why = str(error).replace("at end of document", end)
        raise Invalid(field, f"is no TOML: {why}") from None
    except bounded_toml.TooMuch as error:
        raise Invalid(field, f"is no TOML that can be read: {error}") from None
    except (RecursionError, ValueError):
        raise Invalid(
            field, "is no TOML that can be read: too deep, or a number or date that is none"
        ) from None
    return check(found, field)


def check(secrets: Secrets, field: str = "secrets") -> dict[str, Any]:
    """The same, if all of it can be kept and can reach an app. Raises Invalid."""
    if len(secrets) > COUNT_LIMIT:
        raise Invalid(field, f"must be at most {COUNT_LIMIT}")
    for name, value in secrets.items():
        _check_one(name, value, field)
    names = set(secrets)
    for name in names:
        parents = {name[: at.start()] for at in re.finditer(r"\.", name)}
        if parents & names:
            raise Invalid(field, f"{min(parents & names)} can't be a value and a table at the same time")
    _check_text(secrets, field)
    return dict(secrets)


def _check_text(secrets: Secrets, field: str) -> None:
    """What hostd writes is read by the app and by supervisord."""
    try:
        text = dump(secrets)
        bounded_toml.check(text)
    except (bounded_toml.TooMuch, RecursionError):
        raise Invalid(field, "a value is too deep") from None
    if len(text) > SIZE_LIMIT:
        raise Invalid(field, f"must have at most {SIZE_LIMIT} characters in all")


def _check_one(name: str, value: Any, field: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > NAME_LIMIT or name.count(".") >= DEPTH_LIMIT:
        raise Invalid(
            field, f"{name[:60]!r} can't be a name: letters, digits, - and _ with dots between tables"
        )
    if any("\0" in text or not _is_text(text) for text in _texts(value)):
        raise Invalid(field, f"{name} holds what no variable can hold")


def dump(secrets: Secrets) -> str:
    """The text of a secrets.toml with these secrets."""
    tree: dict[str, Any] = {}
    for name, value in secrets.items():
        *tables, last = name.split(".")
        place = tree
        for table in tables:
            place = place.setdefault(table, {})
        place[last] = value
    return tomli_w.dumps(tree)


def variable(name: str, value: Any) -> bool:
    """Whether a secret is an environment variable as well: what Streamlit makes one (runtime/secrets.py)."""
    return type(value) in (str, int, float) and _VARIABLE.fullmatch(name) is not None


def _leaves(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        name = f"{above}{key}"
        if "." in key or not key:
            raise Invalid("secrets", f"{key[:60]!r} can't be a name: letters, digits, - and _")
        if isinstance(value, dict):
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif not isinstance(value, bool | int | float | date | datetime | time):
        yield str(value)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
