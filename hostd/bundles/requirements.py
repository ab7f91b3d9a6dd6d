"""The lines of a requirements.txt, as pip's documentation "Requirements File Format" has them."""

from __future__ import annotations

import contextlib
import re
import unicodedata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hostd.errors import Invalid

SOURCE_LIMIT = 2_000_000
"""Bytes; a longer script or requirements.txt is no source that a person wrote."""
_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def check_requirements(data: bytes, field: str, where: str = "") -> str:
    """The text of a requirements file. Raises Invalid(field) with the line; ``where`` is put before it."""
    try:
        text = data.decode(_BOMS.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Invalid(field, f"{where}line {line}: is neither UTF-8 nor UTF-16 with a BOM") from None
    for number, requirement in logical_lines(text):
        if wrong := _wrong_with(requirement):
            raise Invalid(field, f"{where}line {number}: {wrong}")
    return text


def _wrong_with(line: str) -> str:
    if any(unicodedata.category(c) == "Cc" for c in line.replace("\t", " ")):
        return "holds control characters"
    if is_pip_syntax(line):
        return ""
    try:
        Requirement(line)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0][:200]
        return f"{line[:100]!r} is no requirement: {reason}"
    except RecursionError:
        return "is nested too deeply"
    return ""


def logical_lines(text: str) -> list[tuple[int, str]]:
    """(line number, content) of each requirement: continuations joined, comments and hashes cut off."""
    found: list[tuple[int, str]] = []
    start, parts = 0, ""
    lines = text.split("\n")
    for number, raw in enumerate(lines, 1):
        start = start if parts else number
        line = raw.rstrip("\r")
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            line = line[:-1] + " "
            if number < len(lines):
                parts += line
                continue
        whole = re.sub(r"(^|\s)#.*$", "", parts + line)
        parts = ""
        whole = re.split(r"\s--(?:hash|config-settings?|global-option)\b", whole)[0].strip()
        if whole:
            found.append((start, whole))
    return found


def is_pip_syntax(line: str) -> bool:
    """Whether the line is an option, a path or a URL: pip's own syntax, which uv judges at install."""
    return line.startswith(("-", "./", "../", "/", "file:")) or bool(
        re.match(r"[a-z+]+://|[\w./-]+\.(whl|zip|tar\.gz)\b", line)
    )


def names_streamlit(text: str) -> bool:
    """Whether the requirements themselves say which Streamlit to install."""
    for _, line in logical_lines(text):
        with contextlib.suppress(InvalidRequirement):
            if not is_pip_syntax(line) and canonicalize_name(Requirement(line).name) == "streamlit":
                return True
    return False
