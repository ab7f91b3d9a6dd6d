"""The fuzz tests for as long as wanted: how many inputs ended how, by fuzzer.

``python -m bench.fuzz [--factor N] [--seconds N] [--atheris PYTHON]``. Factor 1 is what the suite does.
Inputs are new in each run; pytest prints one that failed, made small. The fuzzers: requests to every call of
the API by nobody, a viewer and a publisher (tests/people/test_rules_fuzz.py: no 5xx, no call against its
rule); archives and cookies (tests/test_fuzz.py); whose a cookie is, and who may see an app
(tests/gateway/test_cookie_fuzz.py); heads of requests and answers, read by the gateway and by h11
(tests/gateway/test_differential*.py, four times 250 a factor); secrets in pieces of a stream.

Then, for so many seconds each, those of tests/byte_fuzz.py, which atheris leads by the code that is reached:
heads, answers, cookies, archives as mere bytes. atheris is no dependency of ours (bench/coverage_fuzz.py says
why): PYTHON is one that has it, this one unless told; without it they are left out, and the bench says so.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

TESTS = (
    "tests/test_fuzz.py",
    "tests/gateway/test_cookie_fuzz.py",
    "tests/people/test_rules_fuzz.py",
    "tests/gateway/test_differential.py",
    "tests/gateway/test_differential_answers.py",
    "tests/vault/test_scrubbing.py",
)


def main() -> int:
    """Run them; 0 when nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--factor", type=int, default=10, help="times as many inputs as in the suite")
    parser.add_argument("--seconds", type=int, default=60, help="for each fuzzer that atheris leads")
    parser.add_argument("--atheris", default=sys.executable, help="a Python that has atheris")
    given = parser.parse_args()
    factor = given.factor
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", suffix=".jsonl") as figures:
        more = {"FUZZ_FACTOR": str(factor), "FUZZ_FIGURES": figures.name}
        command = [sys.executable, "-m", "pytest", "-q", "--timeout", str(600 * factor), *TESTS]
        began = time.monotonic()
        done = subprocess.run(command, env=os.environ | more, check=False)
        tell(Path(figures.name), time.monotonic() - began)
    return max(done.returncode, led(given.atheris, given.seconds))


def led(python: str, seconds: int) -> int:
    """The fuzzers that atheris leads, one after the other. 0: nothing was found, or there is no atheris."""
    ours = {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), sysconfig.get_path("purelib")])}
    environment = os.environ | (ours if python != sys.executable else {})
    asked = [python, "-c", "import atheris"]
    if subprocess.run(asked, env=environment, capture_output=True, check=False).returncode:
        print(f"{python} has no atheris: fuzzing led by coverage is left out")
        return 0
    print("\n| Fuzzer led by coverage | Inputs | Found |\n|---|---|---|")
    return max(
        _led(python, environment, name, seconds) for name in ("heads", "answers", "cookies", "archives")
    )


def _led(python: str, environment: dict[str, str], name: str, seconds: int) -> int:
    command = [python, "-m", "bench.coverage_fuzz", name, str(seconds)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    inputs = re.findall(r"^#(\d+)", done.stderr, re.MULTILINE)
    print(
        f"| {name} | {inputs[-1] if inputs else 0} | {'see below' if done.returncode else 'nothing'} |",
        flush=True,
    )
    if done.returncode:
        print(done.stderr[done.stderr.find("=== Uncaught") :][-4000:])
    return done.returncode


def tell(figures: Path, seconds: float) -> None:
    """The table."""
    print("| Fuzzer | Inputs | How they ended |\n|---|---|---|")
    for line in figures.read_text(encoding="utf-8").splitlines():
        found = json.loads(line)
        name = found.pop("fuzzer")
        ends = ", ".join(f"{end}: {count}" for end, count in found.items())
        print(f"| {name} | {sum(found.values())} | {ends} |")
    print(f"\n{seconds:.0f} s in all")


if __name__ == "__main__":
    sys.exit(main())
