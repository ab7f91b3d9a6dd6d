"""Release to venv. The only module that touches uv.

The install itself runs as a one-shot supervisord program (``python -m hostd.builds SPEC``), so that it
survives a restart of hostd and operators see it. It marks the release complete by writing release.json.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from uv import find_uv_bin

from hostd import bytecode
from hostd.errors import DiskFull
from hostd.launch import die_with_parent
from hostd.models import Failure, FailureKind
from hostd.runlog import now, say
from hostd.store import BadState, read_json, write_json

RECIPE = 1
"""Part of every dependency key: raise it when an old venv must not be used any more."""
OUT_OF_TIME = 124
_NO_SPACE = re.compile(r"No space left on device|os error 28|Disk quota exceeded")
_PTH = (
    "import os, sys; sys.path += [p for p in [os.environ.get('HOSTD_APP_ROOT')] if p and p not in sys.path]\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One install. Paths as text, so that it travels as JSON; ``timeout`` in seconds."""

    release: str
    number: int
    python: str
    requirements: str | None
    add_streamlit: bool
    dependency_key: str
    timeout: int
    run_log: str
    cache: str


def dependency_key(requirements_sha256: str | None) -> str:
    """What decides whether a venv can be used again: requirements, interpreter, recipe. Hexadecimal."""
    parts = [requirements_sha256, sys.version, RECIPE]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def interpreter() -> str:
    """The Python that venvs are made with: the one under the platform's own venv."""
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def environment(base: Mapping[str, str], cache: Path) -> dict[str, str]:
    """What an install gets to see: the people's UV_*, proxy and CA variables over our defaults."""
    defaults = {"UV_CACHE_DIR": str(cache), "UV_PYTHON_DOWNLOADS": "never", "HOME": "/nonexistent"}
    return {**defaults, **base, "UV_NO_PROGRESS": "1", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def commands(job: Job) -> list[list[str]]:
    """The uv calls that make the venv, in order."""
    uv = find_uv_bin()
    venv = str(Path(job.release, "venv"))
    wanted = ["--requirements", job.requirements] if job.requirements else []
    if job.add_streamlit:
        wanted.append("streamlit")
    return [
        [uv, "venv", "--quiet", "--no-project", "--python", job.python, venv],
        [uv, "pip", "install", "--python", venv, *wanted],
    ]


def spec(job: Job, env: Mapping[str, str], path: Path) -> dict[str, object]:
    """What the launcher runs for ``job``; ``path`` is where this very spec will be."""
    root = str(Path(__file__).resolve().parent.parent)
    return {
        "argv": [sys.executable, "-m", "hostd.builds", str(path)],
        "env": env,
        "cwd": root,
        "job": asdict(job),
    }


def is_complete(record: Path) -> bool:
    """Whether release.json is there and readable."""
    with contextlib.suppress(BadState):
        return bool(read_json(record))
    return False


def failure(exit_code: int, log_tail: str, timeout: int) -> Failure:
    """What people are told about an install that ended with ``exit_code``."""
    if exit_code == OUT_OF_TIME:
        text = (
            f"The install took longer than {timeout} s. Raise STREAMLIT_HOST_INSTALL_TIMEOUT or ask for less."
        )
        return Failure(FailureKind.INSTALL_FAILED, text, log_tail)
    if exit_code == errno.ENOSPC or _NO_SPACE.search(log_tail):
        text = "The disk of the data folder is full. Free some space, then start the app again."
        return Failure(FailureKind.DISK_FULL, text, log_tail)
    reason = _reason(log_tail) or f"the installer ended with {exit_code}"
    return Failure(FailureKind.INSTALL_FAILED, f"The dependencies could not be installed: {reason}", log_tail)


def _reason(log_tail: str) -> str:
    """uv's own sentence: what follows its cross or 'error:', to the end of the paragraph."""
    text = "\n".join(re.sub(r"^\S+Z \[hostd\] ", "", line) for line in log_tail.splitlines())
    match = re.search(r"(?:×|error:)\s*(.+?)(?:\n\s*\n|\n\S+Z |\Z)", text, re.DOTALL)
    return re.sub(r"\s*\n\s*(?:[│╰├]─▶|│)?\s*", " ", match[1])[:600].strip() if match else ""


# From here on: the one-shot program.


def run(job: Job) -> int:
    """Make the venv, mark the release complete, then compile bytecode. Returns the exit code."""
    release = Path(job.release)
    shutil.rmtree(release / "venv", ignore_errors=True)
    with (release / "install.log").open("ab", buffering=0) as log:
        for command in commands(job):
            code = _run_step(command, release / "bundle", log, job.timeout)
            if code != 0:
                shutil.rmtree(release / "venv", ignore_errors=True)
                return code
    bytecode.link_known(release / "venv" / "lib", bytecode.store_in(Path(job.cache)))
    _complete(job, release)
    _compile(job, release)
    return 0


def _run_step(command: list[str], folder: Path, log: IO[bytes], timeout: int) -> int:
    """Run one step; when uv itself was killed, once more."""
    code = 1
    for _ in range(2):
        code = _run(command, folder, log, timeout)
        if code >= 0:
            return code
        _tee(log, f"uv was killed by signal {-code}\n".encode())
    return 1


def _run(command: list[str], folder: Path, log: IO[bytes], timeout: int) -> int:
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - no thread runs yet
    )
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()
        # A build backend outlives uv. As a supervisord program we lead a group that holds nobody else.
        for _ in range(10 if os.getpgrp() == os.getpid() else 0):  # again: one may fork while we look
            for pid in [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]:
                with contextlib.suppress(OSError):
                    if pid != os.getpid() and os.getpgid(pid) == os.getpgrp():
                        os.kill(pid, signal.SIGKILL)

    timer = threading.Timer(timeout, end)
    timer.start()
    full = False
    with process, contextlib.closing(process.stdout or open(os.devnull, "rb")) as output:  # noqa: PTH123
        for line in output:
            full = full or bool(_NO_SPACE.search(line.decode("utf-8", "replace")))
            _tee(log, line)
    timer.cancel()
    if late.is_set():
        return OUT_OF_TIME
    return errno.ENOSPC if full and process.returncode else process.returncode


