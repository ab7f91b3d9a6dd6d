"""What people are told about a failure: one sentence of cause, one of what to do, in every language.

A failure carries a code and values; the words are made where they are read, so API, console and log agree.
"""

from __future__ import annotations

from collections.abc import Mapping

from hostd.models import Failure, FailureKind
from hostd.words import limits
from hostd.words.en import WORDS as EN
from hostd.words.zh import WORDS as ZH

LANGUAGES: Mapping[str, Mapping[str, tuple[str, str]]] = {"en": EN | limits.EN, "zh": ZH | limits.ZH}
_LONGEST = 600


def make(kind: FailureKind, code: str, log_tail: str = "", **values: object) -> Failure:
    """A failure with its words in English. Raises KeyError for a code or a value that is not known."""
    told = {name: str(value)[:_LONGEST].strip() for name, value in values.items()}
    cause, advice = (text.format_map(told) for text in LANGUAGES["en"][code])
    return Failure(kind, cause, log_tail, advice=advice, code=code, values=told)


def tell(failure: Failure, language: str) -> tuple[str, str]:
    """Cause and advice in ``language``; in English when there are no words of it."""
    try:
        cause, advice = (text.format_map(failure.values) for text in LANGUAGES[language][failure.code])
    except KeyError:  # a failure of an older hostd, or one that has no code
        return failure.message, failure.advice
    return cause, advice
