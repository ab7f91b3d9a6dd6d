"""A colleague's app: it has files, an environment, a port, sockets and shared memory worth stealing."""

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


belongings()
st.title("the victim")
