"""What the launcher takes away, tried from inside: real processes, this machine's kernel."""

from __future__ import annotations

import json
import os
import resource
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd import egress
from hostd.confine import landlock, seccomp
from hostd.lifecycle.confinement import without
from hostd.programs import LAUNCHER

SYSTEM = ["/usr", "/bin", "/lib", "/lib64", "/etc", "/proc", sys.base_prefix]
ABI = landlock.abi()
needs_tcp_rules = pytest.mark.skipif(ABI < 4, reason="this kernel's Landlock has no rules for TCP")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody else's port."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def run(tmp_path: Path, code: str, *, uid: int | None = None, **spec: Any) -> str:
    """What ``code`` prints when the launcher runs it with this spec."""
    confine = {"read": SYSTEM, "write": ["/dev/null"], "tcp": None, **spec.pop("confine", {})}
    spec = {
        "argv": [str(Path(sys.base_prefix, "bin", "python3")), "-I", "-S", "-c", code],
        "env": {"PATH": "/usr/bin"}, "cwd": "/", "uid": uid, "limits": {}, "confine": confine, **spec,
    }  # fmt: skip
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCHER), str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def attempt(statement: str, prelude: str = "import os, socket, ctypes") -> str:
    """A program that tries one statement and prints its errno's name, or 'open'."""
    return (
        f"{prelude}\nimport errno\ntry:\n    {statement}\nexcept OSError as e:\n"
        "    print(errno.errorcode[e.errno])\nelse:\n    print('open')"
    )


def test_no_privilege_is_left(tmp_path: Path) -> None:
    """Every capability set is empty, for good."""
    status = run(tmp_path, "print(open('/proc/self/status').read())")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert fields["NoNewPrivs"] == "1"
    assert run(tmp_path, "print(open('/proc/self/oom_score_adj').read())") == "500"


def test_limits(tmp_path: Path) -> None:
    """Each one is set, hard; an allocation over the memory is a MemoryError and nothing worse."""
    limits = {"memory_mb": 400, "open_files": 99, "file_mb": 3, "nice": 7}
    code = (
        "import resource as r, os\n"
        "print([r.getrlimit(getattr(r, 'RLIMIT_' + n)) for n in ('CORE', 'DATA', 'NOFILE', 'FSIZE')],"
        " os.nice(0))\ntry:\n bytearray(10**9)\nexcept MemoryError:\n print('clean')"
    )
    said = run(tmp_path, code, limits=limits)
    pairs = [(0, 0), (656_000_000, 656_000_000), (99, 99), (3_000_000, 3_000_000)]
    assert said == f"{pairs} {os.nice(0) + 7}\nclean"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a process another uid")
def test_a_uid_of_its_own(tmp_path: Path) -> None:
    """Uid, gid, no other groups, a limit of processes; it can't go back."""
    code = (
        "import os, resource\nprint(os.getresuid(), os.getresgid(), os.getgroups(),"
        " resource.getrlimit(resource.RLIMIT_NPROC))\n" + attempt("os.setuid(0)", "import os")
    )
    system = [path for path in SYSTEM if path != sys.base_prefix]
    said = run(
        tmp_path, code, uid=54321, limits={"processes": 50}, confine={"read": system},
        argv=["/usr/bin/python3", "-I", "-S", "-c", code],
    )  # fmt: skip
    assert said == f"{(54321,) * 3} {(54321,) * 3} [] (50, 50)\nEPERM"


