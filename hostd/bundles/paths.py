"""Names inside a bundle: made safe, and decoded when an archive says nothing of their encoding."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from hostd.errors import Invalid

PATH_LIMIT, PART_LIMIT, DEPTH_LIMIT = 1_000, 255, 40
"""Bytes of a path and of one of its parts, and how many parts: what Linux and ``rm -r`` cope with."""
_LEFT_OUT = {"__MACOSX", "__pycache__", ".git", ".DS_Store", "Thumbs.db", "desktop.ini"}


def clean(name: str, field: str) -> str:
    """A relative path with slashes, in the Unicode form that people type. Raises Invalid(field)."""
    shown = ascii(name[:120])
    path = unicodedata.normalize("NFC", name.replace("\\", "/"))
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in path):
        raise Invalid(field, f"the name {shown} holds control characters, or is in a broken encoding")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or re.match(r"[A-Za-z]:", "/".join(parts)):
        raise Invalid(field, f"the name {shown} is absolute; only paths inside the bundle are taken")
    if ".." in parts:
        raise Invalid(field, f"the name {shown} leads out of the bundle")
    if len(parts) > DEPTH_LIMIT or len("/".join(parts).encode()) > PATH_LIMIT:
        raise Invalid(field, f"the name {shown} is too long, or in too many folders")
    if any(len(part.encode()) > PART_LIMIT for part in parts):
        raise Invalid(field, f"the name {shown} is too long")
    return "/".join(parts)


def left_out(path: str) -> bool:
    """Whether the path is what a computer left behind, no part of an app."""
    parts = path.split("/")
    return not _LEFT_OUT.isdisjoint(parts) or parts[-1].startswith("._")


def common_top(paths: Iterable[str]) -> str:
    """The one folder that everything is in, with its slash; '' when there is none."""
    tops = {path.partition("/")[0] + path.partition("/")[1] for path in paths}
    top = tops.pop() if len(tops) == 1 else ""
    return top if top.endswith("/") else ""


def decoded(names: list[bytes]) -> list[str]:
    """Names of one archive that does not say its encoding: UTF-8, GBK or cp437, the same for all.

    Accented letters of cp437 are often valid GBK too, but rarely of its everyday characters (GB 2312);
    and what Chinese becomes as cp437 is full of box lines and Greek.
    """
    whole = b"\n".join(names)
    encoding = next(encoding for encoding in ("utf-8", "gb18030", "cp437") if _fits(whole, encoding))
    return [name.decode(encoding) for name in names]


def _fits(raw: bytes, encoding: str) -> bool:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return encoding != "gb18030" or _is_chinese(text, raw)


def _is_chinese(text: str, raw: bytes) -> bool:
    foreign = [c for c in text if c > "\x7f"]
    if not any("\u3400" <= c <= "\u9fff" for c in foreign):
        return False
    everyday = sum(bool(c.encode("gb2312", "ignore")) for c in foreign)
    latin = all(byte < 0x80 or byte <= 0xA5 or byte == 0xE1 for byte in raw)
    return everyday * 2 >= len(foreign) or not latin
