"""The one-shot program: from a job to a venv, release.json, and compiled bytecode."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

from hostd import bytecode
from hostd.builds import static_copy, workplace
from hostd.builds.exits import Stop
from hostd.builds.install import Installed, install
from hostd.builds.job import Job, read_job
from hostd.builds.steps import Steps
from hostd.errors import DiskFull
from hostd.identity import acting, preload_codecs
from hostd.layout import statics_in
from hostd.runlog import now, say
from hostd.store import locked, write_json

_COMPILE = ("-I", "-S", "-m", "compileall", "-q", "-q")
_PTH = (
    "import os, sys; sys.path += [p for p in [os.environ.get('HOSTD_APP_ROOT')] if p and p not in sys.path]\n"
)


def main(path: str) -> int:
    """Run the job of the spec at ``path``."""
    job = read_job(Path(path))
    try:
        return run(job)
    except DiskFull:
        return errno.ENOSPC
    except OSError as error:
        say(Path(job.run_log), f"install: {error}")
        return errno.ENOSPC if error.errno == errno.ENOSPC else 1


def run(job: Job) -> int:
    """Make the venv, mark the release complete, then compile bytecode. Returns the exit code.

    As root, everything in the venv and in the bundle is done as the one who builds: root follows no link
    there, and no code of others ever runs as root.
    """
    release = Path(job.release)
    _clear(job.venv)
    _clear(release / "build")  # of an install that was killed
    preload_codecs()
    with (release / "install.log").open("ab", buffering=0) as log:
        steps = Steps(log, job.bundle, release / "build", time.monotonic() + job.timeout)
        try:
            work = workplace.choose(job, steps)
            made = _made(job, work)
        except Stop as stop:
            if stop.line:
                steps.say(stop.line)
            _clear(job.venv)
            return stop.code
        finally:
            _clear(steps.scratch)
    versions = dict(line.split("==", 1) for line in made.resolved if "==" in line)
    with acting(work.steps.identity):
        bytecode.drop_foreign(made.packages)
        (job.venv / ".lock").unlink(missing_ok=True)  # uv's, for everybody to write
        store = bytecode.store_in(work.cache, made.tag)
        bytecode.link_known(made.packages, store, made.tag)
        _add_root(made.packages)
        wheel = static_copy.wheel(made.packages, versions.get("streamlit"))
    _complete(job, made, versions.get("streamlit"), wheel.key if wheel else None)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # nobody waits for what follows
    if wheel is not None:
        with acting(job.users.platform if job.users else None):
            _copy(job, wheel)
    with acting(work.steps.identity):
        _compile(work, made, store)
    return 0


def _made(job: Job, work: workplace.Workplace) -> Installed:
    try:
        with acting(work.steps.identity):
            return install(job, work.steps, work.wanted)
    finally:
        work.end_builders()


def _add_root(packages: Path) -> None:
    """By a new file: where all is one user, a build may have put a link there."""
    path = packages / "hostd_app_root.pth"
    path.unlink(missing_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(_PTH)


def _clear(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _complete(job: Job, made: Installed, streamlit: str | None, static: str | None) -> None:
    record = {
        "release": job.number,
        "created_at": now(),
        "dependency_key": job.dependency_key,
        "python": made.python,
        "prefixes": made.prefixes,
        "streamlit_version": streamlit,
        "static": static,
        "resolved": made.resolved,
        "as_of": made.as_of,
        "warnings": made.warnings,
        "built": made.built,
    }
    write_json(Path(job.release, "release.json"), record)


def _copy(job: Job, wheel: static_copy.Wheel) -> None:
    """Streamlit's files for browsers to the platform's cache. Without a copy the app serves them itself."""
    try:
        static_copy.make(wheel, statics_in(Path(job.cache)))
    except (OSError, static_copy.Changed) as error:
        say(Path(job.run_log), f"install: Streamlit's files for browsers are not shared: {error}")


def _compile(work: workplace.Workplace, made: Installed, store: Path) -> None:
    """Bytecode for what the first start did not import, one venv at a time.

    ``-I -S`` so that nothing foreign runs.
    """
    with locked(work.cache / "compile.lock"):
        work.steps.quietly([made.interpreter, *_COMPILE, str(made.packages)])
        bytecode.keep(made.packages, store, made.tag)
