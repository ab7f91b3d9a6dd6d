"""Secrets of an app on the attacked platform: found in the app's own file, and nowhere else."""

from __future__ import annotations

import shlex

from tests.attacks.target import Target, create, running
from tests.planted import APP, NEEDLES, SECRETS_TOML, TYPED, answers
from tests.platform import ROOT
from tests.scan import in_bytes


def scanned(target: Target, data: str) -> None:
    """Create an app with secrets, and look everywhere, in the folder ``data`` there as well."""
    app_id = create(target, "secretive", {"REGION": "north"}, app=("app.py", APP), secrets=SECRETS_TOML)
    try:
        running(target, app_id)
        assert "printed [secret] [secret] " in "\n".join(target.log(app_id))
        wrong = target.api.put(f"/apps/{app_id}/secrets", data={"secrets": f'a = 1\nb = "{TYPED}" oops'})
        assert wrong.status_code == 422
        assert not in_bytes(wrong.content, NEEDLES)
        code, needles = (ROOT / "tests" / "scan.py").read_text("utf-8"), [one.hex() for one in NEEDLES]
        (one,) = target.shell(shlex.join(["python3", "-c", code, data, *needles])).splitlines()
        mode, path = one.split(" ", 1)
        assert mode == "400" and path.startswith(f"{data}/apps/{app_id}/secrets/") and path.endswith(".toml")
        for name, content in answers(target.api, app_id):
            assert not in_bytes(content, NEEDLES), name
    finally:
        target.api.delete(f"/apps/{app_id}", timeout=120)
