"""From an upload's dependency files to a venv: what uv is asked for, and real installs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from hostd import builds, store
from hostd.builds import as_of, conda, dependencies, interpreters, names, poetry, texts
from hostd.builds.interpreters import Python
from hostd.layout import ReleaseLayout
from hostd.lifecycle.building import confined_build
from hostd.models import Asked, Options, Source
from hostd.scale import Scale
from hostd.settings import load

from .platform import until, uv_cache

Files = dict[str, str | bytes]
PACKAGE = """
[project]
name = "{name}"
version = "1"
{more}
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"
"""


def lay_down(
    root: Path, files: Files, dependencies: str | None, **options: Any
) -> tuple[ReleaseLayout, Asked]:
    """A release as an upload leaves it."""
    release = ReleaseLayout(root / "1")
    for name, content in {"app.py": "", **files}.items():
        path = release.bundle / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    source = Source(sha256="digest", dependencies=dependencies)
    return release, Asked(release=1, created_at="", source=source, options=Options(**options))


@dataclass(frozen=True)
class Built:
    """How a real one-shot ended."""

    release: ReleaseLayout
    code: int
    log: str

    @property
    def record(self) -> dict[str, Any]:
        """release.json."""
        return store.read_json(self.release.record)

    def imports(self, program: str) -> str:
        """What a program prints in the venv, with the app's root on its path as apps have it."""
        env = {"HOSTD_APP_ROOT": str(self.release.bundle), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [str(self.release.venv / "bin" / "python"), "-c", program]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()


Build = Callable[..., Built]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The platform's cache of all builds here, so that only the first compiles."""
    yield tmp_path_factory.mktemp("cache")


@pytest.fixture
def build(tmp_path: Path, cache: Path) -> Build:
    """Runs the one-shot as supervisord does: a program of its own, in a group of its own."""

    def run(files: Files, dependencies: str | None = None, timeout: int = 300, **options: Any) -> Built:
        release, asked = lay_down(tmp_path, files, dependencies, **options)
        settings = load({k: v for k, v in os.environ.items() if not k.startswith("STREAMLIT_HOST")})
        job = builds.Job(
            release=str(release.root), number=1, source=asdict(asked.source), options=asdict(asked.options),
            dependency_key=builds.dependency_key(release, asked), timeout=timeout,
            run_log=str(tmp_path / "run.log"), cache=str(cache), as_of=asked.options.as_of,
            own_cache=str(cache / "own"), held=confined_build(settings, Scale(), own=False),
        )  # fmt: skip
        base = {"UV_CACHE_DIR": uv_cache(), "UV_PYTHON_DOWNLOADS": "never", **settings.build_environment}
        path = tmp_path / "spec.json"
        spec = builds.spec(job, builds.environment(base, cache / "uv"), path)
        store.write_json(path, spec)
        process = subprocess.Popen(
            [sys.executable, "-m", "hostd.builds", str(path)], env=spec["env"], cwd=str(spec["cwd"]),  # type: ignore[call-overload]
            stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        until(lambda: process.poll() is not None or release.record.is_file(), 2 * timeout)
        complete = release.record.is_file()  # what is left is bytecode
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        return Built(release, 0 if complete else code, release.install_log.read_text())

    return run


def wanted(root: Path, files: Files, name: str) -> dependencies.Wanted:
    """What uv would be asked for."""
    release, _ = lay_down(root, files, name)
    return dependencies.read(release.bundle, name)


# Real installs


def test_nested_requirements_in_every_encoding(build: Build) -> None:
    """-r and -c from the file that names them, paths from its folder; BOM and UTF-16; nothing is left."""
    files: Files = {
        "sub/requirements.txt": "\ufeff-r reqs/base.txt\n-c ../limits.txt\n./own\n".encode(),
        "sub/reqs/base.txt": "toolz\n".encode("utf-16"),
        "limits.txt": "toolz==0.12.0\n",
        "sub/own/pyproject.toml": PACKAGE.format(name="own", more=""),
        "sub/own/own.py": "NAME = 'own'\n",
        "beside.py": "NAME = 'beside'\n",
        "toolz/__init__.py": "NAME = 'a folder of the app'\n",
    }
    built = build(files, "sub/requirements.txt")
    assert built.code == 0, built.log
    record = built.record
    assert "toolz==0.12.0" in record["resolved"]
    assert any(line.startswith("own @ ") for line in record["resolved"])
    assert record["streamlit_version"] and record["built"] == []
    assert sorted(p.name for p in built.release.root.iterdir()) == [
        "bundle",
        "install.log",
        "release.json",
        "venv",
    ]
    shown = "import beside, own, toolz; print(beside.NAME, own.NAME, toolz.__version__)"
    assert built.imports(shown) == "beside own 0.12.0"


def test_a_project_that_is_a_package(build: Build) -> None:
    """Its dependencies and itself, imported from where it lies."""
    more = 'dependencies = ["toolz==0.12.0"]\nrequires-python = ">=3.9"\n'
    built = build(
        {"pyproject.toml": PACKAGE.format(name="mine", more=more), "src/mine/__init__.py": "NAME = 'mine'\n"},
        "pyproject.toml",
    )
    assert built.code == 0, built.log
    assert built.imports("import mine, toolz; print(mine.__file__)").endswith("bundle/src/mine/__init__.py")
    assert not list(built.release.bundle.rglob("*.egg-info"))


def test_conda_entries_that_no_index_has_are_left_out(build: Build) -> None:
    """What only conda has is named in a warning, the rest gets installed."""
    yml = "dependencies: [nodejs, toolz=0.12, hostd-no-such-package-x, {pip: [six==1.16.0]}]\n"
    built = build({"environment.yml": yml}, "environment.yml")
    assert built.code == 0, built.log
    assert {"toolz==0.12.1", "six==1.16.0"} <= set(built.record["resolved"])
    told = " ".join(built.record["warnings"])
    assert "nodejs" in told and "hostd-no-such-package-x" in told and "warning: " in built.log


def test_a_python_that_is_not_here(build: Build) -> None:
    """One line that names those there are, and an exit code of its own."""
    built = build({}, python="3.5")
    assert built.code == builds.NO_PYTHON
    last = built.log.strip().splitlines()[-1]
    assert last.startswith("error: Python 3.5 is not on this machine; there is: ")
    assert str(interpreters.own().version) in last
    assert not built.release.venv.exists() and not builds.is_complete(built.release.record)


def test_as_of_a_date(build: Build) -> None:
    """Packages newer than the date asked for are passed over, and the record says so."""
    built = build({"requirements.txt": "toolz\n"}, "requirements.txt", as_of="2026-01-15")
    assert built.code == 0, built.log
    assert built.record["as_of"] == "2026-01-15"
    assert Version("1.50") < Version(built.record["streamlit_version"]) < Version("1.60")


@pytest.mark.parametrize(
    "line", ["-r ../../../../../../../../etc/hostname", "-r /dev/zero", "-r missing.txt"]
)
def test_a_file_that_is_not_in_the_upload(build: Build, line: str) -> None:
    """Is refused without a look at it."""
    built = build({"requirements.txt": line}, "requirements.txt")
    assert built.code == 1
    assert "outside of the upload" in built.log or "not in the upload" in built.log


BACKEND = """
import os, pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({pids!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
child.wait()
"""
ENDLESS = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "cmdline").read_bytes() != b""
    return False


def test_nothing_outlives_an_install_that_is_out_of_time(build: Build, tmp_path: Path) -> None:
    """At the time-out uv ends, and so do the build backend that it started and that backend's own child."""
    pids = tmp_path / "1" / "bundle" / "pids"
    backend = BACKEND.format(pids=str(pids))
    files: Files = {"endless/pyproject.toml": ENDLESS, "endless/backend.py": backend}
    built = build({"requirements.txt": "./endless\n", **files}, "requirements.txt", timeout=8)
    assert built.code == builds.OUT_OF_TIME
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) == 2 and not any(map(_lives, started))


