"""First sessions on real Streamlit processes: the newest, and two old ones that behave differently."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

from hostd.first_session import FirstSession, SessionEnd, open_first_session
from hostd.health import Health
from tests.machine import free_range
from tests.platform import until

BASE = "/apps/demo"
OLD = {
    "1.12": ["streamlit==1.12.2", "altair<5", "protobuf<4", "numpy<2", "pandas<2", "pyarrow<20"],
    "1.28": ["streamlit==1.28.2", "pyarrow<20"],
}
ST = "import streamlit as st\n"


@dataclass(frozen=True)
class Case:
    """A script, how its first session should end, and what it should say."""

    script: str
    end: SessionEnd
    shown: bool = True
    type: str = ""
    says: str = ""
    config: str = ""


CASES = {
    "page": Case(ST + "st.title('hello')\n", SessionEnd.FINISHED),
    "nothing": Case("print('no page')\n", SessionEnd.FINISHED, shown=False),
    "raises": Case(
        ST + "st.title('x')\ndef f():\n    raise KeyError('gone')\nf()\n",
        SessionEnd.RAISED, type="KeyError", says="gone",
    ),
    "misuse": Case(ST + "st.columns(-1)\n", SessionEnd.RAISED, type="Streamlit", says="st.columns"),
    "hidden": Case(ST + "1 / 0\n", SessionEnd.RAISED, config='[client]\nshowErrorDetails = "none"\n'),
    "second run": Case(
        ST + "if 'a' not in st.session_state:\n    st.session_state.a = 1\n    st.rerun()\nint('word')",
        SessionEnd.RAISED, type="ValueError", says="word",
    ),
    "fragment": Case(
        ST + "@st.fragment\ndef f():\n    int('word')\nf()\nst.write('after')\n",
        SessionEnd.RAISED, type="ValueError",
    ),
    "syntax": Case(
        ST + "st.title('x'\n", SessionEnd.RAISED, shown=False, type="SyntaxError", says="never closed"
    ),
    "caught": Case(
        ST + "try:\n    1 / 0\nexcept ArithmeticError as e:\n    st.exception(e)\n    st.stop()\n",
        SessionEnd.FINISHED,
    ),
    "made": Case(ST + "st.exception(RuntimeError('told'))\nst.write('and more')\n", SessionEnd.FINISHED),
    "pages": Case(
        ST + "def one():\n    st.switch_page(second)\ndef two():\n    st.write('two')\nsecond ="
        " st.Page(two)\n"
        "st.navigation([st.Page(one), second]).run()\n",
        SessionEnd.FINISHED,
    ),
    "live": Case(
        ST + "import time\nfrom pathlib import Path\nplace = st.empty()\ntry:\n    while True:\n"
        "        place.write('x')\n        time.sleep(0.02)\nfinally:\n    Path('ended').touch()\n",
        SessionEnd.UNFINISHED,
    ),
    "reruns": Case(ST + "st.write('x')\nst.rerun()\n", SessionEnd.UNFINISHED),
    "hangs": Case(ST + "import time\ntime.sleep(1000)\n", SessionEnd.SILENT, shown=False),
    "loads": Case(
        ST + "import time\n@st.cache_resource\ndef load():\n    time.sleep(1000)\nload()\n",
        SessionEnd.SILENT, shown=False,
    ),
    "dies": Case("import os\nos._exit(3)\n", SessionEnd.REFUSED, shown=False),
}  # fmt: skip
SHORT = {"live": 20, "hangs": 10, "loads": 10}  # seconds; those that end with the time limit
ON_OLD = ("page", "raises", "misuse", "caught", "syntax")


@pytest.fixture(scope="module")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The interpreter of a venv for each version; the newest is the one that the tests run with."""
    found = {"newest": sys.executable}
    for name, wanted in OLD.items() if sys.version_info < (3, 12) else ():
        venv = tmp_path_factory.mktemp("venv") / name
        python = str(venv / "bin" / "python")
        quiet = [find_uv_bin(), "--quiet"]
        subprocess.run([*quiet, "venv", "--no-project", "--python", sys.executable, str(venv)], check=True)
        subprocess.run([*quiet, "pip", "install", "--python", python, *wanted], check=True)
        found[name] = python
    return found


