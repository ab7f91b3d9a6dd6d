"""The language that somebody likes best, of those that hostd speaks."""

from __future__ import annotations

LANGUAGES = ("en", "zh")


def preferred_language(accept: str) -> str:
    """The one of LANGUAGES that an Accept-Language field likes best (RFC 9110 section 12.5.4)."""
    best, quality = LANGUAGES[0], 0.0
    for item in accept.lower().split(","):
        tag, _, parameter = item.partition(";")
        language = tag.strip().partition("-")[0]
        weight = _weight(parameter)
        if language in LANGUAGES and weight > quality:
            best, quality = language, weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
