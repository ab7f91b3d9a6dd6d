"""One fuzzer of tests/byte_fuzz.py, led by what code the bytes reach (atheris, libFuzzer).

``python -m bench.coverage_fuzz TARGET SECONDS``. atheris is no dependency of ours: it needs a wheel for the
very Python, or clang. ``pip install atheris`` into the environment of the tests.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

INSTRUMENTED = ["hostd.gateway", "hostd.bundles", "hostd.people", "zipfile", "tarfile", "http.cookies"]


def main() -> None:
    """Fuzz until time is over, or something is found: libFuzzer then says what, and exits with 77 or more."""
    name, seconds = sys.argv[1:3]
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=INSTRUMENTED):
        byte_fuzz = importlib.import_module("tests.byte_fuzz")
    with tempfile.TemporaryDirectory(prefix="corpus-") as corpus:
        for number, seed in enumerate(byte_fuzz.SEEDS[name]):
            Path(corpus, str(number)).write_bytes(seed)
        options = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=30", "-rss_limit_mb=4096"]
        atheris.Setup(
            [sys.argv[0], corpus, *options, f"-artifact_prefix={tempfile.gettempdir()}/"],
            byte_fuzz.TARGETS[name],
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
