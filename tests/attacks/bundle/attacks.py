"""What an app may try, by name. Each try raises, or has done harm.

ATTACK_TARGETS is JSON: ``data`` (the platform's folder), ``code`` (where it is installed), ``cache`` (of uv), ``victim``
(an app's id), its ``port``, ``pid`` and ``victim_name``, ``api``, ``console`` and ``free`` (ports), ``bait`` (a folder of
root's), ``processes`` (how many an app may have).
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys

from collections.abc import Callable
from pathlib import Path
from typing import Any

T: dict[str, Any] = json.loads(os.environ.get("ATTACK_TARGETS", "{}"))
DATA = Path(T.get("data", "/"))
APPS = DATA / "apps"
ME, VICTIM = Path.home().parent, APPS / T.get("victim", "")
LIBC = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
TRIES: dict[str, Callable[[], Any]] = {}


class NotBlocked(Exception):
    """It came through, by another way than a call that succeeds."""


def attack(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Name a try."""

    def keep(function: Callable[[], Any]) -> Callable[[], Any]:
        TRIES[name] = function
        return function

    return keep


def everything() -> dict[str, str]:
    """The name of the errno that each try met, or "open"."""
    return {name: outcome(function) for name, function in TRIES.items()}


BOMB = "start processes without end"


def bomb() -> None:
    """Where nothing refuses them, they stay until somebody ends them."""
    made = []
    try:
        for _ in range(T["processes"] + 20):
            made.append(subprocess.Popen(["/bin/sleep", "60"]))
        made[0].wait()
    finally:
        for one in made:
            one.kill()
        for one in made:
            one.wait()


def outcome(function: Callable[[], Any]) -> str:
    """What came of one try."""
    try:
        function()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, repr(error))
    except MemoryError:
        return "MemoryError"
    except NotBlocked:
        return "open"
    except Refused as error:
        return str(error)
    return "open"


class Refused(Exception):
    """Blocked, and how."""


def syscall(x86: int, arm: int, *arguments: Any) -> int:
    """A system call by number. Raises OSError."""
    passed = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = LIBC.syscall(x86 if X86 else arm, *passed)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


def others(part: str) -> int:
    """The pid of a process of the platform whose command line holds ``part``."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if part.encode() in (entry / "cmdline").read_bytes().replace(b"\0", b" "):
                    return int(entry.name)
            except OSError:
                continue
    raise ProcessLookupError(errno.ESRCH, part)


def release(app: Path) -> Path:
    """The folder of an app's first release."""
    return app / "releases" / "1"


