"""One release in words, as plain text."""

from __future__ import annotations

from console.desk import local
from console.release_answers import Release
from console.texts import TEXTS, Say


def when(say: Say, release: Release) -> str:
    """Time, and who, if that is known."""
    time = local(release.created_at)
    return say("release_by", time=time, by=release.by) if release.by else time


def where(say: Say, release: Release) -> str:
    """Where it came from."""
    source = release.source
    key = f"source_{source.kind}"
    kind = say(key) if key in TEXTS else source.kind
    place = " ".join(part for part in (source.url, source.ref, source.commit[:10], source.subdir) if part)
    return f"{kind} {place}" if place else kind


def with_what(say: Say, release: Release) -> str:
    """What runs it."""
    parts = [release.source.entry] if release.source.entry else []
    if release.python:
        parts.append(f"Python {release.python}")
    if release.streamlit_version:
        parts.append(f"Streamlit {release.streamlit_version}")
    if release.as_of:
        parts.append(say("release_as_of", date=release.as_of[:10]))
    return " · ".join(parts)
