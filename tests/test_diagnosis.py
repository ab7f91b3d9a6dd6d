"""What people are told: from the texts that uv, build backends and Streamlit really print."""

from __future__ import annotations

import string
import subprocess
import sys

import pytest
from uv import find_uv_bin

from hostd.diagnosis import blames_dependencies, first_page_failure, install_failure, start_failure
from hostd.first_session import FirstSession, SessionEnd
from hostd.health import End
from hostd.models import Failure, FailureKind
from hostd.words import LANGUAGES, make, tell
from tests.install_logs import BUILDS, INSTALLS, Log
from tests.start_logs import APP, MAIN, OWN, SITE, STARTED, STARTS, TOO_NEW

RAISES = {
    ("ModuleNotFoundError", "No module named 'cv2'"): ("module_missing", "opencv-python-headless"),
    ("ModuleNotFoundError", "No module named 'google.cloud.bigquery'"): ("module_missing", "bigquery"),
    ("ModuleNotFoundError", "No module named 'plotly'"): ("module_missing", "plotly"),
    ("ModuleNotFoundError", "No module named 'utils'"): ("module_part_missing", "utils"),
    ("ModuleNotFoundError", "No module named 'random.x'; 'random' is not a package"): (
        "module_shadowed",
        "random",
    ),
    ("ImportError", "libGL.so.1: cannot open shared object file: No such file"): (
        "library_missing",
        "libGL.so.1",
    ),
    ("ImportError", "Missing optional dependency 'openpyxl'.  Use pip or conda to"): (
        "module_missing",
        "openpyxl",
    ),
    ("KeyError", "'st.secrets has no key \"api_key\". Did you forget to add it'"): (
        "secret_missing",
        "api_key",
    ),
    ("AttributeError", 'st.secrets has no attribute "db". Did you forget'): ("secret_missing", "db"),
    ("streamlit.errors.StreamlitSecretNotFoundError", "No secrets found. Valid"): (
        "secrets_missing",
        "secrets",
    ),
    ("FileNotFoundError", "No secrets files found. Valid paths for a"): ("secrets_missing", "secrets"),
    ("FileNotFoundError", "[Errno 2] No such file or directory: 'data/x.csv'"): (
        "file_missing",
        "data/x.csv",
    ),
    ("SyntaxError", "File \"app.py\", line 2\n  x = (\n      ^\nSyntaxError: '(' was never closed"): (
        "syntax_error",
        "app.py, line 2",
    ),
    ("MemoryError", ""): ("memory_error", "memory"),
    ("OSError", "[Errno 98] error while attempting to bind on address ('0.0.0.0', 8888): address in use"): (
        "port_hard_coded",
        "8888",
    ),
    (
        "PermissionError",
        "[Errno 13] Permission denied (while attempting to bind on address ('::1', 36365))",
    ): (
        "port_hard_coded",
        "36365",
    ),
    ("PermissionError", "[Errno 13] Permission denied: '/mnt/share/x.csv'"): (
        "file_not_allowed",
        "/mnt/share/x.csv",
    ),
    (
        "requests.exceptions.ConnectionError",
        "HTTPConnectionPool(host='db', port=18080): Max retries exceeded with url: / (Caused by"
        " NewConnectionError(\"HTTPConnection(host='db', port=18080): Failed to establish a new connection:"
        ' [Errno 13] Permission denied"))',
    ): ("port_not_allowed", "18080"),
    (
        "psycopg.OperationalError",
        'connection failed: connection to server at "10.1.2.3", port 15432 failed: Permission denied',
    ): ("port_not_allowed", "15432"),
    ("ValueError", "no good"): ("page_raises_at", "ValueError in app.py, line 7: no good"),
}