# What uv is asked for


def test_conda_versions() -> None:
    """conda's version language, as PEP 440."""
    expected = {
        "numpy": "", "numpy=1.2": "==1.2.*", "numpy==1.2": "==1.2", "numpy=1.2=py39_0": "==1.2",
        "numpy 1.2": "==1.2", "numpy 1.2.*": "==1.2.*", "conda-forge::numpy >=1.2,<2": ">=1.2,<2",
        "Numpy>=1.2": ">=1.2", "numpy=1.*": "==1.*", "numpy[version='>=1']": "", "numpy 1.2|1.3": "",
        "numpy!=1.2": "!=1.2",
    }  # fmt: skip
    assert {entry: conda.parse(entry) for entry in expected} == {
        entry: ("numpy", version) for entry, version in expected.items()
    }


def test_poetry_versions() -> None:
    """Poetry's version language, as PEP 440."""
    expected = {
        "^1.2.3": ">=1.2.3,<2", "^0.2.3": ">=0.2.3,<0.3", "^0.0.3": ">=0.0.3,<0.0.4", "^1": ">=1,<2",
        "^0": ">=0,<1", "~1.2.3": ">=1.2.3,<1.3", "~1.2": ">=1.2,<1.3", "~1": ">=1,<2", "*": "",
        "1.2.*": "==1.2.*", "1.2": "==1.2",
        ">=1.2, <2": ">=1.2,<2", ">=1.2 <2": ">=1.2,<2", "~=1.2": "~=1.2", "^1.2,!=1.3": ">=1.2,<2,!=1.3",
    }  # fmt: skip
    assert {text: poetry.version_specifier(text) for text in expected} == expected


