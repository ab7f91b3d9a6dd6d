"""A Streamlit as a wheel leaves it in a venv, small, and with content that tests choose."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from hostd.builds import static_copy
from hostd.static_files import StaticCopies

VERSION = "9.9.9"
SCRIPT = b"export const words = 'the same words again and again';\n" * 200
LARGE = b"".join(b"const n%d = %d;\n" % (n, n * n) for n in range(30_000))
PICTURE = hashlib.sha256(b"picture").digest() * 100
FILES = {
    "static/js/index.DormvYxC.js": SCRIPT,
    "static/js/big.Bk-DBRSw.js": LARGE,
    "static/css/index.C1JORDN2.css": b"body { color: black }\n" * 100,
    "static/media/picture.BsWL4Kly.png": PICTURE,
    "static/media/tiny.BsWL4Kly.svg": b"<svg/>",
    "index.html": b"<p>never shared</p>",
}


def lay_down(packages: Path, files: dict[str, bytes] | None = None) -> Path:
    """A venv's site-packages with these files of Streamlit's; returns it."""
    lines = []
    for name, content in (FILES if files is None else files).items():
        path = packages / "streamlit" / "static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"streamlit/static/{name},sha256={digest},{len(content)}\n")
    record = packages / f"streamlit-{VERSION}.dist-info" / "RECORD"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text("".join([*lines, "streamlit/__init__.py,sha256=abc,3\n", f"{record.name},,\n"]))
    return packages


def copied(packages: Path, folder: Path, version: str = VERSION) -> tuple[str, StaticCopies]:
    """(key, copies): what an install makes of a venv."""
    wheel = static_copy.wheel(packages, version)
    assert wheel is not None
    static_copy.make(wheel, folder)
    return wheel.key, StaticCopies(folder)
