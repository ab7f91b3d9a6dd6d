"""From an upload of any shape to a release: the tree, its entry, its dependencies, its Python."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from hostd import bundles
from hostd.bundles import Limits, Upload
from hostd.errors import AmbiguousEntry, Invalid
from hostd.store import read_asked

from .laying import ENTRY, Folder, dropped, refused, sent

PLAIN = b"x = 1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An app's folder without a release."""
    return Folder(tmp_path)


def test_two_files(folder: Folder) -> None:
    """The two-file form makes app.py and requirements.txt, plain UTF-8, and tells what they are."""
    asked = folder.lay(Upload(app=ENTRY, requirements="pandas  # 看板\n".encode("utf-16")))
    assert folder.names() == ["app.py", "requirements.txt"]
    assert (folder[1].bundle / "requirements.txt").read_text() == "pandas  # 看板\n"
    assert (asked.source.entry, asked.source.dependencies, asked.source.files) == (
        "app.py",
        "requirements.txt",
        2,
    )
    assert read_asked(folder[1]) == asked
    assert {path.name for path in folder[1].root.iterdir()} == {"bundle", "bundle.zip", "asked.json"}
    assert bundles.read(folder[1], bundles.APP) == ENTRY.decode()


@pytest.mark.parametrize(
    ("upload", "field", "words"),
    [
        (Upload(), "app", "is required"),
        (Upload(requirements=b"pandas"), "entry", ""),
        (Upload(app=b"def f(:\n"), "app", "line 1: "),
        (Upload(app=b"x = '\xff'"), "app", "line 1: is not UTF-8"),
        (Upload(app=ENTRY, requirements=b"pandas\n==1\n"), "requirements", "line 2: '==1' is no requirement"),
        (Upload(app=ENTRY, template="hello"), "app", "together with template"),
        (Upload(template="../../hostd"), "template", "there are "),
        (Upload(template="nothere"), "template", "hello"),
    ],
)  # fmt: skip
def test_refused(folder: Folder, tmp_path: Path, upload: Upload, field: str, words: str) -> None:
    """What can't be started is refused with its field and line, and leaves nothing."""
    with refused(tmp_path, field, words):
        folder.lay(upload)


def test_bad_lines_of_a_bundle(folder: Folder, tmp_path: Path) -> None:
    """In a tree the file is named too; only the entry has to compile."""
    with refused(tmp_path, "bundle", "requirements.txt, line 2: "):
        folder.lay(sent({"app.py": ENTRY, "requirements.txt": b"pandas\n!!\n"}))
    with refused(tmp_path, "entry", "main.py, line 3: "):
        folder.lay(sent({"main.py": b"\n\ndef f(:\n", "helper.py": b"def f(:"}))
    folder.lay(
        dropped({"app.py": "# -*- coding: gbk -*-\nx = '看板'".encode("gbk"), "helper.py": b"def f(:"})
    )


