"""Whatever people send: names, files, lines and settings made to break out of where they are put."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from supervisor.options import ServerOptions

from hostd import bundles, programs, runlog, store
from hostd.errors import Invalid, SettingsError
from hostd.events import event
from hostd.layout import Layout, ReleaseLayout
from hostd.models import (
    App,
    Asked,
    Deploying,
    Draining,
    Failure,
    FailureKind,
    Options,
    Source,
    Status,
    Step,
    Strategy,
    Wish,
)
from hostd.outcome import Outcome, ReleaseState
from hostd.program_names import build_name, parse_program, program_name
from hostd.programs import BadSection, Program
from hostd.settings import Settings, load
from hostd.templating import Templates

from .platform import HELLO, Platform, assert_problem

MARK = "MARK_OF_A_USER"
NASTY = [
    "\n", "\r", "\r\n", "%", "%%", "%s", "%(here)s", "%%(here)s", "%(ENV_HOME)s", ";", " ;", "\t;", "\u3000;",
    " #", '"', "'", "`", "${HOME}", "$(id)", "\\", "\\\n", "{{ 7 * 7 }}", "{% raw %}", "[program:evil]",
    "\ncommand=/bin/false", "]", "=", ":", ",", "..", "/", "../", "\x00", "\x1b[2J", "\x7f", "\x85",
    "\u2028", "\u202e", "\ufeff", "🎈", "看板", "é", "ſ", "<script>", "--", "-r x", "@", "#!", " ",
]  # fmt: skip
pieces = st.sampled_from([*NASTY, MARK]) | st.text(max_size=8)
short = st.lists(pieces, max_size=8).map("".join)
long = st.sampled_from(NASTY).map(lambda piece: piece * (100_000 // len(piece)))
nasty = short | long
"""Now and then 100 kB."""
slugs = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True)
quick = limits(deadline=None, max_examples=100)
slower = limits(deadline=None, max_examples=40)
TEMPLATES = Templates()


# bundles


@quick
@given(nasty)
def test_name(name: str) -> None:
    """A name is refused by field, or kept as one short line without control characters."""
    try:
        kept = bundles.check_name(name)
    except Invalid as error:
        assert error.field == "name"
        return
    assert kept == name.strip() != ""
    assert len(kept) <= 100
    assert len(kept.splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", kept)


@quick
@given(nasty | st.text(alphabet=st.characters(categories=["Cs", "Lu", "Cf", "Nd"])))
def test_made_id_is_a_slug(name: str) -> None:
    """Whatever the name, its id is a slug that names a program, a folder and a path."""
    made = bundles.make_id(name)
    assert bundles.check_id(made) == made
    assert parse_program(program_name(made, 7)) == (made, 7)
    assert programs.NAME.fullmatch(program_name(made, 10**6))
    assert programs.NAME.fullmatch(build_name(made))


@quick
@given(nasty | slugs)
def test_own_id_is_a_slug(app_id: str) -> None:
    """An id of the caller's is refused by field, or has nothing but letters, digits and single hyphens."""
    try:
        bundles.check_id(app_id)
    except Invalid as error:
        assert error.field == "app_id"
        return
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", app_id, re.ASCII)
    assert len(app_id) <= 50


@slower
@given(nasty.map(str.encode) | st.binary(max_size=200) | nasty.map(lambda text: f"x = {text!r}".encode()))
@example(b"# coding: rot13\n")
@example(b"# coding: utf-7\n+AAA-")
@example(b"-" * 100_000 + b"1")
@example(b"(" * 100_000)
@example(b"if x: pass\n" + b"elif x: pass\n" * 10_000)
@example(b"x" + b".x" * 100_000)
def test_app(source: bytes) -> None:
    """Any bytes are a program, or are refused with the number of a line that they have."""
    try:
        assert bundles.check(bundles.Upload(app=source)).app == source
    except Invalid as error:
        assert error.field == "app"
        line = re.match(r"line (\d+): \S", error.message)
        assert line, error.message
        assert 1 <= int(line[1]) <= len(re.split(rb"[\n\r\f]", source)) + 1


