"""A Docker engine for the tests: one that runs here, or Debian's, unpacked, started and cleared away.

Nothing is installed on the machine: Debian's packages are unpacked into a cache folder, and dockerd runs from
there in namespaces of its own for mounts and processes, so that both end with it. What it does to the network
(bridges, iptables rules, ip_forward) is noted before and undone after.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

BASE_IMAGE = "python:3.12-slim-bookworm"
"""The name in the Dockerfile's ARG BASE_IMAGE."""

BASE_SUITE = "bookworm"
BASE_PACKAGES = "ca-certificates,git,openssh-client,python3,python3-venv,python3-pip"
"""The image's own git and ssh are among them: this base names no mirror, so its apt finds nothing more."""
PLUGIN_SUITE = "trixie"  # the first Debian with Compose 2 and buildx
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SYSTEM_CA = Path("/etc/ssl/certs/ca-certificates.crt")
IMPORT_CHANGES = (f"--change=ENV SSL_CERT_FILE={SYSTEM_CA}", f"--change=ENV PIP_CERT={SYSTEM_CA}")
PREFIX = "hostd-docker-"
IP_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
CGROUPS = Path("/sys/fs/cgroup")

PRIVATE_PLACES = """
for place in etc run; do
    mkdir -p "$0/$place/upper" "$0/$place/work"
    mount -t overlay overlay -o "lowerdir=/$place,upperdir=$0/$place/upper,workdir=$0/$place/work" "/$place"
done
exec "$@"
"""
"""What dockerd writes to /etc and /run, whatever its options say, goes to its folder ($0)."""


class NoEngineError(Exception):
    """No Docker engine can run here; the message says why."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A Docker engine that answers, by the environment that reaches it."""

    environment: Mapping[str, str]

    def docker(self, *arguments: str, cwd: Path | None = None, timeout: float = 60) -> str:
        """Run one docker command and return what it printed; a failure shows all of it."""
        done = _run(["docker", *arguments], self.environment, cwd=cwd, timeout=timeout)
        assert done.returncode == 0, f"docker {shlex.join(arguments)}: {done.returncode}\n{done.stdout}"
        return done.stdout.strip()


@contextmanager
def engine() -> Iterator[Engine]:
    """Yield an engine that has compose and the base image; raise NoEngineError with the reason otherwise."""
    found = _running_engine()
    if found:
        yield found
        return
    _check_machine()
    cache = _cache()
    with _locked(cache / "lock"):
        tools = _tools(cache)
        base = _base_archive(cache, tools)
        before = _traces(tools)
        with _temporary_folder() as folder, _network_restored(tools), _dockerd(folder, tools) as own:
            own.docker("import", *IMPORT_CHANGES, str(base), BASE_IMAGE, timeout=120)
            yield own
        left = {kind: found - before[kind] for kind, found in _traces(tools).items()}
        assert not any(left.values()), f"the engine left something behind: {left}"


def debian(*names: str) -> Path:
    """Debian packages, without what they need, unpacked in the cache. Raises NoEngineError."""
    _check_machine()
    cache = _cache()
    with _locked(cache / "lock"):
        return _unpacked(cache, _os_release()["VERSION_CODENAME"], names, with_dependencies=False)


# A running engine


def _running_engine() -> Engine | None:
    if shutil.which("docker") is None or _run(["docker", "info"], os.environ).returncode != 0:
        return None
    found = Engine(dict(os.environ))
    if _run(["docker", "compose", "version"], os.environ).returncode != 0:
        raise NoEngineError("the running Docker engine's client has no compose plugin")
    if _run(["docker", "image", "inspect", BASE_IMAGE], os.environ).returncode != 0:
        pulled = _run(["docker", "pull", BASE_IMAGE], os.environ, timeout=300)
        if pulled.returncode != 0:
            raise NoEngineError(f"the running Docker engine cannot pull {BASE_IMAGE}: {pulled.stdout}")
    return found


# Debian's packages


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise NoEngineError("no Docker engine runs here, and only root can start one")
    if _os_release().get("ID") != "debian" or not KEYRING.exists():
        raise NoEngineError("no Docker engine runs here, and only on Debian do the tests know how to get one")


def _tools(cache: Path) -> Mapping[str, str]:
    """Return an environment whose PATH holds dockerd, mmdebstrap, iptables, compose and the rest."""
    codename = _os_release()["VERSION_CODENAME"]
    names = ("docker.io", "iptables", "iproute2", "mmdebstrap")
    root = _unpacked(cache, codename, names, with_dependencies=True)
    plugins = _unpacked(cache, PLUGIN_SUITE, ("docker-compose", "docker-buildx"), with_dependencies=False)
    return _tool_environment(root, plugins)


