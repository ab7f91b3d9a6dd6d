"""A Streamlit that knows no ``server.trustedUserHeaders``: it reads who looks from the signed headers."""

from __future__ import annotations

import re
import subprocess
from contextlib import ExitStack
from pathlib import Path

from hostd.gateway import GatewayOptions
from hostd.models import Route, Status
from hostd.viewer import environment as told
from tests.platform import ROOT
from tests.session import Session

from .conftest import running
from .releases import environment, install, ready
from .test_access import KEY, PRIVATE, Somebody, whose
from .wire import closed_port

OLD = "1.40.2"
"""Has st.context.headers, and no such option, as hostd/viewer.py wants it from newer ones."""
SHOWS = """
import streamlit as st
st.text(f"looks {viewer(st.context.headers)}")
forged = {**st.context.headers.to_dict(), "X-Hostd-User": "root"}
st.text(f"forged {viewer(forged)}")
"""


def test_the_manuals_check_in_an_old_streamlit(tmp_path: Path) -> None:
    """Bob is who he is, to an app whose code is the manual's; what was changed is not believed."""
    python = install(tmp_path / "venv", [f"streamlit=={OLD}"])
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/security.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "app.py").write_text(snippet + SHOWS)
    port = closed_port()
    command = [str(python), "-m", "streamlit", "run", "app.py"]
    route = Route(Status.RUNNING, port, "x", 1, access=PRIVATE, viewer_key=KEY)
    options = GatewayOptions(whose=whose({b"bob": Somebody("bob", groups=frozenset({"a,b", "销售"}))}))
    own = {**environment(tmp_path, port), **told(KEY)}
    with ExitStack() as stack:
        app = stack.enter_context(subprocess.Popen(command, cwd=tmp_path, env=own))
        stack.callback(app.kill)
        door = stack.enter_context(running({"x": route}, options=options))
        ready(port)
        session = Session(f"http://127.0.0.1:{door.port}/apps/x", cookie="hostd=bob")
        stack.callback(session.close)
        assert session.run() == ["looks bob", "forged None"]
