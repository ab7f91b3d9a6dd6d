"""What an app's process may read, change and connect to: the allow-lists of its launcher's spec."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from hostd import egress
from hostd.confine.landlock import ANY_PORT
from hostd.layout import AppLayout, Layout, ReleaseLayout
from hostd.scale import Scale
from hostd.setting_texts import port_ranges
from hostd.settings import Settings
from hostd.store import BadState, read_json

SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/etc", "/proc", "/sys"),
    *("/run/systemd/resolve", "/var/cache/fontconfig", "/var/lib/ca-certificates"),
    "/var/lib/dbus/machine-id",  # Streamlit reads it where /etc has none (runtime/metrics_util.py)
)
"""Read and executed. The whole of /etc: a new resolv.conf is another file, which a rule for the old would
not let be read. Of other processes /proc shows their names and command lines, which hold no secrets."""
OF_ETC = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "mime.types", "fonts", "ssl"),
    *("hosts", "host.conf", "nsswitch.conf", "resolv.conf", "gai.conf", "passwd", "group", "machine-id"),
)
"""Instead of all of /etc, for what must run as root: modes keep nothing of it closed then."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - multiprocessing needs it
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - see below
"""For apps with a uid of their own, which modes keep apart there. Others have their TMPDIR alone."""
_CONFIG_LIMIT = 65_536
"""Bytes of a pyvenv.cfg that are read."""
_FILES: tuple[str, ...] = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def confined(
    settings: Settings,
    app: AppLayout,
    release: ReleaseLayout,
    port: int,
    uid: int | None = None,
    *,
    scale: Scale,
) -> dict[str, Any]:
    """The parts ``limits``, ``confine`` and ``tmp`` of the spec of a release's process (hostd/launch.py)."""
    own, data = uid is not None, settings.data.resolve()
    writable = [*DEVICES, app.home, release.bundle, *_outside(settings.app_write, data)]
    if settings.hand_over:
        writable.append(Layout(settings.data).door(port).parent)
    if own:
        writable += shared(data)
    return {
        "limits": limits(settings, scale),
        "confine": {
            "read": [str(path) for path in _readable(settings, release, data)],
            "write": [str(path) for path in writable],
            "unlisted": [] if own else [SHARED_MEMORY],
            "tcp": {"bind": [port, ANY_PORT], "connect": connects(settings, scale)},
        },
        "tmp": str(temporary(app, port)),
    }


def shared(data: Path) -> list[str]:
    """Folders that all users write, for those who have a uid of their own."""
    return [SHARED_MEMORY, *(path for path in TEMPORARY if not data.is_relative_to(path))]


def temporary(app: AppLayout, port: int) -> Path:
    """The folder for temporary files of the process at ``port``: its TMPDIR, new at each start."""
    return app.home / "tmp" / str(port)


def limits(settings: Settings, scale: Scale) -> dict[str, int]:
    """What a process of an app may use. 0 is no limit."""
    return {
        "memory_mb": _either(scale.memory_mb, settings.app_memory_mb),
        "processes": _either(scale.processes, settings.app_processes),
        "open_files": settings.app_open_files,
        "file_mb": _either(scale.disk_mb, settings.app_disk_mb),
        "nice": _either(scale.nice, settings.app_nice),
    }


def _either(own: int | None, default: int) -> int:
    return default if own is None else own


def connects(settings: Settings, scale: Scale, needed: Iterable[int] = ()) -> list[egress.Range]:
    """The ports that an app may connect to; ``needed`` whatever else holds."""
    wanted = port_ranges(scale.connect_ports) if scale.connect_ports else settings.app_connect_ports
    return egress.allowed(wanted, ours(settings), [*egress.proxy_ports(settings.app_environment), *needed])


def ours(settings: Settings) -> list[egress.Range]:
    """The ports of hostd, of the console and of the apps."""
    own = ((port, port) for port in (settings.port, settings.console_port))
    return [(settings.port_min, settings.port_max), *own]


def readable_by_all(settings: Settings) -> Iterator[Path]:
    """What every app reads beside what is its own, and STREAMLIT_HOST_APP_WRITE."""
    named = [Path(value) for name in _FILES if (value := settings.app_environment.get(name))]
    libraries = settings.app_environment.get("LD_LIBRARY_PATH", "").split(":")
    roots = [*map(Path, SYSTEM), *settings.app_read, *named, *(Path(one) for one in libraries if one)]
    for root in roots:
        yield from without(root, settings.data.resolve())


def _readable(settings: Settings, release: ReleaseLayout, data: Path) -> Iterator[Path]:
    yield from readable_by_all(settings)
    for prefix in _base(release):  # which may lie in the data folder, though not with the apps
        yield from without(prefix, data) if data.is_relative_to(prefix) else without(prefix, data / "apps")
    yield release.venv.resolve()
    yield Layout(data).runner


def _base(release: ReleaseLayout) -> Iterable[Path]:
    """Where the Python below the release's venv lies, as the install found it; never ``/``.

    The venv itself is not asked: a package may have put files of its own there.
    """
    try:
        found = read_json(release.record).get("prefixes")
    except BadState:
        found = None
    named = map(str, found) if isinstance(found, list) else _by_venv(release.venv)
    prefixes = {Path(one) for one in named if one.startswith("/")}
    real = {one for one in prefixes if os.path.realpath(one) != "/"}
    return sorted(one for one in real if any(one.glob("lib*/python3*/os.py")))


def _by_venv(venv: Path) -> Iterator[str]:
    """The same of a release from before that was recorded: by its link, and by pyvenv.cfg."""
    yield str(Path(os.path.realpath(venv / "bin" / "python")).parent.parent)  # resolve() raises in a loop
    with suppress(OSError, UnicodeDecodeError):
        descriptor = os.open(venv / "pyvenv.cfg", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return
            text = file.read(_CONFIG_LIMIT).decode("utf-8")
        config = dict(line.replace(" ", "").split("=", 1) for line in text.splitlines() if "=" in line)
        if "home" in config:
            yield str(Path(config["home"]).parent)


def _outside(roots: Iterable[Path], data: Path) -> list[Path]:
    return [path for root in roots for path in without(root.resolve(), data)]


def without(root: Path, left_out: Path) -> Iterator[Path]:
    """``root``, or what is in it and does not lead to ``left_out``: a rule holds for all that is below."""
    real = root.resolve()
    if not left_out.is_relative_to(real):
        if not real.is_relative_to(left_out):
            yield root
        return
    with suppress(OSError):
        for entry in sorted(real.iterdir()):
            if not entry.is_symlink():  # what it leads to is not in root
                yield from without(entry, left_out)
