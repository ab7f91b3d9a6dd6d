"""Real processes of an app's releases, of any version of Streamlit."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from uv import find_uv_bin

from .wire import closed_port, wait_until

BASE = "/apps/x"
SCRIPT = """
import io
import sys
from pathlib import Path

import streamlit as st
import streamlit.components.v1 as components
from PIL import Image

release = sys.argv[1]
st.session_state.runs = st.session_state.get("runs", 0) + 1
component = components.declare_component("part", path=str(Path(__file__).parent / "part"))
st.title(f"Release {release}")
if st.button("Press"):
    st.session_state.presses = st.session_state.get("presses", 0) + 1
st.write(f"{release} was pressed {st.session_state.get('presses', 0)} times")
name = st.text_input("Name")
st.write(f"{release} greets {name}")
picture = io.BytesIO()
Image.new("RGB", (100 * int(release) + len(name), 20), "red").save(picture, "PNG")
st.image(picture.getvalue())
if name:
    component(key=name)
    st.markdown(f"![static](app/static/picture.png?{name})")
upload = st.file_uploader("File")
if upload is not None:
    st.write(f"{release} got {len(upload.getvalue())} bytes")
st.download_button("Give it back", f"from {release} for {name}".encode(), "a.txt")
size = len(upload.getvalue()) if upload is not None else 0
st.write(f"{release} ran {st.session_state.runs} times with {size} bytes")
"""


def install(folder: Path, requirements: list[str]) -> Path:
    """A venv with ``requirements``, from the cache that all tests share; its interpreter."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([find_uv_bin(), "venv", "-q", "-p", sys.executable, folder], check=True)
        subprocess.run([find_uv_bin(), "pip", "install", "-q", "-p", python, *requirements], check=True)
    return python


def environment(folder: Path, port: int) -> dict[str, str]:
    """What hostd gives an app."""
    server = {"PORT": port, "ADDRESS": "127.0.0.1", "BASE_URL_PATH": BASE.strip("/"), "HEADLESS": "true"}
    more = {
        "FILE_WATCHER_TYPE": "none",
        "ENABLE_STATIC_SERVING": "true",
        "COOKIE_SECRET": "the same for all releases",
    }
    options = {f"STREAMLIT_SERVER_{name}": str(value) for name, value in {**server, **more}.items()}
    quiet = {"STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false", "STREAMLIT_CLIENT_TOOLBAR_MODE": "viewer"}
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **options, **quiet}


@contextmanager
def release(python: Path, folder: Path, number: int) -> Iterator[tuple[int, int]]:
    """A process of release ``number``: the port that it will answer on, and its PID."""
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(SCRIPT)
    _write_files(folder, number)
    port = closed_port()
    command = [str(python), "-m", "streamlit", "run", "app.py", "--", str(number)]
    output = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=folder, env=environment(folder, port), stdout=output, stderr=output
    ) as app:
        try:
            yield port, app.pid
        finally:
            app.kill()


def _write_files(folder: Path, number: int) -> None:
    """What has the same address in every release, and not the same content."""
    for name in ("part", "static"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "part" / "index.html").write_text(f"<p>part of {number}</p>")
    Image.new("RGB", (10 * number, 10), "blue").save(folder / "static" / "picture.png")


def ready(*ports: int) -> None:
    """Wait until the processes answer."""
    for port in ports:
        wait_until(lambda port=port: _healthy(port), f"health of {port}", 60)  # type: ignore[misc]


def _healthy(port: int) -> bool:
    for path in ("_stcore/health", "healthz"):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{BASE}/{path}", timeout=5) as answer:
                if answer.read() == b"ok":
                    return True
        except OSError:
            continue
    return False
