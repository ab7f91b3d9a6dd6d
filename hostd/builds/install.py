"""The uv calls that make a venv, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name
from uv import find_uv_bin

from hostd.builds import as_of, dependencies
from hostd.builds.dependencies import Wanted
from hostd.builds.exits import NO_PYTHON, Stop
from hostd.builds.job import Job
from hostd.builds.leftovers import Leftovers
from hostd.builds.plan import Plan, planned
from hostd.builds.steps import Steps
from hostd.builds.unknown import without_unknown

UV = find_uv_bin()
_ABOUT = "import sys; print(sys.implementation.cache_tag); print(sys.base_prefix)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What an install made. ``built`` are the files that it left in the upload's own folder.

    ``prefixes`` are the folders where the Python below the venv lies.
    """

    python: str
    interpreter: str
    prefixes: list[str]
    tag: str
    packages: Path
    resolved: list[str]
    as_of: str | None
    warnings: list[str]
    built: list[str]


def install(job: Job, steps: Steps, wanted: Wanted) -> Installed:
    """Make the venv of ``job``. Raises Stop."""
    source, options = job.asked()
    steps = replace(steps, folder=wanted.folder)
    wanted = without_unknown(steps, wanted)
    for line in wanted.warnings:
        steps.say(f"warning: {line}")
    files = _files(steps, wanted)
    plan = planned(job, steps, wanted, files, options.python or source.python or wanted.python)
    leftovers = Leftovers.before(job.bundle)
    steps.must([UV, "venv", "--quiet", "--no-project", "--python", plan.python.path, str(job.venv)])
    _fill(job, steps, wanted, files, plan.flags)
    warnings = [*wanted.warnings, *_project(job, steps, wanted, plan)]
    _streamlit(job, steps, plan)
    return _look(job, steps, plan, warnings=warnings, built=leftovers.clear())


def read(job: Job) -> Wanted:
    """What the release asks for. Raises Stop."""
    name = job.asked()[0].dependencies
    try:
        wanted = dependencies.read(job.bundle, name)
    except dependencies.Unreadable as error:
        raise Stop(1, f"error: {error}") from None
    root = job.bundle.resolve()
    for file in map(Path.resolve, wanted.files):
        if not file.is_relative_to(root):
            raise Stop(1, f"error: {name} names a file outside of the upload: {file.name}")
        if not file.is_file():
            raise Stop(1, f"error: {name} names {file.relative_to(root)}, which is not in the upload")
    return wanted


def _files(steps: Steps, wanted: Wanted) -> list[str]:
    """The files that uv resolves together; Streamlit is among what they name."""
    files = [str(wanted.install)] if wanted.install else []
    if wanted.converted is not None:
        files.append(str(steps.write("requirements.txt", wanted.converted)))
    if not wanted.locked and not wanted.hashed and not wanted.names_streamlit:
        files.append(str(steps.write("streamlit.txt", "streamlit\n")))
    return files


def _fill(job: Job, steps: Steps, wanted: Wanted, files: Sequence[str], flags: Sequence[str]) -> None:
    if wanted.synced:
        steps.must(
            [UV, "sync", "--frozen", "--no-dev", "--inexact", "--python", str(job.venv / "bin" / "python")]
        )
    elif files:
        quiet = ["--preview-features", "pylock"] if wanted.locked else []
        steps.must(
            [*_pip(job, "install"), *quiet, *flags, *(part for file in files for part in ("-r", file))]
        )


def _project(job: Job, steps: Steps, wanted: Wanted, plan: Plan) -> list[str]:
    """Install the project itself, where it is a package; one that can't be built is a warning."""
    if wanted.project is None:
        return []
    date = as_of.until(plan.day) if plan.day else []
    code = steps.run([*_pip(job, "install"), *date, "--no-deps", "--editable", str(wanted.project)])
    if code == 0:
        return []
    line = "the project of pyproject.toml can't be built, so that only its dependencies are installed"
    steps.say(f"warning: {line}")
    return [line]


def _streamlit(job: Job, steps: Steps, plan: Plan) -> None:
    """Streamlit, if nothing brought it."""
    if "streamlit" not in _versions(_freeze(job, steps, plan)):
        steps.must([*_pip(job, "install"), *plan.flags, "streamlit"])


def _pip(job: Job, command: str) -> list[str]:
    return [UV, "pip", command, "--python", str(job.venv)]


def _freeze(job: Job, steps: Steps, plan: Plan) -> list[str]:
    """The packages in the venv. Its own Python is not asked: what packages left in it would run."""
    where = ["--python", plan.python.path, "--path", str(_packages(job))]
    code, text = steps.ask([UV, "pip", "freeze", "--quiet", *where])
    if code != 0:
        raise Stop(1, "error: the installed packages can't be listed")
    return text.splitlines()


def _packages(job: Job) -> Path:
    """Raises Stop when a build put a link there that leads elsewhere."""
    found = next(job.venv.glob("lib/*/site-packages"), None)
    if found is None or not found.resolve().is_relative_to(job.venv.resolve()):
        raise Stop(1, "error: what was built took the folder of packages away")
    return found


def _versions(resolved: Sequence[str]) -> dict[str, str]:
    return {
        canonicalize_name(name): version for name, _, version in (one.partition("==") for one in resolved)
    }


def _look(job: Job, steps: Steps, plan: Plan, *, warnings: list[str], built: list[str]) -> Installed:
    """What there is now."""
    python = plan.python
    said = steps.ask([python.path, "-I", "-S", "-c", _ABOUT])[1].splitlines()
    if len(said) != 2:
        raise Stop(NO_PYTHON, f"error: {python.path} does not run")
    tag, prefix = said
    return Installed(
        python=".".join(map(str, python.version.release[:2])),
        interpreter=python.path,
        prefixes=_prefixes(Path(python.path), Path(prefix)),
        tag=tag,
        packages=_packages(job),
        resolved=_freeze(job, steps, plan),
        as_of=str(plan.day) if plan.day else None,
        warnings=warnings,
        built=built,
    )


def _prefixes(python: Path, prefix: Path) -> list[str]:
    """Where that Python says it lies, and where it is behind all links."""
    found = {prefix, prefix.resolve(), python.resolve().parent.parent}
    return sorted(str(one) for one in found if one != Path("/"))
