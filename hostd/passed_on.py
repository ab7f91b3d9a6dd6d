"""Which of hostd's own variables reach installs, and which apps."""

from __future__ import annotations

import re
from collections.abc import Mapping

_BUILDS = re.compile(
    r"UV_\w+|(?i:https?|all|no|ftp)_(?i:proxy)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|PATH|HOME|LANG|LC_ALL|LC_CTYPE|TZ|TMPDIR|NETRC|LD_LIBRARY_PATH"
)
_APPS = re.compile(
    r"(?i:https?|all|no|ftp)_(?i:proxy)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|PATH|LANG|LC_ALL|LC_CTYPE|TZ|LD_LIBRARY_PATH"
)


def to_builds(env: Mapping[str, str]) -> dict[str, str]:
    """Those that uv is run with."""
    return _select(env, _BUILDS)


def to_apps(env: Mapping[str, str]) -> dict[str, str]:
    """Those that every app gets."""
    return _select(env, _APPS)


def _select(env: Mapping[str, str], pattern: re.Pattern[str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if pattern.fullmatch(name)}
