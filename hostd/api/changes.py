"""What a request changes of an app, as the audit log tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hostd.lifecycle.wanted import Wanted


def told(
    name: str | None, wanted: Wanted, scale: Mapping[str, Any], access: Mapping[str, Any]
) -> dict[str, str]:
    """Each field that was sent with its new value. Of variables and secrets only that they were sent."""
    about = {} if name is None else {"name": name}
    about |= {field: _text(value) for field, value in {**scale, **access}.items()}
    about |= {option: _text(value) for option, value in wanted.options.items() if option != "environment"}
    hidden = {
        "files": not wanted.upload.empty,
        "environment": "environment" in wanted.options or wanted.variables is not None,
        "secrets": wanted.secrets is not None,
    }
    return about | {field: "sent" for field, there in hidden.items() if there}


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)