def test_pipfile_and_poetry(tmp_path: Path) -> None:
    """Versions, extras, markers, paths and git; groups for development stay out."""
    pipfile = """
[packages]
toolz = "*"
a = {version = "==1.0", extras = ["x", "y"], markers = "python_version < '4'"}
b = {git = "https://git.example/b.git", ref = "v1"}
c = {path = "./c", editable = true}
[dev-packages]
pytest = "*"
[requires]
python_version = "3.11"
"""
    found = wanted(tmp_path / "p", {"Pipfile": pipfile}, "Pipfile")
    expected = (
        "toolz",
        "a[x,y]==1.0 ; python_version < '4'",
        "b @ git+https://git.example/b.git@v1",
        "-e ./c",
    )
    assert found.lines == expected
    assert (found.python, found.local, found.editable) == ("3.11", True, True)

    text = (
        '[tool.poetry.dependencies]\npython = "^3.9"\ntoolz = "^0.12"\nx = {version = "1", optional = true}\n'
    )
    found = wanted(tmp_path / "q", {"pyproject.toml": text, "poetry.lock": ""}, "pyproject.toml")
    assert (found.lines, found.python, len(found.warnings)) == (("toolz>=0.12,<0.13",), ">=3.9,<4", 1)


def test_where_paths_begin(tmp_path: Path) -> None:
    """The folder of the file, as for who installs from there; the root, where only that makes sense."""
    files: Files = {"sub/requirements.txt": "-e ./pkg\n", "pkg/pyproject.toml": ""}
    release, _ = lay_down(tmp_path, files, None)
    assert wanted(tmp_path, files, "sub/requirements.txt").folder == release.bundle
    (release.bundle / "sub" / "pkg").mkdir()
    assert wanted(tmp_path, files, "sub/requirements.txt").folder == release.bundle / "sub"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", "["),
        ("pyproject.toml", "a = "),
        ("Pipfile", "?"),
        ("environment.yml", "{"),
        ("environment.yml", "a: 1"),
        ("environment.yml", "dependencies: [{pip: 5}]"),
        ("environment.yml", "dependencies: [{pip: [5]}]"),
        ("environment.yml", "dependencies: [{conda: [a]}]"),
        ("environment.yml", "dependencies: [[a]]"),
        ("environment.yml", "a: &a {b: 1}\ndependencies: [{<<: *a}]"),
        ("Pipfile", "requires = 5"),
        ("pyproject.toml", "tool = {poetry = {dependencies = 5}}"),
        ("uv.lock", "package = 5"),
        ("uv.lock", "a = 1\n" + "#" * 20_000_001),
    ],
)
def test_what_can_not_be_read(tmp_path: Path, name: str, text: str) -> None:
    """Is said by name; a key is to be had all the same."""
    with pytest.raises(dependencies.Unreadable, match=name):
        wanted(tmp_path, {name: text}, name)
    release, asked = lay_down(tmp_path, {}, name)
    assert builds.dependency_key(release, asked) and not builds.can_look_back(release, asked)


def _bombs() -> dict[str, str]:
    """Small files that quadratic patterns, aliases and merges make hours or gigabytes of."""
    nested = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 10}]\n" for n in range(1, 12))
    merged = "m0: &m0 {k: v}\n" + "".join(
        f"m{n}: &m{n} {{<<: [{f'*m{n - 1}, ' * 10}]}}\n" for n in range(1, 12)
    )
    again = f"x: &x {'y' * 200_000}\n"
    long = 290_000
    return {
        "alias": f"{nested}dependencies: [*a11]",
        "pip alias": f"{nested}dependencies: [{{pip: *a11}}]",
        "merge": f"{merged}dependencies: []",
        "again": f"{again}dependencies: [{'*x, ' * 10_000}]",
        "brackets": f"dependencies: ['a{'[' * long}']",
        "blanks": f"dependencies: ['a ={' ' * long}b', \"{'a' * long} x\\nb\"]",
        "nested": f"dependencies: [{{pip: ['-r{'=' * long} x y']}}]",
    }


@pytest.mark.parametrize("name", _bombs())
@pytest.mark.timeout(30)
def test_bombs(tmp_path: Path, name: str) -> None:
    """An environment.yml that was made to keep hostd busy does not."""
    with suppress(dependencies.Unreadable):
        wanted(tmp_path, {"environment.yml": _bombs()[name]}, "environment.yml")


