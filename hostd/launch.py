"""What every program's command runs first: set limits, tie it to supervisord's life, become the program.

Run as ``python -I -S launch.py SPEC``. SPEC is a JSON file that only hostd writes::

    {"argv": [...], "env": {...}, "cwd": "...",
     "uid": 20001,
     "limits": {"memory_mb": 2000, "processes": 1000, "open_files": 4096, "file_mb": 10000, "nice": 5,
                "oom_score": 500},
     "confine": {"read": [...], "write": [...], "unlisted": [...],
                 "tcp": {"bind": [8501, 0], "connect": [[1, 8079], [8081, 8499]]}},
     "cgroup": {"app_id": "...", "nice": 5}, "tmp": "...", "secrets": "...", "secrets_link": "..."}

All but the first line are for what runs other people's code (hostd/confine); each may be missing or null.
``uid``: as that user and group. ``confine``: folders to read, to change, to use without listing them; TCP
ports. ``cgroup``: the app's group, where there are some (hostd/cgroups.py). ``tmp``: a folder that is made
or emptied. ``secrets``: the file with the app's secrets, ``secrets_link`` where else it is to be found; so
that these stand in one place on the disk alone, they come into the environment here.

So no text of a user ever stands in a supervisord file, and nothing of the platform's environment
reaches the program. Standard library only: it runs before any environment is chosen, and once per start; so
it imports little (json, signal and contextlib bring re and enum, and half as much time again).
Exits with 78 (EX_CONFIG of sysexits.h) when it can't; supervisord does not retry that.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REFUSED = 78
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SIGKILL = 9  # signal(7): the same on every architecture


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the parent ends, so that a killed supervisord leaves no orphan.

    prctl(2): kept across execve, cleared by fork.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


def _is_orphan() -> bool:
    """Whether supervisord ended before we were tied to its life: then nobody reads our output any more."""
    output = select.poll()
    output.register(1, 0)
    return any(event & select.POLLERR for _, event in output.poll(0))


def become(spec_path: str) -> None:
    """Replace this process by the program that ``spec_path`` describes. Raises OSError or ValueError."""
    spec = _read(spec_path)
    if spec.get("cgroup"):
        _join(**spec["cgroup"])
    os.umask(0o077)
    env = spec["env"]
    if spec.get("secrets"):
        from hostd import launch_secrets  # noqa: PLC0415 - few need it

        env = env | launch_secrets.environment(spec["secrets"])
    if any(spec.get(part) is not None for part in ("uid", "limits", "confine")):
        from hostd.confine.enter import enter  # noqa: PLC0415 - the platform's own programs need none of it

        enter(spec, _tie)
    else:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(spec["cwd"])
        _tie()
    if spec.get("secrets_link"):
        launch_secrets.link(spec["secrets_link"], spec["secrets"])
    os.execve(spec["argv"][0], spec["argv"], env)  # noqa: S606 - that is its purpose


class _Json:
    """What json.JSONDecoder tells CPython's scanner (Lib/json/decoder.py)."""

    strict = True
    object_hook = object_pairs_hook = array_hook = parse_constant = None
    parse_float, parse_int = float, int


def _read(path: str) -> dict[str, Any]:
    """A JSON file, by the part of CPython's json that is written in C; see above."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib would double the start-up
        text = file.read()
    try:
        from _json import make_scanner  # noqa: PLC0415 - another Python may have none, or want to know more

        scan = make_scanner(_Json())  # type: ignore[arg-type]
    except (ImportError, AttributeError):
        import json  # noqa: PLC0415 - as above

        return dict(json.loads(text))
    return dict(scan(text, 0)[0])


def _join(app_id: str, nice: int) -> None:
    """While it is still root's right. An app without its share of the CPU still runs."""
    from hostd import cgroups  # noqa: PLC0415 - few programs need it

    try:
        cgroups.enter(app_id, nice)
    except OSError as error:
        sys.stderr.write(f"hostd: only nice, and no share of the CPU: {error}\n")


def _tie() -> None:
    die_with_parent()
    if _is_orphan():
        raise OSError("supervisord has ended")


if __name__ == "__main__":
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - as above
    try:
        become(sys.argv[1])
    except (OSError, ValueError, KeyError, IndexError, StopIteration) as error:
        sys.stderr.write(f"hostd: this program can't be started: {error}\n")
        sys.exit(REFUSED)
