"""How a starting app gets its secrets: from the file that only it can read. Standard library only.

Part of the launcher (hostd/launch.py), for apps that have secrets. The file is made by hostd once it hears
of the start: so one that an operator starts gets them as well.
"""

from __future__ import annotations

import os
import re
import time
import tomllib
from pathlib import Path

PATIENCE = 20.0
"""Seconds that a start waits for the file: hostd may be on its way up itself."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def environment(path: str) -> dict[str, str]:
    """The secrets that are environment variables as well: texts and numbers outside of tables.

    As Streamlit has it once st.secrets is read (runtime/secrets.py ``_maybe_set_environment_variable``).
    Raises OSError when the file does not come, ValueError.
    """
    found = tomllib.loads(_awaited(Path(path)))
    plain = {name: value for name, value in found.items() if type(value) in (str, int, float)}
    return {name: str(value) for name, value in plain.items() if _VARIABLE.fullmatch(name)}


def _awaited(path: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            if time.monotonic() > deadline:
                raise OSError("its secrets are not there; start it in the console") from None
        time.sleep(0.01)


def link(place: str, path: str) -> None:
    """Let ``path`` be found at ``place``, where Streamlit before 1.40 looks. Call it as the app's own user.

    A file of the app's own that stands there stays.
    """
    folder = Path(place).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = folder / f".{os.getpid()}.tmp"
    if Path(place).is_symlink() or not Path(place).exists():
        temporary.symlink_to(path)
        temporary.replace(place)
