"""An app ceases to be public: what runs by then knows who looks, and no stranger keeps a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from hostd.gateway.hand_over import HandOver
from hostd.layout import Layout
from hostd.viewer import KEY_VARIABLE

from .platform import HELLO, Platform, platform, until
from .session import Session

WAITS = (
    HELLO
    + b"""
import time
from pathlib import Path
while not Path.home().joinpath("go").exists():
    time.sleep(0.05)
"""
)


@pytest.fixture(scope="module")
def own() -> Iterator[Platform]:
    """A platform whose apps take their visitors' sockets."""
    with platform(STREAMLIT_HOST_HAND_OVER="1", STREAMLIT_HOST_DRAIN_MINUTES="60") as made:
        yield made


@pytest.fixture
def app_id(own: Platform) -> Iterator[str]:
    """A public app."""
    made = own.running("crossing")
    yield made
    own.api.delete(f"/apps/{made}")


def change(own: Platform, app_id: str, app: bytes | None = None, **fields: str) -> None:
    """Change an app; new files in the same request."""
    files = None if app is None else {"app": ("app.py", app)}
    answer = own.api.patch(f"/apps/{app_id}", data=fields, files=files)
    assert answer.status_code in (200, 202), answer.text


def is_told(own: Platform, app_id: str) -> bool:
    """Whether there is a process that serves, and it can tell who looks."""
    try:
        environment = Path(f"/proc/{own.app(app_id)['pid']}/environ").read_bytes()
    except OSError:  # it has just ended
        return False
    return any(line.startswith(f"{KEY_VARIABLE}=".encode()) for line in environment.split(b"\0"))


def handed(own: Platform, app_id: str, stack: ExitStack) -> Session:
    """A stranger's session, whose socket the app's process has got."""
    app = own.app(app_id)
    session = Session(f"{own.url}/apps/{app_id}/~r{app['release']}")
    stack.callback(session.close)
    door = HandOver(Layout(own.data).hand_over)
    until(lambda: door.open(app["port"]) == 1, what="handed over")
    assert session.run()
    return session


def ends(session: Session) -> bool:
    """Whether a session's socket is closed from the other side."""
    with pytest.raises((ConnectionClosed, EOFError)):
        while True:
            session.run()
    return True


def test_files_and_visibility_in_one_request(own: Platform, app_id: str) -> None:
    """The new release begins as one that is told who looks; back to public it is not."""
    change(own, app_id, HELLO + b"st.text('private')", visibility="private")
    assert own.wait(app_id, "running")["release"] == 2
    assert is_told(own, app_id)
    change(own, app_id, HELLO + b"st.text('public')", visibility="public")
    assert own.wait(app_id, "running")["release"] == 3
    pid = own.app(app_id)["pid"]
    assert KEY_VARIABLE.encode() not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_change_that_is_refused_changes_nothing(own: Platform, app_id: str) -> None:
    """Neither the files nor who may see the app."""
    answer = own.api.patch(f"/apps/{app_id}", data={"visibility": "private", "entry": "../x"})
    assert answer.status_code == 422
    assert own.app(app_id)["access"]["visibility"] == "public"


def test_during_a_deploy(own: Platform, app_id: str) -> None:
    """What serves till then starts anew at once, and no stranger stays; then comes the new release."""
    with ExitStack() as stack:
        stranger = handed(own, app_id, stack)
        change(own, app_id, WAITS)
        until(lambda: (own.app(app_id)["deploying"] or {}).get("step") == "first_session", 120)
        change(own, app_id, visibility="private")
        assert ends(stranger)
    until(lambda: is_told(own, app_id), 120, what="told while the deploy goes on")
    assert own.app(app_id)["release"] == 1
    (own.data / "apps" / app_id / "home" / "go").touch()
    app = until(lambda: (now := own.app(app_id))["release"] == 2 and now, 120)
    assert app["error"] is None
    assert is_told(own, app_id)


def test_a_release_that_drains(own: Platform, app_id: str) -> None:
    """It ends, and with it the stranger's socket that it holds."""
    with ExitStack() as stack:
        stranger = handed(own, app_id, stack)
        change(own, app_id, HELLO + b"st.text('newer')")
        assert [old["release"] for old in own.wait(app_id, "running")["draining"]] == [1]
        change(own, app_id, visibility="private")
        assert ends(stranger)
    own.wait(app_id, "running")
    until(lambda: own.app(app_id)["draining"] == [], what="nothing drains")
    assert is_told(own, app_id)
