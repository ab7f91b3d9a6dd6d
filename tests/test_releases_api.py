"""The calls about releases on the real platform: every way to bring one, to look at it and to go back."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from hostd.settings import load

from .laying import zipped
from .platform import HELLO, Platform, assert_problem, until
from .platform import platform as running_platform
from .scan import files_with
from .session import Session
from .test_api import OPTIONS, assert_app, created, files

SHOWS = b"""import os
from pathlib import Path
import streamlit as st

st.text(os.environ.get("REGION", "nowhere"))
st.text(Path("data/words.txt").read_text())
"""
PICTURE = bytes(range(256))
FIRST = {
    "app.py": SHOWS,
    "data/words.txt": b"one",
    "picture.bin": PICTURE,
    "requirements.txt": b"streamlit\n",
}
SECOND = {"app.py": SHOWS, "data/words.txt": b"two", "new.py": b"", "requirements.txt": b"streamlit\n"}
RAISES = b"import streamlit as st\nst.title('broken')\nraise ValueError('not today')\n"
KEYS = {
    "app_id", "release", "state", "created_at", "by", "note", "source", "options", "python",
    "streamlit_version", "strategy", "as_of", "ended_at", "error", "warning",
}  # fmt: skip
DETAILS = {"resolved", "install_log", "files"}


def dropped(tree: dict[str, bytes], top: str = "") -> list[tuple[str, tuple[str, bytes]]]:
    """A folder as a browser sends it."""
    return [("files", (top + path, data)) for path, data in tree.items()]


@dataclass(frozen=True)
class History:
    """An app with three releases: replaced with a session still open, running, failed."""

    platform: Platform
    app_id: str
    old: Session

    @property
    def path(self) -> str:
        """Of the releases in the API."""
        return f"/apps/{self.app_id}/releases"

    def numbers(self) -> list[int]:
        """Of all releases, the newest first."""
        return [one["release"] for one in self.platform.api.get(self.path).json()]

    def get(self, number: int) -> dict[str, Any]:
        """One release, whole."""
        answer = self.platform.api.get(f"{self.path}/{number}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def deploy(self, form: dict[str, Any], number: int) -> dict[str, Any]:
        """Ask for a release and wait for its end; the app then."""
        answer = self.platform.api.post(self.path, **form)
        assert answer.status_code == 202, answer.text
        assert (answer.json()["release"], answer.json()["state"]) == (number, "deploying")
        assert answer.headers["location"] == f"{self.platform.url}/api{self.path}/{number}"
        return self.platform.wait(self.app_id, "running", timeout=240)

    def seen(self) -> list[str]:
        """What a new visitor is shown."""
        session = Session(f"{self.platform.url}/apps/{self.app_id}")
        try:
            return session.run()
        finally:
            session.close()

    def installs(self) -> int:
        """How many installs there have been."""
        return self.platform.logs(self.app_id, 10_000).count("is complete")


@pytest.fixture(scope="module")
def history(platform: Platform) -> Iterator[History]:
    """The app that these tests look at, and later change."""
    form = {"name": "history", "environment": '{"REGION": "eu"}', "note": " the first "}
    bundle = ("first.zip", zipped(FIRST).getvalue())
    answer = platform.api.post("/apps", data=form, files={"bundle": bundle})
    assert answer.status_code == 201, answer.text
    app_id = answer.json()["app_id"]
    platform.wait(app_id, "running", timeout=240)
    old = Session(f"{platform.url}/apps/{app_id}")
    made = History(platform, app_id, old)
    try:
        assert old.run() == ["eu", "one"]
        second = {"data": {"environment": '{"REGION": "us"}'}, "files": dropped(SECOND, "my app/")}
        assert made.deploy(second, 2)["release"] == 2
        made.deploy({"files": files(RAISES)}, 3)
        yield made
    finally:
        old.close()
        platform.api.delete(f"/apps/{app_id}")


# Looking


def test_list_is_newest_first(history: History) -> None:
    """Every release with its state, the newest first; all of a release only when it is asked for alone."""
    answer = history.platform.api.get(history.path)
    assert answer.status_code == 200
    assert [(one["release"], one["state"]) for one in answer.json()] == [
        (3, "failed"), (2, "active"), (1, "draining"),
    ]  # fmt: skip
    for one in answer.json():
        assert set(one) == KEYS
        whole = history.get(one["release"])
        assert {key: whole[key] for key in KEYS} == one
        assert set(whole) == KEYS | DETAILS


def test_a_release_tells_all_of_itself(history: History) -> None:
    """What was sent and by whom, what was made of it, and how it ended."""
    first = history.get(1)
    assert (first["note"], first["by"]) == ("the first", "anyone (127.0.0.1)")
    source = first["source"]
    assert (source["kind"], source["entry"]) == ("bundle", "app.py")
    assert source["dependencies"] == "requirements.txt"
    assert (source["files"], source["size"]) == (4, sum(map(len, FIRST.values())))
    assert first["options"] == {**OPTIONS, "environment": {"REGION": "eu"}}
    assert f"streamlit=={first['streamlit_version']}" in first["resolved"]
    assert first["python"].startswith("3.")
    assert "Resolved" in first["install_log"]
    assert first["strategy"] == "overlap"
    assert (first["as_of"], first["error"], first["warning"]) == (None, None, None)
    assert first["created_at"] < first["ended_at"]
    assert first["files"] == [{"path": path, "size": len(FIRST[path])} for path in sorted(FIRST)]
    second = history.get(2)
    assert second["source"]["kind"] == "files"
    assert [file["path"] for file in second["files"]] == sorted(SECOND)
    assert (second["resolved"], second["python"]) == (first["resolved"], first["python"])


def test_bundle_comes_back_as_it_was_sent(history: History) -> None:
    """The download's digest is the source's, and it holds the very files."""
    for number, tree in ((1, FIRST), (2, SECOND)):
        answer = history.platform.api.get(f"{history.path}/{number}/bundle")
        assert answer.headers["content-type"] == "application/zip"
        assert f"{history.app_id}-r{number}.zip" in answer.headers["content-disposition"]
        assert hashlib.sha256(answer.content).hexdigest() == history.get(number)["source"]["sha256"]
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert {name: archive.read(name) for name in archive.namelist()} == tree


def test_diff(history: History) -> None:
    """File by file from the release before, or from any other; text as a unified diff."""
    api, path = history.platform.api, history.path
    diff = api.get(f"{path}/2/diff").json()
    assert (diff["release"], diff["base"]) == (2, 1)
    changes = {change["path"]: change for change in diff["files"]}
    assert {name: change["status"] for name, change in changes.items()} == {
        "data/words.txt": "changed", "new.py": "added", "picture.bin": "removed",
    }  # fmt: skip
    assert {"-one", "+two"} <= set(changes["data/words.txt"]["diff"].splitlines())
    assert changes["picture.bin"]["diff"] is None
    back = api.get(f"{path}/1/diff", params={"base": 2}).json()
    assert {"+one", "-two"} <= set(
        next(change["diff"] for change in back["files"] if change["path"] == "data/words.txt").splitlines()
    )
    assert api.get(f"{path}/2/diff", params={"base": 2}).json()["files"] == []
    assert_problem(api.get(f"{path}/1/diff"), 422, "base")
    assert_problem(api.get(f"{path}/2/diff", params={"base": 99}), 404)


def test_files_of_the_newest_good_release(history: History) -> None:
    """The list has what is asked for now, and so has each file; what is no text says so."""
    api = history.platform.api
    listed = api.get(f"/apps/{history.app_id}/files").json()
    assert listed == [{"path": path, "size": len(SECOND[path])} for path in sorted(SECOND)]
    assert api.get(f"/apps/{history.app_id}/files/data/words.txt").text == "two"
    assert_problem(api.get(f"/apps/{history.app_id}/files/picture.bin"), 422, "path")


def test_a_failed_release_says_why_in_both_languages(history: History) -> None:
    """App and release tell the same cause and advice, in the caller's language."""
    api, path = history.platform.api, f"{history.path}/3"
    english = api.get(path, headers={"Accept-Language": "en-GB,en"}).json()["error"]
    chinese = api.get(path, headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}).json()["error"]
    assert english["kind"] == chinese["kind"] == "first_page_failed"
    assert "ValueError" in english["message"]
    assert "not today" in english["log_tail"]
    assert english["advice"].endswith(".")
    for words in ("message", "advice"):
        assert english[words].isascii()
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese[words])
    app = history.platform.app(history.app_id)
    assert (app["error"], app["release"], app["status"]) == (english, 2, "running")
    log = api.get(english["log_url"])
    assert log.status_code == 200
    assert english["message"] in log.json()["logs"]
    assert chinese["advice"] in log.json()["logs"]


