"""Folders of the original streamlit_host, adopted with their ids.

Theirs is app.py, requirements.txt, venv/, run.log and meta.json in one folder; ours has releases. The files
become release 1; the venv is made anew, since its scripts hold the paths of the place it was made in, and
the old one is kept as ``venv.original``. The new meta.json comes last: cut short, adoption begins again.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hostd import bundles
from hostd.errors import HostdError
from hostd.layout import AppLayout, Layout
from hostd.lifecycle import outcomes
from hostd.models import App, Asked, Source, Status, Wish
from hostd.programs import NAME
from hostd.runlog import now, say
from hostd.store import BadState, Store, read_json

log = logging.getLogger(__name__)
_RAN = ("running", "starting", "installing")
_OURS = {"app.py", "requirements.txt", "meta.json", "run.log", "releases", "home", "venv", "venv.original"}
_HIDDEN = ".streamlit"
"""Streamlit's configuration and secrets: of the hidden entries the one that an app needs."""


def adopt_all(layout: Layout, store: Store) -> list[str]:
    """Adopt every folder of the original's kind; their ids. One that can't be is reported and left alone."""
    adopted = []
    for folder in sorted(layout.apps.iterdir()):
        try:
            meta = read_json(folder / "meta.json") if (folder / "app.py").is_file() else {"schema": 0}
            if "schema" not in meta:
                _adopt(layout.app(folder.name), store, meta)
                adopted.append(folder.name)
        except (BadState, HostdError, OSError, ValueError) as error:
            log.error("app %s can't be adopted: %s", folder.name, error)
    return adopted


def _adopt(folder: AppLayout, store: Store, meta: Mapping[str, Any]) -> None:
    app_id = folder.root.name
    if not NAME.fullmatch(app_id) or meta.get("app_id", app_id) != app_id:
        raise ValueError("its id is not the folder's name, or no name for a program")
    release = folder.release(1)
    if not release.bundle.is_dir():
        folder.releases.mkdir(exist_ok=True)
        upload = bundles.Upload(app=_bytes(folder, "app.py"), requirements=_bytes(folder, "requirements.txt"))
        asked = Asked(release=1, created_at=now(), source=Source(), note="adopted from streamlit_host")
        bundles.lay_down(folder, 1, upload, asked)
    for entry in folder.root.iterdir():
        if entry.name == _HIDDEN or not (entry.name in _OURS or entry.name.startswith(".")):
            entry.rename(release.bundle / entry.name)
    if (venv := folder.root / "venv").is_dir() and not venv.is_symlink():
        venv.rename(folder.root / "venv.original")
    ran = meta.get("status") in _RAN
    app = App(
        app_id=app_id,
        name=str(meta.get("name") or app_id)[: bundles.NAME_LIMIT],
        status=Status.CREATED if ran else Status.STOPPED,
        wish=Wish.RUNNING if ran else Wish.STOPPED,
        target=1,
        cookie_secret=secrets.token_hex(32),
        created_at=str(meta.get("created_at") or now()),
        updated_at=now(),
        **outcomes.described(release),
    )
    store.save(app)
    say(folder.log, "create: adopted from streamlit_host; the dependencies are installed anew")


def _bytes(folder: AppLayout, name: str) -> bytes | None:
    path: Path = folder.root / name
    return path.read_bytes() if path.is_file() else None
