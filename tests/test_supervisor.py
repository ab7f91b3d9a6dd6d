"""One supervisord and what hostd adds to it: programs by themselves, changes instead of lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from supervisor.xmlrpc import Faults

from hostd.errors import SupervisorFault, SupervisorUnavailable
from hostd.layout import Layout
from hostd.lifecycle.launching import KNOWN_AT_REST
from hostd.supervisor import EXITED, STOPPED, Supervisor
from tests.platform import Platform, until

SECTION = """[program:{name}]
command=/bin/sh -c "exit 3"
autostart=false
autorestart=false
startsecs=0
stdout_logfile=NONE
redirect_stderr=true
; {note}
"""


@pytest.fixture
def supervisor(platform: Platform) -> Iterator[Supervisor]:
    """A client of its own on the platform's supervisord."""
    layout = Layout(platform.data)
    made = Supervisor(layout.socket, layout.supervisor_password)
    yield made
    made.close()


@pytest.fixture
def section(platform: Platform, supervisor: Supervisor) -> Iterator[Path]:
    """Where the section of the program ``plain`` goes; hostd does not act on such a name."""
    path = Layout(platform.data).section("plain")
    yield path
    supervisor.remove("plain", path)


def test_a_program_comes_and_goes_alone(platform: Platform, supervisor: Supervisor, section: Path) -> None:
    """put makes one program known and says whether it is new; supervisorctl finds nothing to update."""
    text = SECTION.format(name="plain", note="")
    before = platform.supervisorctl("status")
    assert supervisor.put("plain", section, text)
    assert not supervisor.put("plain", section, text)
    assert not supervisor.put("plain", section, text + "; a remark\n")
    state = supervisor.state("plain")
    assert state is not None
    assert (state.state, state.pid, state.started) == (STOPPED, 0, False)
    assert "No config updates" in platform.supervisorctl("reread")
    assert platform.supervisorctl("update") == ""
    assert supervisor.put("plain", section, text.replace("exit 3", "exit 4"))
    assert "No config updates" in platform.supervisorctl("reread")
    supervisor.remove("plain", section)
    assert supervisor.state("plain") is None
    assert not section.exists()
    assert "No config updates" in platform.supervisorctl("reread")
    assert [line.split()[0] for line in platform.supervisorctl("status").splitlines()] == [
        line.split()[0] for line in before.splitlines()
    ]


def test_what_a_reread_knows_already_is_not_new(
    platform: Platform, supervisor: Supervisor, section: Path
) -> None:
    """An operator's update between hostd's file and hostd's call: the call finds it done."""
    section.write_text(SECTION.format(name="plain", note=""), encoding="utf-8")
    assert "plain: added process group" in platform.supervisorctl("update")
    assert not supervisor.put("plain", section, section.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[program:other]\ncommand=/bin/true\n",
        "[program:plain]\ncommand=/bin/true\n[program:other]\ncommand=/bin/true\n",
        "[program:plain]\ncommand=/bin/true\n[supervisord]\nminfds=3\n",
        "[eventlistener:plain]\ncommand=/bin/true\nevents=TICK_5\n",
        "[program:plain]\ncommand=/bin/true\nnumprocs=2\nprocess_name=%(process_num)s\n",
        "[program:plain]\ncommand=%(nope)s\n",
        "[program:plain]\ncommand=/bin/true\nstdout_logfile=/nonexistent/folder/log\n",
        "no section\n",
    ],
)
def test_anything_but_that_one_program_is_refused(supervisor: Supervisor, section: Path, text: str) -> None:
    """What is not exactly the one program changes nothing."""
    before = set(supervisor.states())
    section.write_text(text, encoding="utf-8")
    with pytest.raises(SupervisorFault) as refused:
        supervisor.put("plain", section, text)
    assert refused.value.code == Faults.CANT_REREAD
    assert set(supervisor.states()) == before