@pytest.mark.parametrize(
    ("method", "call"),
    [("GET", ""), ("GET", "/bundle"), ("GET", "/diff"), ("POST", "/activate"), ("POST", "/drain?now=true")],
)
def test_unknown_release(history: History, method: str, call: str) -> None:
    """A number that the app has not is 404 and says where the list is; no number at all is 422."""
    answer = history.platform.api.request(method, f"{history.path}/99{call}")
    assert f"GET /api{history.path}" in assert_problem(answer, 404)["detail"]
    for nonsense in ("0", "-1", "x", "1.5", "99999999999"):
        path = f"{history.path}/{nonsense}{call}"
        assert_problem(history.platform.api.request(method, path), 422, "number")


def test_gallery(platform: Platform) -> None:
    """Every template has a name and words in both languages."""
    answer = platform.api.get("/gallery")
    assert answer.status_code == 200
    assert {template["name"] for template in answer.json()} >= {
        "hello", "dashboard", "multipage", "chat", "upload",
    }  # fmt: skip
    for template in answer.json():
        assert set(template) == {"name", "title", "title_zh", "description", "description_zh"}
        assert all(template.values())


# Changing


def test_drain(history: History) -> None:
    """An open session stays with its release until somebody ends that; nothing else can be drained."""
    platform, path = history.platform, history.path
    (draining,) = assert_app(platform.app(history.app_id))["draining"]
    assert draining["release"] == 1
    assert draining["connections"] >= 1
    assert draining["since"] < draining["until"]
    assert history.old.run() == ["eu", "one"]
    assert history.seen() == ["us", "two"]
    assert_problem(platform.api.post(f"{path}/1/drain"), 422, "now")
    assert_problem(platform.api.post(f"{path}/1/drain?now=perhaps"), 422, "now")
    for number in (2, 3):
        conflict = assert_problem(platform.api.post(f"{path}/{number}/drain?now=true"), 409)
        assert "does not drain" in conflict["detail"]
    answer = platform.api.post(f"{path}/1/drain?now=true")
    assert answer.status_code == 200
    assert assert_app(answer.json())["draining"] == []
    assert history.get(1)["state"] == "retired"
    with pytest.raises(ConnectionClosed):
        history.old.run()
    assert_problem(platform.api.post(f"{path}/1/drain?now=true"), 409)
    assert history.seen() == ["us", "two"]


