"""The form fields of what is set beside the releases."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import Depends, Form

from hostd.api.forms import emptied_fields
from hostd.errors import Invalid
from hostd.scale import MAX_REPLICAS
from hostd.setting_texts import port_ranges

_COUNT = re.compile(r"[1-9][0-9]{0,4}")
_LIMIT = re.compile(r"[0-9]{1,8}", re.ASCII)
_MINUTES = re.compile(r"\d{1,6}(\.\d{1,6})?")


def scale_form(  # noqa: PLR0917 - FastAPI reads the form's fields from here
    emptied: Annotated[frozenset[str], Depends(emptied_fields)],
    idle_minutes: Annotated[
        str | None, Form(description="Without visitors until it sleeps; 0 never, '' is the default")
    ] = None,
    always_on: Annotated[str | None, Form(description="true: never sleeps, is there after a boot")] = None,
    replicas: Annotated[
        str | None, Form(description="Processes of the app, 1 to 16; '' is 1. Instead of min and max")
    ] = None,
    min_replicas: Annotated[str | None, Form(description="As many processes at least")] = None,
    max_replicas: Annotated[str | None, Form(description="As many at most, as the load asks for")] = None,
    sessions_per_replica: Annotated[
        str | None, Form(description="Open sessions that each process may have; '' is no limit")
    ] = None,
    memory_mb: Annotated[
        str | None, Form(description="MB that each of its processes may use; 0 no limit, '' the default")
    ] = None,
    processes: Annotated[str | None, Form(description="Processes and threads; 0 no limit")] = None,
    disk_mb: Annotated[str | None, Form(description="MB that its files may take; 0 no limit")] = None,
    nice: Annotated[str | None, Form(description="0 to 19: how far it stands back for the CPU")] = None,
    connect_ports: Annotated[
        str | None, Form(description="TCP ports it may connect to, such as common,8000-8100, or none")
    ] = None,
) -> Mapping[str, Any]:
    """What a request changes of an app's Scale. Raises Invalid."""
    given = {
        "idle_minutes": idle_minutes, "always_on": always_on, "replicas": replicas,
        "min_replicas": min_replicas, "max_replicas": max_replicas,
        "sessions_per_replica": sessions_per_replica, "memory_mb": memory_mb, "processes": processes,
        "disk_mb": disk_mb, "nice": nice, "connect_ports": connect_ports,
    }  # fmt: skip
    given |= dict.fromkeys(emptied & given.keys(), "")
    changes = {name: _PARSERS[name](name, text.strip()) for name, text in given.items() if text is not None}
    if "replicas" not in changes:
        return changes
    if changes.keys() & {"min_replicas", "max_replicas"}:
        raise Invalid("replicas", "can't be sent together with 'min_replicas' or 'max_replicas'")
    count = changes.pop("replicas")
    return changes | {"min_replicas": count, "max_replicas": count}


def _minutes(name: str, text: str) -> float | None:
    if text and not _MINUTES.fullmatch(text):
        raise Invalid(name, "must be a number of minutes from 0 to 999999")
    return float(text) if text else None


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false", ""):
        raise Invalid(name, "must be true or false")
    return text.lower() == "true"


def _replicas(name: str, text: str) -> int:
    if text and not (text.isdecimal() and text.isascii() and 1 <= int(text[:9]) <= MAX_REPLICAS):
        raise Invalid(name, f"must be a number from 1 to {MAX_REPLICAS}")
    return int(text or 1)


def _sessions(name: str, text: str) -> int | None:
    if text and not _COUNT.fullmatch(text):
        raise Invalid(name, "must be a number from 1 to 99999")
    return int(text) if text else None


def _limit(name: str, text: str) -> int | None:
    if text and not _LIMIT.fullmatch(text):
        raise Invalid(name, "must be a whole number up to 99999999; 0 is no limit")
    return int(text) if text else None


def _nice(name: str, text: str) -> int | None:
    if text and not (text.isdecimal() and text.isascii() and int(text[:9]) <= 19):
        raise Invalid(name, "must be a number from 0 to 19")
    return int(text) if text else None


def _ports(name: str, text: str) -> str | None:
    try:
        port_ranges(text or "none")
    except ValueError as error:
        raise Invalid(name, str(error)) from None
    return text or None


_PARSERS: dict[str, Callable[[str, str], Any]] = {
    "idle_minutes": _minutes,
    "always_on": _boolean,
    "replicas": _replicas,
    "min_replicas": _replicas,
    "max_replicas": _replicas,
    "sessions_per_replica": _sessions,
    "memory_mb": _limit,
    "processes": _limit,
    "disk_mb": _limit,
    "nice": _nice,
    "connect_ports": _ports,
}
