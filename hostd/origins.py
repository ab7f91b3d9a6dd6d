"""Where visitors reach each app: below the public base, or on an origin of its own."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""What can be one part of a host's name (RFC 1123 section 2.1), in lower case."""
_LOOPBACK_NAMES = {"localhost", "localhost.localdomain", "ip6-localhost"}


@dataclass(frozen=True, slots=True)
class Origins:
    """``apps_domain`` is such as apps.example.com, with a port if it has one of its own; '' for none."""

    public_base: str
    apps_domain: str = ""

    @property
    def domain(self) -> str:
        """The domain without its port."""
        return self.apps_domain.partition(":")[0]

    def has_own(self, app_id: str) -> bool:
        """Whether an app has an origin of its own: its id must be fit for a host's name."""
        return self.domain != "" and _LABEL.fullmatch(app_id) is not None

    def url(self, app_id: str) -> str:
        """The address of an app, with its last slash."""
        if not self.has_own(app_id):
            return f"{self.public_base}/apps/{app_id}/"
        base = urlsplit(self.public_base)
        port = f":{base.port}" if base.port and ":" not in self.apps_domain else ""
        return f"{base.scheme}://{app_id}.{self.apps_domain}{port}/"

    def below(self, host: str) -> str | None:
        """What stands before the domain in a Host field: an app's id, or what is none; None elsewhere."""
        name = host.strip().lower().partition(":")[0].rstrip(".")
        if not self.domain or not (name == self.domain or name.endswith(f".{self.domain}")):
            return None
        return name.removesuffix(self.domain).removesuffix(".")


def is_loopback(url: str) -> bool:
    """Whether the host of ``url`` is this machine itself, by name or address."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in _LOOPBACK_NAMES


def plain_http(url: str) -> bool:
    """Whether others than this machine reach ``url`` without TLS."""
    return urlsplit(url).scheme == "http" and not is_loopback(url)