@quick
@given(
    nasty
    | st.lists(nasty | st.sampled_from(["streamlit", "pandas>=2 # x", "a \\"]), max_size=4).map("\n".join)
)
@example("a; " + "(" * 100_000)
@example("a[" + "b," * 10_000)
@example("streamlit \\")
@example("a @ file:///x\\")
@example("${X}==1")
def test_requirements(text: str) -> None:
    """Any text is requirements, kept as it is, or is refused with the number of a line that it has."""
    lines = bundles.logical_lines(text)
    assert [number for number, _ in lines] == sorted({number for number, _ in lines})
    try:
        assert bundles.check(bundles.Upload(requirements=text.encode())).requirements in (
            text.encode(),
            text.removeprefix("\ufeff").encode(),
        )
    except Invalid as error:
        assert error.field == "requirements"
        line = re.match(r"line (\d+): \S", error.message)
        assert line, error.message
        assert 1 <= int(line[1]) <= text.count("\n") + 1
        assert len(error.message) < 1000
    else:
        bundles.names_streamlit(text)


@quick
@given(st.binary(max_size=100) | st.binary(max_size=40).map(lambda data: b"\xff\xfe" + data))
def test_requirements_of_any_bytes(data: bytes) -> None:
    """Bytes are requirements in UTF-8 or UTF-16, or are refused by field."""
    try:
        bundles.check(bundles.Upload(requirements=data))
    except Invalid as error:
        assert error.field == "requirements"


@quick
@given(
    st.lists(
        st.sampled_from(
            ["pandas", " # streamlit", "streamlit", "==1.40", "\\\n", "\n", " ", "[x]", "Streamlit"]
        )
    )
)
def test_streamlit_is_named_only_by_a_line_of_its_own(parts: list[str]) -> None:
    """A Streamlit in a comment is none; one that is split over continued lines is one."""
    text = "".join(parts)
    lines = [line for _, line in bundles.logical_lines(text)]
    named = any(re.fullmatch(r"streamlit(\s*\[x\])?\s*(==1\.40)?", line, re.IGNORECASE) for line in lines)
    assert bundles.names_streamlit(text) is named


# programs


@slower
@given(nasty)
def test_section_of_any_name(name: str) -> None:
    """A program's name is refused, or the section reads back as that one program."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program(name=name, spec=Path("/x.json"), log=Path(folder, "run.log"))
        try:
            text = programs.render(TEMPLATES, program)
        except BadSection:
            return
        assert [group.name for group in programs.parse(text)] == [name]


@slower
@given(nasty.filter(lambda text: "\0" not in text))
@example("%(here)s")
@example("a\nautostart=true")
@example("a #b")
@example("a\u3000;b")
def test_section_of_any_path(text: str) -> None:
    """A path is refused, or the section reads back with exactly that path, and nothing more."""
    with tempfile.TemporaryDirectory() as folder:
        segment = text.replace("/", "")[:60]
        root = Path(folder, segment)
        assume(segment not in ("", ".", ".."))
        root.mkdir()
        program = Program(name="demo.r1", spec=root / "demo.r1.json", log=root / "run.log")
        try:
            section = programs.render(TEMPLATES, program)
        except BadSection:
            return
        (group,) = programs.parse(section)
        (found,) = group.process_configs
        assert (found.name, found.stdout_logfile) == ("demo.r1", str(program.log))
        assert (found.autostart, found.stopsignal, found.redirect_stderr) == (False, 15, True)


@slower
@given(short.filter(lambda text: "\0" not in text))
@example("a b/c d")
@example("我的 data")
@example("[a]")
@example("a #b")
def test_any_data_folder(text: str) -> None:
    """A data folder is refused by name, or supervisord finds its apps' sections in it."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            layout = Layout(load({"STREAMLIT_HOST_DATA": f"{folder}/{text[:40]}"}).data)
        except SettingsError as error:
            assert str(error).startswith("STREAMLIT_HOST_DATA=")
            return
        assume(layout.root.is_relative_to(folder) and ".." not in layout.root.parts)
        app = layout.app("demo-3f9a2c")
        for made in (layout.sections, app.root, layout.logs):
            made.mkdir(parents=True)
        program = programs.app_program(layout, "demo-3f9a2c.r1", app.log)
        layout.section(program.name).write_text(programs.render(TEMPLATES, program))
        layout.supervisord_conf.write_text(programs.render_main(TEMPLATES, layout, [], "0" * 64))
        assert supervisords_view(layout.supervisord_conf) == ["demo-3f9a2c.r1"]


def supervisords_view(conf: Path) -> list[str]:
    """The programs that supervisord would run by this main file."""
    options = ServerOptions()
    options.configfile = str(conf)
    options.process_config(do_usage=False)
    return [group.name for group in options.process_group_configs]


# settings


NAMES = [field.metadata["name"] for field in dataclasses.fields(Settings) if field.metadata]


