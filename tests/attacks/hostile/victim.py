"""A colleague's app: it has files, an environment, a port, sockets and shared memory worth stealing.

It shows who looks at it, as the manual has it, and every header that it gets.
"""

import json
import os
import socket
from pathlib import Path

import streamlit as st


@st.cache_resource
def belongings() -> list[object]:
    """What the attacker is after; kept as long as the process lives."""
    Path.home().joinpath("storage", "secret.txt").write_text("the victim's secret")
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(b"\0hostd-victim-" + os.environ["VICTIM"].encode())
    abstract.listen()
    Path("/dev/shm", f"hostd-victim-{os.environ['VICTIM']}").write_text("the victim's memory")
    return [abstract]


@MANUAL@

belongings()
st.title("the victim")
st.text(json.dumps({
    "headers": st.context.headers.to_dict(), "user": st.user.to_dict(), "signed": viewer(st.context.headers),
}))