def test_activate_brings_back_what_ran(history: History) -> None:
    """A rollback has the code, the files and the environment of then, and installs nothing."""
    platform, installs = history.platform, history.installs()
    answer = platform.api.post(f"{history.path}/1/activate")
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{platform.url}/api{history.path}/1"
    assert (answer.json()["release"], answer.json()["state"]) == (1, "deploying")
    app = platform.wait(history.app_id, "running")
    assert (app["release"], app["error"], app["options"]["environment"]) == (1, None, {"REGION": "eu"})
    assert history.seen() == ["eu", "one"]
    assert history.installs() == installs
    assert [one["release"] for one in platform.api.get(history.path).json()] == [3, 2, 1]
    again = platform.api.post(f"{history.path}/1/activate")
    assert (again.status_code, again.json()["state"]) == (202, "active")
    assert platform.app(history.app_id)["pid"] == app["pid"]


def test_a_release_of_nothing_new_is_the_same_again(history: History) -> None:
    """POST releases without a file deploys what there is once more; PATCH without a change does not."""
    platform = history.platform
    before = platform.app(history.app_id)
    number = history.platform.api.get(history.path).json()[0]["release"] + 1
    same = platform.api.patch(f"/apps/{history.app_id}", data={"environment": '{"REGION": "eu"}'})
    assert (same.status_code, same.json()["release"]) == (200, before["release"])
    app = history.deploy({"files": {"note": (None, "once more")}}, number)
    assert (app["release"], app["app_sha256"]) == (number, before["app_sha256"])
    assert app["pid"] != before["pid"]
    made = history.get(number)
    assert made["note"] == "once more"
    assert made["source"]["sha256"] == history.get(before["release"])["source"]["sha256"]
    assert made["options"]["environment"] == {"REGION": "eu"}