@pytest.mark.timeout(30)
def test_long_lines() -> None:
    """A line of a megabyte is looked at in less than a second, whatever it is made of."""
    started = time.process_time()
    blank, mega = " " * 1_000_000, 1_000_000
    for line in (
        f"-e ./a{blank}b",
        f"./a{blank}",
        "./" + "[" * mega,
        f"./{' ;' * (mega // 2)}",
        f"-e{blank}",
    ):
        texts.local_path(line)
    poetry.version_specifier(f">=1{blank}x")
    names.is_named("streamlit", ["/streamlit-1" * (mega // 12)])
    assert texts.local_path(f"./a {blank}; python_version > '3'") == "./a"
    assert time.process_time() - started < 5


# The key


def test_the_key_changes_with_what_decides(tmp_path: Path) -> None:
    """Every file that is named, Python and date; not the app's own code, unless that gets installed."""

    def key(name: str, files: Files, number: int = 1, sha256: str = "a", **options: Any) -> str:
        release, asked = lay_down(tmp_path / name, files, "requirements.txt", **options)
        source = Source(sha256=sha256, dependencies="requirements.txt")
        return builds.dependency_key(
            release, Asked(release=number, created_at="", source=source, options=asked.options)
        )

    nested: Files = {"requirements.txt": "-r base.txt\n", "base.txt": "toolz\n"}
    first = key("a", nested)
    assert key("b", {**nested, "app.py": "x = 1"}, 2, "b") == first
    others = [
        key("c", {**nested, "base.txt": "toolz<1\n"}),
        key("d", nested, python="3.11"),
        key("e", nested, as_of="2024-01-01"),
    ]
    assert len({first, *others}) == 4

    path: Files = {"requirements.txt": "./pkg\n"}
    assert key("f", path) == key("f", path, 2) != key("f", path, 2, "b")
    editable: Files = {"requirements.txt": "-e .\n"}
    assert key("g", editable) == key("g", editable) != key("g", editable, 2)


def test_who_can_look_back(tmp_path: Path) -> None:
    """Who pins a version at the top, and asked for no date."""

    def can(name: str, text: str, **options: Any) -> bool:
        return builds.can_look_back(
            *lay_down(tmp_path / name, {"requirements.txt": text}, "requirements.txt", **options)
        )

    assert can("a", "streamlit==1.12.0\n")
    assert can("b", "pandas\nstreamlit === 1.12.0 ; python_version > '3'\n")
    assert not can("c", "streamlit==1.12.*\npandas>=1\n-e .\n")
    assert not can("d", "streamlit==1.12.0\n", as_of="2023-01-01")
    assert not can("e", "streamlit==1.12.0 ; sys_platform == 'win32'\n")
    assert names.pins(["a", "b==1"], ["a==2", "c==3"]) == ("a==2", "b==1")


# Interpreters and dates


def test_which_python_is_meant() -> None:
    """Wishes as people write them."""
    here = Python("python", Version("3.11.7"))
    fit = [
        "3.11",
        "3.11.7",
        "3.11.x",
        "python-3.11",
        "cpython@3.11",
        "python3.11",
        ">=3.9",
        "==3.11.*",
        "~=3.10",
        "^3.9",
        "3",
    ]
    assert [wish for wish in fit if not interpreters.fits(here, interpreters.normal(wish) or "")] == []
    unfit = ["3.12", "3.11.4", ">=3.12", "<3.11", "pypy", "pypy@3.11", "3.13t", "nonsense"]
    assert [wish for wish in unfit if interpreters.fits(here, interpreters.normal(wish) or "")] == []


def test_the_newest_that_fits_is_taken() -> None:
    """Of what uv lists; pre-releases, free-threaded and other implementations are not meant."""

    def entry(version: str, **more: Any) -> dict[str, Any]:
        return {
            "version": version,
            "path": version,
            "variant": "default",
            "implementation": "cpython",
            **more,
        }

    listed = [
        entry("3.9.1"), entry("3.13.0", variant="freethreaded"), entry("3.12.1"), entry("3.10.3"),
        entry("3.14.0a1"), entry("3.13.5", implementation="pypy"), entry("3.15.0", path=None),
    ]  # fmt: skip
    found = interpreters.parse(json.dumps(listed))
    expected = {">=3.9": "3.12.1", "<3.12": "3.10.3", "==3.8.*": None}
    picked = {wish: interpreters.pick(found, wish) for wish in expected}
    assert {wish: python and python.path for wish, python in picked.items()} == expected


def test_the_first_day_is_found() -> None:
    """Not before the versions were there, not much later than needed, with the newest Python of that day."""
    old, new = Python("old", Version("3.10")), Python("new", Version("3.12"))
    start = date(2022, 8, 11)
    since = {old: start + timedelta(days=97), new: start + timedelta(days=400)}
    found = as_of.earliest(start, [new, old], lambda day: day.on >= since[day.python])
    assert found is not None and found.python == old
    assert timedelta(0) <= found.on - since[old] <= timedelta(days=as_of.CLOSE_ENOUGH)
    assert as_of.earliest(start, [new, old], lambda day: True) == as_of.Day(start, new)
    assert as_of.earliest(start, [old], lambda day: False) is None
