"""Why an install failed, from what uv and build backends print (uv 0.13)."""

from __future__ import annotations

import errno
import re

from hostd.diagnosis.builds import build_failure
from hostd.models import Failure, FailureKind
from hostd.tracebacks import end_of, plain
from hostd.words import make

_OUT_OF_TIME, _NO_PYTHON = 124, 125  # hostd/builds/exits.py
_NO_SPACE = re.compile(r"No space left on device|os error 28\b|Disk quota exceeded")
_PYTHONS = re.compile(r"Python (?P<wanted>\S+(?: \S+)?) is not on this machine; there is: (?P<available>.+)")
_NAME = r"[A-Za-z0-9][\w.-]*?"

_RESOLVE, _INSTALL = FailureKind.RESOLVE_FAILED, FailureKind.INSTALL_FAILED
_WANTED = r"(?P<wanted>[=<>!~][^\s,]*)"
_NONE = rf"no versions? of (?P<package>{_NAME}){_WANTED}"
_ONLY = rf"only (?P<package>{_NAME})[=<>!~]\S+ (?:is|are) available and you require (?P=package){_WANTED}"
_TOO_NEW = r"(?=[\s\S]*exclude-newer)"
_RULES: tuple[tuple[FailureKind, str, str], ...] = (
    (
        _INSTALL,
        "index_refuses",
        r"(?P<reason>lack of valid authentication credentials \([^)]*\)|40[13] (?:Unauthorized|Forbidden))",
    ),
    (
        _RESOLVE,
        "python_unfit",
        r"Python version \((?P<python>[^)]+)\) does not satisfy Python(?P<wanted>\S+)"
        r" and (?P<package>\S+) depends",
    ),
    (_RESOLVE, "package_confused", r"`(?P<package>[^`]+)` is often confused for `(?P<better>[^`]+)`"),
    (
        _RESOLVE,
        "package_unknown",
        rf"(?P<package>{_NAME})(?:[\[=<>!~]\S*)? was not found in the (?:package registry|provided)",
    ),
    (_RESOLVE, "source_only", r"Wheels are required for `(?P<package>[^`]+)` because building from source"),
    (_RESOLVE, "no_build_fits", r"(?P<package>[\w.-]+(?:[=<>]\S+)?) has no (?:usable )?wheels"),
    (_RESOLVE, "version_too_new", _NONE + _TOO_NEW),
    (_RESOLVE, "version_unknown", _NONE),
    (_RESOLVE, "version_too_new", _ONLY + _TOO_NEW),
    (_RESOLVE, "version_unknown", _ONLY),
    (_RESOLVE, "conflict", r"Because you require (?P<first>\S+) and (?P<second>\S+), we can conclude"),
    (
        _RESOLVE,
        "conflict_needs",
        r"Because (?P<first>\S+) depends on (?P<needs>.+?) and [\s\S]*"
        r"[Aa]nd because you require (?P<second>.+?), we can conclude that your requirements",
    ),
    (_RESOLVE, "no_solution", r"(?P<reason>Because [\s\S]+?)(?:\n\s*\n|\Z)"),
    (_INSTALL, "hash_mismatch", r"Hash mismatch for `(?P<package>[^`]+)`"),
    (
        _INSTALL,
        "hash_missing",
        r"In `--require-hashes` mode, all requirements must have [\s\S]*?found: (?P<package>\S+)",
    ),
    (_INSTALL, "git_missing", r"build `(?P<package>[^` ]+)[^`]*`[\s\S]*Git executable not found"),
    (
        _INSTALL,
        "git_failed",
        r"build `(?P<package>[^` ]+)[^`]*`\n\s*cause: Git operation failed"
        r"[\s\S]*?(?P<reason>failed to fetch [^\n]+|fatal: [^\n]+)",
    ),
    (
        _INSTALL,
        "requirement_file_missing",
        r"(?:Error parsing included file[\s\S]*?read from file|File not found:) `(?P<path>[^`]+)`",
    ),
    (_INSTALL, "requirement_file_missing", r"Distribution not found at: file://(?P<path>\S+)"),
    (
        _INSTALL,
        "requirement_invalid",
        r"(?:Couldn't|Failed to) parse[^\n]*\n\s*cause: (?P<reason>[^\n]+\n[^\n]+)",
    ),
    (
        _INSTALL,
        "index_unreachable",
        r"(?:Request failed|Failed to fetch|error sending request)[\s\S]*cause: (?P<reason>[^\n]+)",
    ),
    (FailureKind.OUT_OF_MEMORY, "install_out_of_memory", r"was killed by signal 9\b"),
)
"""Kind, code, and what shows it; the named groups are the words' values. The first that is found counts."""


def install_failure(exit_code: int, log_tail: str, timeout: int) -> Failure:
    """What people are told about an install that ended with ``exit_code``; ``timeout`` in seconds."""
    log = end_of(log_tail)
    if exit_code == _OUT_OF_TIME:
        return make(FailureKind.INSTALL_TIMEOUT, "install_timeout", log, seconds=timeout)
    if exit_code == errno.ENOSPC or _NO_SPACE.search(log_tail):
        return make(FailureKind.DISK_FULL, "disk_full", log)
    if exit_code == _NO_PYTHON and (pythons := _PYTHONS.search(log_tail)):
        return make(FailureKind.PYTHON_UNAVAILABLE, "python_unavailable", log, **pythons.groupdict())
    said = last_error(log_tail)
    if found := build_failure(said, log):
        return found
    for kind, code, pattern in _RULES:
        if match := re.search(pattern, said):
            return make(kind, code, log, **{name: _short(text) for name, text in match.groupdict().items()})
    reason = _sentence(said) or f"exit code {exit_code}"
    return make(FailureKind.INSTALL_FAILED, "install_failed", log, reason=_short(reason))


def last_error(log: str) -> str:
    """The last error that uv or hostd printed, to the end; without hostd's own marks of time."""
    text = re.sub(r"^\S+Z \[hostd\] ", "", log, flags=re.MULTILINE)
    starts = [match.start() for match in re.finditer(r"^error: ", text, re.MULTILINE)]
    return text[starts[-1] :] if starts else text


def _sentence(said: str) -> str:
    """uv's own sentence with its causes, to the end of the paragraph."""
    match = re.match(r"error: ([\s\S]+?)(?:\n\s*\n|\n\S+Z |\Z)", said)
    return match[1].replace("\n  cause:", ":") if match else ""


def _short(text: str) -> str:
    """One line for a message: no markers, no paths, no passwords."""
    text = re.sub(r"(?<=[\w\]])\{[^}]*\}", "", text)  # numpy{python_full_version < '3.12'}>=1.23
    return plain(re.sub(r"\s+", " ", text))