def test_the_same_tree_is_the_same_archive(folder: Folder, tmp_path: Path) -> None:
    """However and whenever it comes, one tree has one digest; modes and empty folders are kept."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, mode in (("b/run.sh", 0o755), ("app.py", 0o600)):
            info = tarfile.TarInfo(f"./top/{name}")
            info.size, info.mode, info.mtime = len(ENTRY), mode, 1_700_000_000
            archive.addfile(info, io.BytesIO(ENTRY))
        empty = tarfile.TarInfo("top/empty")
        empty.type = tarfile.DIRTYPE
        archive.addfile(empty)
    first = folder.lay(Upload(bundle=file, bundle_name="x.tgz"))
    again = folder.lay(Upload(), base=1)
    with folder[1].archive.open("rb") as packed:
        third = folder.lay(Upload(bundle=packed))
    assert first.source.sha256 == again.source.sha256 == third.source.sha256
    for number in (1, 2, 3):
        bundle = folder[number].bundle
        assert (bundle / "empty").is_dir()
        assert [bool((bundle / name).stat().st_mode & stat.S_IXUSR) for name in ("b/run.sh", "app.py")] == [
            True,
            False,
        ]
    with zipfile.ZipFile(folder[1].archive) as archive:
        assert archive.testzip() is None


def test_top_folder(folder: Folder) -> None:
    """One folder around everything is taken off, and off an entry that was asked for with it."""
    asked = folder.lay(sent({"my app/src/one.py": ENTRY, "my app/two.py": ENTRY}), entry="my app/src/one.py")
    assert folder.names() == ["src/one.py", "two.py"]
    assert (asked.source.entry, asked.options.entry) == ("src/one.py", "src/one.py")
    folder.lay(dropped({"my app\\app.py": ENTRY, "my app\\data\\x.csv": b""}))
    assert folder.names(2) == ["app.py", "data/x.csv"]


def test_what_is_no_part_of_an_app(folder: Folder) -> None:
    """What computers leave behind is left out silently, a virtual environment with a word."""
    litter = ["__MACOSX/._app.py", ".DS_Store", ".git/config", "__pycache__/app.pyc", "a/._b", "a/Thumbs.db"]
    venv = [f"env/{name}" for name in ("pyvenv.cfg", "bin/python", "lib/x.py")]
    asked = folder.lay(sent({f"top/{name}": PLAIN for name in ["app.py", ".gitignore", *litter, *venv]}))
    assert folder.names() == [".gitignore", "app.py"]
    assert asked.source.warnings == ("top/env/ is a virtual environment and was left out.",)


@pytest.mark.parametrize(
    ("files", "entry"),
    [
        (["Home.py", "app.py", "main.py", "streamlit_app.py"], "streamlit_app.py"),
        (["Home.py", "main.py", "app.py"], "app.py"),
        (["Home.py", "main.py"], "main.py"),
        (["Home.py", "pages/1_a.py"], "Home.py"),
        (["dash.py", "-setup.py", "pages/1_a.py", "pages/2_b.py"], "dash.py"),
        (["-setup.py", "src/app.py", "src/other.py"], "src/app.py"),
        (["-setup.py", "-src/x.py", "ui/start.py", "tests/app.py", "ui/deep/app.py"], "ui/start.py"),
        (["demo/main.py", "site/app.py"], "site/app.py"),
        (["dash.py", "streamlit_app/x.py"], "dash.py"),
        (["one.py", "two.py"], ["one.py", "two.py"]),
        (["one/app.py", "two/app.py"], ["one/app.py", "two/app.py"]),
        (["a/b/app.py", "a/b/pages/1.py", "tests/test_x.py"], ["a/b/app.py"]),
        (["-one.py", "pages/1.py"], None),
        (["-one.txt"], None),
    ],
)  # fmt: skip
def test_entry(folder: Folder, files: list[str], entry: str | list[str] | None) -> None:
    """The script to run, found as the documentation says; a leading '-' is one without streamlit."""
    upload = sent({name.removeprefix("-"): PLAIN if name[0] == "-" else ENTRY for name in [*files, "-x.csv"]})
    if isinstance(entry, str):
        assert folder.lay(upload).source.entry == entry
        return
    with pytest.raises(Invalid) as caught:
        folder.lay(upload)
    assert caught.value.field == "entry"
    assert isinstance(caught.value, AmbiguousEntry) is (entry is not None)
    if isinstance(caught.value, AmbiguousEntry):
        assert list(caught.value.candidates) == entry


@pytest.mark.parametrize(
    "line",
    ["import streamlit", "from streamlit import write", "import os, streamlit as st",
     "\ufeffimport streamlit", "try:\r\n\timport streamlit as st\r\nexcept: pass",
     "import streamlit.components.v1 as c"],
)  # fmt: skip
def test_import_of_streamlit(folder: Folder, line: str) -> None:
    """However streamlit is imported, one script of two is seen to do so."""
    others = {"b.py": b"import streamlit_x\n# import streamlit\nx = 'streamlit'\n"}
    assert folder.lay(sent({"a.py": line.encode(), **others})).source.entry == "a.py"


@pytest.mark.parametrize("entry", ["missing.py", "../app.py", "/app.py", "data.csv", "pages"])
def test_entry_that_can_not_be(folder: Folder, tmp_path: Path, entry: str) -> None:
    """An entry that was asked for has to be a Python file of the tree."""
    with refused(tmp_path, "entry"):
        folder.lay(sent({"app.py": ENTRY, "data.csv": b"", "pages/x.py": ENTRY}), entry=entry)


PROJECT = b"[project]\nname='x'\nrequires-python='>=3.10'\ndependencies=['pandas']\n"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"uv.lock": b"", "pyproject.toml": PROJECT, "requirements.txt": b""}, "uv.lock"),
        ({"uv.lock": b"", "requirements.txt": b""}, "requirements.txt"),
        ({"pylock.toml": b"", "requirements.txt": b""}, "pylock.toml"),
        ({"requirements.txt": b"", "pyproject.toml": PROJECT}, "requirements.txt"),
        ({"pyproject.toml": PROJECT, "Pipfile": b""}, "pyproject.toml"),
        ({"pyproject.toml": b"[tool.ruff]\n", "Pipfile": b""}, "Pipfile"),
        ({"pyproject.toml": b"[tool.poetry.dependencies]\npandas='*'\n"}, "pyproject.toml"),
        ({"pyproject.toml": b"]broken", "environment.yml": b""}, "environment.yml"),
        ({"environment.yaml": b""}, "environment.yaml"),
        ({"setup.py": b""}, None),
        ({"src/app.py": ENTRY, "src/Pipfile": b"", "requirements.txt": b""}, "src/Pipfile"),
        ({"src/app.py": ENTRY, "requirements.txt": b"", "lib/requirements.txt": b""}, "requirements.txt"),
    ],
)  # fmt: skip
def test_dependencies(folder: Folder, files: dict[str, bytes], found: str | None) -> None:
    """The file that names the dependencies: beside the entry, then at the root, the most exact kind first."""
    tree = files if "src/app.py" in files else {"app.py": ENTRY, **files}
    asked = folder.lay(sent({"README.md": b"", **tree}))
    assert asked.source.dependencies == found


@pytest.mark.parametrize(
    ("files", "python"),
    [
        ({".python-version": b"# mine\n3.11.4\n"}, "3.11"),
        ({".python-version": b"cpython-3.12\r\n", "runtime.txt": b"python-3.9.1"}, "3.12"),
        ({"runtime.txt": b"python-3.11.4\n"}, "3.11"),
        ({"pyproject.toml": PROJECT}, ">=3.10"),
        ({"pyproject.toml": b"[tool.poetry.dependencies]\npython = '^3.9'\n"}, ">=3.9,<4"),
        ({"pyproject.toml": b"[tool.poetry.dependencies]\npython = '~3.9.1'\n"}, "==3.9.*"),
        ({"Pipfile": b"[requires]\npython_version = '3.10'\n"}, "3.10"),
        ({"environment.yml": b"dependencies:\n  - python=3.10\n"}, "3.10"),
        ({"environment.yml": b"dependencies:\n  - python>=3.9,<3.12 # x\n"}, ">=3.9,<3.12"),
        ({".python-version": b"my-env\n", "runtime.txt": b"3.10"}, "3.10"),
        ({}, None),
    ],
)  # fmt: skip
def test_python(folder: Folder, files: dict[str, bytes], python: str | None) -> None:
    """What the tree says of its Python; what is not understood is told and passed over."""
    asked = folder.lay(sent({"app.py": ENTRY, **files}))
    assert asked.source.python == python
    assert any("my-env" in warning for warning in asked.source.warnings) is (b"my-env\n" in files.values())


@pytest.mark.parametrize("python", ["3.x", "python3", "-3", "3.11; rm", ">=", "../3.11", "3.11.4.5"])
def test_python_that_can_not_be(folder: Folder, tmp_path: Path, python: str) -> None:
    """A Python that was asked for has to be a version or a specifier."""
    with refused(tmp_path, "python"):
        folder.lay(Upload(app=ENTRY), python=python)
    assert folder.lay(Upload(app=ENTRY), python=" >=3.10 ").options.python == ">=3.10"


def test_system_packages_are_told(folder: Folder) -> None:
    """packages.txt is read and told, not installed."""
    asked = folder.lay(sent({"app.py": ENTRY, "packages.txt": b"# for cv2\nlibgl1\r\n\nffmpeg # x\n"}))
    assert asked.source.packages == ("libgl1", "ffmpeg")
    assert "not installed: libgl1, ffmpeg" in asked.source.warnings[0]


def test_two_files_over_a_tree(folder: Folder) -> None:
    """On a tree of before, app replaces its entry and requirements its requirements.txt; the rest stays."""
    tree = {"src/main.py": ENTRY, "src/requirements.txt": b"numpy", "data.csv": b"1", "a/app.py": PLAIN}
    folder.lay(sent(tree), entry="src/main.py")
    asked = folder.lay(Upload(app=b"y = 2\n", requirements=b"pandas\n"), base=1, entry="src/main.py")
    assert folder.names(2) == folder.names(1) == sorted(tree)
    assert (folder[2].bundle / "src/main.py").read_bytes() == b"y = 2\n"
    assert (folder[2].bundle / "src/requirements.txt").read_bytes() == b"pandas\n"
    assert asked.source.dependencies == "src/requirements.txt"
    folder.lay(sent({"app.py": ENTRY, "Pipfile": b""}))
    asked = folder.lay(Upload(requirements=b"pandas\n"), base=3)
    assert asked.source.dependencies == "requirements.txt"


def test_the_tree_of_before_is_as_uploaded(folder: Folder) -> None:
    """What an app did to its folder does not get into the next release's bundle."""
    folder.lay(sent({"app.py": ENTRY, "data.csv": b"1"}))
    (folder[1].bundle / "data.csv").write_bytes(b"2")
    (folder[1].bundle / "app.db").write_bytes(b"rows")
    (folder[1].bundle / "app.py").unlink()
    folder.lay(Upload(), base=1, python="3.12")
    assert folder.names(2) == ["app.py", "data.csv"]
    assert (folder[2].bundle / "data.csv").read_bytes() == b"1"


