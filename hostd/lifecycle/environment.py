"""What the launcher runs for a release: argv, environment, working directory."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from hostd import viewer
from hostd.confine import limits
from hostd.errors import DiskFull
from hostd.health import LOOPBACK
from hostd.layout import AppLayout, Layout
from hostd.lifecycle.confinement import confined, temporary
from hostd.models import App, Asked
from hostd.settings import Settings
from hostd.store import read_json, write_whole

ROOT = Path(__file__).resolve().parent.parent.parent

log = logging.getLogger(__name__)

RUNNER = ROOT / "hostd" / "runner.py"

STREAMLIT = {
    "STREAMLIT_SERVER_ADDRESS": LOOPBACK,  # unset, Streamlit asks the internet for its own address
    "STREAMLIT_SERVER_HEADLESS": "true",
    "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
    "STREAMLIT_SERVER_RUN_ON_SAVE": "false",
    "STREAMLIT_SERVER_SCRIPT_HEALTH_CHECK_ENABLED": "true",  # for hostd/first_session.py, not for visitors
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "STREAMLIT_LOGGER_HIDE_WELCOME_MESSAGE": "true",
    "STREAMLIT_LOGGER_ENABLE_RICH": "false",  # hostd/diagnosis reads plain tracebacks
    "PYTHONUNBUFFERED": "1",
    "PYTHONIOENCODING": "utf-8",
}
"""For the console too. By environment, never by flags: an unknown flag ends the start in older versions."""


def keep_runner(layout: Layout) -> None:
    """Copy the runner into the data folder: hostd's own code may lie where other users can't read it.

    A full disk is logged: apps then start with the copy of before.
    """
    code = RUNNER.read_bytes()
    try:
        if not layout.runner.is_file() or layout.runner.read_bytes() != code:
            write_whole(layout.runner, code, 0o644)
    except DiskFull as full:
        log.error("apps can't start with the newest hostd_runner.py: %s", full)


def launch_spec(
    settings: Settings, app: App, layout: AppLayout, asked: Asked, port: int, *, secrets: Path | None = None
) -> dict[str, object]:
    """The spec of an app's program; nothing of the platform's own environment is in it.

    ``secrets`` is the file where the app finds its secrets, None when it has none.
    """
    release = layout.release(asked.release)
    env = _environment(settings, app, layout, asked, port)
    venv = f"{env['VIRTUAL_ENV']}/bin"
    runner = str(Layout(settings.data).runner)
    argv = [f"{venv}/python", runner, f"{venv}/streamlit", "run", asked.source.entry]
    if settings.hand_over:
        env["HOSTD_HAND_OVER"] = str(Layout(settings.data).door(port))
    held = confined(settings, layout, release, port, app.uid, scale=app.scale)
    share = {"app_id": app.app_id, "nice": held["limits"]["nice"]}
    spec = {"argv": argv, "env": env, "cwd": str(release.bundle), "uid": app.uid, "cgroup": share, **held}
    return spec if secrets is None else _with_secrets(spec, secrets, layout, asked)


def _environment(settings: Settings, app: App, layout: AppLayout, asked: Asked, port: int) -> dict[str, str]:
    """What later lines say goes before what earlier ones say."""
    release = layout.release(asked.release)
    venv = release.venv.resolve()
    return {
        "LANG": "C.UTF-8",
        "USER": app.app_id,  # no passwd entry tells it (getpass.getuser)
        "LOGNAME": app.app_id,
        **limits.ENVIRONMENT,
        **settings.app_environment,
        **asked.options.environment,
        **STREAMLIT,
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_BASE_URL_PATH": f"{settings.path_prefix}/apps/{app.app_id}".strip("/"),
        "STREAMLIT_SERVER_COOKIE_SECRET": app.cookie_secret,
        "STREAMLIT_CLIENT_TOOLBAR_MODE": "viewer",
        "STREAMLIT_APP_STORAGE": str(layout.home / "storage"),
        "STREAMLIT_APP_KEEP_AWAKE": str(layout.keep_awake),
        "HOSTD_APP_ROOT": str(release.bundle),
        "HOME": str(layout.home),
        "TMPDIR": str(temporary(layout, port)),
        "JOBLIB_TEMP_FOLDER": str(temporary(layout, port)),
        "VIRTUAL_ENV": str(venv),
        **({} if app.access.is_public else viewer.environment(viewer.viewer_key(app.cookie_secret))),
        "PATH": f"{venv}/bin:{settings.app_environment.get('PATH', '/usr/local/bin:/usr/bin:/bin')}",
    }


def _with_secrets(spec: dict[str, Any], secrets: Path, layout: AppLayout, asked: Asked) -> dict[str, object]:
    """The same with the file of the secrets; Streamlit is told it, or finds it by a link before 1.40.

    STREAMLIT_SECRETS_FILES is cut at blanks (click's ``envvar_list_splitter``); later files go before.
    """
    confine = {**spec["confine"], "read": [*spec["confine"]["read"], str(secrets)]}
    home = layout.home / ".streamlit" / "secrets.toml"
    version = read_json(layout.release(asked.release).record).get("streamlit_version") or ""
    if not _knows_secrets_files(version) or re.search(r"\s", str(layout.root)):
        return {**spec, "confine": confine, "secrets": str(secrets), "secrets_link": str(home)}
    env = {**spec["env"], "STREAMLIT_SECRETS_FILES": f"{home} .streamlit/secrets.toml {secrets}"}
    return {**spec, "confine": confine, "secrets": str(secrets), "env": env}


def _knows_secrets_files(version: str) -> bool:
    try:
        return Version(version) >= Version("1.40")
    except InvalidVersion:
        return False


OURS = frozenset(
    (
        *STREAMLIT,
        *("STREAMLIT_SERVER_PORT", "STREAMLIT_SERVER_BASE_URL_PATH", "STREAMLIT_SERVER_COOKIE_SECRET"),
        "STREAMLIT_SERVER_TRUSTED_USER_HEADERS",
        *("STREAMLIT_CLIENT_TOOLBAR_MODE", "STREAMLIT_APP_STORAGE", "STREAMLIT_APP_KEEP_AWAKE"),
        *("HOME", "VIRTUAL_ENV", "PATH"),
    )
)
"""Names that hostd sets for every app, so that an app's own environment can't."""


def is_ours(name: str) -> bool:
    """Whether hostd sets the variable ``name``, or reads it itself."""
    return name in OURS or name.startswith("HOSTD_")
