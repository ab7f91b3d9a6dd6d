"""ssh for a git that runs as another user: the keys are root's, the repository is not.

ssh knows no user without a passwd entry, and reads the keys of who it runs as. So root starts it, without any
of its rights and confined, and hands git the connection alone; git's own "ssh" passes on bytes.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from hostd.bundles.git_process import Fetcher, end, launched
from hostd.egress import Range
from hostd.errors import Invalid

OPTIONS = ("-oBatchMode=yes", "-oStrictHostKeyChecking=accept-new", "-oConnectTimeout=20")
RELAY = """
import os, socket, sys, threading
line = socket.socket(fileno=int(sys.argv[1]))
def there():
    while data := os.read(0, 65536):
        line.sendall(data)
    line.shutdown(socket.SHUT_WR)
threading.Thread(target=there, daemon=True).start()
while data := line.recv(65536):
    while data:
        data = data[os.write(1, data):]
os._exit(0)
"""
"""What git takes for ssh. The connection is a descriptor that git hands on; git has it too, so it is not
closed but shut."""
_KNOWN = "userknownhostsfile"
_FILES = (_KNOWN, "globalknownhostsfile", "identityfile", "certificatefile", "identityagent")
_CONFIG_TIME = 20


@dataclass(frozen=True, slots=True)
class Destination:
    """Where ssh goes, and the repository there; as git has it (connect.c, parse_connect_url)."""

    host: str
    port: int | None
    path: str

    @property
    def arguments(self) -> list[str]:
        """For ssh, before the command."""
        return [*(["-p", str(self.port)] if self.port else []), "--", self.host]

    @property
    def command(self) -> str:
        """What is run there, quoted as git does it (quote.c, sq_quote_buf)."""
        quoted = self.path.replace("'", "'\\''").replace("!", "'\\!'")
        return f"git-upload-pack '{quoted}'"


def destination(url: str) -> Destination | None:
    """Of an address that is for ssh. Raises Invalid('git')."""
    if "://" not in url:
        host, _, path = url.partition(":")
        return Destination(host, None, path)
    if not url.startswith("ssh://"):
        return None
    parts = urlsplit(unquote(url))
    user = f"{parts.username}@" if parts.username else ""
    path = parts.path[1:] if parts.path.startswith("/~") else parts.path
    found = Destination(f"{user}{parts.hostname}", parts.port, path)
    if found.host.startswith("-") or not found.host.isprintable() or re.search(r"\s", found.host):
        raise Invalid("git", "is no valid URL")
    return found


@contextlib.contextmanager
def connected(to: Destination, fetcher: Fetcher, path: str, said: Path) -> Iterator[int]:
    """The descriptor for RELAY while ssh runs; what that says is in the file ``said``. Raises Invalid."""
    program = shutil.which("ssh", path=path)
    if program is None:
        raise Invalid("git", "ssh is not installed on the server; use an https address instead")
    env = {"PATH": path, "LC_ALL": "C.UTF-8", "GIT_PROTOCOL": "version=2", "HOME": str(_home())}
    ours, theirs = socket.socketpair()
    with ours, theirs, said.open("wb") as words:
        argv = [program, *OPTIONS, "-oUpdateHostKeys=no", "-oSendEnv=GIT_PROTOCOL"]
        argv += [*to.arguments, to.command]
        files = _files([program, "-G", *to.arguments], env)
        spec = _spec(argv, env, fetcher, files, to.port or 22)
        with launched(spec) as (command, reading):
            process = subprocess.Popen(
                command, cwd="/", env=env, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=words,
                start_new_session=True, pass_fds=(reading,),
            )  # fmt: skip
        theirs.close()
        try:
            yield ours.fileno()
        finally:
            end(process)


def _home() -> Path:
    """Where ssh looks for keys: it does not ask $HOME."""
    return Path(pwd.getpwuid(os.geteuid()).pw_dir)


def _spec(
    argv: list[str], env: Mapping[str, str], fetcher: Fetcher, files: list[tuple[str, str]], port: int
) -> dict[str, Any]:
    known: list[Range] = [(port, port), *fetcher.ports]
    return {
        "argv": argv,
        "env": dict(env),
        "cwd": "/",
        "limits": {},
        "confine": {
            "read": [*fetcher.ssh_read, str(_home() / ".ssh"), *(path for _, path in files)],
            "write": ["/dev/null", *(path for name, path in files if name == _KNOWN)],
            "tcp": {"bind": [], "connect": sorted(known)},
        },
    }


def _files(command: list[str], env: Mapping[str, str]) -> list[tuple[str, str]]:
    """What ssh's configuration names for this host: keys may lie anywhere (ssh(1), -G)."""
    with launched({"argv": command, "env": dict(env), "cwd": "/", "limits": {}}) as (asked, reading):
        try:
            done = subprocess.run(
                asked, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", timeout=_CONFIG_TIME, check=False, pass_fds=(reading,),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return []
    pairs = (line.partition(" ") for line in done.stdout.splitlines())
    named = ((name, one) for name, _, value in pairs if name in _FILES for one in value.split())
    found = [(name, str(_home() / one[2:]) if one.startswith("~/") else one) for name, one in named]
    _make_known_hosts(found)
    return found


def _make_known_hosts(files: list[tuple[str, str]]) -> None:
    """The first file for the keys of hosts that are new: ssh may change it, and nothing beside it."""
    first = next((Path(path) for name, path in files if name == _KNOWN), None)
    with contextlib.suppress(OSError):
        if first is not None and first.parent == _home() / ".ssh":
            first.parent.mkdir(mode=0o700, exist_ok=True)
            first.touch(0o600)