def test_overlay(folder: Folder, tmp_path: Path) -> None:
    """Files may be laid over the tree of before; the entry that had been found stays."""
    folder.lay(sent({"start.py": ENTRY, "data.csv": b"1", "sub/x.txt": b"x"}))
    asked = folder.lay(dropped({"sub/y.txt": b"y", "helper.py": ENTRY}, overlay=True), base=1)
    assert folder.names(2) == ["data.csv", "helper.py", "start.py", "sub/x.txt", "sub/y.txt"]
    assert asked.source.entry == "start.py"
    with refused(tmp_path, "files", "as a file and as a folder"):
        folder.lay(dropped({"data.csv/x": b""}, overlay=True), base=1)


def test_template(folder: Folder) -> None:
    """Every app of the gallery is one, without its card."""
    for card in bundles.gallery():
        asked = folder.lay(Upload(template=card["name"]))
        assert asked.source.kind == "template"
        assert "template.json" not in folder.names(asked.release)


def test_release_from_before_there_were_bundles(folder: Folder) -> None:
    """A release of app.py and requirements.txt alone, without zip and asked.json, can be gone on from."""
    folder[1].bundle.mkdir(parents=True)
    (folder[1].bundle / "app.py").write_bytes(ENTRY)
    (folder[1].bundle / "requirements.txt").write_bytes(b"pandas\n")
    (folder[1].bundle / "app.db").write_bytes(b"rows")
    folder.lay(Upload(app=b"y = 2\n"), base=1)
    assert folder.names(2) == ["app.py", "requirements.txt"]
    before, after = bundles.digests(folder[1]), bundles.digests(folder[2])
    assert before["requirements_sha256"] == after["requirements_sha256"] is not None
    assert before["app_sha256"] != after["app_sha256"]
    assert bundles.written_beside(folder[1]) == ["app.db"]
    assert [(path, status) for path, status, _ in bundles.diff(folder[1], folder[2])] == [
        ("app.py", "changed")
    ]


