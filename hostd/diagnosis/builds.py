"""Why a package could not be built from its source, from what its build backend prints."""

from __future__ import annotations

import re

from hostd.models import Failure, FailureKind
from hostd.tracebacks import plain
from hostd.words import make

_FAILED = re.compile(
    r"The build backend returned an error|Failed to build `|Call to `[^`]+` failed"
    r"|^hint: Build failures usually|^hint: This error likely indicates",
    re.MULTILINE,
)
_PACKAGE = re.compile(
    r"Failed to (?:download and )?build `(?P<asked>[^` ]+)|Building (?P<said>\S+)|for `(?P<hint>[^`]+)`\s*$",
    re.MULTILINE,
)
_PROGRAM = r"[\w+.-]*(?:gcc|g\+\+|cc|c\+\+|clang|cmake|make|swig|cargo|rustc|gfortran|ninja|nvcc|pkg-config)"
_TOOLS = (
    rf"No such file or directory: '(?P<tool>{_PROGRAM})'",
    rf"command '(?P<tool>{_PROGRAM})' failed: No such file or directory",
    rf"(?P<tool>CMake|Cargo|{_PROGRAM})(?:,? [^\n]*)?(?: must be installed| is not installed)",
    rf"(?P<tool>{_PROGRAM}): (?:command )?not found",
    r"can't find (?P<tool>Rust) compiler",
    r"Unknown compiler\(s\): \[\['(?P<tool>[^']+)'",
    r"No (?P<tool>CMAKE_C(?:XX)?_COMPILER) could be found",
    r"Problem with the (?P<tool>CMake) installation",
)
_LIBRARIES = (
    r"fatal error: (?P<library>[\w./+-]+\.(?:h|hpp|hh)): No such file",
    r"(?P<library>\w+[_-]config)(?: executable)?:? (?:was )?not found",
    r"No such file or directory: '(?P<library>\w+[_-]config)'",
    r"Package '?(?P<library>[\w.+-]+)'? was not found in the pkg-config search path",
    r"cannot find -l(?P<library>[\w+-]+)",
    r"Dependency \"(?P<library>[^\"]+)\" not found",
    r"Could NOT find (?P<library>\w+)",
    r"pkg-config --exists (?P<library>\w+)' returned non-zero",
    r"(?P<library>lib[\w.+-]+) (?:headers? )?(?:is |are |was )?(?:required|not found|missing)",
)


def build_failure(said: str, log: str) -> Failure | None:
    """What people are told about a build that failed; None when ``said`` is not about one."""
    if not _FAILED.search(said) or "Git operation failed" in said or "often confused for" in said:
        return None
    package = _package(said)
    for pattern in _TOOLS:
        if match := re.search(pattern, said):
            tool = match["tool"].replace("CMAKE_CXX_COMPILER", "g++").replace("CMAKE_C_COMPILER", "gcc")
            return make(FailureKind.BUILD_FAILED, "needs_compiler", log, package=package, tool=tool)
    for pattern in _LIBRARIES:
        if match := re.search(pattern, said):
            library = match["library"]
            return make(FailureKind.BUILD_FAILED, "needs_library", log, package=package, library=library)
    if package == "-":
        return make(FailureKind.BUILD_FAILED, "some_build_failed", log, reason=_reason(said))
    return make(FailureKind.BUILD_FAILED, "build_failed", log, package=package, reason=_reason(said))


def _package(said: str) -> str:
    match = _PACKAGE.search(said)
    found = next((text for text in match.groups() if text), "") if match else ""
    return found.replace("@", "==") or "-"


def _reason(said: str) -> str:
    """The last line of what the backend printed, which names the exception."""
    body = re.split(r"^hint: ", said, flags=re.MULTILINE)[0]
    lines = [line.strip() for line in body.splitlines() if re.match(r"\s{6,}\S", line)]
    return plain(lines[-1] if lines else said.splitlines()[-1])
