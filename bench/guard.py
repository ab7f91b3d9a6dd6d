"""What it costs to run confined: the start of a program by hostd/launch.py, with and without each layer.

``python -m bench.guard [--rounds N]``. Each round starts ``/bin/true`` and ``python -c "import streamlit"``
once per way, the order turning with every round. CPU seconds are those of the launcher's process until its
end (wait4(2)). The first way is the launcher without any layer. The last lines tell what the layers leave
resident: the memory that a Python has for itself, started in two ways.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.measure import Samples
from hostd.egress import COMMON
from hostd.processes import memory
from hostd.programs import LAUNCHER

BASE = Path(sys.base_prefix)
READ = ["/usr", "/bin", "/lib", "/lib64", "/etc", "/proc", "/sys", str(BASE), sys.prefix]
LIMITS = {"memory_mb": 2000, "open_files": 4096, "file_mb": 10_000, "nice": 5}


def _confine(connect: list[tuple[int, int]] | None) -> dict[str, Any]:
    tcp = None if connect is None else {"bind": [8501, 0], "connect": connect}
    return {"limits": LIMITS, "confine": {"read": READ, "write": ["/dev/null", "/tmp"], "tcp": tcp}}


WAYS: dict[str, dict[str, Any]] = {
    "bare": {},
    "limits, no privileges": {"limits": LIMITS},
    "and files, seccomp": _confine(None),
    "and 10 ports": _confine([(1, 10)]),
    "and common ports": _confine([*COMMON]),
    "and 65,535 ports": _confine([(1, 65_535)]),
}
PROGRAMS = {
    "/bin/true": ["/bin/true"],
    "import streamlit": [sys.executable, "-c", "import streamlit"],
}


class Bench:
    """Specs in a folder, and what their starts took: wall and CPU seconds by program and way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.wall = {(program, way): Samples() for program in PROGRAMS for way in WAYS}
        self.cpu = {(program, way): Samples() for program in PROGRAMS for way in WAYS}

    def spec(self, argv: list[str], way: str) -> Path:
        """The file for the launcher."""
        environment = {"PATH": os.defpath, "HOME": str(self._folder)}
        path = self._folder / "spec.json"
        path.write_text(json.dumps({"argv": argv, "env": environment, "cwd": "/", **WAYS[way]}))
        return path

    def start(self, program: str, way: str) -> None:
        """Once, to its end."""
        command = [sys.executable, "-I", "-S", str(LAUNCHER), str(self.spec(PROGRAMS[program], way))]
        begin = time.perf_counter()
        pid = os.posix_spawn(command[0], command, {})
        _, status, used = os.wait4(pid, 0)
        assert status == 0, (program, way, status)
        self.wall[program, way].add(time.perf_counter() - begin)
        self.cpu[program, way].add(used.ru_utime + used.ru_stime)

    def resident(self, way: str) -> int:
        """Bytes that a Python has for itself, started that way."""
        code = "print('ready', flush=True); input()"
        command = [
            sys.executable,
            "-I",
            "-S",
            str(LAUNCHER),
            str(self.spec([sys.executable, "-c", code], way)),
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            taken = memory(child.pid)[0]
            child.kill()
        return taken


def main() -> None:
    """Run the rounds, and print a table per program."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="hostd-") as folder:
        bench = Bench(Path(folder))
        for turn in range(rounds + 1):
            ways = list(WAYS)[turn % len(WAYS) :] + list(WAYS)[: turn % len(WAYS)]
            for program in PROGRAMS:
                for way in ways:
                    bench.start(program, way)
            if turn == 0:  # warms the caches
                for samples in (*bench.wall.values(), *bench.cpu.values()):
                    samples.values.clear()
        print(f"load {os.getloadavg()[0]:.2f}; median (min - max) of {rounds} rounds, ms; ratio: CPU to bare")
        for program in PROGRAMS:
            _table(bench, program)
        for way in ("bare", "and common ports"):
            taken = statistics.median(bench.resident(way) for _ in range(5))
            print(f"anon memory of a Python, {way}: {taken / 1e6:.2f} MB")


def _table(bench: Bench, program: str) -> None:
    print(f"\n{program:24} {'wall ms':28} {'CPU ms':28} {'more CPU ms':12} ratio")
    bare = bench.cpu[program, "bare"].median
    for way in WAYS:
        wall, cpu = bench.wall[program, way], bench.cpu[program, way]
        more = (cpu.median - bare) * 1e3
        print(f"{way:24} {wall.show(1e3, 1):28} {cpu.show(1e3, 1):28} {more:<12.1f} {cpu.median / bare:.2f}")


if __name__ == "__main__":
    main()