def _tee(log: IO[bytes], line: bytes) -> None:
    for write in (log.write, sys.stdout.buffer.write):
        with contextlib.suppress(OSError):  # a full disk loses the line; uv will say what is wrong
            write(line)
    sys.stdout.flush()


def _complete(job: Job, release: Path) -> None:
    site = next((release / "venv").glob("lib/python*/site-packages"))
    (site / "hostd_app_root.pth").write_text(_PTH, encoding="utf-8")
    listed = subprocess.run(
        [find_uv_bin(), "pip", "freeze", "--quiet", "--python", str(release / "venv")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    resolved = listed.stdout.split("\n")[:-1]
    versions = dict(line.split("==", 1) for line in resolved if "==" in line)
    record = {
        "release": job.number,
        "created_at": now(),
        "dependency_key": job.dependency_key,
        "python": site.parent.name.removeprefix("python"),
        "streamlit_version": versions.get("streamlit"),
        "resolved": resolved,
    }
    write_json(release / "release.json", record)


def _compile(job: Job, release: Path) -> None:
    """Bytecode for what the first start did not import, at idle priority, one venv at a time.

    After the mark, so that nobody waits for it; with the platform's interpreter, which runs nothing foreign.
    """
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    packages = release / "venv" / "lib"
    with Path(job.cache, "compile.lock").open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(
            [job.python, "-I", "-S", "-m", "compileall", "-q", "-q", str(packages)],
            check=False, preexec_fn=die_with_parent,
        )  # fmt: skip
        bytecode.keep(packages, bytecode.store_in(Path(job.cache)))


def main(path: str) -> int:
    """Run the job of the spec at ``path``."""
    job = Job(**json.loads(Path(path).read_text(encoding="utf-8"))["job"])
    try:
        return run(job)
    except DiskFull:
        return errno.ENOSPC
    except OSError as error:
        say(Path(job.run_log), f"install: {error}")
        return errno.ENOSPC if error.errno == errno.ENOSPC else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