def _tool_environment(root: Path, plugins: Path) -> Mapping[str, str]:
    for name in ("iptables", "iptables-save", "ip6tables", "ip6tables-save"):
        link = root / "usr/sbin" / name
        if (root / "usr/sbin/xtables-nft-multi").exists() and not link.is_symlink():
            link.symlink_to("xtables-nft-multi")
    libraries = [str(path) for path in root.glob("usr/lib/*-linux-gnu*")]
    extensions = [str(path / "xtables") for path in root.glob("usr/lib/*-linux-gnu*")]
    config = plugins / "config"
    (config / "cli-plugins").mkdir(parents=True, exist_ok=True)
    for plugin in (plugins / "usr/libexec/docker/cli-plugins").iterdir():
        link = config / "cli-plugins" / plugin.name
        if not link.is_symlink():
            link.symlink_to(plugin)
    path = [str(root / "usr/sbin"), str(root / "usr/bin"), str(root / "sbin"), os.environ["PATH"]]
    return {
        **os.environ,
        "PATH": os.pathsep.join([*path, "/usr/sbin", "/sbin"]),
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        "XTABLES_LIBDIR": os.pathsep.join(extensions),
        "DOCKER_CONFIG": str(config),
    }


def _unpacked(cache: Path, suite: str, names: tuple[str, ...], *, with_dependencies: bool) -> Path:
    """Fetch Debian packages (with what the machine lacks for them) and unpack them in the cache, once."""
    target = cache / f"{suite}-{'-'.join(names)}"
    if target.is_dir():
        return target
    with tempfile.TemporaryDirectory(dir=cache) as work:
        _fetch(Path(work), suite, names, with_dependencies=with_dependencies)
        unpacked = Path(work, "unpacked")
        for package in Path(work, "archives").glob("*.deb"):
            _must(["dpkg", "-x", str(package), str(unpacked)])
        unpacked.rename(target)
    return target


def _fetch(work: Path, suite: str, names: tuple[str, ...], *, with_dependencies: bool) -> None:
    """Let apt fetch into a folder of ours, with package lists of ours: the machine's own stay as they are."""
    for folder in ("lists/partial", "archives/partial"):
        (work / folder).mkdir(parents=True)
    sources = work / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {_mirror()} {suite} main\n", encoding="utf-8")
    options = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": work / "lists",
        "Dir::Cache": work,
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "1",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    _must([*apt, "update"])
    if with_dependencies:
        _must([*apt, "install", "--yes", "--download-only", "--no-install-recommends", *names])
    else:
        _must([*apt, "download", *names], cwd=work / "archives")


def _mirror() -> str:
    """Return the address from which this machine's apt takes Debian."""
    printed = _must(["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)"])
    codename = _os_release()["VERSION_CODENAME"]
    for release, component, address in (line.split() for line in printed.splitlines()):
        if release == codename and component == "main":
            return address
    raise NoEngineError(f"apt's sources on this machine name no mirror of Debian {codename}")


def _os_release() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


# The base image


def _base_archive(cache: Path, tools: Mapping[str, str]) -> Path:
    """Return a tar of a small Debian with Python and this machine's CA bundle, made once per bundle."""
    bundle = Path(os.environ.get("SSL_CERT_FILE", SYSTEM_CA))
    recipe = hashlib.sha256(BASE_PACKAGES.encode() + bundle.read_bytes()).hexdigest()[:16]
    archive = cache / f"base-{BASE_SUITE}-{recipe}.tar"
    if not archive.exists():
        part = archive.with_suffix(".part.tar")
        hooks = [f"upload {shlex.quote(str(bundle))} {SYSTEM_CA}", 'ln -s python3 "$1/usr/bin/python"']
        hooks.append('rm "$1/etc/apt/sources.list"')  # an address of this machine's
        command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={BASE_PACKAGES}"]
        command += [f"--customize-hook={hook}" for hook in hooks]
        _must([*command, BASE_SUITE, str(part), _mirror()], tools, timeout=300)
        part.rename(archive)
    return archive


# dockerd


@contextmanager
def _dockerd(folder: Path, tools: Mapping[str, str]) -> Iterator[Engine]:
    """Run dockerd with every path of its own in the folder, and end it with all it started."""
    socket = f"unix://{folder / 'docker.sock'}"
    (folder / "daemon.json").write_text("{}", encoding="utf-8")
    options = {
        "config-file": folder / "daemon.json",
        "data-root": folder / "data",
        "exec-root": folder / "exec",
        "pidfile": folder / "docker.pid",
        "host": socket,
        "cgroup-parent": f"/{folder.name}",
        "init-path": shutil.which("tini-static", path=tools["PATH"]) or "docker-init",
    }
    dockerd = ["dockerd", *(f"--{name}={value}" for name, value in options.items())]
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--mount-proc", "--fork"]
    command += ["--kill-child", "sh", "-euc", PRIVATE_PLACES, str(folder), *dockerd]
    log = folder / "dockerd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=tools, stdout=output, stderr=output, start_new_session=True)
    try:
        found = Engine({**tools, "DOCKER_HOST": socket})
        _wait_for_engine(found, process, log)
        yield found
    finally:
        _end(process)
        _remove_cgroups(folder.name)


