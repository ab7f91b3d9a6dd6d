"""The fuzz tests for as long as wanted: how many inputs ended how, by fuzzer.

``python -m bench.fuzz [--factor N]``. Factor 1 is what the suite does. Inputs are new in each run; pytest
prints one that failed, made small. The fuzzers: requests to every call of the API by nobody, a viewer and a
publisher (tests/people/test_rules_fuzz.py: no 5xx, no call against its rule); archives and cookies
(tests/test_fuzz.py); whose a cookie is, and who may see an app (tests/gateway/test_cookie_fuzz.py); heads of
requests and answers, read by the gateway and by h11 (tests/gateway/test_differential*.py, four times 250 a
factor); secrets in pieces of a stream.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
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
    factor = parser.parse_args().factor
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", suffix=".jsonl") as figures:
        more = {"FUZZ_FACTOR": str(factor), "FUZZ_FIGURES": figures.name}
        command = [sys.executable, "-m", "pytest", "-q", "--timeout", str(600 * factor), *TESTS]
        began = time.monotonic()
        done = subprocess.run(command, env=os.environ | more, check=False)
        tell(Path(figures.name), time.monotonic() - began)
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
