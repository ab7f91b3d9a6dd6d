"""The shipped Dockerfile and docker-compose.yml, built and run by a real Docker engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from hostd.isolation import Isolation, parse
from tests.attacks.secrets_scan import scanned
from tests.attacks.suite import run, verdict
from tests.attacks.target import PROCESSES, Target
from tests.docker.engine import Engine, NoEngineError, engine
from tests.machine import Stopwatch
from tests.planted import NEEDLES
from tests.platform import HELLO, KEPT, ROOT, until
from tests.scan import in_bytes

CURL = (
    'curl -sS -X POST "http://localhost:8080/api/apps" -F "name=demo" '
    '-F "requirements=@demo_app/requirements.txt" -F "app=@demo_app/app.py"'
)
"""The README's line, word for word; only the port is another here."""

PASSED_ON = re.compile(r"(PIP_(INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST)|UV_(DEFAULT_INDEX|INDEX)|\w+_PROXY)")
HOSTD_UID = 10001
ONE_USER = "STREAMLIT_HOST_UID_MIN=0\n"
UIDS = range(600_000, 640_000)
"""Not those of other platforms on this machine: the end of an app ends all that runs as its uid."""

pytestmark = pytest.mark.timeout(900)  # the first run on a machine fetches an engine and a base image


@dataclass(frozen=True, slots=True)
class Deployment:
    """A copy of the checkout, and the platform that compose runs from it."""

    engine: Engine
    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Where the platform is published."""
        return f"http://127.0.0.1:{self.port}"

    def compose(self, *arguments: str, timeout: float = 120) -> str:
        """Run one ``docker compose`` command in the folder."""
        return self.engine.docker("compose", *arguments, cwd=self.folder, timeout=timeout)

    def container(self) -> str:
        """The id of hostd's container, running or not."""
        return self.compose("ps", "--all", "--quiet", "hostd")

    def inspect(self, template: str) -> Any:
        """What the engine knows about the container."""
        text = self.engine.docker("inspect", "--format", f"{{{{json {template}}}}}", self.container())
        return json.loads(text)

    def isolation(self) -> Isolation:
        """The level that the platform in the container says it has."""
        health = httpx.get(f"{self.url}/api/health", timeout=10, trust_env=False).json()
        return parse(health["isolation"])

    def ready(self) -> bool:
        """Whether the platform answers."""
        return _status(f"{self.url}/api/health") == 200

    def wait(self) -> None:
        """Wait until the platform answers, and show its log when it doesn't."""
        try:
            until(self.ready, 60, what="the platform in the container")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.compose('logs', '--tail', '50')}") from None

    def app(self, app_id: str) -> dict[str, Any]:
        """The app as the API shows it."""
        return dict(httpx.get(f"{self.url}/api/apps/{app_id}", timeout=10, trust_env=False).json())

    def wait_running(self, app_id: str, timeout: float = 180) -> dict[str, Any]:
        """Wait until the app runs; 'failed' ends the wait with its error."""

        def look() -> dict[str, Any] | None:
            app = self.app(app_id)
            assert app["status"] != "failed", app["error"]
            return app if app["status"] == "running" else None

        return until(look, timeout, 0.2, f"{app_id} running") or {}

    def woken(self, app_id: str) -> dict[str, Any]:
        """The app after its first visit since the platform came up."""
        page = httpx.get(f"{self.url}/apps/{app_id}/", timeout=60, trust_env=False)
        assert page.status_code == 200, page.text
        return self.wait_running(app_id)


def _status(url: str) -> int:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code
    except httpx.HTTPError:
        return 0


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    """An engine, or a skip that says why there is none."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(engine())
        except NoEngineError as reason:
            pytest.skip(str(reason))
        yield found


@pytest.fixture(scope="module")
def deployment(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """``cp env.example .env``, two lines changed, ``docker compose up -d --build``."""
    folder = tmp_path_factory.mktemp("compose") / "hostd-compose-test"
    _copy_checkout(folder)
    made = Deployment(docker, folder, _free_port())
    _write_env(folder, made.port)
    try:
        made.compose("up", "--detach", "--build", "--quiet-pull", timeout=600)
        made.wait()
        yield made
    finally:
        made.compose("down", "--volumes", "--rmi", "local", "--timeout", "10")


@pytest.fixture(scope="module")
def app_id(deployment: Deployment) -> str:
    """An app created by the README's curl line, running."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not on this machine")
    line = CURL.replace(":8080/", f":{deployment.port}/")
    made = subprocess.run(
        ["sh", "-c", line], cwd=deployment.folder, capture_output=True, text=True, check=True, timeout=60
    )
    created = json.loads(made.stdout)
    deployment.wait_running(created["app_id"])
    return str(created["app_id"])


