"""Texts of settings to their values. Each raises ValueError with what the text must be."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from hostd.egress import COMMON

SHORTEST_PASSWORD = 10
"""Characters, counted as NIST SP 800-63B counts them: code points."""
KEY_BYTES = 32
"""Of a key for AES-256."""
_BARE_URL = re.compile(r"(?i:https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[^?#]*)?")


def integer(low: int, high: int) -> Callable[[str], int]:
    """A whole number from ``low`` to ``high``."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def minutes(text: str) -> float:
    """Minutes, with a fraction."""
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text):
        raise ValueError("must be a number of minutes from 0 to 999999")
    return float(text)


def boolean(text: str) -> bool:
    """1 or 0 in their usual spellings."""
    yes, no = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
    words = dict.fromkeys(yes, True) | dict.fromkeys(no, False)
    if text.lower() not in words:
        raise ValueError("must be 1 or 0 (true/false, yes/no, on/off)")
    return words[text.lower()]


def data_dir(text: str) -> Path:
    """An absolute path that supervisord's files can hold."""
    path = Path(text).expanduser().absolute()
    if not str(path).isprintable() or re.search(r"[%;#*?\[\]\"'\\]", str(path)):
        raise ValueError("must not hold quotes, any of %;#*?[] backslashes or control characters")
    return path


def file(text: str) -> Path:
    """The absolute path of a file."""
    path = Path(text).expanduser().absolute()
    if not str(path).isprintable():
        raise ValueError("must be a path without control characters")
    return path


def secrets_keys(text: str) -> tuple[bytes, ...]:
    """Keys of 32 bytes each, as Base64 or hexadecimal, with commas or blanks between."""
    keys = tuple(_key(item) for item in re.split(r"[,\s]+", text.strip()))
    if not all(len(key) == KEY_BYTES for key in keys):
        raise ValueError("must be 32 bytes as Base64 or hexadecimal, as openssl rand -base64 32 prints them")
    return keys


def _key(text: str) -> bytes:
    try:
        return bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def address(text: str) -> str:
    """An IP address to listen on."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if text == "localhost":
            return "127.0.0.1"
        raise ValueError("must be an IP address of this machine, such as 127.0.0.1 or 0.0.0.0") from None


def public_base(text: str) -> str:
    """A URL without query and user."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("must be a URL such as https://apps.example.com/tools/st") from None
    path = parts.path.rstrip("/")
    if not _BARE_URL.fullmatch(text) or port == 0 or not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", path):
        raise ValueError("must be http(s)://host[:port][/path] in ASCII, without query, user or %-escapes")
    if any(part in (".", "..") for part in path.split("/")):
        raise ValueError("must not hold . or .. in its path")
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def domain(text: str) -> str:
    """A domain in lower case, with a port if it has one of its own."""
    name, _, port = text.lower().rstrip(".").partition(":")
    label = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    if not re.fullmatch(rf"{label}(\.{label})*", name) or not re.fullmatch(r"\d{0,5}", port):
        raise ValueError("must be a domain such as apps.example.com, below which each app has a name")
    return f"{name}:{port}" if port else name


def networks(text: str) -> tuple[str, ...]:
    """Addresses and networks with commas between."""
    items = [item.strip() for item in text.split(",") if item.strip()]
    try:
        return tuple(str(ipaddress.ip_network(item, strict=False)) for item in items)
    except ValueError:
        raise ValueError("must be addresses or networks with commas between, such as 10.0.0.0/8") from None


def token(text: str) -> str:
    """A token that a header can hold."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without spaces")
    return text


def port_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Ports and ranges of ports with commas between; 'common' stands for those of egress, 'none' for none."""
    items = [] if text.lower() == "none" else [item.strip() for item in text.lower().split(",")]
    found: list[tuple[int, int]] = []
    for item in items:
        if item == "common":
            found += COMMON
            continue
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", item)
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= low <= high <= 65535:
            raise ValueError("must be ports such as common,443,8000-8100, or none")
        found.append((low, high))
    return tuple(found)


def paths(text: str) -> tuple[Path, ...]:
    """Absolute paths with colons between, as in PATH."""
    found = tuple(Path(item) for item in text.split(":") if item)
    if not all(path.is_absolute() and str(path).isprintable() for path in found):
        raise ValueError("must be absolute paths with colons between, such as /srv/data:/mnt/share")
    return found


def names(text: str) -> tuple[str, ...]:
    """Names with commas between."""
    if not text.isprintable():
        raise ValueError("must be names with commas between, without control characters")
    return tuple(item.strip() for item in text.split(",") if item.strip())


def one_of(*words: str) -> Callable[[str], str]:
    """One of some words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return parse


def scopes(text: str) -> str:
    """What is asked of an OpenID provider; ``openid`` is among it (OpenID Connect Core 1.0, 3.1.2.1)."""
    if "openid" not in text.split() or not text.isascii() or not text.isprintable():
        raise ValueError("must be words with spaces between, one of them openid")
    return " ".join(text.split())


def issuer(text: str) -> str:
    """An OpenID provider's own URL, as it names itself."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be the provider's https URL, without query")
    return text


def secret_file(text: str) -> Path:
    """A file that can be read and holds one secret, in one line."""
    path = Path(text).expanduser().absolute()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"must be a file that can be read: {reason}") from None
    if len(lines) != 1 or not lines[0].strip():
        raise ValueError("must name a file with one line: the secret")
    return path


def password_file(text: str) -> Path:
    """A secret file whose secret is long enough for a password (hostd/people/passwords.py)."""
    path = secret_file(text)
    if len(path.read_text(encoding="utf-8").strip()) < SHORTEST_PASSWORD:
        raise ValueError(f"must hold a password of at least {SHORTEST_PASSWORD} characters")
    return path