def test_force_accepts_a_first_page_that_raises(history: History) -> None:
    """With force=true the very release that failed serves, with a warning instead of an error."""
    platform = history.platform
    answer = platform.api.post(f"{history.path}/3/activate?force=true")
    assert answer.status_code == 202, answer.text
    app = assert_app(platform.wait(history.app_id, "running"))
    assert (app["release"], app["error"], app["warning"]["kind"]) == (3, None, "first_page_failed")
    assert app["options"]["environment"] == {"REGION": "us"}
    assert history.seen() == ["broken", "ValueError: not today"]
    third = history.get(3)
    assert (third["state"], third["error"], third["warning"]) == ("active", None, app["warning"])


# Every way to bring an app


def tarred(tree: dict[str, bytes], folder: Path) -> bytes:
    """A .tar.gz with a common top folder."""
    for path, data in tree.items():
        target = folder / "top" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    subprocess.run(["tar", "-czf", folder / "app.tar.gz", "-C", folder, "top"], check=True)
    return (folder / "app.tar.gz").read_bytes()


@pytest.mark.parametrize("way", ["zip", "tar.gz", "files", "template"])
def test_ways_to_bring_an_app(platform: Platform, tmp_path: Path, way: str) -> None:
    """Each makes release 1 of just that tree, and says what it is made of."""
    tree = {"main.py": HELLO, "lib/part.py": b"", "requirements.txt": b"streamlit\n"}
    forms: dict[str, Any] = {
        "zip": {"files": {"bundle": ("app.zip", zipped(tree).getvalue())}},
        "tar.gz": {"files": {"bundle": ("app.tar.gz", tarred(tree, tmp_path))}},
        "files": {"files": dropped(tree)},
        "template": {"data": {"template": "hello"}},
    }
    form = forms[way]
    kind, entry = {"files": ("files", "main.py"), "template": ("template", "app.py")}.get(
        way, ("bundle", "main.py")
    )
    with created(platform, **{**form, "data": {"name": way, **form.get("data", {})}}) as answer:
        assert answer.status_code == 201, answer.text
        app = assert_app(answer.json())
        assert app["entry"] == entry
        release = platform.api.get(f"/apps/{app['app_id']}/releases/1").json()
        assert (release["source"]["kind"], release["source"]["entry"]) == (kind, entry)
        paths = [file["path"] for file in release["files"]]
        assert paths == sorted(tree) if way != "template" else "app.py" in paths
        assert "template.json" not in paths


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a repository over http that asks for a name and a password, with them in it."""
    work = tmp_path_factory.mktemp("work")
    (work / "deep" / "app").mkdir(parents=True)
    (work / "deep" / "app" / "Home.py").write_bytes(HELLO)
    served = tmp_path_factory.mktemp("served")
    run = partial(subprocess.run, check=True, capture_output=True)
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    run(["git", "init", "-q", "-b", "main", work])
    run(["git", "-C", work, "add", "."])
    run(["git", "-C", work, *who, "commit", "-qm", "one"])
    run(["git", "-C", work, *who, "tag", "v1"])
    run(["git", "clone", "-q", "--bare", work, served / "app.git"])
    run(["git", "-C", served / "app.git", "update-server-info"])
    wanted = "Basic " + base64.b64encode(b"someone:s3cret-word").decode()

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Authorization"] == wanted:
                super().do_GET()
                return
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(served))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://someone:s3cret-word@127.0.0.1:{server.server_port}/app.git"
        server.shutdown()


@pytest.mark.parametrize("shape", ["fields", "json"])
def test_git(platform: Platform, repository: str, shape: str) -> None:
    """A repository, a ref and a folder of it; the commit is told, and the password to nobody."""
    fields = {"git": repository, "git_ref": "v1", "git_subdir": "deep/app"}
    if shape == "json":
        fields = {"git": json.dumps({"url": repository, "ref": "main", "subdir": "deep/app"})}
    with created(platform, data={"name": "from git", **fields}, files={"note": (None, "x")}) as answer:
        assert answer.status_code == 201, answer.text
        app_id = answer.json()["app_id"]
        assert answer.json()["entry"] == "Home.py"
        release = platform.api.get(f"/apps/{app_id}/releases/1")
        source = release.json()["source"]
        assert (source["kind"], source["subdir"]) == ("git", "deep/app")
        assert source["url"] == repository.replace("someone:s3cret-word@", "")
        assert source["ref"] == ("main" if shape == "json" else "v1")
        assert len(source["commit"]) == 40
        folder = platform.data / "apps" / app_id
        texts = [release.text, platform.logs(app_id), (platform.data / "logs" / "hostd.log").read_text()]
        assert not [text for text in texts if "s3cret-word" in text]
        assert not list(files_with(folder / "releases" / "1", [b"s3cret-word"]))


def test_git_that_can_not_be_had(platform: Platform, repository: str) -> None:
    """A wrong password, ref, folder or address is the sender's to mend, and is told without the password."""
    for git in (
        {"url": repository.replace("s3cret", "wr0ng")},
        {"url": repository, "ref": "nothing"},
        {"url": repository, "subdir": "nowhere"},
        {"url": repository + "x"},
        {"url": "file:///etc"},
        {"url": "ext::sh -c id"},
    ):
        data = {"name": "x", "git": json.dumps(git)}
        problem = assert_problem(platform.api.post("/apps", data=data), 422, "git")
        assert "-word" not in str(problem)


