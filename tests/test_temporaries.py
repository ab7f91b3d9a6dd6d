"""Temporary folders of processes that are no more: they go when the app starts, and nothing else does."""

from __future__ import annotations

import os
from pathlib import Path

from hostd.layout import AppLayout
from hostd.lifecycle import temporaries

from .platform import Platform, until


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_those_of_other_ports_go(tmp_path: Path) -> None:
    """What is no port stays, and so does where a link leads."""
    app, outside = AppLayout(tmp_path / "app"), tmp_path / "outside"
    for folder in (app.home / "tmp" / "8501" / "deep", app.home / "tmp" / "8502", app.home / "tmp" / "notes"):
        folder.mkdir(parents=True)
    outside.mkdir()
    (outside / "file").touch()
    (app.home / "tmp" / "8501" / "deep" / "link").symlink_to(outside)
    (app.home / "tmp" / "8503").symlink_to(outside)
    (app.home / "tmp" / "8504").write_text("a file")
    assert temporaries.ports(app) == {8501, 8502}
    temporaries.sweep(app, {8502})
    assert names(app.home / "tmp") == {"8502", "notes", "8503", "8504"}
    assert (outside / "file").exists()


def test_a_link_in_place_of_the_folder_above(tmp_path: Path) -> None:
    """An app may have put it there: root goes through none."""
    app, outside = AppLayout(tmp_path / "app"), tmp_path / "outside"
    app.home.mkdir(parents=True)
    (outside / "8501").mkdir(parents=True)
    (app.home / "tmp").symlink_to(outside)
    assert temporaries.ports(app) == set()
    temporaries.sweep(app, set())
    assert (outside / "8501").is_dir()
    assert temporaries.ports(AppLayout(tmp_path / "none")) == set()


def test_an_app_that_starts_again(platform: Platform) -> None:
    """What a process at another port left goes; the one that runs has its own."""
    app_id = platform.running("temporaries")
    home = platform.data / "apps" / app_id / "home"
    uid, (own,) = home.stat().st_uid, names(home / "tmp")
    for path in (home / "tmp" / "1234", home / "tmp" / "1234" / "left", home / "tmp" / "mine"):
        path.mkdir()
        os.chown(path, uid, uid)
    assert platform.api.post(f"/apps/{app_id}/restart").status_code == 200
    until(lambda: not (home / "tmp" / "1234").exists(), 60, what="the folder of the other port")
    platform.wait(app_id, "running")
    assert {"mine", own} <= names(home / "tmp")
    platform.api.delete(f"/apps/{app_id}")