@quick
@given(
    st.dictionaries(
        st.sampled_from(NAMES), short | st.sampled_from(["1", "8600", "127.0.0.1", "\udcff"]), max_size=3
    )
)
def test_any_settings(environ: dict[str, str]) -> None:
    """Any values are settings whose links can stand in a header, or one line that names a variable."""
    try:
        found = load(environ)
    except SettingsError as error:
        assert str(error).startswith("STREAMLIT_HOST_")
        assert len(str(error).splitlines()) == 1
        return
    assert re.fullmatch(r"https?://[!-~]+", found.public_base)
    assert re.fullmatch(r"[!-~]*", found.admin_token)
    str(found.data).encode()


@quick
@given(short.filter(lambda text: "=" not in text))
def test_any_setting_name(name: str) -> None:
    """A name that is not known stops the start with one line, whatever it is made of."""
    assume(f"STREAMLIT_HOST_{name}" not in NAMES)
    with pytest.raises(SettingsError) as caught:
        load({f"STREAMLIT_HOST_{name}": "x"})
    assert len(str(caught.value).splitlines()) == 1


# store


failures = st.builds(
    Failure, kind=st.sampled_from(FailureKind), message=short, log_tail=nasty, advice=short, code=short,
    values=st.dictionaries(short, short, max_size=2),
)  # fmt: skip
numbers = st.integers(1, 10**6)
options = st.builds(
    Options, environment=st.dictionaries(short, short, max_size=3),
    drain_minutes=st.none() | st.floats(0, 10**6), strategy=st.sampled_from(Strategy),
    python=st.none() | short, as_of=st.none() | short, entry=st.none() | short,
)  # fmt: skip
draining = st.builds(
    Draining, release=numbers, port=numbers, pid=st.none() | numbers, since=short, until=short,
    ended=st.booleans(),
)  # fmt: skip
texts = st.lists(short, max_size=2).map(tuple)
sources = st.builds(
    Source, kind=short, entry=short, sha256=short, size=numbers, files=numbers,
    dependencies=st.none() | short, python=st.none() | short, packages=texts,
    warnings=texts, url=st.none() | short, ref=st.none() | short,
    commit=st.none() | short, subdir=st.none() | short,
)  # fmt: skip
asks = st.builds(
    Asked, release=numbers, created_at=short, source=sources, options=options, by=short, note=nasty
)
outcomes = st.builds(
    Outcome, state=st.sampled_from(ReleaseState), at=short, strategy=st.none() | st.sampled_from(Strategy),
    error=st.none() | failures, warning=st.none() | failures,
)  # fmt: skip
apps = st.builds(
    App, app_id=slugs, name=short, status=st.sampled_from(Status), wish=st.sampled_from(Wish),
    target=st.integers(1, 10**6), cookie_secret=st.just("c"), created_at=st.just("t"),
    updated_at=st.just("t"), release=st.none() | st.integers(1, 10**6), restart=st.booleans(),
    port=st.none() | st.integers(1, 65535), pid=st.none() | st.integers(1, 10**6), error=st.none() | failures,
    warning=st.none() | failures, draining=st.lists(draining, max_size=2).map(tuple), force=st.booleans(),
    deploying=st.none() | st.builds(Deploying, numbers, st.sampled_from(Step), short),
    files_in=st.none() | numbers, entry=short, options=options,
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | short,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(short, inner, max_size=3),
    max_leaves=5,
)


@slower
@given(apps)
def test_an_app_comes_back_from_the_disk(app: App) -> None:
    """What is saved is what is loaded, whatever a name or a log's tail holds."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        layout.app(app.app_id).root.mkdir(parents=True)
        kept = store.Store(layout)
        kept.save(app)
        assert list(kept.load_all()) == [app]


@slower
@given(asks, outcomes)
def test_a_release_comes_back_from_the_disk(asked: Asked, outcome: Outcome) -> None:
    """What was asked of a release, and how it ended, are read as they were written."""
    with tempfile.TemporaryDirectory() as folder:
        release = ReleaseLayout(Path(folder))
        store.write_value(release.asked, asked)
        store.write_value(release.outcome, outcome)
        assert store.read_asked(release) == asked
        assert store.read_outcome(release) == outcome


@quick
@given(apps, st.sampled_from([field.name for field in dataclasses.fields(App)]), json_values)
def test_a_spoiled_meta_json_is_bad_state(app: App, key: str, spoiled: Any) -> None:
    """A value of another kind in meta.json is reported, never believed."""
    content = {**json.loads(json.dumps(dataclasses.asdict(app))), key: spoiled}
    try:
        read = store.parse_app(content, app.app_id)
    except store.BadState:
        return
    assert isinstance(read.name, str)
    assert isinstance(read.port, int | None)
    assert isinstance(read.target, int)
    assert isinstance(read.release, int | None)
    assert isinstance(read.updated_at, str)
    assert isinstance(read.error, Failure | None)
    assert read.error is None or isinstance(read.error.log_tail, str)


@quick
@given(st.binary(max_size=60) | short.map(str.encode))
@example(b"[" * 100_000)
@example(b'{"a": ' * 100_000)
def test_any_bytes_as_state(data: bytes) -> None:
    """A state file is an object, or bad state with a reason."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "meta.json")
        path.write_bytes(data)
        try:
            assert isinstance(store.read_json(path), dict)
        except store.BadState as error:
            assert "meta.json" in str(error)