@pytest.mark.skipif(not ABI, reason="this kernel has no Landlock")
@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("os.listdir('{folder}')", "EACCES"),
        ("open('{folder}/secret')", "EACCES"),
        ("open('{folder}/secret', 'a')", "EACCES"),
        ("os.unlink('{folder}/secret')", "EACCES"),
        ("os.rename('{folder}/mine/a', '{folder}/b')", "EACCES"),
        ("os.link('{folder}/read/x', '{folder}/mine/x')", "EXDEV"),
        ("os.symlink('{folder}/secret', '{folder}/mine/s') or open('{folder}/mine/s')", "EACCES"),
        ("open('{folder}/link/secret')", "EACCES"),  # a link in the place of a folder to write
        ("open('{folder}/read/x')", "open"),
        ("open('{folder}/read/x', 'a')", "EACCES"),
        ("os.truncate('{folder}/read/x', 0)", "EACCES"),
        ("os.mkdir('{folder}/mine/d') or os.rename('{folder}/mine/a', '{folder}/mine/d/a')", "open"),
        ("open('{folder}/hidden/known', 'w')", "open"),
        ("os.listdir('{folder}/hidden')", "EACCES"),
        ("os.kill({pid}, 0)", "EPERM" if ABI >= 6 else "open"),
        ("open('/dev/null', 'w')", "open"),
        ("open('/proc/{pid}/environ')", "EACCES"),
    ],
)
def test_files_and_signals(tmp_path: Path, statement: str, expected: str) -> None:
    """The allow-list holds, links and hard links included."""
    for name in ("read", "mine", "hidden"):
        (tmp_path / name).mkdir()
    for name in ("secret", "read/x", "mine/a"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path)
    said = run(
        tmp_path,
        attempt(statement.format(folder=tmp_path, pid=os.getpid())),
        confine={
            "read": [*SYSTEM, str(tmp_path / "read")],
            "write": ["/dev/null", str(tmp_path / "mine"), str(tmp_path / "link")],
            "unlisted": [str(tmp_path / "hidden")],
        },
    )
    assert said == expected


@needs_tcp_rules
@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("socket.create_connection(('127.0.0.1', {ours}))", "EACCES"),
        ("socket.create_connection(('127.0.0.1', {free}))", "ECONNREFUSED"),
        ("socket.socket().bind(('', {free}))", "EACCES"),
        ("socket.socket().bind(('', {own}))", "open"),
        ("socket.socket().bind(('', 0))", "open"),
        ("socket.socket().sendto(b'x', 0x20000000, ('127.0.0.1', {ours}))", "ENOTSUP"),
        ("socket.socket().sendmsg([b'x'], [], 0x20000000, ('127.0.0.1', {ours}))", "ENOTSUP"),
        ("socket.socket(2, 1, 262)", "EPROTONOSUPPORT"),
        ("socket.socket(2, 1, 132)", "EPROTONOSUPPORT"),
        ("socket.socket(40, 1)", "EAFNOSUPPORT"),
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {ours}))", "open"),
        ("socket.socketpair()", "open"),
        ("socket.getaddrinfo('localhost', 80)", "open"),
    ],
)
def test_network(tmp_path: Path, listener: socket.socket, statement: str, expected: str) -> None:
    """Only the ports of the list, by no way round; what programs use every day stays."""
    ours = listener.getsockname()[1]
    own, free = next(port for port in range(9000, 9999) if _is_free(port)), 9
    said = run(
        tmp_path,
        attempt(statement.format(ours=ours, free=free, own=own)),
        confine={"tcp": {"bind": [own, 0], "connect": [(1, ours - 1), (ours + 1, ours + 9)]}},
    )
    assert said == expected


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.skipif(seccomp.program(os.uname().machine) is None, reason="no filter for this architecture")
@pytest.mark.parametrize(
    ("number", "expected"),
    [(101, "EPERM"), (310, "EPERM"), (321, "EPERM"), (272, "EPERM"), (165, "EPERM"), (250, "EPERM"),
     (425, "ENOSYS"), (435, "ENOSYS"), (319, "ENOSYS"), (29, "ENOSYS"), (0x40000000 + 39, "EPERM")],
)  # fmt: skip
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")
def test_refused_calls(tmp_path: Path, number: int, expected: str) -> None:
    """ptrace, process_vm_readv, bpf, unshare, mount, keyctl, io_uring, clone3, memfd_create, shmget, x32."""
    code = (
        "import ctypes, errno\nc = ctypes.CDLL(None, use_errno=True)\n"
        f"assert c.syscall({number}, 0, 0, 0, 0, 0) == -1\nprint(errno.errorcode[ctypes.get_errno()])"
    )
    assert run(tmp_path, code) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("resource.prlimit({pid}, resource.RLIMIT_CORE)", "EPERM"),
        ("resource.prlimit(os.getpid(), resource.RLIMIT_CORE)", "open"),
        ("resource.prlimit(0, resource.RLIMIT_CORE)", "open"),
        ("os.setpriority(os.PRIO_PROCESS, {pid}, 19)", "EPERM"),
        ("os.setpriority(os.PRIO_USER, 0, 19)", "EPERM"),
        ("os.setpriority(os.PRIO_PROCESS, os.getpid(), 19)", "open"),
        ("os.nice(1)", "open"),
    ],
)
def test_limits_and_priority_are_its_own_alone(tmp_path: Path, statement: str, expected: str) -> None:
    """Not those of another process of the same user."""
    code = attempt(statement.format(pid=os.getpid()), "import os, resource")
    assert run(tmp_path, code) == expected


