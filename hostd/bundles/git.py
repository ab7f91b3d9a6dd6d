"""A git repository to a tar of one commit. The only module that tells git what to do; nothing is checked out.

The URL comes from users: only https, http and ssh are followed, no hook or filter runs, and what
stands before its ``@`` reaches git by a credential helper that reads the environment, so that it is in no
command line, no message and no file.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hostd.bundles import git_ssh
from hostd.bundles.git_process import Fetcher, Order, run, workplace
from hostd.bundles.git_url import Address, check_ref, parse_address
from hostd.bundles.paths import clean
from hostd.bundles.upload import GitSource, Limits
from hostd.egress import Range
from hostd.errors import Invalid
from hostd.models import Source

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
_OF_ROOT = {"HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null"}
"""For another user: root's own configuration can't be read by it, and its passwords are not for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """One commit: its tree as a tar, and where it came from."""

    tar: Path
    source: Source
    warnings: list[str]


def fetch(
    wanted: GitSource,
    scratch: Path,
    limits: Limits,
    environment: Mapping[str, str],
    fetcher: Fetcher | None = None,
) -> Checkout:
    """The commit that ``wanted`` means; git runs as ``fetcher``, if there is one. Raises Invalid('git')."""
    address = parse_address(wanted.url.strip())
    ref = check_ref(wanted.ref)
    subdir = clean((wanted.subdir or "").strip(), "git") or None
    tar = scratch / "commit.tar"
    with workplace(scratch, fetcher) as place:
        repository = _Repository(
            place=place, scratch=scratch, address=address, limits=limits, environment=environment,
            fetcher=fetcher,
        )  # fmt: skip
        commit = repository.fetch(ref)
        repository.archive(f"{commit}:{subdir}" if subdir else commit, tar)
        warnings = repository.warnings(commit, subdir)
    source = Source(kind="git", url=address.url, ref=ref, commit=commit, subdir=subdir)
    return Checkout(tar=tar, source=source, warnings=warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repository:
    """A bare repository of our own in ``place``, with just what was fetched; ``scratch`` is only ours."""

    place: Path
    scratch: Path
    address: Address
    limits: Limits
    environment: Mapping[str, str]
    fetcher: Fetcher | None

    def fetch(self, ref: str | None) -> str:
        """The id of the commit at ``ref``: shallow where the server can, else with all branches and tags."""
        self._run("init", "--quiet", "--bare", f"--template={self.place}/template", str(self._folder))
        quiet = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-commit-graph")
        done = self._fetch(*quiet, "--depth=1", "--", self.address.url, ref or "HEAD")
        if done.returncode == 0:
            return self._run("rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}").strip()
        if not re.search(r"shallow|not our ref|unadvertised", done.stderr) and not _ID.fullmatch(ref or ""):
            raise self._failed(done)
        everything = ("+HEAD:refs/hostd/head", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        done = self._fetch(*quiet, "--", self.address.url, *everything)
        if done.returncode != 0:
            raise self._failed(done)
        return self._resolved(ref)

    @property
    def _folder(self) -> Path:
        return self.place / "repository.git"

    def _fetch(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A call that connects; what ssh says counts as said by git."""
        to = git_ssh.destination(self.address.url)
        if self.fetcher is None or to is None:
            return self._call(*arguments, connects=True)
        said = self.scratch / "ssh.txt"
        with git_ssh.connected(to, self.fetcher, self._path, said) as line:
            done = self._call(*arguments, descriptors=(line,))
        done.stderr = said.read_text(encoding="utf-8", errors="replace") + done.stderr
        return done

    def _resolved(self, ref: str | None) -> str:
        names = [f"refs/heads/{ref}", f"refs/tags/{ref}", ref] if ref else ["refs/hostd/head"]
        for name in names:
            done = self._call("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            if done.returncode == 0:
                return done.stdout.strip().splitlines()[-1]
        raise Invalid("git", f"the repository has no branch, tag or commit {ref!r}")

    def archive(self, tree: str, target: Path) -> None:
        """Write a tar of ``tree``: as in the repository, nothing left out."""
        with target.open("wb") as file:
            done = self._call("archive", "--format=tar", tree, output=file.fileno())
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

    @property
    def _path(self) -> str:
        return self.environment.get("PATH", os.defpath)

    def _call(
        self,
        *arguments: str,
        connects: bool = False,
        output: int | None = None,
        descriptors: tuple[int, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        program = shutil.which("git", path=self._path)
        if program is None:
            raise Invalid("git", "git is not installed on the server; upload the app as a .zip instead")
        inside = [] if arguments[0] == "init" else [f"--git-dir={self._folder}"]
        order = Order(
            argv=[program, *inside, *arguments], env=self._environment(descriptors), folder=self.place,
            size=2 * self.limits.size, ports=list(self._ports()) if connects else (), output=output,
            descriptors=descriptors,
        )  # fmt: skip
        return run(order, self.fetcher)

    def _ports(self) -> Iterator[Range]:
        """Whatever the address names, and those that are the fetcher's."""
        parts = urlsplit(self.address.url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 22)
        yield (port, port)
        yield from self.fetcher.ports if self.fetcher else ()

    def _environment(self, line: tuple[int, ...]) -> dict[str, str]:
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
            **(_OF_ROOT if self.fetcher else {}),
            **numbered,
            **secrets,
            "PATH": self._path,
            "LC_ALL": "C.UTF-8",
            "GIT_ALLOW_PROTOCOL": "https:http:ssh",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_NO_REPLACE_OBJECTS": "1",
            **self._ssh(line),
        }

    def _ssh(self, line: tuple[int, ...]) -> dict[str, str]:
        """What git runs for ssh: that, or what hands it the connection that is there."""
        if self.fetcher is None or not line:
            return {"GIT_SSH_COMMAND": f"ssh {' '.join(git_ssh.OPTIONS)}"}
        command = f'{shlex.quote(self.fetcher.python)} -I -S -c "$HOSTD_GIT_RELAY" {line[0]}'
        return {"GIT_SSH_COMMAND": command, "GIT_SSH_VARIANT": "ssh", "HOSTD_GIT_RELAY": git_ssh.RELAY}

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