# runlog


output = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"line", "看".encode(), b"\xff", b"\x1b[31m", b""])
    | st.binary(max_size=9)
)
contents = output.map(b"".join)


@limits(quick, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents, contents, st.integers(1, 12), st.integers(1, 20))
def test_tail(monkeypatch: pytest.MonkeyPatch, old: bytes, new: bytes, lines: int, block: int) -> None:
    """The tail is the last lines of both files as one, however they are cut into blocks."""
    monkeypatch.setattr(runlog, "BLOCK", block)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.log")
        path.write_bytes(new)
        path.with_name("run.log.1").write_bytes(old)
        *whole, rest = (old + new).split(b"\n")
        wanted = [line + b"\n" for line in whole] + ([rest] if rest else [])
        assert runlog.tail(path, lines) == b"".join(wanted[-lines:]).decode("utf-8", "replace")


def grow(path: Path, *, rotate: bool, data: bytes) -> None:
    """Append to a log, after its rotation if asked."""
    if rotate:
        path.rename(path.with_name("run.log.1"))
    with path.open("ab") as file:
        file.write(data)


async def followed(path: Path, steps: list[tuple[bool, bytes]]) -> list[str]:
    """Every line of a log that grows by ``steps``; (True, …) rotates the file first."""
    found: list[str] = []
    todo, idle = iter(steps), 0
    async for line in runlog.follow(path, 10_000, 0):
        idle = idle + 1 if line is None else 0
        if line is not None:
            found.append(line)
        elif idle > 2:  # a rotated file is seen in one round and read in the next
            step = next(todo, None)
            if step is None:
                break
            grow(path, rotate=step[0], data=step[1])
            idle = 0
    return found


@slower
@given(contents, st.lists(st.tuples(st.booleans(), contents), max_size=5))
def test_follow(begin: bytes, steps: list[tuple[bool, bytes]]) -> None:
    """A followed log gives each whole line once and in order, over rotations and writes that end mid-line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.log")
        path.write_bytes(begin)
        found = asyncio.run(followed(path, steps))
    everything = begin + b"".join(data for _, data in steps)
    assert found == [line.decode("utf-8", "replace") for line in everything.split(b"\n")[:-1]]


def test_a_line_without_end_comes_in_pieces(tmp_path: Path) -> None:
    """An app that never ends its line does not fill hostd's memory: pieces come, and nothing is lost."""
    path = tmp_path / "run.log"
    path.write_bytes(b"")
    found = asyncio.run(followed(path, [(False, b"x" * 500_000), (False, b"y" * 300_000), (False, b"\nz\n")]))
    assert len(found) >= 3
    assert "".join(found) == "x" * 500_000 + "y" * 300_000 + "z"


@quick
@given(nasty | st.just("\udcff"))
def test_say_is_one_line(text: str) -> None:
    """Whatever is told, our log line is one line with a time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.log")
        runlog.say(path, text)
        assert re.fullmatch(rb"\d{4}-\d\d-\d\dT[\d:.]+Z \[hostd\][^\n]*\n", path.read_bytes())


@quick
@given(short.map(lambda text: text.replace("\n", "")))
def test_event_reads_back(line: str) -> None:
    """By the HTML standard's rules each event holds its line and nothing else."""
    fields = [part.partition(": ") for part in re.split(r"\r\n|\n|\r", event(line)) if part]
    assert {name for name, _, _ in fields} == {"data"}
    assert "\r".join(value for _, _, value in fields) == line.rstrip("\r")


# The real API


@pytest.fixture(scope="module")
def offline() -> Iterator[tuple[Platform, dict[str, Any]]]:
    """A platform with one running app, on which every other install ends at once: uv may ask nobody."""
    made = Platform(STREAMLIT_HOST_IDLE_MINUTES="0").start()
    try:
        witness = made.running("witness")
        made.stop()
        empty = made.data / "empty-cache"
        made.settings |= {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(empty), "UV_NO_INDEX": "1"}
        made.start()
        yield made, made.wait(witness, "running")
    finally:
        made.close()


