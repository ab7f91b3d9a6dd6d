"""What the launcher runs for a release or for the console: argv, environment, working directory."""

from __future__ import annotations

import sys
from pathlib import Path

from hostd import viewer
from hostd.confine import limits
from hostd.health import LOOPBACK
from hostd.layout import AppLayout, Layout
from hostd.lifecycle.confinement import confined, temporary
from hostd.models import App, Asked
from hostd.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent

RUNNER = ROOT / "hostd" / "runner.py"

_STREAMLIT = {
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
"""By environment, never by flags: an unknown flag ends the start in older versions."""


def launch_spec(
    settings: Settings, app: App, layout: AppLayout, asked: Asked, port: int
) -> dict[str, object]:
    """The spec of an app's program; nothing of the platform's own environment is in it."""
    release = layout.release(asked.release)
    venv = release.venv.resolve()
    env = {
        "LANG": "C.UTF-8",
        **limits.ENVIRONMENT,
        **settings.app_environment,
        **asked.options.environment,
        **_STREAMLIT,
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_BASE_URL_PATH": f"{settings.path_prefix}/apps/{app.app_id}".strip("/"),
        "STREAMLIT_SERVER_COOKIE_SECRET": app.cookie_secret,
        "STREAMLIT_CLIENT_TOOLBAR_MODE": "viewer",
        "STREAMLIT_APP_STORAGE": str(layout.home / "storage"),
        "HOSTD_APP_ROOT": str(release.bundle),
        "HOME": str(layout.home),
        "TMPDIR": str(temporary(layout, port)),
        "JOBLIB_TEMP_FOLDER": str(temporary(layout, port)),
        "VIRTUAL_ENV": str(venv),
        **({} if app.access.is_public else viewer.environment(viewer.viewer_key(app.cookie_secret))),
        "PATH": f"{venv}/bin:{settings.app_environment.get('PATH', '/usr/local/bin:/usr/bin:/bin')}",
    }
    argv = [f"{venv}/bin/streamlit", "run", asked.source.entry]
    if settings.hand_over:
        argv = [f"{venv}/bin/python", str(RUNNER), *argv]
        env["HOSTD_HAND_OVER"] = str(Layout(settings.data).hand_over / str(port))
    return {"argv": argv, "env": env, "cwd": str(release.bundle), **confined(settings, layout, release, port)}


OURS = frozenset(
    (
        *_STREAMLIT,
        *("STREAMLIT_SERVER_PORT", "STREAMLIT_SERVER_BASE_URL_PATH", "STREAMLIT_SERVER_COOKIE_SECRET"),
        "STREAMLIT_SERVER_TRUSTED_USER_HEADERS",
        *("STREAMLIT_CLIENT_TOOLBAR_MODE", "STREAMLIT_APP_STORAGE", "HOME", "VIRTUAL_ENV", "PATH"),
    )
)
"""Names that hostd sets for every app, so that an app's own environment can't."""


def console_spec(settings: Settings) -> dict[str, object]:
    """The spec of the console's program."""
    env = {
        "LANG": "C.UTF-8",
        **settings.app_environment,
        **_STREAMLIT,
        "STREAMLIT_SERVER_PORT": str(settings.console_port),
        "STREAMLIT_SERVER_BASE_URL_PATH": f"{settings.path_prefix}/console".strip("/"),
        "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": str(settings.max_upload_mb),
        "STREAMLIT_CLIENT_TOOLBAR_MODE": "minimal",
        "HOME": str(settings.data / "console"),
        "HOSTD_API_URL": settings.local_url,
        "HOSTD_PUBLIC_BASE": settings.public_base,
    }
    argv = [sys.executable, "-m", "streamlit", "run", str(ROOT / "console" / "app.py")]
    return {"argv": argv, "env": env, "cwd": str(ROOT)}
