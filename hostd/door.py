"""From a folder to a running platform: check, render supervisord's files, become supervisord."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import sys
from pathlib import Path
from typing import NoReturn

from uv import find_uv_bin

from hostd import builds, cgroups, first_admin, programs, store, uid_lock, uids
from hostd.confine import kernel
from hostd.data_owner import give_home, prepare_users
from hostd.errors import SettingsError
from hostd.health import is_free
from hostd.isolation import NONE
from hostd.layout import Layout
from hostd.leftovers import drop_sections, end_orphans, set_bad_sections_aside
from hostd.lifecycle import console, secret_files
from hostd.lifecycle.environment import ROOT
from hostd.programs import Program
from hostd.setting_names import ROOT_LACKS
from hostd.settings import Settings
from hostd.templating import Templates
from hostd.vault import conceal_all, rotation
from hostd.vault import keys as vault_keys

SOCKET_PATH_LIMIT = 100
"""Bytes of a unix socket's path: 108 (unix(7)), less what supervisord adds while it creates it."""


def enter(settings: Settings) -> NoReturn:
    """Check, prepare, and become supervisord. Raises SettingsError with one line when it can't be."""
    os.umask(0o077)  # everything that supervisord and its children make is for this user only
    layout = Layout(settings.data)
    prepare(layout)
    lock = take_lock(layout)
    check_isolation(settings)
    users = _users(settings)
    locks = [lock, *_take_uids(settings, users)]
    _check_secret_files(settings, users)
    run = console.runner(settings, prepare_users(settings, layout, _tell))
    give_home(layout.root / "console", run.identity)
    vault_keys.load(settings, layout, _tell)
    check_ports(settings)
    _clear_away(settings, layout)
    write_platform(settings, layout, run)
    for notice in (run.notice, cgroups.prepare()):
        if notice:
            _tell(notice)
    first_admin.make(settings, layout)
    _become_supervisord(settings, layout, locks)


def _clear_away(settings: Settings, layout: Layout) -> None:
    """What a killed platform left, and what would keep supervisord from starting."""
    end_orphans(settings, layout)
    drop_sections(layout)
    conceal_all(layout)
    for problem in set_bad_sections_aside(layout):
        _tell(problem)


def _become_supervisord(settings: Settings, layout: Layout, locks: list[int]) -> NoReturn:
    """``locks`` are held on."""
    for lock in locks:
        os.set_inheritable(lock, True)
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)  # supervisord gets what apps leave (lifecycle/families.py)
    _append_to_stdout()
    os.chdir(ROOT)
    os.execve(  # noqa: S606 - that is its purpose
        sys.executable,
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(layout.supervisord_conf)],
        {
            "PATH": settings.build_environment.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
        },
    )


def rotate_secrets_key(settings: Settings) -> None:
    """Encrypt all secrets by a new key. Raises SettingsError, also while a platform runs on the folder."""
    os.umask(0o077)
    layout = Layout(settings.data)
    prepare(layout)
    take_lock(layout)
    rotation.rotate(settings, layout, _tell)
    first_admin.record(layout, "rotate_secrets_key")


def _tell(notice: str) -> None:
    sys.stderr.write(f"hostd: {notice}\n")


def prepare(layout: Layout) -> None:
    """Make the data folder. Raises SettingsError when it can't be written, or its path is too long."""
    if len(os.fsencode(layout.socket)) > SOCKET_PATH_LIMIT:
        raise SettingsError(f"STREAMLIT_HOST_DATA={layout.root}: is too long a path for supervisord's socket")
    try:
        own = (layout.sections, layout.hand_over, layout.root / "console")
        for folder in (layout.apps, layout.cache, layout.logs, *own):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"STREAMLIT_HOST_DATA={layout.root}: can't be written: {error.strerror}"
        ) from None


def take_lock(layout: Layout) -> int:
    """Hold the data folder as long as the platform runs; supervisord inherits the descriptor."""
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SettingsError(f"STREAMLIT_HOST_DATA={layout.root}: another hostd runs on this folder") from None
    return descriptor


