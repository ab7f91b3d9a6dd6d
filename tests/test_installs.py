"""What an upload and its packages can do to an install, and to the app's process by what an install left."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hostd.builds.dependencies import read
from hostd.builds.workplace import builds_code
from hostd.layout import AppLayout, ReleaseLayout
from hostd.lifecycle.confinement import confined
from hostd.scale import Scale
from hostd.settings import load

from .platform import HELLO, Platform, platform


class Asked(ThreadingHTTPServer):
    """Answers 404, and remembers the paths."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Remembers)
        self.paths: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Remembers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.paths.append(self.path)  # type: ignore[attr-defined]
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - as http.server wants it

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[Asked]:
    """A web server of the attacker's, and of nobody else's."""
    with Asked() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture(scope="module", params=["as we are", "as one user"])
def host(request: pytest.FixtureRequest, server: Asked) -> Iterator[Platform]:
    """A platform that fetches Pythons from a place that has none."""
    more = {"STREAMLIT_HOST_UID_MIN": "0"} if request.param == "as one user" else {}
    with platform(UV_PYTHON_INSTALL_MIRROR=f"{server.url}/mirror", **more) as made:
        yield made


def upload(host: Platform, files: dict[str, str], **options: str) -> str:
    """Create an app of these files; its id."""
    parts = [("files", (name, text.encode())) for name, text in {"app.py": "", **files}.items()]
    made = host.api.post("/apps", data={"name": "upload", **options}, files=parts)
    assert made.status_code == 201, made.text
    return str(made.json()["app_id"])


@pytest.mark.parametrize("folder", ["", "sub/"])
def test_an_upload_does_not_choose_where_pythons_come_from(
    host: Platform, server: Asked, folder: str
) -> None:
    """Its uv.toml names a list of its own; nobody asks for that, though uv looks for the Python."""
    theirs = f'python-downloads-json-url = "{server.url}/theirs.json"\n'
    server.paths.clear()
    app_id = upload(
        host,
        {f"{folder}requirements.txt": "streamlit\n", f"{folder}uv.toml": theirs, "uv.toml": theirs},
        python="3.8",
    )
    error = host.wait(app_id, "failed")["error"]
    assert error["kind"] == "python_unavailable"
    assert [path for path in server.paths if path.startswith("/mirror/")], server.paths
    assert "/theirs.json" not in server.paths
    assert not list((host.data / "cache" / "python").glob("[!.]*"))
    host.api.delete(f"/apps/{app_id}")


SETUP = """
import json, os, pathlib, resource, socket
from setuptools import setup

def tried(what, *arguments):
    try:
        what(*arguments)
        return "open"
    except OSError as error:
        return os.strerror(error.errno)

status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
here = pathlib.Path(__file__).resolve().parent
told = json.loads((here / "targets.json").read_text())
found = {
    **{name: int(status[name], 16) for name in ("NoNewPrivs", "Seccomp", "CapEff")},
    "oom_score_adj": int(open("/proc/self/oom_score_adj").read()),
    "limits": {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name))[0] for name in told["limits"]},
    "tries": {
        **{f"connect {port}": tried(socket.create_connection, ("127.0.0.1", port)) for port in told["ports"]},
        **{f"read {path}": tried(open, path, "rb") for path in told["read"]},
        **{f"list {path}": tried(os.listdir, path) for path in told["list"]},
        **{f"write {path}": tried(open, path + "/planted", "xb") for path in told["list"]},
        "listen": tried(socket.create_server, ("127.0.0.1", told["free"])),
    },
}
(here / "found.json").write_text(json.dumps(found))
setup(name="mine", version="1", py_modules=["mine"])
"""


def test_what_is_built_is_confined(host: Platform) -> None:
    """A setup.py of the upload's has the limits of an app, and reaches neither hostd nor another app."""
    victim = host.running("victim")
    port, apps = host.app(victim)["port"], host.data / "apps"
    targets = {
        "ports": [host.port, host.console_port, port],
        "read": [
            str(host.data / "secrets.key"),
            str(apps / victim / "meta.json"),
            f"/proc/{host.pid('hostd')}/environ",
        ],
        "list": [
            str(host.data / "people"),
            str(apps / victim / "releases/1/bundle"),
            str(host.data / "cache"),
        ],
        "free": host.pool[-1],
        "limits": ["DATA", "FSIZE", *([] if "STREAMLIT_HOST_UID_MIN" in host.settings else ["NPROC"])],
    }
    (host.data / "people").mkdir(mode=0o700, exist_ok=True)
    files = {"requirements.txt": "streamlit\n-e .\n", "setup.py": SETUP, "mine.py": ""}
    app_id = upload(host, {**files, "app.py": HELLO.decode(), "targets.json": json.dumps(targets)})
    host.wait(app_id, "running", timeout=240)
    found = json.loads((apps / app_id / "releases/1/bundle/found.json").read_text())
    tries = found.pop("tries")
    assert {name: came for name, came in tries.items() if came == "open"} == {}
    assert set(tries.values()) <= {"Permission denied", "Operation not permitted"}
    assert (found["NoNewPrivs"], found["Seccomp"], found["CapEff"]) == (1, 2, 0)
    assert found["oom_score_adj"] >= 500
    assert all(limit > 0 for limit in found["limits"].values()), found  # -1 is none
    for one in (app_id, victim):
        host.api.delete(f"/apps/{one}")


