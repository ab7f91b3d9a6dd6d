"""The data folder of the original streamlit_host, taken over as it is."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from tests.platform import HELLO, Platform
from tests.session import Session

SECRETIVE = b'import streamlit as st\nst.text(st.secrets["word"])\n'


def original(folder: Path, app_id: str, status: str) -> Path:
    """An app's folder as streamlit_host left it."""
    app = folder / "apps" / app_id
    (app / "venv" / "bin").mkdir(parents=True)
    (app / "venv" / "bin" / "python").write_text("#!/gone\n")
    (app / "app.py").write_bytes(HELLO)
    (app / "requirements.txt").write_text("streamlit\n")
    (app / "notes.csv").write_text("a,b\n")
    (app / "run.log").write_text("an old line\n")
    meta = {
        "app_id": app_id, "name": "老应用", "status": status, "port": 8501, "pid": 4242, "error": None,
        "created_at": "2024-05-01T08:00:00+00:00", "updated_at": "2024-05-01T08:00:00+00:00",
        "requirements_sha256": "0" * 64, "app_sha256": "0" * 64,
    }  # fmt: skip
    (app / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return app


def is_private(path: Path, app: Path) -> bool:
    """Whether the app alone reads it: by its owner and mode, or by what lies around everything of hostd's."""
    if os.geteuid() != 0:
        return app.parent.stat().st_mode & 0o077 == 0
    uid = json.loads((app / "meta.json").read_text())["uid"]
    return path.stat().st_uid == uid and path.stat().st_mode & 0o077 == 0


def test_folders_of_streamlit_host_are_adopted() -> None:
    """With ids, names, files and logs; what ran runs again, what was stopped stays so, bad ones are left."""
    platform = Platform(pool=6)
    runs = original(platform.data, "3f9a2c1b", "running")
    rests = original(platform.data, "my_App.2", "stopped")
    bad = original(platform.data, "bad-one", "running")
    (runs / "app.py").write_bytes(SECRETIVE)
    for hidden, file, text in ((".streamlit", "secrets.toml", 'word = "sesame"\n'), (".git", "config", "")):
        (runs / hidden).mkdir()
        (runs / hidden / file).write_text(text)
    (bad / "meta.json").write_text("{ half")
    try:
        platform.start()
        app = platform.wait("3f9a2c1b", "running")
        assert (app["name"], app["created_at"]) == ("老应用", "2024-05-01T08:00:00+00:00")
        assert platform.serves("3f9a2c1b")
        assert (runs / "app.py").read_bytes() == SECRETIVE
        assert (runs / "venv.original" / "bin" / "python").exists()
        bundle_folder = runs / "releases" / "1" / "bundle"
        assert (bundle_folder / "notes.csv").exists()
        assert (runs / ".git" / "config").exists()
        session = Session(f"{platform.url}/apps/3f9a2c1b")
        assert session.run() == ["sesame"]
        session.close()
        assert is_private(bundle_folder / ".streamlit" / "secrets.toml", runs)
        assert "an old line" in platform.logs("3f9a2c1b")
        (release,) = platform.api.get("/apps/3f9a2c1b/releases").json()
        assert (release["release"], release["state"]) == (1, "active")
        assert release["note"] == "adopted from streamlit_host"
        bundle = platform.api.get("/apps/3f9a2c1b/releases/1/bundle").content
        assert hashlib.sha256(bundle).hexdigest() == release["source"]["sha256"]
        assert platform.app("my_App.2")["status"] == "stopped"
        assert not (rests / "releases" / "1" / "venv").exists()
        assert len(platform.api.get("/apps").json()) == 2
        assert (bad / "meta.json").read_text() == "{ half"
        assert "bad-one" in platform.output.read_text()
    finally:
        platform.close()
