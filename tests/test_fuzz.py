"""Archives and cookies that nobody meant: refused or read one way, and nothing gets round."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import tarfile
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.requests import cookie_parser

from hostd.bundles import Limits, Upload
from hostd.errors import Invalid
from hostd.gateway.cookies import ours, without_ours
from hostd.people import People
from hostd.people.cookies import Cookies
from tests.fuzz import counted, examples
from tests.laying import ENTRY, Folder, zipped

NAMES = [
    (start + name).encode()
    for start in ("", "__Secure-", "__Host-", "__Http-", "__Host-Http-")
    for name in ("hostd", "hostd-console", "hostd-sign-in")
]
VALUE = b"Zq7pLntCOOKIE"
pieces = st.one_of(
    st.sampled_from(
        [*NAMES, b"=", b";", b"; ", b",", b" ", b"\t", b'"', b"%", b"app", VALUE, b"a=b", b"$Path"]
    ),
    st.binary(max_size=4).map(lambda data: data.translate(None, b"\r\n\0")),
)
fields = st.lists(pieces, max_size=12).map(b"".join)


def names_in(field: bytes) -> set[str]:
    """The cookie names that apps find in a field, as Starlette and the standard library read it.

    The latter begins a new cookie behind any blank: what stands in another one's value is then a name.
    """
    text = field.decode("latin-1")
    found = set(cookie_parser(text))
    if not re.search(rb"[^;\s]\s+[^;\s]", field):
        with contextlib.suppress(CookieError):
            found |= set(SimpleCookie(text))
    return found


def test_cookies() -> None:
    """No app gets one of the platform's, what is left is as it came, and nobody is anybody by chance."""
    people = People(Path("/nowhere"), Cookies("https://a.example/b"), sign_in=True)

    @examples(1500)
    @example(field=b"hostd=" + VALUE)
    @example(field=b"\xa0hostd=" + VALUE)  # blanks of Latin-1: found by tests/byte_fuzz.py
    @example(field=b'a=";\x1fhostd=' + VALUE)
    @example(field=b'a="; hostd=' + VALUE + b'"')
    @given(field=fields)
    def ask(field: bytes) -> None:
        left = without_ours(field)
        assert not {name.lower().encode() for name in names_in(left)} & {name.lower() for name in NAMES}
        assert without_ours(left) == left
        assert {pair.strip() for pair in left.split(b";")} <= {pair.strip() for pair in field.split(b";")} | {
            b""
        }
        assert people.whose(field) is None
        assert people.whose(ours(field)) is None
        ends["stripped" if left != field else "as it was"] += 1

    with counted("cookies") as ends:
        ask()
    assert {"stripped", "as it was"} <= set(ends)


def good_zip() -> bytes:
    """A bundle that is taken."""
    files = {"app.py": ENTRY, "requirements.txt": b"streamlit\n", "a/b/data.csv": b"x,y\n1,2\n" * 40}
    return zipped(files).getvalue()


def good_tar() -> bytes:
    """The same as a tar, uncompressed, so that changed bytes are changed headers."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in (("app.py", ENTRY), ("a/b/data.csv", b"x,y\n1,2\n" * 40)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("a/link")
        link.type, link.linkname = tarfile.SYMTYPE, "b/data.csv"
        archive.addfile(link)
    return file.getvalue()


CUTS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.sampled_from(
            [b"", b"\xff", b"\0" * 4, b"../../", b"/etc/x", b"\xff\xff\xff\xff", b"PK\x03\x04", b"1", b"5"]
        ),
        st.integers(0, 12),
    ),
    max_size=6,
)


def changed(data: bytes, cuts: list[tuple[float, bytes, int]], end: float) -> bytes:
    """``data`` with pieces put over, into and out of it, and its end cut off."""
    for place, piece, gone in cuts:
        at = int(place * len(data))
        data = data[:at] + piece + data[at + gone :]
    return data[: int(end * len(data))]


@pytest.mark.parametrize(("name", "make"), [("app.zip", good_zip), ("app.tar", good_tar)])
def test_archives(tmp_path: Path, name: str, make: Callable[[], bytes]) -> None:
    """Each is laid down within its folder, or refused with a reason; nothing else is touched."""
    data, limits = make(), Limits(size=200_000, files=50)
    root = tmp_path / "root"
    (tmp_path / "victim").write_text("untouched")

    @examples(120)
    @example(cuts=[], end=1.0)
    @given(cuts=CUTS, end=st.just(1.0) | st.floats(0, 1))
    def lay(cuts: list[tuple[float, bytes, int]], end: float) -> None:
        shutil.rmtree(root, ignore_errors=True)
        folder = Folder(root)
        upload = Upload(bundle=io.BytesIO(changed(data, cuts, end)), bundle_name=name)
        try:
            folder.lay(upload, limits=limits)
            ends["taken"] += 1
        except Invalid as error:
            assert error.field in ("bundle", "entry", "app", "requirements"), error
            assert not list(folder.app.releases.iterdir())
            ends["refused"] += 1
        assert sorted(path.name for path in tmp_path.iterdir()) == ["root", "victim"]
        for path in root.rglob("*"):
            assert not path.is_symlink() or path.resolve().is_relative_to(root), path
        assert (
            sum(path.stat().st_size for path in folder.app.root.rglob("bundle/*") if path.is_file()) < 400_000
        )

    with counted(f"archives: {name}") as ends:
        lay()
    assert (tmp_path / "victim").read_text() == "untouched"
    assert {"taken", "refused"} <= set(ends)