requests = st.fixed_dictionaries(
    {"name": nasty, "app": nasty | nasty.map(lambda text: f"x = {text!r}")},
    optional={
        "requirements": nasty | nasty.map(lambda text: f"# {text}"),
        "app_id": short | slugs,
        "note": short,
        "entry": short,
        "python": short,
        "template": short,
        "environment": short | st.dictionaries(short | st.just("A"), short, max_size=2).map(json.dumps),
    },
)


def assert_sections_are_ours(platform: Platform) -> None:
    """What supervisord reads: one section per file, named like the file, a slug, nothing a user wrote."""
    for path in (platform.data / "supervisor" / "apps").iterdir():
        assert re.fullmatch(
            r"\.?(build\.)?[a-z0-9]+(-[a-z0-9]+)*(\.r\d+)?(\.conf|\.json)?(\.tmp)?", path.name
        )
        text = ""
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile
            text = path.read_text() if path.suffix == ".conf" else ""
        assert MARK not in text
        assert re.findall(r"^\[.*", text, re.MULTILINE) in ([], [f"[program:{path.stem}]"])


@limits(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(sent=requests)
@example(sent={"name": f"{MARK} %(here)s ;x", "app": f"'{MARK}'", "requirements": f"# {MARK}\n"})
@example(sent={"name": f"{MARK}\n[program:evil]\ncommand=/bin/false", "app": "x"})
@example(
    sent={
        "name": f"\u202e{MARK}🎈%%(here)s ; ${{HOME}}",
        "app": "'${HOME} %s'",
        "requirements": "nobody; x == '%(here)s'",
    }
)
@example(sent={"name": "x", "app": "#" * 100_000, "requirements": "#" * 100_000})
@example(
    sent={
        "name": "x",
        "app": "x = 1",
        "note": f"{MARK}\n[program:evil]",
        "environment": json.dumps({"A": f"{MARK}%(here)s\n[program:evil]\ncommand=/bin/false\n;"}),
    }
)
def test_nothing_breaks_out(offline: tuple[Platform, dict[str, Any]], sent: dict[str, str]) -> None:
    """No create, and no update with the same, ends in a 5xx, reaches a section, or stirs another app."""
    platform, witness = offline
    form = form_of(sent)
    answer = platform.api.post("/apps", files=form)
    if answer.status_code != 201:
        assert_problem(answer, answer.status_code)
        assert answer.status_code in (400, 409, 413, 422), answer.text
        made = platform.create("plain")
    else:
        made = answer.json()["app_id"]
        assert platform.app(made)["name"] == sent["name"].strip()
    try:
        changed = platform.api.patch(f"/apps/{made}", files=form)
        assert changed.status_code in (200, 202, 400, 413, 422), changed.text
        assert_sections_are_ours(platform)
        platform.wait(made, "failed")
        assert_sections_are_ours(platform)
        assert platform.app(witness["app_id"]) == witness
    finally:
        assert platform.api.delete(f"/apps/{made}").status_code == 200


def form_of(sent: dict[str, str]) -> dict[str, Any]:
    """The multipart parts, as they are: httpx escapes nothing inside a part."""
    uploads = {"app", "requirements"}
    parts: dict[str, Any] = {key: (None, text.encode()) for key, text in sent.items() if key not in uploads}
    parts |= {key: (f"{key}.txt", sent[key].encode()) for key in ("app", "requirements") if key in sent}
    return parts


def test_the_witness_was_never_touched(offline: tuple[Platform, dict[str, Any]]) -> None:
    """After all of that the other app has the same process, and serves; supervisord holds nobody else."""
    platform, witness = offline
    assert platform.app(witness["app_id"])["pid"] == witness["pid"]
    assert platform.serves(witness["app_id"])
    assert [app["app_id"] for app in platform.api.get("/apps").json()] == [witness["app_id"]]
    names = {line.split()[0] for line in platform.supervisorctl("status").splitlines()}
    assert names == {"hostd", "console", f"{witness['app_id']}.r1"}


def test_a_section_holds_no_text_of_a_user(offline: tuple[Platform, dict[str, Any]]) -> None:
    """The oracle above works: a running app's section is there, is read, and is ours."""
    platform, witness = offline
    section = platform.data / "supervisor" / "apps" / f"{witness['app_id']}.r1.conf"
    assert section.read_text().count("[") == 1
    assert_sections_are_ours(platform)
    assert platform.api.get(f"/apps/{witness['app_id']}/files/app.py").content == HELLO
