"""The template gallery: apps that come with hostd, to begin with."""

from __future__ import annotations

import json
from pathlib import Path

GALLERY = Path(__file__).resolve().parent.parent.parent / "templates" / "gallery"
CARD = "template.json"
"""Not part of the app."""


def gallery() -> list[dict[str, str]]:
    """name, title, title_zh, description, description_zh of each, by name."""
    cards = sorted(GALLERY.glob(f"*/{CARD}"))
    return [{"name": card.parent.name, **json.loads(card.read_text(encoding="utf-8"))} for card in cards]