def placeholders(text: str) -> set[str]:
    """The {names} of a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def check(found: Failure, log: Log) -> None:
    """A failure is of the kind and says the words, in both languages, and nothing of the machine."""
    assert (found.code, found.kind) == (log.code, log.kind), found
    for said in (found.message, tell(found, "zh")[0]):
        assert all(word in said for word in log.says if word.isascii()), said
        assert "/srv" not in said, said
        assert "secret@" not in said, said
    assert found.advice


@pytest.mark.parametrize("log", [*INSTALLS, *BUILDS], ids=lambda log: f"{log.code}-{log.says[0]}")
def test_installs(log: Log) -> None:
    """Every recorded failure of an install is told as what it is."""
    check(install_failure(1, log.text, 900), log)


@pytest.mark.parametrize("log", BUILDS, ids=lambda log: f"{log.code}-{log.says[0]}")
def test_a_build_whose_beginning_is_cut_off(log: Log) -> None:
    """The end of a long log is enough to see what it is about."""
    found = install_failure(1, log.text.split("[stderr]\n")[1], 900)
    assert found.kind is log.kind
    assert found.code.removeprefix("some_") == log.code  # the name of the package may be what was cut off
    assert log.says[1] in found.message


def test_exit_codes_of_an_install() -> None:
    """Time, disk and interpreter have their own."""
    assert install_failure(124, "", 900).kind is FailureKind.INSTALL_TIMEOUT
    assert "900 s" in install_failure(124, "", 900).message
    assert install_failure(28, "", 900).kind is FailureKind.DISK_FULL
    assert (
        install_failure(2, "error: No space left on device (os error 28)\n", 900).kind
        is FailureKind.DISK_FULL
    )
    found = install_failure(125, "error: Python 3.14 is not on this machine; there is: 3.11.7, 3.11.2\n", 900)
    assert found.kind is FailureKind.PYTHON_UNAVAILABLE
    assert found.values == {"wanted": "3.14", "available": "3.11.7, 3.11.2"}
    assert install_failure(3, "", 900).kind is FailureKind.INSTALL_FAILED


def test_the_last_error_counts() -> None:
    """An earlier try in the same log does not."""
    log = INSTALLS[0].text + "Resolved 1 package in 2ms\n" + INSTALLS[1].text
    assert install_failure(1, log, 900).code == INSTALLS[1].code


@pytest.mark.parametrize("log", STARTS, ids=lambda log: f"{log.code}-{log.says[0]}")
def test_starts(log: Log) -> None:
    """Every recorded failure of a start is told as what it is."""
    check(start_failure(End.DEAD, 1, log.text, 120), log)


def test_ends_of_a_start() -> None:
    """By exit code and signal, and honest when there is none."""
    assert start_failure(End.DEAD, -9, STARTED, 120).kind is FailureKind.OUT_OF_MEMORY
    assert "SIGSEGV" in start_failure(End.DEAD, -11, STARTED, 120).message
    assert start_failure(End.DEAD, 0, STARTED, 120).code == "crashed_again"
    assert start_failure(End.DEAD, None, f"{STARTED}{APP}KeyError: 'x'\n", 120).code == "crashed_raising"
    late = start_failure(End.OUT_OF_TIME, None, STARTED, 120)
    assert (late.kind, "120 s" in late.message) == (FailureKind.START_TIMEOUT, True)
    old = f"Error: Invalid value: File does not exist: old.py\n{STARTED}bye\n"
    assert start_failure(End.DEAD, 1, old, 120).code == "crashed"


@pytest.mark.parametrize(("raised", "told"), RAISES.items(), ids=[told[1] for told in RAISES.values()])
def test_first_pages(raised: tuple[str, str], told: tuple[str, str]) -> None:
    """What an exception means, with the name of what is missing."""
    frames = ('File "app.py", line 7, in <module>\n    go()',)
    found = first_page_failure(FirstSession(SessionEnd.RAISED, *raised, frames, True, 0.1), "")
    assert found.code == told[0]
    assert told[1] in f"{found.message} {found.advice}"
    assert raised[0].rsplit(".", 1)[-1] in found.log_tail


@pytest.mark.parametrize(
    ("line", "code"), [("own.bind(there)", "server_inside"), ("sock.connect(sa)", "connection_not_allowed")]
)
def test_a_port_that_nothing_names(line: str, code: str) -> None:
    """Python's own error for a socket says no more than that; the line that raised it does."""
    frames = ('File "app.py", line 7, in <module>', f'File "app.py", line 9, in go\n    {line}')
    raised = ("PermissionError", "[Errno 13] Permission denied")
    assert first_page_failure(FirstSession(SessionEnd.RAISED, *raised, frames), "").code == code


