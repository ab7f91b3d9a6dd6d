"""Files with the platform's secrets outside the data folder: a start where apps could read one is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.confine import landlock
from hostd.errors import SettingsError
from hostd.lifecycle import secret_files
from hostd.settings import Settings, load
from hostd.uids import Uids

from .platform import ROOT

USERS = Uids(20_000, 59_999)
NAMES = ("SECRETS_KEY_FILE", "ADMIN_PASSWORD_FILE", "OIDC_CLIENT_SECRET_FILE")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others enter; what is in it apps don't read by themselves."""
    made = Path(tempfile.mkdtemp(prefix="secret-", dir="/var/lib" if os.geteuid() == 0 else None))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def secret(folder: Path, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_text("a secret that is long enough", encoding="utf-8")
    path.chmod(mode)
    return path


def settings(name: str, path: Path, **more: str) -> Settings:
    fixed = {"STREAMLIT_HOST_DATA": "/srv/hostd", f"STREAMLIT_HOST_{name}": str(path)}
    return load({**fixed, **more})


@pytest.mark.parametrize("name", NAMES)
def test_one_user(name: str, folder: Path) -> None:
    """What lies below a folder that apps may read is refused, whatever its mode; a link to it too."""
    path = secret(folder)
    assert secret_files.check(settings(name, path), None) == []
    for allowed in ("STREAMLIT_HOST_APP_READ", "STREAMLIT_HOST_APP_WRITE"):
        with pytest.raises(SettingsError, match=f"STREAMLIT_HOST_{name}={path}: apps can read it.*move it"):
            secret_files.check(settings(name, path, **{allowed: str(folder)}), None)
    for system in ("/etc/hostname", "/usr/share/common-licenses/BSD"):
        link = folder / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(system)
        with pytest.raises(SettingsError, match=r"may read /(etc|usr);"):
            secret_files.check(settings("SECRETS_KEY_FILE", link), None)


def test_in_the_data_folder(folder: Path) -> None:
    """It is kept from apps anyway, be the data folder where apps read."""
    path = secret(folder)
    wide = {"STREAMLIT_HOST_DATA": str(folder), "STREAMLIT_HOST_APP_READ": str(folder.parent)}
    found = settings("SECRETS_KEY_FILE", path, **wide)
    assert secret_files.check(found, None) == []


def test_users(folder: Path) -> None:
    """Modes keep apps from it: one that others can read is refused where Landlock lets them, else told."""
    path = secret(folder)
    below = settings("SECRETS_KEY_FILE", path, STREAMLIT_HOST_APP_READ=str(folder))
    assert secret_files.check(below, USERS) == []
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="its mode is 644; chmod 600 it"):
        secret_files.check(below, USERS)
    if landlock.abi():
        (told,) = secret_files.check(settings("SECRETS_KEY_FILE", path), USERS)
        assert f"STREAMLIT_HOST_SECRETS_KEY_FILE={path}: others may read it (mode 644)" in told
    folder.chmod(0o700)
    assert secret_files.check(below, USERS) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize(("uid", "gid", "mode"), [(0, 20_004, 0o640), (20_004, 0, 0o600)])
def test_a_file_of_an_apps_user_or_group(folder: Path, uid: int, gid: int, mode: int) -> None:
    """The numbers of the range are apps'."""
    path = secret(folder, mode)
    os.chown(path, uid, gid)
    with pytest.raises(SettingsError, match="apps can read it"):
        secret_files.check(settings("SECRETS_KEY_FILE", path, STREAMLIT_HOST_APP_READ=str(folder)), USERS)


def test_the_start_is_refused(folder: Path, tmp_path: Path) -> None:
    """One line, and no platform."""
    path = secret(folder, 0o644)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")},
        "STREAMLIT_HOST_DATA": str(tmp_path / "data"), "STREAMLIT_HOST_APP_READ": str(folder),
        "STREAMLIT_HOST_UID_MIN": "0", "STREAMLIT_HOST_ADMIN_PASSWORD_FILE": str(path),
        "STREAMLIT_HOST_PORT": "20902", "STREAMLIT_HOST_CONSOLE_PORT": "20903",
    }  # fmt: skip
    command = [sys.executable, "-m", "hostd"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"hostd: STREAMLIT_HOST_ADMIN_PASSWORD_FILE={path}: apps can read it")
    assert not (tmp_path / "data" / "supervisor" / "supervisord.conf").exists()