def test_diff_and_reading(folder: Folder) -> None:
    """What changed between two releases, and their files, as uploaded."""
    folder.lay(sent({"app.py": ENTRY, "a.bin": b"\0", "gone.txt": b"x\n", "same.txt": b"same"}))
    folder.lay(
        sent(
            {
                "app.py": ENTRY + b"st.write(2)\n",
                "a.bin": b"\0\0",
                "new.txt": "看\n".encode(),
                "same.txt": b"same",
            }
        )
    )
    (folder[2].bundle / "app.py").write_bytes(b"touched")
    found = {path: (status, text) for path, status, text in bundles.diff(folder[1], folder[2])}
    assert {path: status for path, (status, _) in found.items()} == {
        "a.bin": "changed", "app.py": "changed", "gone.txt": "removed", "new.txt": "added",
    }  # fmt: skip
    assert found["a.bin"][1] is None
    assert "+st.write(2)" in (found["app.py"][1] or "").splitlines()
    assert "+看" in (found["new.txt"][1] or "")
    assert bundles.tree(folder[1])[0] == ("a.bin", 1)
    assert bundles.read_text(folder[2], "app.py").endswith("st.write(2)\n")
    for path in ("missing", "../asked.json", "a.bin", "/etc/passwd", ""):
        with pytest.raises(Invalid, match="path: "):
            bundles.read_text(folder[2], path)