def test_other_ends_of_a_first_page() -> None:
    """An environment variable, a page that never shows, one that is empty, one that can't be had."""
    frames = ('File "app.py", line 7, in <module>', 'File "<frozen os>", line 679, in __getitem__')
    found = first_page_failure(FirstSession(SessionEnd.RAISED, "KeyError", "'TOKEN'", frames), "")
    assert (found.code, found.values["name"]) == ("environment_missing", "TOKEN")
    silent = first_page_failure(FirstSession(SessionEnd.SILENT, duration=60.2), "")
    assert (silent.code, silent.values["seconds"]) == ("page_silent", "60")
    assert first_page_failure(FirstSession(SessionEnd.FINISHED), "").code == "page_empty"
    refused = first_page_failure(FirstSession(SessionEnd.REFUSED, message="status 403"), "")
    assert (refused.kind, "403" in refused.message) == (FailureKind.CRASHED, True)


def test_hidden_details_come_from_the_log() -> None:
    """An app that hides its exceptions from visitors does not hide them from its owner."""
    log = f"{STARTED}2026-11-22 Uncaught app execution\n{APP}ModuleNotFoundError: No module named 'yaml'\n"
    found = first_page_failure(FirstSession(SessionEnd.RAISED, shown=True), log)
    assert (found.code, found.values["package"]) == ("module_missing", "pyyaml")


@pytest.mark.parametrize("name", TOO_NEW)
def test_packages_of_another_time_are_blamed(name: str) -> None:
    """An import that fails inside the packages; a start that dies of it keeps the traceback."""
    assert blames_dependencies(TOO_NEW[name])
    failure = start_failure(End.DEAD, 1, STARTED + "noise\n" * 100 + TOO_NEW[name], 120)
    assert blames_dependencies(failure.log_tail)
    assert failure.code in ("dependencies_unfit", "name_missing")


@pytest.mark.parametrize("name", OWN)
def test_the_app_is_not_mistaken_for_its_packages(name: str) -> None:
    """Its own faults ask for no second try."""
    assert not blames_dependencies(OWN[name])


def test_a_raising_page_is_blamed_by_its_frames() -> None:
    """The log that a failure carries has the exception even when the app's log does not."""
    frames = tuple(line.strip() for line in TOO_NEW["below the app"].splitlines() if "File" in line)
    session = FirstSession(SessionEnd.RAISED, "AttributeError", "module 'x' has no attribute 'y'", frames)
    assert blames_dependencies(first_page_failure(session, "nothing here").log_tail)


def test_both_languages_say_the_same() -> None:
    """The same codes, and the same values in each."""
    english, chinese = LANGUAGES["en"], LANGUAGES["zh"]
    assert english.keys() == chinese.keys()
    for code in english:
        for mine, other in zip(english[code], chinese[code], strict=True):
            assert placeholders(mine) == placeholders(other), code
    assert {log.code for log in (*INSTALLS, *BUILDS, *STARTS)} <= english.keys()


def test_words_are_made_late() -> None:
    """Braces of a value are text; a failure without a code keeps its own words."""
    failure = make(FailureKind.CRASHED, "entry_missing", entry="{a}.py")
    assert "{a}.py" in tell(failure, "en")[0]
    assert tell(failure, "zh")[0] != failure.message
    assert tell(failure, "fr") == (failure.message, failure.advice)
    assert tell(Failure(FailureKind.CRASHED, "old words"), "zh") == ("old words", "")


def test_live_uv() -> None:
    """Today's uv still prints what is recorded here."""
    command = [find_uv_bin(), "pip", "install", "--dry-run", "--no-index", "--python", sys.executable]
    asked = {
        "nosuch-xyz": "package_unknown",
        "six=1": "requirement_invalid",
        "./nosuch": "requirement_file_missing",
    }
    for requirement, code in asked.items():
        done = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)
        assert install_failure(done.returncode, done.stderr, 900).code == code, done.stderr


def test_no_machine_path_in_a_traceback_of_the_platform() -> None:
    """The frames that people see are named from the bundle and from site-packages."""
    found = start_failure(
        End.DEAD, 1, f'{MAIN}  File "{SITE}/x.py", line 1, in <module>\nOSError: {SITE}/y\n', 120
    )
    assert "/srv" not in found.message
