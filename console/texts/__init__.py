"""Every text of the console, in English and Chinese side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from console.texts.access import ACCESS
from console.texts.acts import ACTS
from console.texts.apps import APPS
from console.texts.frame import FRAME
from console.texts.people import PEOPLE
from console.texts.releases import RELEASES
from console.texts.scale import SCALE
from console.texts.secrets import SECRETS
from console.texts.uploads import UPLOADS

Language = Literal["en", "zh"]

LANGUAGES: dict[Language, str] = {"en": "English", "zh": "中文"}

TEXTS: dict[str, tuple[str, str]] = (
    FRAME | PEOPLE | APPS | UPLOADS | RELEASES | SCALE | ACCESS | SECRETS | ACTS
)


@dataclass(frozen=True, slots=True)
class Say:
    """Says a text in one language: ``say("deleted", name="Demo")``."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The text, filled in."""
        english, chinese = TEXTS[key]
        text = chinese if self.language == "zh" else english
        return text.format(**values) if values else text


def language_of(locale: str | None) -> Language:
    """The nearest language to a browser's, English when in doubt."""
    return "zh" if (locale or "").lower().startswith("zh") else "en"