def _copy_checkout(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def _write_env(folder: Path, port: int) -> None:
    """env.example with another port; and where packages come from, as this machine is set up."""
    lines = [
        (folder / "env.example").read_text(encoding="utf-8"),
        f"HOST_PORT={port}",
        f"STREAMLIT_HOST_APP_PROCESSES={PROCESSES}",
        *(f"STREAMLIT_HOST_UID_{end}={uid}" for end, uid in (("MIN", UIDS[0]), ("MAX", UIDS[-1]))),
        f"STREAMLIT_HOST_PUBLIC_BASE=http://127.0.0.1:{port}",
        *(f"{name}={value}" for name, value in os.environ.items() if PASSED_ON.fullmatch(name)),
    ]
    index = _pip_index()
    if index and "UV_DEFAULT_INDEX" not in os.environ:
        lines.append(f"UV_DEFAULT_INDEX={index}")
    (folder / ".env").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _pip_index() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_log_names_the_published_console(deployment: Deployment) -> None:
    """The start-up log gives the console's URL with the port of .env, and the console answers there."""
    line = f"console: {deployment.url}/console/"
    until(lambda: line in deployment.compose("logs"), 60, 0.5, line)
    until(lambda: _status(f"{deployment.url}/console/_stcore/health") == 200, 60, what="the console")


def test_it_is_published_on_loopback_only(deployment: Deployment) -> None:
    """Without HOST_BIND nothing but this machine reaches the port."""
    ports = deployment.inspect(".NetworkSettings.Ports")
    assert ports["8080/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": str(deployment.port)}]


def test_apps_run_as_users_of_their_own(deployment: Deployment, app_id: str) -> None:
    """hostd is root, the app is not; and what isolation there is has been measured from inside."""
    rows = deployment.engine.docker("top", deployment.container(), "-eo", "uid,pid,args").splitlines()[1:]
    whose = {int(row.split()[0]) for row in rows if f"/apps/{app_id}/" in row}
    assert len(whose) == 1 and whose.pop() in UIDS, rows
    assert {int(row.split()[0]) for row in rows if "supervisord" in row} == {0}
    assert {int(row.split()[0]) for row in rows if "console/start.py" in row} == {UIDS[2]}
    assert deployment.isolation().uid, deployment.isolation()


def test_the_container_has_no_more_than_it_needs(deployment: Deployment) -> None:
    """Six capabilities, no new ones, nothing to write but the data and memory, limits of use."""
    script = "grep -E '^(CapBnd|CapEff|NoNewPrivs)' /proc/1/status; touch /opt/x /etc/x /usr/x 2>&1 || true"
    told = deployment.compose("exec", "-T", "hostd", "sh", "-c", script)
    assert dict(re.findall(r"^(\w+):\s+(\w+)$", told, re.MULTILINE)) == {
        "CapBnd": "00000000000000eb", "CapEff": "00000000000000eb", "NoNewPrivs": "1",
    }  # fmt: skip
    assert told.count("Read-only file system") == 3, told
    assert deployment.inspect(".HostConfig.Memory") > 0
    assert deployment.inspect(".HostConfig.PidsLimit") > 0


@pytest.fixture
def target(deployment: Deployment) -> Iterator[Target]:
    """The platform in the container as something to attack."""

    def shell(script: str) -> str:
        return deployment.compose("exec", "-T", "hostd", "sh", "-c", script)

    shell("mkdir -p -m 700 /data/people")  # as with users
    with httpx.Client(base_url=f"{deployment.url}/api", timeout=60, trust_env=False, limits=KEPT) as api:
        yield Target(
            api=api, port=8080, console=8500, free=8999, code="/opt/hostd", cache="/data/cache/uv",
            bait="/data/bait", shell=shell,
        )  # fmt: skip
    shell("rm -rf /data/bait")