@pytest.mark.parametrize("name", ["", ".", "../supervisord", "a/b", "a b", "-x"])
def test_a_name_is_no_path(supervisor: Supervisor, name: str, tmp_path: Path) -> None:
    """A name that could lead out of the folder of sections is none."""
    with pytest.raises(SupervisorFault) as refused:
        supervisor.put(name, tmp_path / "elsewhere.conf", "text")
    assert refused.value.code == Faults.BAD_NAME


def test_changes_add_up_to_the_whole(platform: Platform, supervisor: Supervisor, section: Path) -> None:
    """A client that hears of changes only knows the same as one that asks for everything."""
    text = SECTION.format(name="plain", note="")

    def agrees() -> bool:
        layout = Layout(platform.data)
        fresh = Supervisor(layout.socket, layout.supervisor_password)
        try:
            return bool(supervisor.states() == fresh.states())
        finally:
            fresh.close()

    assert "plain" not in supervisor.states()
    supervisor.put("plain", section, text)
    assert supervisor.states()["plain"].state == STOPPED
    supervisor.start("plain")
    until(lambda: supervisor.states()["plain"].state == EXITED, 10)
    assert supervisor.states()["plain"].exit == 3
    until(agrees, 10)
    supervisor.remove("plain", section)
    assert "plain" not in supervisor.states()
    until(agrees, 10)
    supervisor.put("plain", section, text)
    state = supervisor.states()["plain"]
    assert (state.state, state.started, state.exit) == (STOPPED, False, 0)


def test_many_removals_do_not_pile_up(platform: Platform, supervisor: Supervisor, section: Path) -> None:
    """What was removed is told for a while only; after that everything is told once."""
    text = SECTION.format(name="plain", note="")
    supervisor.put("plain", section, text)
    supervisor.states()
    for number in range(1001):
        name = f"plain{number}"
        other = section.with_name(f"{name}.conf")
        other.write_text(SECTION.format(name=name, note=""), encoding="utf-8")
        supervisor._call("hostd.addProgram", name)
        supervisor._call("hostd.removeProgram", name)
        other.unlink()
    states = supervisor.states()
    assert "plain" in states
    assert not [name for name in states if name.startswith("plain") and name != "plain"]
    assert platform.answers()


def test_few_stopped_programs_stay_known(platform: Platform, supervisor: Supervisor, section: Path) -> None:
    """An app that is stopped while many are is forgotten by supervisord; it starts again all the same."""
    app_id = platform.running("one of many")
    others = [section.with_name(f"plain{number}.conf") for number in range(KNOWN_AT_REST)]
    try:
        for other in others:
            supervisor.put(other.stem, other, SECTION.format(name=other.stem, note=""))
        assert platform.api.post(f"/apps/{app_id}/stop").json()["status"] == "stopped"
        assert supervisor.state(f"{app_id}.r1") is None
        assert not section.with_name(f"{app_id}.r1.conf").exists()
        platform.api.post(f"/apps/{app_id}/start")
        platform.wait(app_id, "running")
    finally:
        for other in others:
            supervisor.remove(other.stem, other)
    until(lambda: platform.serves(app_id), 10)
    platform.api.post(f"/apps/{app_id}/stop")
    assert "STOPPED" in platform.supervisorctl("status", f"{app_id}.r1")
    platform.api.delete(f"/apps/{app_id}")


def test_the_socket_asks_for_a_password(platform: Platform, tmp_path: Path) -> None:
    """Whoever gets to the socket without it learns nothing; only the platform's user reads it."""
    layout = Layout(platform.data)
    for path in (layout.socket, layout.supervisor_password, layout.supervisord_conf):
        assert path.stat().st_mode & 0o777 == 0o600, path
    (tmp_path / "password").write_text("0" * 64)
    for wrong in (tmp_path / "password", tmp_path / "none"):
        stranger = Supervisor(layout.socket, wrong)
        with pytest.raises(SupervisorUnavailable, match="401"):
            stranger.identify()
        stranger.close()