# Every mistake is a problem


@pytest.mark.parametrize(
    ("field", "form"),
    [
        ("template", {"template": "nothing-like-it"}),
        ("template", {"template": "../../tests"}),
        ("template", {"git": "https://git.example.com/a.git", "template": "hello"}),
        ("git", {"git": "not a url"}),
        ("git", {"git": '{"ref": "main"}'}),
        ("git", {"git": '{"url": "https://git.example.com/a", "branch": "main"}'}),
        ("environment", {"app": "", "environment": "A=b"}),
        ("environment", {"app": "", "environment": '["A"]'}),
        ("environment", {"app": "", "environment": '{"A": 1}'}),
        ("environment", {"app": "", "environment": '{"a b": "c"}'}),
        ("environment", {"app": "", "environment": '{"A": "\\u0000"}'}),
        ("environment", {"app": "", "environment": '{"A": "\\ud800"}'}),
        ("environment", {"app": "", "environment": '{"STREAMLIT_SERVER_PORT": "1"}'}),
        ("environment", {"app": "", "environment": '{"HOSTD_APP_ROOT": "/"}'}),
        ("environment", {"app": "", "environment": json.dumps({"A": "x" * 40_000})}),
        ("environment", {"app": "", "environment": "[" * 100_000}),
        ("as_of", {"app": "", "as_of": "yesterday"}),
        ("as_of", {"app": "", "as_of": "2023-02-30"}),
        ("as_of", {"app": "", "as_of": "20230615"}),
        ("as_of", {"app": "", "as_of": "9999-12-31"}),
        ("strategy", {"app": "", "strategy": "swap"}),
        ("drain_minutes", {"app": "", "drain_minutes": "-1"}),
        ("drain_minutes", {"app": "", "drain_minutes": "nan"}),
        ("drain_minutes", {"app": "", "drain_minutes": "1e9"}),
        ("python", {"app": "", "python": "snake"}),
        ("python", {"app": "", "python": "/usr/bin/python3"}),
        ("entry", {"app": "", "entry": "../app.py"}),
        ("entry", {"app": "", "entry": "other.py"}),
        ("note", {"app": "", "note": "x" * 1001}),
    ],
)
@pytest.mark.parametrize("call", ["create", "release", "update"])
def test_bad_field(history: History, field: str, form: dict[str, str], call: str) -> None:
    """A field that can't be is named, and nothing is made of the request."""
    platform = history.platform
    before = (platform.still(), history.numbers())
    data = {"name": "x", **{key: value for key, value in form.items() if key != "app"}}
    sent = {"data": data, "files": files(SHOWS) if "app" in form else None}
    method, path = {
        "create": ("POST", "/apps"),
        "release": ("POST", history.path),
        "update": ("PATCH", f"/apps/{history.app_id}"),
    }[call]
    assert_problem(platform.api.request(method, path, **sent), 422, field)  # type: ignore[arg-type]
    assert (platform.still(), history.numbers()) == before
    assert not list((platform.data / "apps" / history.app_id / "releases").glob(".*"))


