"""The form fields of what is set beside the releases."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import Depends, Form

from hostd.api.forms import emptied_fields
from hostd.errors import Invalid

_MINUTES = re.compile(r"\d{1,6}(\.\d{1,6})?")


def scale_form(
    emptied: Annotated[frozenset[str], Depends(emptied_fields)],
    idle_minutes: Annotated[
        str | None, Form(description="Without visitors until it sleeps; 0 never, '' is the default")
    ] = None,
    always_on: Annotated[str | None, Form(description="true: starts at once after a boot")] = None,
) -> Mapping[str, Any]:
    """What a request changes of an app's Scale. Raises Invalid."""
    given = {"idle_minutes": idle_minutes, "always_on": always_on}
    given |= dict.fromkeys(emptied & given.keys(), "")
    return {name: _PARSERS[name](name, text.strip()) for name, text in given.items() if text is not None}


def _minutes(name: str, text: str) -> float | None:
    if text and not _MINUTES.fullmatch(text):
        raise Invalid(name, "must be a number of minutes from 0 to 999999")
    return float(text) if text else None


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false", ""):
        raise Invalid(name, "must be true or false")
    return text.lower() == "true"


_PARSERS: dict[str, Callable[[str, str], Any]] = {"idle_minutes": _minutes, "always_on": _boolean}