PYLOCK = """
lock-version = "1.0"
created-by = "a test"
[[packages]]
name = "streamlit"
version = "1.50.0"
wheels = [{{ url = "https://index.example/streamlit-1.50.0-py3-none-any.whl", hashes = {{ sha256 = "00" }} }}]
[[packages]]
name = "mine"
{package}
"""


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ('version = "1"\nsdist = { url = "https://index.example/mine-1.tar.gz", hashes = {} }', False),
        ('version = "1"\nsdist = { path = "mine-1.tar.gz", hashes = {} }', True),
        ('vcs = { type = "git", url = "https://git.example/mine", commit-id = "00" }', True),
        ('archive = { url = "https://files.example/mine-1.tar.gz", hashes = {} }', True),
        ('archive = { url = "https://files.example/mine-1-py3-none-any.whl", hashes = {} }', False),
        ('directory = { path = "." }', True),
    ],
)
def test_a_lock_that_names_code_to_build(tmp_path: Path, package: str, expected: bool) -> None:
    """Is seen to do so; a package of an index that is there as source only is for the app's option."""
    (tmp_path / "pylock.toml").write_text(
        PYLOCK.format(package=package).replace("{{", "{").replace("}}", "}")
    )
    assert builds_code(read(tmp_path, "pylock.toml"), tmp_path) is expected


def released(root: Path, record: dict[str, object] | None) -> tuple[AppLayout, ReleaseLayout]:
    """A release with a venv whose Python is the system's."""
    app = AppLayout(root / "apps" / "app-1")
    release = app.release(1)
    (release.venv / "bin").mkdir(parents=True)
    (release.venv / "bin" / "python").symlink_to("/usr/bin/python3")
    if record is not None:
        release.record.write_text(json.dumps(record))
    return app, release


def readable(root: Path, app: AppLayout, release: ReleaseLayout) -> list[str]:
    """What a process of the release may read."""
    settings = load({"STREAMLIT_HOST_DATA": str(root)})
    return list(confined(settings, app, release, 8501, 20_003, scale=Scale())["confine"]["read"])


def _text(path: Path) -> None:
    path.write_text("home = /bin\n")


def _link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)
    (path.parent / "bin" / "python").unlink()
    (path.parent / "bin" / "python").symlink_to("python")


@pytest.mark.parametrize("plant", [_text, os.mkfifo, _link, _loop, Path.mkdir, lambda path: None])
@pytest.mark.parametrize("record", [None, {}, {"prefixes": ["/usr"]}, {"prefixes": ["/", "/usr", 7, "x"]}])
def test_no_package_widens_what_its_app_reads(
    tmp_path: Path, plant: object, record: dict[str, object] | None
) -> None:
    """Whatever lies where a venv tells of its Python, the root folder is not among what may be read."""
    app, release = released(tmp_path, record)
    plant(release.venv / "pyvenv.cfg")  # type: ignore[operator]
    found = readable(tmp_path, app, release)
    assert "/" not in found and "/usr" in found
    assert "/" not in map(os.path.realpath, found)


def test_the_prefix_that_an_install_recorded_counts(tmp_path: Path) -> None:
    """And not what the venv says by now."""
    prefix = tmp_path / "python"
    (prefix / "lib" / "python3.11").mkdir(parents=True)
    (prefix / "lib" / "python3.11" / "os.py").touch()
    other = tmp_path / "other"
    (other / "lib" / "python3.11").mkdir(parents=True)
    (other / "lib" / "python3.11" / "os.py").touch()
    app, release = released(tmp_path / "data", {"prefixes": [str(prefix)]})
    (release.venv / "pyvenv.cfg").write_text(f"home = {other}/bin\n")
    found = readable(tmp_path / "data", app, release)
    assert str(prefix) in found and str(other) not in found
