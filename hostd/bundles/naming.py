"""Names and ids of apps."""

from __future__ import annotations

import re
import secrets
import unicodedata

from hostd.errors import Invalid

NAME_LIMIT = 100
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def check_name(name: str) -> str:
    """The name without outer blanks. Raises Invalid('name')."""
    name = name.strip()
    if not name:
        raise Invalid("name", "must not be empty")
    if len(name) > NAME_LIMIT:
        raise Invalid("name", f"must have at most {NAME_LIMIT} characters, this one has {len(name)}")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name):
        raise Invalid("name", "must not hold control characters or line breaks")
    return name


def check_id(app_id: str) -> str:
    """The caller's own slug. Raises Invalid('app_id')."""
    if len(app_id) > 50 or not _SLUG.fullmatch(app_id):
        raise Invalid("app_id", "must be 1 to 50 characters of a-z, 0-9 and single hyphens between them")
    return app_id


def make_id(name: str) -> str:
    """A slug of ``name`` and six random characters: ``demo-3f9a2c``; 'app' where no Latin letter is."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:30].strip("-")
    return f"{slug if re.search('[a-z]', slug) else 'app'}-{secrets.token_hex(3)}"
