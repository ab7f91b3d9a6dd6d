"""What settings are called: mistyped names are refused, and those of before are told where they went."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from hostd.errors import SettingsError

PREFIX = "STREAMLIT_HOST_"
ROOT_LACKS = "HOSTD_ROOT_LACKS"
"""What the image's entry tells: names of capabilities with commas between. No setting."""

GONE = {
    "API_BIND": "STREAMLIT_HOST_BIND",
    "API_PORT": "STREAMLIT_HOST_PORT",
    "ADMIN_BIND": "STREAMLIT_HOST_BIND",
    "ADMIN_PORT": "STREAMLIT_HOST_PORT",
    "API_URL": "STREAMLIT_HOST_PUBLIC_BASE",
}
"""Names of the original streamlit_host that no longer act, and where their purpose went."""


def check_names(env: Mapping[str, str], known: Mapping[str, object]) -> tuple[str, ...]:
    """Raises SettingsError for a name that is not ``known``; what to say about those that are gone."""
    notices = []
    for name in sorted(env):
        short = name.removeprefix(PREFIX)
        if short == name or name in known:
            continue
        if short not in GONE:
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)
            shown = name if name.isprintable() else ascii(name)
            raise SettingsError(f"{shown}: unknown setting; did you mean {near[0]}?")
        notices.append(f"{name} is passed over: everything is on one port now, see {GONE[short]}")
    return tuple(notices)
