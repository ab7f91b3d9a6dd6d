"""Repositories over real HTTP: git's own server, one that serves just files, one that wants a password."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hostd.bundles import Fetcher, GitSource, Limits, Upload
from hostd.bundles.git_ssh import Destination, destination
from hostd.bundles.git_url import parse_address
from hostd.errors import Invalid
from hostd.lifecycle import fetching
from hostd.settings import load
from hostd.uids import Uids

from .laying import ENTRY, Folder, refused

PASSWORD = "s3cr3t/t0ken"
ENVIRONMENT = {"PATH": os.environ["PATH"]}
USERS = Uids(20_000, 59_999)


def git(repository: Path, *arguments: str) -> str:
    """Run git as its owner would."""
    names = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=trunk"]
    command = ["git", "-C", str(repository), *names, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """team/app.git: two commits, a branch, a tag, a link, a large file elsewhere and a submodule."""
    work = tmp_path_factory.mktemp("work")
    git(work, "init", "--quiet")
    (work / "app.py").write_bytes(ENTRY)
    (work / ".gitattributes").write_text("hidden.csv export-ignore\n")
    (work / "hidden.csv").write_text("1")
    (work / "sub").mkdir()
    (work / "sub/main.py").write_bytes(ENTRY)
    (work / "sub/link.csv").symlink_to("../hidden.csv")
    git(work, "add", "-A")
    git(work, "commit", "--quiet", "-m", "one")
    git(work, "tag", "v1")
    git(work, "branch", "other")
    (work / "model.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{git(work, 'rev-parse', 'HEAD')},vendored")
    git(work, "add", "model.bin")
    git(work, "commit", "--quiet", "-m", "two")
    bare = tmp_path_factory.mktemp("served") / "team" / "app.git"
    bare.parent.mkdir()
    git(work, "clone", "--quiet", "--bare", ".", str(bare))
    git(bare, "update-server-info")
    return bare


class Smart(BaseHTTPRequestHandler):
    """git http-backend behind HTTP, with a password below /private/."""

    root: Path

    def do_GET(self) -> None:
        """A request that reads."""
        self._serve(b"")

    def do_POST(self) -> None:
        """A request that asks for objects."""
        self._serve(self.rfile.read(int(self.headers["Content-Length"])))

    def _serve(self, body: bytes) -> None:
        expected = "Basic " + base64.b64encode(f"bob:{PASSWORD}".encode()).decode()
        path, _, query = self.path.partition("?")
        if path.startswith("/private/") and self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic realm=x")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        environment = {
            **ENVIRONMENT, "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1",
            "QUERY_STRING": query, "PATH_INFO": path.removeprefix("/private"), "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }  # fmt: skip
        command = ["git", "http-backend"]
        done = subprocess.run(command, check=True, input=body, env=environment, capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Dumb(SimpleHTTPRequestHandler):
    """Files, and nothing else."""

    root: Path

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments, directory=str(self.root))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], root: Path) -> Iterator[str]:
    """host:port of a server of what is below ``root``."""
    made = type("Handler", (handler,), {"root": root})
    with ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module", params=[Smart, Dumb])
def address(request: pytest.FixtureRequest, repository: Path) -> Iterator[str]:
    """host:port of a server of either kind."""
    with serving(request.param, repository.parent.parent) as found:
        yield found


@pytest.fixture(scope="module")
def fetcher() -> Iterator[Fetcher]:
    """Who runs git on a platform where apps have users."""
    if os.geteuid() != 0:
        pytest.skip("users are for a platform that is root")
    data = Path(tempfile.mkdtemp(prefix="fetch-"))
    (data / "secrets.key").write_text("x")
    settings = load({"STREAMLIT_HOST_DATA": str(data), "PATH": os.environ["PATH"]})
    made = fetching.fetcher(settings, USERS)
    assert made is not None
    made.folder.mkdir(parents=True)
    for path in (data, made.folder.parent, made.folder):
        path.chmod(0o711)
    yield made
    assert list(made.folder.iterdir()) == []  # nothing is left of any fetch
    shutil.rmtree(data)


@pytest.fixture(params=["ourselves", "another user"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """An app's folder without a release; git runs as ourselves, or as it does where hostd is root."""
    made = Folder(tmp_path)
    if request.param == "another user":
        made.fetcher = request.getfixturevalue("fetcher")
    return made


