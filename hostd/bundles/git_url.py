"""The address of a git repository and a ref in it, as users give them: checked, and parted from secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from hostd.errors import Invalid

_SCP_LIKE = re.compile(r"(?:[\w.-]+@)?[A-Za-z0-9][\w.-]*:(?![/\\]{2})[^\s@-][^\s@]*")
_REF = re.compile(r"[^\s~^:?*\[\\\x00-\x20\x7f-]([^\s~^:?*\[\\\x00-\x20\x7f])*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A URL without what is secret in it, and that."""

    url: str
    origin: str = ""
    user: str = ""
    password: str = ""

    def scrub(self, text: str) -> str:
        """``text`` without what is secret."""
        secret = self.password or self.user
        for known in {secret, unquote(secret)} - {""}:
            text = text.replace(known, "***")
        return re.sub(r"//[^/@\s]+@", "//", text)


def check_ref(ref: str | None) -> str | None:
    """The ref, None for the default branch. Raises Invalid('git')."""
    ref = (ref or "").strip()
    plain = _REF.fullmatch(ref) and ref.isprintable() and len(ref) <= 250
    if ref and (not plain or ".." in ref or "@{" in ref):
        raise Invalid("git", "the ref must be a branch, a tag or a commit")
    return ref or None


def parse_address(url: str) -> Address:
    """Raises Invalid('git') for what is no URL of a repository."""
    if len(url) > 2_000 or not url.isprintable() or " " in url or url.startswith("-"):
        raise Invalid("git", "must be a URL such as https://git.example.com/team/app.git")
    if "://" not in url and _SCP_LIKE.fullmatch(url):
        return Address(url=url)
    if "://" not in url and "@" in url.partition(":")[2]:  # 'user:password@host/path': no secret for ssh
        raise Invalid("git", "holds an @ behind the colon; write https:// in front of it")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise Invalid("git", "is no valid URL") from None
    if parts.scheme not in ("https", "http", "ssh") or not host or host.startswith("-"):
        raise Invalid("git", "must begin with https://, http:// or ssh://, or be like git@host:team/app.git")
    return _split(parts, f"[{host}]" if ":" in host else host, port)


def _split(parts: SplitResult, host: str, port: int | None) -> Address:
    netloc = f"{host}:{port}" if port else host
    user, password = parts.username or "", parts.password or ""
    if not (unquote(user) + unquote(password)).isprintable():
        raise Invalid("git", "the user and the password in the URL must be plain text")
    if parts.scheme == "ssh":
        if user.startswith("-"):
            raise Invalid("git", "is no valid URL")
        return Address(url=f"ssh://{user}@{netloc}{parts.path}" if user else f"ssh://{netloc}{parts.path}")
    origin = f"{parts.scheme}://{netloc}"
    return Address(url=origin + parts.path, origin=origin, user=user, password=password)