def _wait_for_engine(found: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        return _run(["docker", "info"], found.environment).returncode == 0

    if not _until(lambda: process.poll() is not None or answers(), 60) or process.poll() is not None:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        raise NoEngineError("dockerd does not start here; its last lines:\n" + "\n".join(lines))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask dockerd itself to end (the process we know is the one that made its namespaces), or kill both."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if process.poll() is None:
        for child in children.read_text(encoding="ascii").split():
            os.kill(int(child), signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=10)


def _remove_cgroups(name: str) -> None:
    """Remove the empty groups that dockerd leaves, deepest first."""
    tops = [path for path in (*CGROUPS.glob(name), *CGROUPS.glob(f"*/{name}")) if path.is_dir()]
    for top in tops:
        for path in sorted(top.glob("**/"), key=lambda path: len(path.parts), reverse=True):
            path.rmdir()


# The network, as it was


@contextmanager
def _network_restored(tools: Mapping[str, str]) -> Iterator[None]:
    rules = _rules(tools)
    bridges = _bridges()
    forward = IP_FORWARD.read_text(encoding="ascii")
    try:
        yield
    finally:
        for bridge in _bridges() - bridges:
            _must(["ip", "link", "delete", bridge], tools)
        _restore_rules(tools, rules)
        IP_FORWARD.write_text(forward, encoding="ascii")


def _bridges() -> set[str]:
    return {path.parent.name for path in Path("/sys/class/net").glob("*/bridge")}


def _rules(tools: Mapping[str, str]) -> dict[str, list[str]]:
    """Return iptables' tables, each as its chains (``:NAME POLICY``) and rules (``-A NAME …``) in order."""
    tables: dict[str, list[str]] = {}
    for line in _must(["iptables-save"], tools).splitlines():
        if line.startswith("*"):
            tables[line[1:]] = []
        elif line.startswith((":", "-A")):
            tables[next(reversed(tables))].append(line.partition(" [")[0])
    return tables


def _restore_rules(tools: Mapping[str, str], before: Mapping[str, list[str]]) -> None:
    """Take away what came, line by line, so that rules which others made meanwhile stay."""
    for table, lines in _rules(tools).items():
        came = [line for line in lines if line not in before.get(table, [])]
        for step in _undoing(came, before.get(table, [])):
            _must(["iptables", "-t", table, *step], tools)


def _undoing(came: list[str], before: list[str]) -> Iterator[list[str]]:
    chains = [line[1:].split() for line in came if line.startswith(":")]
    own = [name for name, policy in chains if policy == "-"]
    policies = dict(line[1:].split() for line in before if line.startswith(":"))
    for rule in (shlex.split(line) for line in came if line.startswith("-A")):
        if rule[1] not in own:
            yield ["-D", *rule[1:]]
    yield from (["-F", name] for name in own)
    yield from (["-X", name] for name in own)
    yield from (["-P", name, policies.get(name, "ACCEPT")] for name, policy in chains if policy != "-")


# Small things


def _traces(tools: Mapping[str, str]) -> dict[str, set[str]]:
    """Return what an engine of ours could leave behind, by kind, to compare before and after."""
    mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    folders = (*Path(tempfile.gettempdir()).glob(f"{PREFIX}*"), *Path("/etc").glob("docker*"))
    rules = [(table, line) for table, lines in _rules(tools).items() for line in lines]
    return {
        "network interfaces": {path.name for path in Path("/sys/class/net").iterdir()},
        "network namespaces": {str(path) for path in Path("/run/netns").glob("*")},
        "ip_forward": {IP_FORWARD.read_text(encoding="ascii")},
        "rules": {f"{table} {line}" for table, line in rules if line[0] == "-" or line[-7:] != " ACCEPT"},
        "cgroups": {str(path) for path in (*CGROUPS.glob(f"{PREFIX}*"), *CGROUPS.glob(f"*/{PREFIX}*"))},
        "mounts": {line for line in mounts if PREFIX in line},
        "folders": {str(path) for path in (*folders, *Path("/run").glob("docker*"))},
        "processes": _own_processes(),
    }


def _own_processes() -> set[str]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found.add(f"{path.parent.name}: {words}")
    return {line for line in found if f"/{PREFIX}" in line}


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    cache = home / "hostd-tests" / "docker"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes: two engines would fight over the same bridge."""
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        yield Path(name)


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return False


def _run(
    command: list[str], environment: Mapping[str, str], *, cwd: Path | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=dict(environment),
        cwd=cwd,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _must(
    command: list[str],
    environment: Mapping[str, str] = os.environ,
    *,
    cwd: Path | None = None,
    timeout: float = 120,
) -> str:
    """Run a step of getting the engine; its failure is the reason why there is none."""
    try:
        done = _run(command, environment, cwd=cwd, timeout=timeout)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise NoEngineError(f"no Docker engine to be had here: {error}") from error
    if done.returncode != 0:
        raise NoEngineError(f"no Docker engine to be had here: {shlex.join(command)}: {done.stdout[-1500:]}")
    return done.stdout


if __name__ == "__main__":  # python -m tests.docker.engine sh: a shell in which docker works
    with engine() as found:
        subprocess.run(sys.argv[1:], env=dict(found.environment), check=True)
