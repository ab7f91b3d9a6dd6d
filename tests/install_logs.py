"""Logs of installs that failed, as uv 0.13 and build backends printed them."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.models import FailureKind as Kind


@dataclass(frozen=True)
class Log:
    """A log, what it should be told as, and the words that have to be in the cause."""

    code: str
    kind: Kind
    says: tuple[str, ...]
    text: str


NO_SOLUTION = "Using Python 3.11.7\nerror: No solution found when resolving dependencies\n  cause: "
UNSATISFIABLE = "we can conclude that your requirements are unsatisfiable.\n"

INSTALLS = [
    Log(
        "package_unknown",
        Kind.RESOLVE_FAILED,
        ("streamlit-nosuch-xyz",),
        f"{NO_SOLUTION}Because streamlit-nosuch-xyz was not found in the package registry and you require"
        f" streamlit-nosuch-xyz, {UNSATISFIABLE}",
    ),
    Log(
        "version_unknown",
        Kind.RESOLVE_FAILED,
        ("pandas", "==99.1"),
        f"{NO_SOLUTION}Because there is no version of pandas==99.1 and you require pandas==99.1,"
        f" {UNSATISFIABLE}",
    ),
    Log(
        "version_unknown",
        Kind.RESOLVE_FAILED,
        ("pandas", ">=99"),
        f"{NO_SOLUTION}Because only pandas<=3.1.1 is available and you require pandas>=99, {UNSATISFIABLE}",
    ),
    Log(
        "version_too_new",
        Kind.RESOLVE_FAILED,
        ("streamlit", "==1.60"),
        f"{NO_SOLUTION}Because there is no version of streamlit==1.60 and you require streamlit==1.60,"
        f" {UNSATISFIABLE}"
        "\nhint: `streamlit` was filtered by `exclude-newer` to only include packages uploaded before"
        " 2023-06-16T00:00:00Z. The requested version, v1.60.0, was published at 2026-07-21T21:13:55.113Z.\n",
    ),
    Log(
        "conflict",
        Kind.RESOLVE_FAILED,
        ("pandas==2.2.0", "pandas==2.1.0"),
        f"{NO_SOLUTION}Because you require pandas==2.2.0 and pandas==2.1.0, {UNSATISFIABLE}",
    ),
    Log(
        "conflict_needs",
        Kind.RESOLVE_FAILED,
        ("pandas==2.2.0", "numpy>=1.23.2,<2", "numpy==1.20"),
        f"{NO_SOLUTION}Because pandas==2.2.0 depends on numpy{{python_full_version < '3.12'}}>=1.23.2,<2"
        " and you"
        " require pandas==2.2.0, we can conclude that you require numpy>=1.23.2,<2.\n"
        f"         And because you require numpy==1.20, {UNSATISFIABLE}",
    ),
    Log(
        "python_unfit",
        Kind.RESOLVE_FAILED,
        ("numpy>=2.5.0", ">=3.12", "3.11.7"),
        f"{NO_SOLUTION}Because the current Python version (3.11.7) does not satisfy Python>=3.12 and"
        " numpy>=2.5.0"
        " depends on Python>=3.12, we can conclude that numpy>=2.5.0 cannot be used.\n"
        f"         And because you require numpy>=2.5, {UNSATISFIABLE}",
    ),
    Log(
        "no_build_fits",
        Kind.RESOLVE_FAILED,
        ("tensorflow==2.3.0",),
        f"{NO_SOLUTION}Because tensorflow==2.3.0 has no wheels with a matching Python ABI tag (e.g.,"
        " `cp311`) and"
        f" you require tensorflow==2.3.0, {UNSATISFIABLE}",
    ),
    Log(
        "package_confused",
        Kind.RESOLVE_FAILED,
        ("sklearn", "scikit-learn"),
        "error: Failed to build `sklearn==0.0.post12`\n  cause: The build backend returned an error\n"
        "\nhint: `sklearn` is often confused for `scikit-learn`. Did you mean to install `scikit-learn`"
        " instead?\n",
    ),
    Log(
        "hash_mismatch",
        Kind.INSTALL_FAILED,
        ("six==1.16.0",),
        "error: Failed to download `six==1.16.0`\n  cause: Hash mismatch for `six==1.16.0`\n\n        "
        " Expected:\n",
    ),
    Log(
        "hash_missing",
        Kind.INSTALL_FAILED,
        ("streamlit",),
        "error: In `--require-hashes` mode, all requirements must have their versions pinned with `==`,"
        " but found:"
        " streamlit\n",
    ),
    Log(
        "git_failed",
        Kind.INSTALL_FAILED,
        ("nosuch", "Could not resolve host"),
        "   Updating https://nosuch.invalid/x/y.git (HEAD)\n"
        "error: Failed to download and build `nosuch @ git+https://me:secret@nosuch.invalid/x/y.git`\n"
        "  cause: Git operation failed\n  cause: failed to clone into:"
        " /srv/data/cache/uv/git-v2/db/b24b85dad51bb471\n"
        "  cause: process didn't exit successfully: `/usr/bin/git fetch --force` (exit status: 128)\n"
        "         --- stderr\n         fatal: unable to access"
        " 'https://me:secret@nosuch.invalid/x/y.git/': Could not"
        " resolve host: nosuch.invalid\n",
    ),
    Log(
        "git_missing",
        Kind.INSTALL_FAILED,
        ("nosuch",),
        "error: Failed to download and build `nosuch @ git+https://127.0.0.1:9/x/y.git`\n"
        "  cause: Git operation failed\n  cause: Git executable not found. Ensure that Git is installed"
        " and available.\n",
    ),
    Log(
        "requirement_invalid",
        Kind.INSTALL_FAILED,
        ('no such comparison operator "="', "pandas=2"),
        "error: Couldn't parse requirement in `requirements.txt` at position 4\n"
        '  cause: no such comparison operator "=", must be one of ~= == != <= >= < > ===\n'
        "         pandas=2\n               ^^\n",
    ),
    Log(
        "requirement_file_missing",
        Kind.INSTALL_FAILED,
        (" other.txt",),
        "error: Error parsing included file in `requirements.txt` at position 7\n  cause: failed to read"
        " from file"
        " `/srv/data/apps/demo/releases/3/bundle/other.txt`: No such file or directory (os error 2)\n",
    ),
    Log(
        "index_unreachable",
        Kind.INSTALL_FAILED,
        ("Connection refused",),
        "error: Request failed after 3 retries in 11.6s\n  cause: Failed to fetch:"
        " http://me:secret@127.0.0.1:9/six/\n"
        "  cause: client error (Connect)\n  cause: tcp connect error\n  cause: Connection refused (os"
        " error 111)\n",
    ),
    Log(
        "install_out_of_memory",
        Kind.OUT_OF_MEMORY,
        ("",),
        "Resolved 40 packages in 1.2s\nuv was killed by signal 9\nuv was killed by signal 9\n",
    ),
    Log(
        "install_failed",
        Kind.INSTALL_FAILED,
        ("Must have a version",),
        "error: The wheel filename `missing.whl` is invalid: Must have a version\n",
    ),
]


def build(package: str, *lines: str) -> str:
    """What uv prints of a build that failed."""
    printed = "\n".join(f"         {line}" for line in lines)
    return (
        f"Resolved 1 package in 138ms\n   Building {package}\nerror: Failed to build `{package}`\n"
        "  cause: The build backend returned an error\n"
        "  cause: Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)\n\n         [stderr]\n"
        f"{printed}\n\nhint: Build failures usually indicate a problem with the package or the build"
        " environment\n"
    )


def built(code: str, package: str, missing: str, *lines: str) -> Log:
    """A build that failed for want of something."""
    return Log(code, Kind.BUILD_FAILED, (package, missing), build(package, *lines))


BUILDS = [
    built("needs_compiler", "wordcloud==1.8.1", "gcc", "error: [Errno 2] No such file or directory: 'gcc'"),
    built("needs_compiler", "tokenizers==0.10.2", "Rust", "error: can't find Rust compiler"),
    built(
        "needs_compiler",
        "numpy==1.26.0",
        "cc",
        "../meson.build:1:0: ERROR: Unknown compiler(s): [['cc'], ['gcc']]",
    ),
    built("needs_compiler", "dlib==19.24.0", "CMake", "ERROR: CMake must be installed to build dlib"),
    built(
        "needs_library",
        "psycopg2==2.9.8",
        "pg_config",
        "Error: pg_config executable not found.",
        "",
        "pg_config is",
    ),
    built("needs_library", "mysqlclient==1.4", "mysql_config", "OSError: mysql_config not found"),
    built(
        "needs_library",
        "mysqlclient==2.3.1",
        "mysqlclient",
        "Trying pkg-config --exists mysqlclient",
        "Command 'pkg-config --exists mysqlclient' returned non-zero exit status 1.",
        "Exception: Can not find valid pkg-config name.",
    ),
    built(
        "needs_library",
        "python-ldap==3.4.4",
        "lber.h",
        "Modules/common.h:15:10: fatal error: lber.h: No such file or directory",
        "compilation terminated.",
        "error: Command '['gcc', '-Wsign-compare']' returned non-zero exit status 1.",
    ),
    built(
        "needs_library",
        "pycairo==1.26.0",
        "cairo",
        "Package cairo was not found in the pkg-config search path.",
    ),
    built(
        "build_failed",
        "scikit-learn==0.22",
        "No module named 'pkg_resources'",
        'File "<string>", line 12, in <module>',
        "ModuleNotFoundError: No module named 'pkg_resources'",
    ),
]