def check_ports(settings: Settings) -> None:
    """Raises SettingsError that names the setting when a port is taken."""
    for name, host, port in (
        ("PORT", settings.bind, settings.port),
        ("CONSOLE_PORT", "127.0.0.1", settings.console_port),
    ):
        if not is_free(port, host):
            raise SettingsError(
                f"STREAMLIT_HOST_{name}={port}: {host}:{port} is taken by another program or not ours"
            )


def check_isolation(settings: Settings) -> None:
    """Raises SettingsError when apps would be kept apart less well than is required."""
    wanted = settings.require_isolation
    if wanted == NONE:
        return
    found = uids.isolation(settings, find_uv_bin(), builds.interpreter())
    if not found.reaches(wanted):
        why = f", for {uids.lack(found.lacks)}" if found.lacks else ""
        raise SettingsError(
            f"STREAMLIT_HOST_REQUIRE_ISOLATION={wanted}: apps would only have {found}{why};"
            " see docs/security.md"
        )


def _users(settings: Settings) -> uids.Uids | None:
    found = uids.usable(settings, find_uv_bin(), builds.interpreter())
    return found if isinstance(found, uids.Uids) else None


def _take_uids(settings: Settings, users: uids.Uids | None) -> list[int]:
    """Hold the range of uids as long as the platform runs. Raises SettingsError where another has it."""
    try:
        return [uid_lock.take(settings.uid_locks, users, settings.data)] if users else []
    except uid_lock.Unusable as error:
        _tell(f"warning: another hostd with the same uids would not be noticed: {error}")
        return []


def _check_secret_files(settings: Settings, users: uids.Uids | None) -> None:
    for notice in secret_files.check(settings, users):
        _tell(notice)


def write_platform(settings: Settings, layout: Layout, run: console.Runner) -> None:
    """supervisord.conf, and the specs of hostd itself and of the console."""
    hostd, shown = platform_programs(layout)
    environment = {
        "LANG": "C.UTF-8",
        **settings.build_environment,
        **settings.app_environment,
        **settings.own_environment,
        "STREAMLIT_HOST_DATA": str(settings.data),
        **({ROOT_LACKS: ",".join(settings.root_lacks)} if settings.root_lacks else {}),
        "PYTHONUNBUFFERED": "1",
    }
    serve = {"argv": [sys.executable, "-m", "hostd", "serve"], "env": environment, "cwd": str(ROOT)}
    store.write_json(hostd.spec, serve)
    store.write_json(shown.spec, console.console_spec(settings, run))
    text = programs.render_main(Templates(), layout, [hostd, shown], _password(layout))
    store.write_whole(layout.supervisord_conf, text.encode())


def _password(layout: Layout) -> str:
    """The password of supervisord's socket, made at the first start."""
    path = layout.supervisor_password
    known = path.read_text(encoding="ascii") if path.is_file() else ""
    if not re.fullmatch(r"[0-9a-f]{64}", known):
        known = secrets.token_hex(32)
        store.write_whole(path, known.encode())
    return known


def platform_programs(layout: Layout) -> tuple[Program, Program]:
    """hostd and console: always to run, restarted whatever happens."""
    file = layout.logs / "hostd.out"
    log = _terminal_or(file)
    rotated: dict[str, int] = {} if log == file else {"log_bytes": 0, "log_backups": 0}
    hostd = Program(
        name="hostd", spec=layout.supervisor / "hostd.json", log=log, autostart=True, autorestart="true",
        startsecs=1, startretries=1_000_000, priority=1, **rotated,
    )  # fmt: skip
    shown = Program(
        name="console", spec=layout.supervisor / "console.json", log=layout.logs / "console.log",
        autostart=True, autorestart="true", startsecs=1, startretries=1_000_000, priority=2,
    )  # fmt: skip
    return hostd, shown


def _terminal_or(file: Path) -> Path:
    """Where hostd's own lines go: supervisord's stdout, or a file where that can't be opened by name."""
    mode = os.fstat(1).st_mode
    return file if stat.S_ISSOCK(mode) else Path("/dev/fd/1")


def _append_to_stdout() -> None:
    """Two writers share a file that stdout was redirected to: both must append."""
    if stat.S_ISREG(os.fstat(1).st_mode):
        fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | os.O_APPEND)