def upload(url: str, ref: str | None = None, subdir: str | None = None) -> Upload:
    """An upload of a repository."""
    return Upload(git=GitSource(url=url, ref=ref, subdir=subdir))


def test_default_branch(folder: Folder, address: str, repository: Path) -> None:
    """Without a ref the default branch; links are files, and what is elsewhere is told."""
    asked = folder.lay(upload(f"http://{address}/team/app.git"), environment=ENVIRONMENT)
    assert asked.source.commit == git(repository, "rev-parse", "trunk")
    assert (asked.source.url, asked.source.ref) == (f"http://{address}/team/app.git", None)
    assert {"app.py", "hidden.csv", "model.bin", "sub/link.csv", "sub/main.py"} <= set(folder.names())
    assert (folder[1].bundle / "sub/link.csv").read_text() == "1"
    told = " ".join(asked.source.warnings)
    assert "vendored" in told
    assert "model.bin" in told


@pytest.mark.parametrize("kind", ["other", "v1", "refs/heads/other", "id", "short id"])
def test_ref(folder: Folder, address: str, repository: Path, kind: str) -> None:
    """A branch, a tag, a commit by its id, whole or short, whatever the server can do."""
    commit = git(repository, "rev-parse", "other")
    ref = {"id": commit, "short id": commit[:8]}.get(kind, kind)
    asked = folder.lay(upload(f"http://{address}/team/app.git", ref), environment=ENVIRONMENT)
    assert asked.source.commit == commit
    assert "model.bin" not in folder.names()


def test_subdir(folder: Folder, tmp_path: Path, address: str) -> None:
    """A folder of the repository is the app; a link out of it, and a folder that is none, are refused."""
    url = f"http://{address}/team/app.git"
    with refused(tmp_path, "git", "leads out of the bundle"):
        folder.lay(upload(url, subdir="sub"), environment=ENVIRONMENT)
    for subdir in ("missing", "app.py", "../x", "/etc"):
        with refused(tmp_path, "git"):
            folder.lay(upload(url, subdir=subdir), environment=ENVIRONMENT)


@pytest.mark.parametrize(
    "ref",
    ["nothere", "deadbeef" * 5, "--upload-pack=touch x", "a..b", "x y", "-h", "@{1}", "\ud800", "a\xadb"],
)
def test_ref_that_is_none(folder: Folder, tmp_path: Path, address: str, ref: str) -> None:
    """A ref that the repository has not, or that is an option."""
    with refused(tmp_path, "git"):
        folder.lay(upload(f"http://{address}/team/app.git", ref), environment=ENVIRONMENT)


@pytest.mark.parametrize(
    "url",
    ["", "x", "/etc", "file:///etc", "ext::sh -c touch% x", "--upload-pack=x", "-x@host:y", "http://", "ftp://h/x",
     "ssh://-oProxyCommand=x/y", "ssh://-x@host/y", "git://host/x", "http://h/\nx", "https://[::1", "http://h:x/y",
     "https://a%00b@h/x", "https://a:b%0Ahost=c@h/x"],
)  # fmt: skip
def test_url_that_is_none(folder: Folder, tmp_path: Path, url: str) -> None:
    """Only https, http and ssh; nothing that git or ssh would take for an option, a command or a path."""
    with refused(tmp_path, "git"):
        folder.lay(upload(url), environment=ENVIRONMENT)


