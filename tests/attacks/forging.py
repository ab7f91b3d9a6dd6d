"""Somebody else's name, sent from outside to an app that is not public."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from tests.attacks.target import FOLDER, Target
from tests.platform import ROOT
from tests.session import Session

FORGED = "mallory"
HEADERS = (
    *((f"X-Hostd-{of}", FORGED) for of in ("User", "Email", "Groups")),
    ("X-Hostd-Signature", f"t={int(time.time())},v1={'0' * 64}"),
    ("X_Hostd_User", FORGED),
    ("x-hostd-user", FORGED),
    *((f"X-Hostd-{'0' * 32}-{of}", FORGED) for of in ("name", "email", "groups", "is-logged-in")),
    *(
        (f"X-Forwarded-{of}", FORGED)
        for of in ("User", "Email", "Groups", "Preferred-Username", "Host", "Proto")
    ),
    *((f"X-Forwarded-{of}", "203.0.113.66") for of in ("For", "For", "Client-Ip")),
    ("Forwarded", f"for=203.0.113.66;host={FORGED}"),
    ("X-Real-Ip", "203.0.113.66"),
    *((name, FORGED) for name in ("Remote-User", "Remote_User", "X-Remote-User", "X-Auth-Request-User")),
    *((name, FORGED) for name in ("X-Auth-Request-Email", "X-WebAuth-User", "X-Streamlit-User")),
)
"""What proxies and hostd say who somebody is with, some twice or in another spelling."""
HARMLESS = ("X-Harmless", "gets through")


def victim() -> bytes:
    """The app, with the check that the manual gives."""
    manual = (ROOT / "docs" / "security.md").read_text("utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", manual, re.DOTALL)
    return (FOLDER / "victim.py").read_text("utf-8").replace("@MANUAL@", snippet).encode()


def tried(target: Target, app_id: str) -> dict[str, str]:
    """Whom the app takes its visitor for, who follows its secret link and sends all of these headers."""
    link = target.api.post(f"/apps/{app_id}/link")
    assert link.status_code == 201, link.text
    cookie = f"hostd-link={str(link.json()['url']).rpartition('/')[2]}"
    session = Session(f"{target.url}/apps/{app_id}", cookie=cookie, headers=(*HEADERS, HARMLESS))
    try:
        told = next(json.loads(text) for text in session.run() if text.startswith("{"))
    finally:
        session.close()
    return _judged(told)


def _judged(told: dict[str, Any]) -> dict[str, str]:
    headers = {name.lower(): value for name, value in told["headers"].items()}
    there = headers.get(HARMLESS[0].lower()) == HARMLESS[1]
    names = " ".join(f"{name}={value}" for name, value in headers.items())
    holds = {
        "forge the platform's signed headers": "x-hostd" in names or told["signed"] is not None,
        "forge st.user": FORGED in json.dumps(told["user"]) or bool(told["user"].get("is_logged_in")),
        "forge what proxies say": FORGED in names or "203.0.113.66" in names,
    }
    came = {True: "open", False: "stripped" if there else "ENOENT"}
    return {f"{name}, from outside": came[bad] for name, bad in holds.items()}