def test_processes_and_threads_go_on(tmp_path: Path) -> None:
    """clone3 is not there, and namespaces are not; fork, threads and multiprocessing are."""
    code = (
        "import threading, subprocess, multiprocessing as m\n"
        "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
        "print(subprocess.run(['/bin/echo', 'child'], capture_output=True, text=True).stdout.strip())\n"
        "l = m.get_context('fork').Lock(); l.acquire(); print('lock')\n"
    )
    said = run(tmp_path, code, confine={"write": ["/dev/null"], "unlisted": ["/dev/shm"]})
    assert said.split() == ["thread", "child", "lock"]


def test_the_folder_for_temporary_files_is_new(tmp_path: Path) -> None:
    """What an earlier process left is gone; a link in its place leads nowhere."""
    home, other = tmp_path / "home", tmp_path / "other"
    (home / "tmp" / "old").mkdir(parents=True)
    other.mkdir()
    (other / "kept").touch()
    (home / "tmp" / "link").symlink_to(other)
    code = f"import os; print(os.listdir({str(home / 'tmp')!r}))"
    confine = {"write": [str(home)]}
    assert run(tmp_path, code, confine=confine, tmp=str(home / "tmp")) == "[]"
    (home / "tmp").rmdir()
    (home / "tmp").symlink_to(other)
    run(tmp_path, "pass", confine=confine, tmp=str(home / "tmp"))
    assert (other / "kept").exists() or not ABI


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_of_the_filter_lands(machine: str) -> None:
    """No jump leaves the program, and none goes back (a byte can't)."""
    code = seccomp.program(machine) or b""
    instructions = list(struct.iter_unpack("=HBBI", code))
    assert instructions
    for at, (what, yes, no, _) in enumerate(instructions):
        if what & 7 == 5:  # BPF_JMP
            assert at + 1 + max(yes, no) < len(instructions)
    assert instructions[-1][0] == 6  # BPF_RET


def test_no_filter_for_an_unknown_architecture() -> None:
    """It is reported as absent, not guessed."""
    assert seccomp.program("riscv64") is None


ranges = st.lists(
    st.tuples(st.integers(1, 120), st.integers(0, 40)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=5,
)


@given(ranges, ranges, st.sets(st.integers(1, 160), max_size=3))
def test_allowed_ports(wanted: list[egress.Range], ours: list[egress.Range], needed: set[int]) -> None:
    """What is wanted or needed, without ours; what is needed, and the web's ports, are never taken away."""
    found = {p for low, high in egress.allowed(wanted, ours, needed) for p in range(low, high + 1)}
    asked = {p for low, high in wanted for p in range(low, high + 1)} | needed
    taken = {p for low, high in ours for p in range(low, high + 1)} - needed - set(egress.WEB)
    assert found == asked - taken


def test_proxies_of_the_environment() -> None:
    """Their ports stay open, in each form that people write them."""
    environment = {
        "HTTP_PROXY": "http://proxy.corp.example:3128", "https_proxy": "proxy.corp.example:8081",
        "ALL_PROXY": "https://proxy.corp.example", "no_proxy": "x:1", "FTP_PROXY": "http://[",
    }  # fmt: skip
    assert egress.proxy_ports(environment) == [3128, 8081, 443]


def test_a_folder_without_another(tmp_path: Path) -> None:
    """All that does not lead there; links are not followed."""
    for name in ("a/b/c", "a/d", "e"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "b")
    found = list(without(tmp_path, tmp_path / "a" / "b"))
    assert found == [tmp_path / "a" / "d", tmp_path / "e"]
    assert list(without(tmp_path / "a" / "b" / "c", tmp_path / "a")) == []
    assert list(without(tmp_path / "e", tmp_path / "a")) == [tmp_path / "e"]


def test_a_limit_never_rises(tmp_path: Path) -> None:
    """A hard limit of the platform's own stays."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[1])"
    assert run(tmp_path, code, limits={"open_files": hard + 1000}) == str(hard)