@pytest.mark.parametrize("user", ["oauth2:SECRET", "SECRET", "git@oauth2:SECRET"])
def test_password_without_https(folder: Folder, tmp_path: Path, user: str) -> None:
    """What looks like a host of ssh but holds a password behind its colon is refused, and not repeated."""
    assert parse_address("git@host:team/app.git").url == "git@host:team/app.git"
    with refused(tmp_path, "git", "https://") as caught:
        folder.lay(
            upload(f"{user}@gitlab.corp{':a@b' if user == 'SECRET' else ''}/t/app.git"),
            environment=ENVIRONMENT,
        )
    assert "SECRET" not in str(caught.value)


def test_password(folder: Folder, tmp_path: Path, repository: Path) -> None:
    """A password in the URL opens the door, and is in no message and no file."""
    quoted = PASSWORD.replace("/", "%2F")
    with serving(Smart, repository.parent.parent) as found:
        asked = folder.lay(
            upload(f"http://bob:{quoted}@{found}/private/team/app.git"), environment=ENVIRONMENT
        )
        assert asked.source.url == f"http://{found}/private/team/app.git"
        for wrong in (f"bob:{quoted}X@", f"{quoted}@", "", f"bob:{quoted}@nowhere.invalid:1/"):
            with refused(tmp_path, "git") as caught:
                url = f"http://{wrong}{'' if wrong.endswith('/') else found}/private/team/app.git"
                folder.lay(upload(url), environment=ENVIRONMENT)
            assert quoted not in str(caught.value)
            assert PASSWORD not in str(caught.value)
    written = b"".join(path.read_bytes() for path in folder.app.root.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in written
    assert quoted.encode() not in written


def test_no_git(folder: Folder, tmp_path: Path) -> None:
    """A server without git says so."""
    with refused(tmp_path, "git", "not installed"):
        folder.lay(upload("https://example.invalid/x"), environment={"PATH": str(tmp_path)})


def test_too_large(folder: Folder, tmp_path: Path, repository: Path) -> None:
    """A repository may not fill the disk."""
    with serving(Smart, repository.parent.parent) as found, refused(tmp_path, "git"):
        folder.lay(upload(f"http://{found}/team/app.git"), environment=ENVIRONMENT, limits=Limits(size=100))


def test_nobody_answers(folder: Folder, tmp_path: Path) -> None:
    """A server that is not there, or has no such repository, is told in git's own words."""
    with refused(tmp_path, "git", "could not be fetched"):
        folder.lay(upload("http://127.0.0.1:9/team/app.git"), environment=ENVIRONMENT)
    with pytest.raises(Invalid, match="could not be fetched"):
        folder.lay(upload("git@127.0.0.1:team/app.git"), environment=ENVIRONMENT)


PROBE = """#!/usr/bin/python3 -IS
import json, os, socket, sys
def tried(what, *arguments):
    try:
        what(*arguments)
    except OSError as error:
        return type(error).__name__
    return "open"
fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
if "-G" in sys.argv:
    sys.exit()
found = {
    "who": [os.getresuid(), os.getresgid(), os.getgroups()], "caps": int(fields["CapEff"], 16),
    "no_new_privs": int(fields["NoNewPrivs"]), "seccomp": int(fields["Seccomp"]), "home": os.environ["HOME"],
    "key": tried(open, KEY), "shadow": tried(open, "/etc/shadow"), "write": tried(open, "/tmp/planted", "w"),
    "console": tried(socket.create_connection, ("127.0.0.1", 8500)),
}
sys.stderr.write("fatal: " + json.dumps(found) + chr(10))
sys.exit(1)
"""


def probed(name: str, fetcher: Fetcher, tmp_path: Path, url: str) -> dict[str, Any]:
    """What a program in the place of git or ssh finds about itself."""
    with tempfile.TemporaryDirectory(prefix="tools-") as tools:
        Path(tools).chmod(0o755)
        program = Path(tools, name)
        program.write_text(PROBE.replace("KEY", repr(str(fetcher.folder.parents[1] / "secrets.key"))))
        program.chmod(0o755)
        folder = Folder(tmp_path)
        folder.fetcher = replace(fetcher, read=(*fetcher.read, tools), ssh_read=(*fetcher.ssh_read, tools))
        environment = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": "/root"}
        with pytest.raises(Invalid) as caught:
            folder.lay(upload(url), environment=environment)
        return dict(json.loads(caught.value.message.partition("fatal: ")[2]))


CONFINED = {
    "caps": 0, "no_new_privs": 1, "seccomp": 2, "key": "PermissionError", "shadow": "PermissionError",
    "write": "PermissionError", "console": "PermissionError",
}  # fmt: skip


def test_git_is_another_user(fetcher: Fetcher, tmp_path: Path) -> None:
    """No group, no right, no home of root's; it reads and reaches nothing of the platform's."""
    found = probed("git", fetcher, tmp_path, "https://git.invalid/team/app.git")
    uid = USERS.fetcher.uid
    assert found == {**CONFINED, "who": [[uid] * 3, [uid] * 3, []], "home": "/nonexistent"}


def test_ssh_has_no_rights(fetcher: Fetcher, tmp_path: Path) -> None:
    """It must be root, whose keys it uses, and is root in name alone."""
    found = probed("ssh", fetcher, tmp_path, "ssh://git@git.invalid/team/app.git")
    assert {name: found[name] for name in CONFINED} == CONFINED
    assert found["who"][:2] == [[0] * 3, [0] * 3]


SSH = """#!/bin/sh
case "$1" in -G) exit ;; esac
for last; do :; done
HOME=/nonexistent GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 exec sh -c "$last"
"""


@pytest.mark.parametrize("ref", [None, "other", "short id"])
def test_over_ssh(fetcher: Fetcher, tmp_path: Path, repository: Path, ref: str | None) -> None:
    """git speaks to the other end through the connection that it is handed, be it once or twice."""
    with tempfile.TemporaryDirectory(prefix="tools-") as tools:
        Path(tools).chmod(0o755)
        Path(tools, "ssh").write_text(SSH)
        Path(tools, "ssh").chmod(0o755)
        folder = Folder(tmp_path)
        folder.fetcher = replace(
            fetcher, read=(*fetcher.read, tools), ssh_read=(*fetcher.ssh_read, tools, str(repository))
        )
        commit = git(repository, "rev-parse", "other" if ref else "trunk")
        asked = folder.lay(
            upload(f"ssh://git@host{repository}", commit[:8] if ref == "short id" else ref),
            environment={"PATH": f"{tools}:{os.environ['PATH']}"},
        )
        assert asked.source.commit == commit
        assert "app.py" in folder.names()
        with pytest.raises(Invalid, match="does not appear to be a git repository"):
            folder.lay(
                upload("ssh://git@host/nothere"), environment={"PATH": f"{tools}:{os.environ['PATH']}"}
            )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("git@host:team/app.git", Destination("git@host", None, "team/app.git")),
        ("host:~me/app", Destination("host", None, "~me/app")),
        ("ssh://git@host:7999/team/app.git", Destination("git@host", 7999, "/team/app.git")),
        ("ssh://host/~me/a%20b", Destination("host", None, "~me/a b")),
        ("ssh://git@[::1]:22/x", Destination("git@::1", 22, "/x")),
        ("https://host/x", None),
    ],
)
def test_where_ssh_goes(url: str, expected: Destination | None) -> None:
    """As git itself takes such an address apart."""
    assert destination(url) == expected


def test_what_ssh_is_told() -> None:
    """The path is one word for the shell at the other end, and the host is never an option."""
    assert Destination("h", None, "/a'b!c").command == "git-upload-pack '/a'\\''b'\\!'c'"
    assert Destination("h", 7999, "/x").arguments == ["-p", "7999", "--", "h"]
    with pytest.raises(Invalid):
        destination("ssh://%2doProxyCommand=x/y")
