"""The documents say what the code does: settings, calls, links; and both READMEs say the same."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest

from hostd import setting_names, settings
from hostd.house import build
from hostd.main import create_app
from hostd.setting_names import PREFIX

from .platform import ROOT

READMES = ("README.md", "README.zh-CN.md")
CURL = (
    'curl -sS -X POST "http://localhost:8080/api/apps" -F "name=demo"'
    ' -F "requirements=@demo_app/requirements.txt" -F "app=@demo_app/app.py"'
)
KNOWN = {
    field.metadata["name"]: name
    for name, field in settings.Settings.__dataclass_fields__.items()
    if field.metadata
}
GONE = {PREFIX + name for name in setting_names.GONE}
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|crates\.io|proxy\.golang\.org"
    r"|(deb|security|ftp|snapshot)\.debian\.org|(archive|security|ports)\.ubuntu\.com|conda\.anaconda\.org"
    r"|(?<![\w.])(docker|ghcr|quay)\.io/"
)
MACHINE_PATHS = re.compile(r"(?<![\w.~*}-])/(home|Users|work|workspace)/(?!hostd\b)\w+|(?<![\w.])/root/\w")
MIRROR_VARIABLES = re.compile(r"(?:UV_DEFAULT_INDEX|UV_INDEX|PIP_\w*INDEX_URL)=(\S+)")


def text(name: str) -> str:
    """The text of a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def tracked() -> list[str]:
    """Every file that git knows, and every new one that it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def plain_texts() -> dict[str, str]:
    """Name and text of each of those that is text."""
    found = {}
    for name in tracked():
        data = (ROOT / name).read_bytes()
        if b"\0" not in data:
            found[name] = data.decode("utf-8", "replace")
    return found


def documents() -> list[str]:
    """Every Markdown file."""
    return [name for name in tracked() if name.endswith(".md")]


def code_blocks(document: str) -> list[str]:
    """The fenced blocks, fences included."""
    return re.findall(r"^```.*?^```$", document, re.MULTILINE | re.DOTALL)


def prose(document: str) -> str:
    """The document without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL)


def headings(document: str) -> list[tuple[int, str]]:
    """(level, text) of each heading."""
    found = re.findall(r"^(#+) (.+)$", prose(document), re.MULTILINE)
    return [(len(marks), title) for marks, title in found]


def cells(document: str) -> list[list[str]]:
    """The first two cells of each table row, without back quotes."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", document, re.MULTILINE)
    return [[cell.strip("`") for cell in row] for row in rows]


@pytest.fixture(scope="module")
def openapi(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The API's own description."""
    house = build(settings.load({"STREAMLIT_HOST_DATA": str(tmp_path_factory.mktemp("docs"))}))
    return create_app(house).openapi()


@pytest.mark.parametrize("name", READMES)
def test_every_setting_is_in_the_table_with_its_default(name: str) -> None:
    """Each setting has one row, and its default there is the one that the code has."""
    rows = [row for row in cells(text(name)) if row[0].startswith(PREFIX)]
    assert sorted(row[0] for row in rows) == sorted(KNOWN)
    defaults = settings.load({})
    for variable, default in rows:
        shown = settings.load({variable: "" if default == "–" else default})
        assert getattr(shown, KNOWN[variable]) == getattr(defaults, KNOWN[variable]), variable


@pytest.mark.parametrize("name", [*READMES, "docs/disk.md", "docs/architecture.md", "env.example"])
def test_no_unknown_setting_is_named(name: str) -> None:
    """A renamed setting leaves no trace in the documents."""
    named = set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]", text(name)))
    assert named <= {*KNOWN, *GONE}


def test_env_example_shows_the_defaults() -> None:
    """Every setting is there, commented out, with its default; so a copy of the file changes nothing."""
    lines = text("env.example").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []
    shown = dict(line[2:].split("=", 1) for line in lines if re.match(rf"# {PREFIX}\w+=", line))
    assert set(shown) == set(KNOWN)
    loaded, defaults = settings.load(shown), settings.load({})
    assert {n: getattr(loaded, n) for n in KNOWN.values()} == {
        n: getattr(defaults, n) for n in KNOWN.values()
    }


