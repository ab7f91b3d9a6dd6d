"""Which Unix users there are: one for each app, one that builds each app's own code, a few of the platform's.

They are numbers of a range that is this platform's alone. Where they can't be had, apps run as the
platform's own user, and the reason is in the log.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from hostd import self_test
from hostd.identity import Identity, closed_above, is_reachable
from hostd.isolation import Isolation
from hostd.settings import Settings

_NEEDED = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7}
"""linux/capability.h."""
PLATFORM = Identity(0, 0)


@dataclass(frozen=True, slots=True)
class Uids:
    """The numbers from ``first`` to ``last``: four of the platform's own, then two for each app."""

    first: int
    last: int

    @property
    def builder(self) -> Identity:
        """Installs wheels into every app's venv; no foreign code ever runs as this."""
        return Identity(self.first, self.first)

    @property
    def tester(self) -> int:
        """Runs hostd/self_test.py as an app would run; owns nothing."""
        return self.first + 1

    @property
    def console(self) -> Identity:
        """Runs the console."""
        return Identity(self.first + 2, self.first + 2)

    @property
    def fetcher(self) -> Identity:
        """Runs git."""
        return Identity(self.first + 3, self.first + 3)

    def own(self) -> range:
        """The platform's own."""
        return range(self.first, self.first + 4)

    def all(self) -> range:
        """The uid of each app there may be; the next number is that app's builder."""
        return range(self.own().stop, self.last, 2)


def of_app(uid: int) -> Identity:
    """Who an app runs as."""
    return Identity(uid, uid)


def own_builder(uid: int) -> Identity:
    """Who builds an app's own code, and the packages that are there as source only."""
    return Identity(uid + 1, uid + 1, (uid,))


def is_somebodys(uid: int) -> bool:
    """Whether the machine knows a user with this number: then it is no app's."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def usable(settings: Settings, uv: str, python: str) -> Uids | str:
    """The users, or why there are none. ``uv`` and ``python`` are programs that installs run."""
    if lacks := lacking(settings):
        return lack(lacks)
    if os.geteuid() != 0:
        return "it is not started as root"
    if settings.uid_min == 0:
        return "STREAMLIT_HOST_UID_MIN=0"
    users = Uids(settings.uid_min, settings.uid_max)
    if taken := [uid for uid in users.own() if is_somebodys(uid)]:
        return f"uid {taken[0]} is somebody's: choose another STREAMLIT_HOST_UID_MIN"
    if closed := closed_above(settings.data):
        return f"other users can't enter {closed}, where STREAMLIT_HOST_DATA is"
    if not is_reachable(Path(uv)):
        return f"other users can't run {uv}"
    if not any(is_reachable(Path(one)) for one in pythons(settings, python)):
        return f"other users can't run {python}, and there is no other Python on PATH"
    return users


def described(settings: Settings, uv: str, python: str) -> str:
    """Who apps run as, and why, for the log."""
    found = usable(settings, uv, python)
    if isinstance(found, str):
        return f"the platform's own user: {found}"
    return f"users of their own, uid {found.first} to {found.last}"


def isolation(settings: Settings, uv: str, python: str) -> Isolation:
    """What keeps apps apart here, measured as they would run."""
    found = usable(settings, uv, python)
    if isinstance(found, str):
        return replace(self_test.measure(), lacks=tuple(lacking(settings)))
    return self_test.measure(found.tester, pythons(settings, python))


def lack(names: Iterable[str]) -> str:
    """The lack of some capabilities in words."""
    return f"root lacks the capability {' and '.join(names)} (in Docker: cap_add)"


def lacking(settings: Settings) -> list[str]:
    """Capabilities that root would need here and has not (proc_pid_status(5), CapEff)."""
    if os.geteuid() != 0:
        return list(settings.root_lacks)
    if settings.uid_min == 0:
        return []
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"^CapEff:\s*([0-9a-f]+)", text, re.MULTILINE)
    effective = int(found[1], 16) if found else 0
    return [name for name, bit in _NEEDED.items() if not effective >> bit & 1]


def pythons(settings: Settings, first: str) -> list[str]:
    """Interpreters that apps may come to run on: ``first``, and those on PATH."""
    path = settings.build_environment.get("PATH", os.defpath)
    names = ["python3", *(f"python3.{minor}" for minor in range(9, 20))]
    found = [shutil.which(name, path=folder) for folder in path.split(":") for name in names]
    return [first, *(one for one in found if one)]