def test_every_attack_is_blocked(deployment: Deployment, target: Target) -> None:
    """Apps that attack the platform and a colleague's app from inside the container get nothing."""
    if not deployment.isolation().reaches(parse("uid+landlock7+seccomp")):
        pytest.skip(f"this machine gives apps {deployment.isolation()} only")
    found = run(target)
    assert len(found) > 230
    assert {name: came for name, came in found.items() if verdict(came) != "blocked"} == {}


def test_secrets_stand_nowhere_else(deployment: Deployment, target: Target) -> None:
    """The container's data, processes, answers and pages hold none, but for the app's own 0400 file."""
    scanned(target, "/data")
    assert not in_bytes(deployment.compose("logs").encode(), NEEDLES)


def test_operators_reach_supervisorctl(deployment: Deployment, app_id: str) -> None:
    """``docker compose exec hostd supervisorctl`` shows the app's program as running."""
    # supervisorctl exits with 3 while any program is not RUNNING: STARTING lasts ten seconds after health.
    ctl = "supervisorctl -c /data/supervisor/supervisord.conf status || [ $? -eq 3 ]"
    running = re.compile(rf"^{app_id}\S* +RUNNING", re.MULTILINE)
    shell = ("exec", "-T", "hostd", "sh", "-c", ctl)
    until(lambda: running.search(deployment.compose(*shell)), 60, 0.5, "RUNNING")


def test_the_image_runs_without_root(deployment: Deployment) -> None:
    """``docker run --user`` without compose, init or any capability starts, and stops with exit code 0."""
    image = deployment.inspect(".Image")
    limits = ("--user", f"{HOSTD_UID}:{HOSTD_UID}", "--cap-drop", "ALL")
    run = deployment.engine.docker
    container = run("run", "--detach", *limits, image)
    try:
        until(lambda: "console: " in run("logs", container), 60, 0.2, "the start-up log")
        run("stop", container)
        assert run("inspect", "--format", "{{.State.ExitCode}}", container) == "0"
    finally:
        run("rm", "--force", "--volumes", container)


def test_root_without_a_capability_says_so(deployment: Deployment) -> None:
    """One that compose would give is missing: the log names it; with uid required there is no platform."""
    has = [f"--cap-add={name}" for name in ("SETUID", "SETGID", "CHOWN", "FOWNER", "DAC_OVERRIDE")]
    image, run = deployment.inspect(".Image"), deployment.engine.docker
    lack, required = "root lacks the capability KILL", "--env=STREAMLIT_HOST_REQUIRE_ISOLATION=uid"
    started = [run("run", "--detach", "--cap-drop=ALL", *has, *more, image) for more in ((), (required,))]
    try:
        until(lambda: f"warning: {lack}" in run("logs", started[0]), 60, 0.2, "the lack")
        code = ("inspect", "--format", "{{.State.ExitCode}}", started[1])
        until(lambda: run(*code) == "2", 60, 0.2, "its end")
        assert lack in run("logs", started[1])
    finally:
        run("rm", "--force", "--volumes", *started)


def test_the_health_check_agrees(deployment: Deployment) -> None:
    """Docker's own view of the container becomes healthy."""
    until(lambda: deployment.inspect(".State.Health.Status") == "healthy", 60, 0.5, "healthy")


def test_the_image_names_no_registry(deployment: Deployment) -> None:
    """Neither the history nor the environment of the image holds the address of a package index."""
    image = deployment.inspect(".Image")
    history = deployment.engine.docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    variables = "\n".join(
        json.loads(deployment.engine.docker("inspect", "-f", "{{json .Config.Env}}", image))
    )
    assert "://" not in history + variables
    assert "PIP_INDEX_URL" not in history


def test_a_viewer_reaches_the_app(deployment: Deployment, app_id: str) -> None:
    """The app that curl created serves its page and its health endpoint at its access_url."""
    access_url = deployment.app(app_id)["access_url"]
    assert access_url == f"{deployment.url}/apps/{app_id}/"
    page = httpx.get(access_url, timeout=10, trust_env=False)
    assert page.status_code == 200
    assert "<title>Streamlit</title>" in page.text
    assert httpx.get(f"{access_url}_stcore/health", timeout=10, trust_env=False).text == "ok"