def test_two_ways_at_once(platform: Platform) -> None:
    """One way to bring an app at a time; the two-file form goes with none but itself."""
    bundle = ("bundle", ("a.zip", zipped(FIRST).getvalue()))
    one_file = ("files", ("app.py", HELLO))
    for field, parts, data in (
        ("files", [bundle, one_file], {}),
        ("template", [bundle], {"template": "hello"}),
        ("git", [one_file], {"git": "https://git.example.com/a.git"}),
        ("bundle", [bundle, ("app", ("app.py", HELLO))], {}),
        ("template", [("requirements", ("r.txt", b"streamlit\n"))], {"template": "hello"}),
    ):
        answer = platform.api.post("/apps", data={"name": "x", **data}, files=parts)
        assert "together" in assert_problem(answer, 422, field)["detail"]


def test_ambiguous_entry(platform: Platform) -> None:
    """Several scripts that may be meant are listed, and one of them is taken when it is named."""
    tree = {"one.py": HELLO, "two.py": HELLO, "helper.py": b"x = 1\n"}
    form: dict[str, Any] = {"files": {"bundle": ("a.zip", zipped(tree).getvalue())}}
    problem = assert_problem(platform.api.post("/apps", data={"name": "x"}, **form), 422, "entry")
    assert sorted(problem["candidates"]) == ["one.py", "two.py"]
    with created(platform, data={"name": "x", "entry": "two.py"}, **form) as answer:
        assert answer.status_code == 201, answer.text
        assert (answer.json()["entry"], answer.json()["options"]["entry"]) == ("two.py", "two.py")


@pytest.mark.parametrize(
    "bundle", [b"", b"not an archive", b"PK\x03\x04", zipped({"../out.py": b""}).getvalue()]
)
def test_bad_bundle(platform: Platform, bundle: bytes) -> None:
    """What is no archive, or one that reaches out of its folder, is refused by field."""
    answer = platform.api.post("/apps", data={"name": "x"}, files={"bundle": ("a.zip", bundle)})
    assert_problem(answer, 422, "bundle")


# Options


def test_options_are_set_one_by_one_and_cleared(platform: Platform) -> None:
    """What is not sent stays; '' takes an option back; each change is a release, the same again is none."""
    first = {"environment": '{"A": "b"}', "strategy": "replace", "drain_minutes": "1.5"}
    first["as_of"] = "2025-06-15"
    with created(platform, data={"name": "x", **first}, files=files()) as answer:
        app_id = answer.json()["app_id"]
        expected = {**OPTIONS, "environment": {"A": "b"}, "strategy": "replace", "drain_minutes": 1.5}
        expected["as_of"] = "2025-06-15"
        assert answer.json()["options"] == expected
        changes: list[tuple[str, str, Any]] = [
            ("drain_minutes", "0", 0),
            ("drain_minutes", "", None),
            ("strategy", "", "auto"),
            ("as_of", "", None),
            ("environment", "", {}),
            ("entry", "app.py", "app.py"),
            ("entry", "", None),
        ]
        for number, (name, text, value) in enumerate(changes, start=2):
            changed = platform.api.patch(f"/apps/{app_id}", files={name: (None, text)})
            assert changed.status_code == 202, changed.text
            assert changed.headers["location"].endswith(f"/releases/{number}")
            expected |= {name: value}
            assert assert_app(changed.json())["options"] == expected
            again = platform.api.patch(f"/apps/{app_id}", files={name: (None, text)})
            assert (again.status_code, again.json()["options"]) == (200, expected)
        assert expected == OPTIONS
        assert platform.api.get(f"/apps/{app_id}/files/app.py").content == HELLO