@contextlib.contextmanager
def serving(python: str, folder: Path, case: Case, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A Streamlit that answers its health endpoint."""
    bundle = folder / "releases" / "1" / "bundle"
    (bundle / ".streamlit").mkdir(parents=True)
    (bundle / ".streamlit" / "config.toml").write_text(case.config)
    (bundle / "app.py").write_text(case.script)
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")},
        "HOME": str(folder),
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
        "STREAMLIT_SERVER_BASE_URL_PATH": BASE.strip("/"),
        "STREAMLIT_SERVER_SCRIPT_HEALTH_CHECK_ENABLED": "true",
        "STREAMLIT_LOGGER_ENABLE_RICH": "false",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    }
    health = Health()
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [python, "-m", "streamlit", "run", "app.py"], cwd=bundle, env=env, stdout=log, stderr=log
        ) as process,
    ):
        try:
            until(lambda: health.ready(port, BASE), 240, what=f"health; see {folder}")
            yield process
        finally:
            process.kill()
            health.close()


def session(port: int, timeout: float = 60) -> FirstSession:
    """A first session that nobody stops."""
    return open_first_session(port, BASE, timeout=timeout, told_to_stop=lambda: False)


@pytest.fixture(scope="module")
def sessions(
    pythons: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], FirstSession]:
    """The first session of every case, a few processes at a time."""
    wanted = [("newest", name) for name in CASES]
    wanted += [(version, name) for version in pythons if version != "newest" for name in ON_OLD]
    low = free_range(len(wanted))

    def run(at: int) -> FirstSession:
        version, name = wanted[at]
        folder = tmp_path_factory.mktemp("case")
        with serving(pythons[version], folder, CASES[name], low + at):
            found = session(low + at, timeout=SHORT.get(name, 60))
            if name == "live":
                ended = folder / "releases" / "1" / "bundle" / "ended"
                until(ended.exists, 15, what="the session ends in the app too")
            return found

    with ThreadPoolExecutor(3) as pool:
        return dict(zip(wanted, pool.map(run, range(len(wanted))), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_newest(name: str, sessions: dict[tuple[str, str], FirstSession]) -> None:
    """Each script ends as it should on the newest Streamlit."""
    check(sessions["newest", name], CASES[name])


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="their dependencies have no wheels for this Python")
@pytest.mark.parametrize("name", ON_OLD)
@pytest.mark.parametrize("version", OLD)
def test_old(version: str, name: str, sessions: dict[tuple[str, str], FirstSession]) -> None:
    """Old versions have other paths, other frames, and a health check that waits for st.stop."""
    check(sessions[version, name], CASES[name])


def check(found: FirstSession, case: Case) -> None:
    """Compare a session with what is expected; it never tells a path of the machine."""
    assert (found.end, found.shown) == (case.end, case.shown), found
    assert case.type in found.type, found
    assert case.says in found.message, found
    assert not any('"/' in frame for frame in found.frames), found
    if found.end is SessionEnd.RAISED and case.config == "":
        assert any('"app.py", line' in text for text in (*found.frames, found.message)), found


def test_it_can_be_told_to_stop(tmp_path: Path) -> None:
    """A cancelled deploy does not wait for the time limit."""
    port = free_range(1)
    told = threading.Event()
    with serving(sys.executable, tmp_path, CASES["hangs"], port):
        threading.Timer(0.3, told.set).start()
        found = open_first_session(port, BASE, timeout=60, told_to_stop=told.is_set)
    assert found.end is SessionEnd.TOLD_TO_STOP
    assert found.duration < 10


def test_nobody_listens() -> None:
    """No process, no session."""
    assert session(free_range(1)).end is SessionEnd.REFUSED
