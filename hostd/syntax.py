"""Python source to its first syntax error. The only module that runs the compiler; long source elsewhere.

The compiler holds the interpreter's lock from its first byte to its last: 2 MB of plain source took 1.6 s
and 500 MB, 0.9 MB of one f-string 88 s. In hostd itself every visitor of every app would wait for that.
"""

from __future__ import annotations

import signal
import subprocess  # noqa: TID251 - see above; the program is this interpreter, the source goes by its stdin
import sys
import warnings

SMALL = 4_096
"""Bytes; up to here the worst source found took 60 ms, and a process of its own takes 20."""
TIME_LIMIT = 10
"""Seconds; source that a person wrote takes a tenth of one."""

_PROGRAM = """
import signal, sys
signal.alarm(int(sys.argv[2]))
try:
    compile(sys.stdin.buffer.read(), sys.argv[1], "exec", dont_inherit=True)
except SyntaxError as error:
    line, text = error.lineno or 1, error.msg
except (RecursionError, MemoryError):
    line, text = 1, "is nested too deeply to be compiled"
except Exception as error:
    line, text = 1, f"does not compile: {error}"
else:
    sys.exit()
sys.stdout.buffer.write(f"{line} {text}".encode("utf-8", "backslashreplace"))
"""


def first_error(source: bytes, name: str, time_limit: int = TIME_LIMIT) -> tuple[int, str] | None:
    """(line, message) of what keeps ``source`` from compiling; None when it compiles."""
    if len(source) <= SMALL:
        return _compiled_here(source, name)
    command = [sys.executable, "-I", "-S", "-W", "ignore", "-c", _PROGRAM, name, str(time_limit)]
    done = subprocess.run(command, input=source, capture_output=True, check=False)
    if done.returncode == -signal.SIGALRM:
        return 1, f"takes longer than {time_limit} s to compile"
    if done.returncode != 0:
        return 1, f"does not compile: the compiler ended with {done.returncode}"
    line, _, message = done.stdout.decode().partition(" ")
    return (int(line), message) if line else None


def _compiled_here(source: bytes, name: str) -> tuple[int, str] | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(source, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except (RecursionError, MemoryError):
        return 1, "is nested too deeply to be compiled"
    except ValueError as error:
        return 1, f"does not compile: {error}"
    return None