def packages(app: Path) -> Path:
    """Where its venv has them."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return release(app) / "venv" / "lib" / version / "site-packages"


def append(path: Path) -> None:
    """Change a file that is there."""
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b"#")


# --- Files of another app ---

attack("read another app's code")(lambda: (release(VICTIM) / "bundle" / "app.py").read_bytes())
attack("read another app's storage")(lambda: (VICTIM / "home" / "storage" / "secret.txt").read_bytes())
attack("write another app's storage")(lambda: append(VICTIM / "home" / "storage" / "secret.txt"))
attack("delete another app's file")(lambda: (VICTIM / "home" / "storage" / "secret.txt").unlink())
attack("put code beside another app's")(lambda: (release(VICTIM) / "bundle" / "numpy.py").write_text("1"))
attack("poison another app's venv by .pth")(lambda: (packages(VICTIM) / "x.pth").write_text("import os"))
attack("change a package in another app's venv")(
    lambda: append(packages(VICTIM) / "streamlit" / "__init__.py")
)
attack("read another app's log")(lambda: (VICTIM / "run.log").read_bytes())
attack("read another app's meta.json")(lambda: (VICTIM / "meta.json").read_bytes())
attack("read another app's upload")(lambda: (release(VICTIM) / "bundle.zip").read_bytes())
attack("change the modes of another app's files")(lambda: (VICTIM / "home").chmod(0o700))
attack("list the apps")(lambda: os.listdir(APPS))
attack("use shared memory of a known name")(
    lambda: append(Path("/dev/shm", f"hostd-victim-{T['victim_name']}"))
)
attack("list shared memory of others")(lambda: any_of_others(os.listdir("/dev/shm")))


def any_of_others(names: list[str]) -> None:
    mine = [name for name in names if os.access(f"/dev/shm/{name}", os.R_OK)]
    if not mine:
        raise Refused("names only")


# --- What is shared ---


@attack("poison a package through a hard link")
def hard_link() -> None:
    source, link = packages(ME) / "streamlit" / "version.py", Path.home() / "linked.py"
    link.unlink(missing_ok=True)
    os.link(source, link)
    append(link)


attack("change a package in its own venv")(lambda: append(packages(ME) / "streamlit" / "version.py"))
attack("put a .pth into its own venv")(lambda: (packages(ME) / "x.pth").write_text("import os"))
attack("read the package cache")(lambda: os.listdir(T["cache"]))
attack("write the package cache")(lambda: Path(T["cache"], "x").write_text("x"))
attack("write Streamlit's shared files")(lambda: Path(DATA, "cache", "static", "x").write_text("x"))
attack("write beside the shared bytecode")(lambda: (DATA / "cache" / "x").write_text(""))
attack("change its own uploaded code")(lambda: append(release(ME) / "bundle" / "app.py"))
attack("replace its own upload")(lambda: append(release(ME) / "bundle.zip"))

# --- The platform's files ---

attack("list the platform's folder")(lambda: os.listdir(DATA))
attack("read supervisord's configuration")(lambda: (DATA / "supervisor" / "supervisord.conf").read_bytes())
attack("read the platform's environment")(lambda: (DATA / "supervisor" / "hostd.json").read_bytes())
attack("read what other apps are started with")(lambda: os.listdir(DATA / "supervisor" / "apps"))
attack("add a program to supervisord")(lambda: (DATA / "supervisor" / "apps" / "x.conf").write_text(""))
attack("read the platform's log")(lambda: (DATA / "logs" / "hostd.log").read_bytes())
attack("read the people's passwords and tokens")(lambda: os.listdir(DATA / "people"))
attack("read the key of the secrets")(lambda: (DATA / "secrets.key").read_bytes())
attack("read the home of root")(lambda: os.listdir("/root"))
attack("read /etc/shadow")(lambda: Path("/etc/shadow").read_bytes())
attack("write to /etc")(lambda: Path("/etc/hostd-attack").write_text(""))
attack("write to /usr/local/bin")(lambda: Path("/usr/local/bin/hostd-attack").write_text(""))


attack("change the platform's own code")(lambda: append(Path(T["code"], "hostd", "launch.py")))

# --- Links for the platform to follow ---


def planted(path: Path, to: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(to)


attack("put a link in the place of its log")(lambda: planted(ME / "run.log", Path("/etc/passwd")))
attack("put a link in the place of a rotated log")(lambda: planted(ME / "run.log.1", Path("/etc/passwd")))
attack("put a link in the place of its meta.json")(lambda: planted(ME / "meta.json", VICTIM / "meta.json"))
attack("put a link in the place of its venv")(lambda: planted(ME / "venv", release(VICTIM) / "venv"))
attack("move its release away")(lambda: release(ME).rename(ME / "releases" / "9"))
attack("move its home away")(lambda: Path.home().rename(ME / "gone"))


@attack("read through a link in its own folder")
def link_inside() -> None:
    link = Path.home() / "link"
    planted(link, VICTIM / "home")
    (link / "storage" / "secret.txt").read_bytes()


def plant() -> None:
    """Links where the platform works at the next start: the harness looks at what they lead to."""
    bait = Path(T["bait"])
    for name in ("storage", "tmp"):
        path = Path.home() / name
        if not path.is_symlink():
            path.rename(Path.home() / f"{name}-moved")
            path.symlink_to(bait)


# --- Processes ---

VICTIM_PID = T.get("pid", 1)
attack("read another app's environment")(lambda: Path(f"/proc/{VICTIM_PID}/environ").read_bytes())
attack("read another app's memory map")(lambda: Path(f"/proc/{VICTIM_PID}/maps").read_bytes())
attack("open another app's memory")(lambda: Path(f"/proc/{VICTIM_PID}/mem").open("rb"))
attack("reach files through another app's root")(lambda: os.listdir(f"/proc/{VICTIM_PID}/root{VICTIM}/home"))
attack("see what another app has open")(lambda: os.readlink(f"/proc/{VICTIM_PID}/fd/0"))
attack("ptrace another app")(lambda: syscall(101, 117, 16, VICTIM_PID, 0, 0))
attack("read another app's memory by process_vm_readv")(lambda: vm_read(VICTIM_PID))
attack("take a descriptor of another app")(lambda: syscall(438, 438, os.pidfd_open(VICTIM_PID), 0, 0))
attack("signal another app")(lambda: os.kill(VICTIM_PID, 0))
attack("signal another app by pidfd")(lambda: signal.pidfd_send_signal(os.pidfd_open(VICTIM_PID), 0))
attack("signal hostd")(lambda: os.kill(others("-m hostd serve"), 0))
attack("signal supervisord")(lambda: os.kill(others("supervisor.supervisord"), 0))
attack("read hostd's environment")(lambda: Path(f"/proc/{others('-m hostd serve')}/environ").read_bytes())
attack("set the limits of another app")(lambda: resource.prlimit(VICTIM_PID, resource.RLIMIT_CORE, (0, 0)))
attack("set the priority of another app")(lambda: os.setpriority(os.PRIO_PROCESS, VICTIM_PID, 19))
attack("set the CPU affinity of another app")(lambda: os.sched_setaffinity(VICTIM_PID, {0}))
attack("spare itself when memory ends")(lambda: Path("/proc/self/oom_score_adj").write_text("0"))


def vm_read(pid: int) -> None:
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    syscall(310, 270, pid, vector, 1, vector, 1, 0)


# --- The network ---


def connect(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=5).close()


attack("connect to the API")(lambda: connect("127.0.0.1", T["api"]))
attack("connect to the API over IPv6")(lambda: over_ipv6(T["api"]))
attack("connect to the console")(lambda: connect("127.0.0.1", T["console"]))
attack("connect to another app")(lambda: connect("127.0.0.1", T["port"]))
attack("connect to another app by another address")(lambda: connect("127.9.9.9", T["port"]))
attack("connect to another app as 0.0.0.0")(lambda: connect("0.0.0.0", T["port"]))
attack("connect to another app, not waiting")(lambda: not_waiting(T["port"]))
attack("connect to another app by MSG_FASTOPEN")(lambda: fast_open(T["port"]))
attack("connect to another app by sendmsg and MSG_FASTOPEN")(lambda: fast_open_message(T["port"]))
attack("connect to another app by TCP_FASTOPEN_CONNECT")(lambda: fast_open_option(T["port"]))
attack("connect to another app by MPTCP")(lambda: mptcp(T["port"]))
attack("open a vsock socket")(lambda: socket.socket(40, socket.SOCK_STREAM))
attack("open an SCTP socket")(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132))
attack("open a raw socket")(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attack("open a packet socket")(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attack("set up io_uring")(lambda: syscall(425, 425, 8, ctypes.create_string_buffer(240)))
attack("listen on another app's port")(lambda: listen(T["port"]))
attack("listen on a port of the pool")(lambda: listen(T["free"]))
attack("connect to another app's abstract socket")(
    lambda: unix(b"\0hostd-victim-" + T["victim_name"].encode())
)


def over_ipv6(port: int) -> None:
    with socket.socket(socket.AF_INET6) as client:
        client.settimeout(5)
        client.connect(("::ffff:127.0.0.1", port))


def not_waiting(port: int) -> None:
    with socket.socket() as client:
        client.setblocking(False)
        try:
            client.connect(("127.0.0.1", port))
        except BlockingIOError:
            return


def fast_open(port: int) -> None:
    socket.socket().sendto(b"GET / HTTP/1.1\r\n\r\n", 0x20000000, ("127.0.0.1", port))


def fast_open_message(port: int) -> None:
    socket.socket().sendmsg([b"GET / HTTP/1.1\r\n\r\n"], [], 0x20000000, ("127.0.0.1", port))


def fast_open_option(port: int) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.IPPROTO_TCP, 30, 1)
        client.connect(("127.0.0.1", port))
        client.send(b"GET / HTTP/1.1\r\n\r\n")


def mptcp(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as client:
        client.connect(("127.0.0.1", port))


def listen(port: int) -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            server.bind(("0.0.0.0" if port == T["free"] else "127.0.0.2", port))
        except OSError as error:
            raise error if error.errno != errno.EADDRINUSE else NotBlocked from None
        server.listen()


def unix(address: bytes | str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(address)


@attack("order supervisord about")
def supervisor() -> None:
    """Its socket, with a question as supervisorctl puts it, and no password."""
    body = b"<methodCall><methodName>supervisor.getAllProcessInfo</methodName></methodCall>"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(DATA / "supervisor" / "supervisor.sock"))
        head = f"POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        status = client.recv(100).split(b" ")[1:2]
    if status != [b"200"]:
        raise Refused(f"status {b''.join(status).decode()}")


@attack("tell hostd lies about what happened")
def events() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(str(DATA / "supervisor" / "events.sock"))


# --- Privileges ---

attack("become root")(lambda: os.setuid(0) if os.getuid() else os.setuid(1))
attack("become another user")(lambda: os.setresuid(54321, 54321, 54321))
attack("make a user namespace by unshare")(lambda: syscall(272, 97, 0x10000000))
attack("make a user namespace by clone")(lambda: clone_user())
attack("mount")(lambda: syscall(165, 40, b"none", str(Path.home()).encode(), b"tmpfs", 0, None))
attack("chroot")(lambda: os.chroot("/proc/self/cwd"))
attack("load a BPF program")(lambda: syscall(321, 280, 0, ctypes.create_string_buffer(128), 128))
attack("watch the kernel by perf_event_open")(
    lambda: syscall(298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0)
)
attack("use the kernel's keyrings")(lambda: syscall(250, 219, 0, -3, 0))
attack("handle page faults in user space")(lambda: syscall(323, 282, 0))
attack("load a kernel")(lambda: syscall(246, 104, 0, 0, None, 0))
attack("read the kernel's log")(lambda: syscall(103, 116, 10, None, 0))
attack("make a device")(lambda: os.mknod(Path.home() / "mem", 0o020600, os.makedev(1, 1)))
attack("set a kernel parameter")(lambda: Path("/proc/sys/kernel/core_pattern").write_text("|/bin/sh"))
attack("open a disk or the machine's memory")(lambda: device().open("rb"))
attack("gain by a set-user-ID program")(lambda: set_user_id())


def clone_user() -> None:
    pid = syscall(56, 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def device() -> Path:
    for name in ("vda", "sda", "nvme0n1", "xvda", "mem", "kmsg"):
        if Path("/dev", name).exists():
            return Path("/dev", name)
    raise Refused("none is there")


def set_user_id() -> None:
    for program in ("/usr/bin/su", "/bin/su", "/usr/bin/mount", "/usr/bin/passwd"):
        if os.access(program, os.X_OK) and os.stat(program).st_mode & 0o4000 and os.getuid():
            made = subprocess.Popen(
                [program], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            status = Path(f"/proc/{made.pid}/status").read_text()
            made.kill()
            made.wait()
            if "NoNewPrivs:\t1" in status:
                raise Refused("no_new_privs")
            return
    if "NoNewPrivs:\t1" in Path("/proc/self/status").read_text():
        raise Refused("no_new_privs")


# --- Exhaustion ---


@attack("take all memory at once")
def memory() -> None:
    bytearray(20 * 10**9)


@attack("take all descriptors")
def descriptors() -> None:
    held: list[int] = []
    try:
        while len(held) < 20_000:
            held.append(os.open("/dev/null", os.O_RDONLY))
    finally:
        for one in held:
            os.close(one)


@attack("write a file without end")
def endless_file() -> None:
    path = Path.home() / "endless"
    try:
        with path.open("wb") as file:
            file.truncate(20 * 10**9)
    finally:
        path.unlink(missing_ok=True)


@attack("dump core")
def core() -> None:
    if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0):
        raise Refused("limit 0")
