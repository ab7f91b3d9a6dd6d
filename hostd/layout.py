"""The data folder's map: every path on disk, from the folder and an id. Pure; docs/disk.md tells each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ReleaseLayout:
    """``apps/<app_id>/releases/<n>/``."""

    root: Path

    @property
    def bundle(self) -> Path:
        """The tree as uploaded; the app's working directory."""
        return self.root / "bundle"

    @property
    def archive(self) -> Path:
        """bundle.zip: the tree as uploaded, which the app never touches."""
        return self.root / "bundle.zip"

    @property
    def asked(self) -> Path:
        """asked.json: source, options, who and when."""
        return self.root / "asked.json"

    @property
    def outcome(self) -> Path:
        """outcome.json: how its last deploy ended."""
        return self.root / "outcome.json"

    @property
    def venv(self) -> Path:
        """The venv, or a link to the one of an earlier release with the same dependencies."""
        return self.root / "venv"

    @property
    def record(self) -> Path:
        """release.json: there once, and only once, the release is complete."""
        return self.root / "release.json"

    @property
    def install_log(self) -> Path:
        """What the install said."""
        return self.root / "install.log"


@dataclass(frozen=True, slots=True)
class AppLayout:
    """``apps/<app_id>/``."""

    root: Path

    @property
    def meta(self) -> Path:
        """meta.json: what was asked and last known."""
        return self.root / "meta.json"

    @property
    def log(self) -> Path:
        """run.log: install, start and stop lines and the app's own output."""
        return self.root / "run.log"

    @property
    def home(self) -> Path:
        """The app's HOME; outlives every release."""
        return self.root / "home"

    @property
    def keep_awake(self) -> Path:
        """The file that the app touches while it works, so that it does not sleep."""
        return self.home / "keep-awake"

    @property
    def secrets(self) -> Path:
        """The folder of the app's secrets (see hostd/vault)."""
        return self.root / "secrets"

    def sealed(self, number: int) -> Path:
        """The secrets that release ``number`` runs with, encrypted."""
        return self.secrets / f"{number}.json"

    def secrets_toml(self, program: str) -> Path:
        """The secrets in the clear, for the app alone, while ``program`` is to run."""
        return self.secrets / f"{program}.toml"

    @property
    def releases(self) -> Path:
        """The folder of all releases."""
        return self.root / "releases"

    def release(self, number: int) -> ReleaseLayout:
        """The folder of release ``number``."""
        return ReleaseLayout(self.releases / str(number))


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole data folder."""

    root: Path

    @property
    def apps(self) -> Path:
        """A folder per app."""
        return self.root / "apps"

    @property
    def cache(self) -> Path:
        """uv's cache, unless UV_CACHE_DIR names another."""
        return self.root / "cache" / "uv"

    @property
    def own_caches(self) -> Path:
        """A folder for each app that builds code."""
        return self.root / "cache" / "own"

    def own_cache(self, app_id: str) -> Path:
        """The cache of an app's own builder; goes with the app."""
        return self.own_caches / app_id

    @property
    def git(self) -> Path:
        """A folder for each fetch from git, of the user that git runs as."""
        return self.root / "cache" / "git"

    @property
    def statics(self) -> Path:
        """Streamlit's files for browsers, a copy per version and content (see static_files.py)."""
        return statics_in(self.root / "cache")

    @property
    def people(self) -> Path:
        """users.json, sessions.json, tokens.json: hashes and digests only."""
        return self.root / "people"

    @property
    def logs(self) -> Path:
        """hostd.log, console.log and audit.log."""
        return self.root / "logs"

    @property
    def audit(self) -> Path:
        """audit.log: who did what (hostd/audit.py)."""
        return self.logs / "audit.log"

    @property
    def supervisor(self) -> Path:
        """supervisord's own folder."""
        return self.root / "supervisor"

    @property
    def supervisord_conf(self) -> Path:
        """The main file, for ``supervisorctl -c``."""
        return self.supervisor / "supervisord.conf"

    @property
    def socket(self) -> Path:
        """supervisord's socket, mode 0600."""
        return self.supervisor / "supervisor.sock"

    @property
    def supervisor_password(self) -> Path:
        """What supervisord's socket asks for, mode 0600."""
        return self.supervisor / "password"

    @property
    def events_socket(self) -> Path:
        """Where hostd hears of changes of state (datagrams from hostd/supervisor_plugin.py)."""
        return self.supervisor / "events.sock"

    @property
    def secrets_key(self) -> Path:
        """The key of all secrets, unless a setting names another."""
        return self.root / "secrets.key"

    @property
    def runner(self) -> Path:
        """A copy of hostd/runner.py, mode 0644, for every app's user."""
        return self.root / "hostd_runner.py"

    @property
    def hand_over(self) -> Path:
        """A folder per port, where an app's process takes visitors' sockets, and tells how many it has."""
        return self.root / "hand_over"

    def door(self, port: int) -> Path:
        """The socket of the app's process at ``port`` (hostd/runner.py)."""
        return self.hand_over / str(port) / "door"

    @property
    def last_uid(self) -> Path:
        """uids.json: the number that the last new app got, so that a deleted app's does not come again."""
        return self.root / "uids.json"

    @property
    def lock(self) -> Path:
        """Held as long as a platform runs on this data folder."""
        return self.supervisor / "lock"

    @property
    def sections(self) -> Path:
        """One file per program, and beside it the spec that its launcher reads."""
        return self.supervisor / "apps"

    def section(self, program: str) -> Path:
        """The file with the section of ``program``."""
        return self.sections / f"{program}.conf"

    def spec(self, program: str) -> Path:
        """What the launcher of ``program`` runs: argv, environment, working directory."""
        return self.sections / f"{program}.json"

    def app(self, app_id: str) -> AppLayout:
        """The folder of one app."""
        return AppLayout(self.apps / app_id)


def statics_in(cache: Path) -> Path:
    """The folder of all copies of Streamlit's files, in the platform's cache."""
    return cache / "static"
