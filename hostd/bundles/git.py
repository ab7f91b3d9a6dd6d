"""A git repository to a tar of one commit. The only module that runs git; nothing is ever checked out.

The URL comes from users: only https, http and ssh are followed, no hook or filter runs, and what
stands before its ``@`` reaches git by a credential helper that reads the environment, so that it is in no
command line, no message and no file.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from hostd.bundles.git_url import Address, check_ref, parse_address
from hostd.bundles.paths import clean
from hostd.bundles.upload import GitSource, Limits
from hostd.errors import Invalid
from hostd.models import Source

TIME_LIMIT = 120
"""Seconds for one call of git."""
_ID = re.compile(r"[0-9a-f]{4,64}")
_LFS = b"version https://git-lfs.github.com/spec/"
_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.version": "2",
    "filter.lfs.process": "",
    "filter.lfs.smudge": "",
    "filter.lfs.required": "false",
    "transfer.fsckObjects": "false",
}
_PROGRAM = """
import ctypes, os, resource, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Ends git with us (PR_SET_PDEATHSIG), and its files at a size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """One commit: its tree as a tar, and where it came from."""

    tar: Path
    source: Source
    warnings: list[str]


def fetch(wanted: GitSource, scratch: Path, limits: Limits, environment: Mapping[str, str]) -> Checkout:
    """The commit that ``wanted`` means. Raises Invalid('git')."""
    address = parse_address(wanted.url.strip())
    ref = check_ref(wanted.ref)
    subdir = clean((wanted.subdir or "").strip(), "git") or None
    repository = _Repository(
        folder=scratch / "repository.git", address=address, limits=limits, environment=environment
    )
    commit = repository.fetch(ref)
    tar = scratch / "commit.tar"
    repository.archive(f"{commit}:{subdir}" if subdir else commit, tar)
    source = Source(kind="git", url=address.url, ref=ref, commit=commit, subdir=subdir)
    return Checkout(tar=tar, source=source, warnings=repository.warnings(commit, subdir))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repository:
    """A bare repository of our own, with just what was fetched."""

    folder: Path
    address: Address
    limits: Limits
    environment: Mapping[str, str]

    def fetch(self, ref: str | None) -> str:
        """The id of the commit at ``ref``: shallow where the server can, else with all branches and tags."""
        self._run("init", "--quiet", "--bare", "--template=", str(self.folder))
        (self.folder / "info").mkdir(exist_ok=True)
        (self.folder / "info" / "attributes").write_text("* -export-ignore -export-subst\n")
        quiet = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-commit-graph")
        done = self._call(*quiet, "--depth=1", "--", self.address.url, ref or "HEAD")
        if done.returncode == 0:
            return self._run("rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}").strip()
        if not re.search(r"shallow|not our ref|unadvertised", done.stderr) and not _ID.fullmatch(ref or ""):
            raise self._failed(done)
        everything = ("+HEAD:refs/hostd/head", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        self._run(*quiet, "--", self.address.url, *everything)
        return self._resolved(ref)

    def _resolved(self, ref: str | None) -> str:
        names = [f"refs/heads/{ref}", f"refs/tags/{ref}", ref] if ref else ["refs/hostd/head"]
        for name in names:
            done = self._call("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            if done.returncode == 0:
                return done.stdout.strip().splitlines()[-1]
        raise Invalid("git", f"the repository has no branch, tag or commit {ref!r}")

    def archive(self, tree: str, target: Path) -> None:
        """Write a tar of ``tree``: as in the repository, nothing left out."""
        done = self._call("archive", "--format=tar", f"--output={target}", tree)
        if done.returncode != 0 and re.search(r"not a (valid object|tree)|did not match", done.stderr):
            raise Invalid("git", f"the repository has no folder {tree.partition(':')[2]!r}")
        if done.returncode != 0:
            raise self._failed(done)

    def warnings(self, commit: str, subdir: str | None) -> list[str]:
        """What a tree of this commit lacks: submodules and large files that are elsewhere."""
        found = []
        listed = self._run("ls-tree", "-r", "-z", "--full-tree", commit, "--", *([subdir] if subdir else []))
        modules = [line.partition("\t")[2] for line in listed.split("\0") if line.startswith("160000 ")]
        if modules:
            found.append(f"Submodules are not fetched, their folders are empty: {', '.join(modules[:10])}.")
        large = self._call("grep", "-l", "-I", "-e", "^" + _LFS.decode(), commit, "--", subdir or ".")
        if large.returncode == 0:
            paths = [line.partition(":")[2] for line in large.stdout.splitlines()[:10]]
            found.append(f"Files in Git LFS are not fetched, only their pointers: {', '.join(paths)}.")
        return found

    def _run(self, *arguments: str) -> str:
        done = self._call(*arguments)
        if done.returncode != 0:
            raise self._failed(done)
        return done.stdout

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = self.environment.get("PATH", os.defpath)
        program = shutil.which("git", path=path)
        if program is None:
            raise Invalid("git", "git is not installed on the server; upload the app as a .zip instead")
        prelude = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(2 * self.limits.size), program]
        inside = [] if arguments[0] == "init" else [f"--git-dir={self.folder}"]
        process = subprocess.Popen(
            [*prelude, *inside, *arguments],
            cwd=self.folder.parent,
            env=self._environment(path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise Invalid("git", f"took longer than {TIME_LIMIT} s to answer") from None
        finally:
            _end(process)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def _environment(self, path: str) -> dict[str, str]:
        settings = dict(_SETTINGS)
        secrets = {}
        if self.address.user or self.address.password:
            helper = '!f() { echo "username=$HOSTD_GIT_USER"; echo "password=$HOSTD_GIT_PASSWORD"; }; f'
            settings[f"credential.{self.address.origin}.helper"] = helper
            secrets = {
                "HOSTD_GIT_USER": unquote(self.address.user),
                "HOSTD_GIT_PASSWORD": unquote(self.address.password),
            }
        numbered = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings.items()):
            numbered |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        kept = {name: value for name, value in self.environment.items() if not name.startswith("UV_")}
        return {
            "HOME": "/nonexistent",
            **kept,
            **numbered,
            **secrets,
            "PATH": path,
            "LC_ALL": "C.UTF-8",
            "GIT_ALLOW_PROTOCOL": "https:http:ssh",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oStrictHostKeyChecking=accept-new -oConnectTimeout=20",
        }

    def _failed(self, done: subprocess.CompletedProcess[str]) -> Invalid:
        """git's own last words, without what is secret."""
        text = self.address.scrub(done.stderr)
        if "File too large" in text or done.returncode == -signal.SIGXFSZ:
            return Invalid("git", f"the repository is larger than {2 * self.limits.size / 1e6:,.0f} MB")
        if re.search(r"remote ref|no such ref|not our ref", text):
            return Invalid("git", "the repository has no such branch, tag or commit")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        lines = [line for line in lines if "Could not read from remote repository" not in line]
        last = next((line for line in lines if line.startswith(("fatal:", "error:"))), " ".join(lines[:1]))
        return Invalid("git", f"could not be fetched: {last[:300] or f'git ended with {done.returncode}'}")


def _end(process: subprocess.Popen[str]) -> None:
    """End git and every helper of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