def test_patch_lays_files_over_the_tree(platform: Platform) -> None:
    """PATCH with files replaces those and keeps the others, and a release does so with all of them."""
    with created(platform, data={"name": "x"}, files=dropped(FIRST)) as answer:
        app_id = answer.json()["app_id"]
        changed = platform.api.patch(f"/apps/{app_id}", files=dropped({"data/words.txt": b"new"}))
        assert changed.status_code == 202, changed.text
        listed = platform.api.get(f"/apps/{app_id}/files").json()
        assert [file["path"] for file in listed] == sorted(FIRST)
        assert platform.api.get(f"/apps/{app_id}/files/data/words.txt").text == "new"
        whole = platform.api.post(f"/apps/{app_id}/releases", files=dropped({"main.py": HELLO}))
        assert (whole.status_code, whole.json()["source"]["entry"]) == (202, "main.py")
        assert platform.api.get(f"/apps/{app_id}/files").json() == [{"path": "main.py", "size": len(HELLO)}]


# Retention


def states(platform: Platform, app_id: str) -> dict[int, str]:
    """What became of each release that is kept."""
    return {one["release"]: one["state"] for one in platform.api.get(f"/apps/{app_id}/releases").json()}


def test_retention() -> None:
    """Of good releases and of failed ones the newest stay; never one that serves, or whose venv is in use."""
    assert load({}).retain_releases == 10
    settings = {"STREAMLIT_HOST_RETAIN_RELEASES": "2", "STREAMLIT_HOST_DRAIN_MINUTES": "0"}
    with running_platform(pool=4, **settings) as platform:
        app_id = platform.running("kept")
        bad = {"requirements": ("requirements.txt", b"no-such-package-of-hostd==9\n")}
        for number in (2, 3, 4):
            assert platform.api.patch(f"/apps/{app_id}", files=bad).status_code == 202
            assert platform.wait(app_id, "running")["error"]
            assert platform.api.get(f"/apps/{app_id}/releases/{number}").json()["state"] == "failed"
        until(lambda: set(states(platform, app_id)) == {1, 3, 4}, 20)
        for number in (5, 6, 7):
            platform.api.patch(f"/apps/{app_id}", data={"environment": json.dumps({"N": str(number)})})
            assert platform.wait(app_id, "running")["release"] == number
        kept = {7: "active", 6: "retired", 4: "failed", 3: "failed", 1: "retired"}
        until(lambda: states(platform, app_id) == kept, 20)
        assert_problem(platform.api.post(f"/apps/{app_id}/releases/5/activate"), 404)
        platform.api.post(f"/apps/{app_id}/releases/1/activate")
        assert platform.wait(app_id, "running")["release"] == 1
        assert platform.serves(app_id)


def test_large_folder(platform: Platform) -> None:
    """A dropped folder may have as many files as a bundle; one file too many is told by its field."""
    tree = {"app.py": HELLO, **{f"data/{number}.txt": b"x" for number in range(1_500)}}
    with created(platform, data={"name": "many"}, files=dropped(tree)) as answer:
        assert answer.status_code == 201, answer.text
        again = platform.api.patch(f"/apps/{answer.json()['app_id']}", files=dropped(tree))
        assert again.status_code in (200, 202), again.text
    many = dropped({f"{number}.txt": b"x" for number in range(10_001)})
    assert_problem(platform.api.post("/apps", data={"name": "too many"}, files=many), 422, "files")