def test_env_example_has_what_compose_reads() -> None:
    """Each variable that docker-compose.yml takes from outside is explained."""
    wanted = set(re.findall(r"\$\{(\w+)", text("docker-compose.yml")))
    assert wanted <= set(re.findall(r"^# (\w+)=", text("env.example"), re.MULTILINE))


@pytest.mark.parametrize("name", READMES)
def test_gone_settings_are_told(name: str) -> None:
    """People who come from streamlit_host find each of their variables."""
    assert set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]", text(name))) >= GONE


@pytest.mark.parametrize("name", READMES)
def test_every_call_is_in_the_table_and_no_other(name: str, openapi: dict[str, Any]) -> None:
    """The table of calls is the API."""
    calls = {f"{method.upper()} {path}" for path, item in openapi["paths"].items() for method in item}
    assert {row[0] for row in cells(text(name)) if " /api" in row[0]} == calls


@pytest.mark.parametrize("name", READMES)
def test_words_of_the_api_are_explained(name: str, openapi: dict[str, Any]) -> None:
    """Every field of an app, every status and every kind of failure is named."""
    schemas = openapi["components"]["schemas"]
    words = {*schemas["AppOut"]["properties"], *schemas["Status"]["enum"], *schemas["FailureKind"]["enum"]}
    assert words <= set(re.findall(r"`(\w+)`", text(name)))


@pytest.mark.parametrize("name", READMES)
def test_the_first_command_is_there_word_for_word(name: str) -> None:
    """The line that must always work."""
    assert f"```sh\n{CURL}\n```" in code_blocks(text(name))


def test_both_readmes_have_the_same_shape() -> None:
    """The same headings in number, level and order, the same blocks of code, tables of the same size."""
    english, chinese = (text(name) for name in READMES)
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(chinese)]
    assert code_blocks(english) == code_blocks(chinese)
    assert len(cells(english)) == len(cells(chinese))
    assert english.count("\n- ") == chinese.count("\n- ")


def test_both_readmes_name_the_same_things() -> None:
    """What stands in back quotes in the one, stands in the other."""
    english, chinese = (set(re.findall(r"`([^`\n]+)`", prose(text(name)))) for name in READMES)
    assert english == chinese


@pytest.mark.parametrize("name", documents())
def test_relative_links_resolve(name: str) -> None:
    """Each link to a file of the repository finds it, its heading included."""
    for target in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", prose(text(name))):
        path, _, anchor = target.partition("#")
        found = (ROOT / name).parent / path if path else ROOT / name
        assert found.exists(), target
        if anchor:
            titles = [title for _, title in headings(found.read_text(encoding="utf-8"))]
            assert anchor in [re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles], target


def test_no_lock_holds_an_address() -> None:
    """Packages are named by version and hash, and come from wherever one's own pip is told to."""
    locks = [name for name in tracked() if re.fullmatch(r"requirements.*\.txt|.*\.lock|pylock.*\.toml", name)]
    assert len(locks) >= 2
    for name in locks:
        assert "://" not in text(name), name


def test_no_file_holds_a_registry_or_a_path_of_somebodys_machine() -> None:
    """Nothing here says where packages come from, or where the repository once lay."""
    for name, content in plain_texts().items():
        assert REGISTRIES.search(content) is None, name
        assert MACHINE_PATHS.search(content) is None, name


def test_example_mirrors_are_placeholders() -> None:
    """An index in an example is one that can't exist (RFC 2606)."""
    for name in [*documents(), "env.example"]:
        for url in MIRROR_VARIABLES.findall(text(name)):
            assert re.match(r"https://\w+\.corp\.example/", url), (name, url)


def test_the_map_of_the_repository_is_whole() -> None:
    """Every folder is in the READMEs' last table, and none that is not there."""
    folders = {name.split("/")[0] + "/" for name in tracked() if "/" in name and not name.startswith(".")}
    for readme in READMES:
        named = {row[0] for row in cells(text(readme)) if re.fullmatch(r"\w+/", row[0])}
        assert named == folders - {"docs/", "conf/"}