def test_size_of_dependencies(folder: Folder, tmp_path: Path) -> None:
    """A lock file may be longer than what a person writes, YAML less so; neither without end."""
    folder.lay(dropped({"app.py": ENTRY, "pylock.toml": b"#" * 3_000_000}))
    with refused(tmp_path, "files", "pylock.toml must be at most 20 MB"):
        folder.lay(dropped({"app.py": ENTRY, "pylock.toml": b"#" * 20_000_001}))
    with refused(tmp_path, "files", "environment.yml must be at most 0.3 MB"):
        folder.lay(dropped({"app.py": ENTRY, "environment.yml": b"#" * 300_001}))


def test_diff_of_many_pictures(folder: Folder) -> None:
    """Of many changed files each is told; a text among them by its lines, what is none by its name."""
    for number in (1, 2):
        pictures = {f"{n:04}.png": bytes([number, n % 256, 0]) * 500 for n in range(500)}
        long = {"long.txt": b"x" * 300_000 + bytes([64 + number])}
        folder.lay(sent({"0.py": ENTRY + b"# %d\n" % number, **pictures, **long}), entry="0.py")
    found = {path: text for path, _, text in bundles.diff(folder[1], folder[2])}
    assert len(found) == 502
    assert "+# 2" in (found.pop("0.py") or "").splitlines()
    assert set(found.values()) == {None}


def test_deleted_meanwhile(folder: Folder) -> None:
    """An app whose folder is gone does not come back as one."""
    folder.app.home.rmdir()
    folder.app.releases.rmdir()
    with pytest.raises(FileNotFoundError):
        folder.lay(Upload(app=ENTRY))
    assert not folder.app.releases.exists()


def test_too_many_files_are_refused_before_they_are_written(folder: Folder, tmp_path: Path) -> None:
    """The limits hold for a folder drop as well."""
    with refused(tmp_path, "files", "more than 5 files"):
        folder.lay(dropped({f"{number}.py": PLAIN for number in range(6)}), limits=Limits(files=5))
    with refused(tmp_path, "files", "more than 1 MB"):
        folder.lay(dropped({"app.py": ENTRY, "x": bytes(1_000_001)}), limits=Limits(size=1_000_000))