def test_stop_is_clean(deployment: Deployment, app_id: str) -> None:
    """``docker stop`` ends in under 10 s with exit code 0, whatever runs; a visit brings an app back."""
    container = deployment.container()
    with Stopwatch() as watch:
        deployment.engine.docker("stop", container)
    assert deployment.inspect(".State.ExitCode") == 0, deployment.compose("logs", "--tail", "50")
    assert watch.took < 10
    deployment.compose("start")
    deployment.wait()
    assert deployment.app(app_id)["status"] == "sleeping"
    deployment.woken(app_id)


def test_data_survives_down_and_up(deployment: Deployment, app_id: str) -> None:
    """After ``compose down`` and ``up`` the app is still there, with its id, and runs at its first visit."""
    before = deployment.app(app_id)
    deployment.compose("down")
    assert deployment.container() == ""
    deployment.compose("up", "--detach")
    deployment.wait()
    after = deployment.woken(app_id)
    assert after["created_at"] == before["created_at"]
    assert _status(f"{after['access_url']}_stcore/health") == 200


@pytest.fixture
def data(deployment: Deployment, tmp_path: Path) -> Path:
    """A folder that is the data of the container's next start."""
    if os.geteuid() != 0:
        pytest.skip("only root can give folders away")
    folder = tmp_path / "data"
    (folder / "apps").mkdir(parents=True)
    (folder / "apps" / "meta.json").write_text("{}", encoding="utf-8")
    with (deployment.folder / ".env").open("a", encoding="utf-8") as env:
        env.write(f"HOST_DATA={folder}\n")
    return folder


def _owners(folder: Path) -> set[int]:
    return {(folder / name).stat().st_uid for name in (".", "apps/meta.json", "supervisor")}


@pytest.mark.parametrize("owner", [0, 1234])
def test_a_folder_can_be_the_data(deployment: Deployment, data: Path, owner: int) -> None:
    """HOST_DATA as a folder works whoever owned it."""
    for path in (data, data / "apps", data / "apps" / "meta.json"):
        os.chown(path, owner, owner)
    deployment.compose("up", "--detach")
    deployment.wait()
    assert _owners(data) == {0}
    until(lambda: _status(f"{deployment.url}/console/_stcore/health") == 200, 60, what="the console")


def test_one_user_and_then_a_user_for_each_app(deployment: Deployment, data: Path) -> None:
    """A container whose apps were all one user leaves a folder that the next one takes over, and back."""
    made = _up_as_one_user(deployment)
    assert _owners(data) == {HOSTD_UID} and not deployment.isolation().uid
    answer = httpx.post(
        f"{deployment.url}/api/apps", data={"name": "moved", "always_on": "true"},
        files={"app": ("app.py", HELLO)}, timeout=60, trust_env=False,
    )  # fmt: skip
    app_id = answer.json()["app_id"]
    deployment.wait_running(app_id)
    (data / "apps" / app_id / "home" / "kept.txt").write_text("kept", encoding="utf-8")
    made.write_text(made.read_text(encoding="utf-8").replace(ONE_USER, ""), encoding="utf-8")
    deployment.compose("up", "--detach")
    deployment.wait()
    assert deployment.isolation().uid
    deployment.woken(app_id)
    home = data / "apps" / app_id / "home"
    assert home.stat().st_uid == (home / "kept.txt").stat().st_uid
    assert home.stat().st_uid in UIDS
    assert _of(data, HOSTD_UID) == []
    _up_as_one_user(deployment)
    deployment.woken(app_id)
    assert {path.stat().st_uid for path in (data, home, home / "kept.txt")} == {HOSTD_UID}


def _up_as_one_user(deployment: Deployment) -> Path:
    env = deployment.folder / ".env"
    with env.open("a", encoding="utf-8") as file:
        file.write(ONE_USER)
    deployment.compose("up", "--detach")
    deployment.wait()
    return env


def _of(data: Path, uid: int) -> list[Path]:
    """What is of that user."""
    return [path for path in data.rglob("*") if path.lstat().st_uid == uid]
