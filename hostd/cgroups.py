"""Each app's share of the CPU by cgroup v2, where the platform may make groups of its own.

    <the cgroup that hostd was started in>
    ├── hostd-platform      supervisord, hostd, the console, and whatever started them
    └── hostd-apps
        └── <app_id>        all of an app's processes and its installs; cpu.weight from its nice

Apps are weighed against each other as wholes: more processes are no larger share, which nice alone makes
them. The only module that makes cgroups. Linux's Documentation/admin-guide/cgroup-v2.rst, below: the manual.
Imported by hostd/launch.py at each start: standard library only, and little of it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # as in confine/kernel.py
    from collections.abc import Iterator
    from threading import Event

PLATFORM = "hostd-platform"
APPS = "hostd-apps"
CONTROLLER = "cpu"
_PLATFORMS_NICE = -5
"""Of the platform against all apps together, which have the kernel's default, 0: three times as much."""
_SWEEP_SECONDS = 5.0
_TRIES = 5


def prepare() -> str:
    """Make the groups and move the platform into its own; '' when that was done, else a notice of why not.

    What was begun is undone. To be called before supervisord is started.
    """
    try:
        why = _prepared()
    except OSError as error:
        why = f"{error.filename or 'cgroups'}: {error.strerror}"
    return f"apps share the CPU by nice alone: {why}" if why else ""


def _prepared() -> str:
    base = _base()
    if base is None:
        return "there is no cgroup v2"
    if CONTROLLER not in _read(f"{base}/cgroup.controllers").split():
        return f"the controller {CONTROLLER} is not there in {base}"
    if _is_systemds(base):
        return f"{base} is systemd's (Delegate=yes in the unit would give it to hostd)"
    if _others(base):
        return f"{base} holds other programs as well"
    return _made(base)


def used() -> bool:
    """Whether apps that are started by this process's supervisord get groups of their own."""
    apps = _apps()
    return (
        apps is not None
        and os.path.isdir(apps)
        and CONTROLLER in _read(f"{apps}/cgroup.subtree_control").split()
    )


def enter(app_id: str, nice: int) -> None:
    """Put this process into the app's group, of the weight of ``nice``. Raises OSError.

    Nothing happens where groups are not used.
    """
    apps = _apps()
    for left in reversed(range(_TRIES if apps and os.path.isdir(apps) else 0)):
        group = f"{apps}/{app_id}"
        try:
            _make(group)
            _weigh(group, nice)
            _write(f"{group}/cgroup.procs", "0")
            return
        except FileNotFoundError:  # it was swept away in between
            if not left:
                raise


def sweep() -> None:
    """Remove the groups of apps of which nothing runs; the kernel keeps the others (EBUSY)."""
    apps = _apps()
    for group in _folders(apps) if apps else ():
        _remove(group)


def lineage() -> list[str]:
    """The folder of this process's cgroup, and those above it as far as they are seen; none without v2."""
    folder, found = _own(), []
    while folder and os.path.exists(f"{folder}/cgroup.procs"):
        found.append(folder)
        folder = os.path.dirname(folder)
    return found


def keep_swept(closing: Event) -> None:
    """Sweep every few seconds until ``closing``."""
    while not closing.wait(_SWEEP_SECONDS):
        sweep()


def _made(base: str) -> str:
    platform, apps = f"{base}/{PLATFORM}", f"{base}/{APPS}"
    try:
        _make(platform)
        _make(apps)
        for pid in [os.getpid()] if _is_root(base) else _pids(base):
            _write(f"{platform}/cgroup.procs", str(pid))
        for group in (base, apps):
            _write(f"{group}/cgroup.subtree_control", f"+{CONTROLLER}")
        _weigh(platform, _PLATFORMS_NICE)
    except OSError as error:
        _undo(base)
        return f"{base}: {error.strerror}"
    return ""


def _weigh(group: str, nice: int) -> None:
    """The kernel makes the weight of it: each step is a quarter more or less."""
    _write(f"{group}/{CONTROLLER}.weight.nice", str(nice))


def _undo(base: str) -> None:
    platform, apps = f"{base}/{PLATFORM}", f"{base}/{APPS}"
    if os.path.isdir(apps):
        _try_to_write(f"{apps}/cgroup.subtree_control", f"-{CONTROLLER}")
    _remove(apps)
    _try_to_write(f"{base}/cgroup.subtree_control", f"-{CONTROLLER}")
    for pid in _pids(platform) if os.path.isdir(platform) else ():
        _try_to_write(f"{base}/cgroup.procs", str(pid))
    _remove(platform)


# Where groups are


def _base() -> str | None:
    """The cgroup that hostd was started in; a platform that was restarted in place is in its own already."""
    own = _own()
    return os.path.dirname(own) if own and os.path.basename(own) == PLATFORM else own


def _apps() -> str | None:
    own = _own()
    return f"{os.path.dirname(own)}/{APPS}" if own and os.path.basename(own) == PLATFORM else None


def _own() -> str | None:
    """The folder of this process's cgroup (the manual, "Processes"; proc_pid_mountinfo(5))."""
    lines = _read("/proc/self/cgroup").splitlines()
    path = next((line[len("0::") :] for line in lines if line.startswith("0::")), None)
    for line in _read("/proc/self/mountinfo").splitlines() if path else ():
        fields, _, kind = line.partition(" - ")
        root, mount = fields.split()[3:5]
        below = os.path.relpath(path or "/", root)
        if kind.startswith("cgroup2 ") and not below.startswith(".."):
            return os.path.normpath(f"{mount}/{below}")
    return None


def _is_root(group: str) -> bool:
    """Only the kernel's own root has no type, and may hold processes beside groups with controllers."""
    return not os.path.exists(f"{group}/cgroup.type")


def _is_systemds(base: str) -> bool:
    """systemd alone changes cgroups that it has not delegated (systemd's CGROUP_DELEGATION.md)."""
    if not os.path.isdir("/run/systemd/system"):  # sd_booted(3)
        return False
    for name in ("user.delegate", "trusted.delegate"):
        try:
            if os.getxattr(base, name) == b"1":
                return False
        except OSError:
            continue
    return True


def _others(base: str) -> set[int]:
    """Processes that neither started this one nor are it: they are not ours to move. Of the root none is."""
    pid, ours = os.getpid(), set()
    while pid:
        ours.add(pid)
        pid = int(_read(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])
    return set() if _is_root(base) else set(_pids(base)) - ours


# The kernel's files


def _pids(group: str) -> list[int]:
    """0 is a process of another pid namespace."""
    return [int(line) for line in _read(f"{group}/cgroup.procs").split()]


def _folders(group: str) -> Iterator[str]:
    try:
        with os.scandir(group) as entries:
            yield from [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return


def _make(group: str) -> None:
    try:
        os.mkdir(group)
    except FileExistsError:
        return
    os.chmod(group, 0o755)  # noqa: S103 - libraries look there how many cores they have


def _remove(group: str) -> None:
    try:  # noqa: SIM105 - contextlib would be loaded at each start
        os.rmdir(group)
    except OSError:
        pass


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _try_to_write(path: str, text: str) -> None:
    try:  # noqa: SIM105 - as above
        _write(path, text)
    except OSError:
        pass
