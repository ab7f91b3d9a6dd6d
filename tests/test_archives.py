"""Archives made to break out, to lie or to flood: 422, nothing outside touched, nothing left behind."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from hostd.bundles import Limits, Upload
from hostd.bundles.paths import clean, decoded
from hostd.errors import Invalid

from .laying import ENTRY, Folder, refused, sent, zipped

OUTSIDE = ["../evil.py", "a/../../evil.py", "/etc/evil.py", "..\\evil.py", "C:\\evil.py", "c:evil.py",
           "\\\\server\\share\\evil.py", "a/b/../../../evil.py", "//evil.py", "./../evil.py"]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An app's folder, with one good release that must stay as it is."""
    made = Folder(tmp_path)
    made.lay(Upload(app=ENTRY))
    (tmp_path / "victim.txt").write_text("untouched")
    return made


def bundle(data: bytes | io.BytesIO, name: str = "app.zip") -> Upload:
    """An upload of these bytes."""
    return Upload(bundle=io.BytesIO(data) if isinstance(data, bytes) else data, bundle_name=name)


def tarred(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Upload:
    """An upload of a tar of these members, after a good entry."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for info, data in ((tarfile.TarInfo("app.py"), ENTRY), *members):
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return bundle(file, "app.tar.gz")


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """A member of a tar that is no plain file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def special_zip(name: str, mode: int, data: bytes = b"") -> Upload:
    """A zip whose second member has this Unix mode."""
    file = zipped({"app.py": ENTRY})
    with zipfile.ZipFile(file, "a") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, mode << 16
        archive.writestr(info, data)
    return bundle(file)


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["zip", "tar", "files"])
def test_traversal_and_absolute_names(folder: Folder, tmp_path: Path, name: str, kind: str) -> None:
    """A name that leads out of the bundle refuses all of it, whichever way it came."""
    uploads = {
        "zip": sent({"app.py": ENTRY, name: b"evil"}),
        "tar": tarred((tarfile.TarInfo(name), b"evil")),
        "files": Upload(files=(("app.py", io.BytesIO(ENTRY)), (name, io.BytesIO(b"evil")))),
    }
    with refused(tmp_path, "files" if kind == "files" else "bundle"):
        folder.lay(uploads[kind])


@pytest.mark.parametrize("target", ["/etc/passwd", "../../victim.txt", "sub/../../x", "..", "/"])
def test_links_out(folder: Folder, tmp_path: Path, target: str) -> None:
    """A symbolic link or a hard link out of the tree refuses all of it."""
    with refused(tmp_path, "bundle"):
        folder.lay(
            tarred(special("sub/link", tarfile.SYMTYPE, f"../{target}" if target[0] != "/" else target))
        )
    with refused(tmp_path, "bundle"):
        folder.lay(tarred(special("link", tarfile.LNKTYPE, target if target != ".." else "../x")))
    with refused(tmp_path, "bundle"):
        folder.lay(special_zip("link", stat.S_IFLNK | 0o777, target.encode()))


def test_write_through_a_link(folder: Folder, tmp_path: Path) -> None:
    """A file below what is a link, inside the tree or not, refuses all of it."""
    inside = special("sub", tarfile.SYMTYPE, "other"), (tarfile.TarInfo("sub/evil.py"), b"evil")
    with refused(tmp_path, "bundle", "as a file and as a folder"):
        folder.lay(tarred(*inside))


def test_links_inside_become_copies(folder: Folder) -> None:
    """Links that stay inside become what they lead to; those that lead nowhere are left out and told."""
    asked = folder.lay(
        tarred(
            (tarfile.TarInfo("data/real.csv"), b"1,2"),
            special("near.csv", tarfile.SYMTYPE, "data/real.csv"),
            special("again.csv", tarfile.SYMTYPE, "near.csv"),
            special("hard.csv", tarfile.LNKTYPE, "data/real.csv"),
            special("whole", tarfile.SYMTYPE, "data"),
            special("round", tarfile.SYMTYPE, "round"),
            special("data/up", tarfile.SYMTYPE, ".."),
            special("nowhere", tarfile.SYMTYPE, "missing.txt"),
        )
    )
    copies = ["again.csv", "data/real.csv", "hard.csv", "near.csv", "whole/real.csv"]
    assert folder.names(2) == sorted(["app.py", *copies])
    assert all((folder[2].bundle / path).read_bytes() == b"1,2" for path in copies)
    assert [warning.split()[2] for warning in asked.source.warnings] == ["data/up", "nowhere", "round"]


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"])
def test_device_in_tar(folder: Folder, tmp_path: Path, kind: bytes) -> None:
    """Devices, pipes and what nobody knows refuse the archive."""
    with refused(tmp_path, "bundle", "special file"):
        folder.lay(tarred(special("dev", kind)))


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_device_in_zip(folder: Folder, tmp_path: Path, kind: int) -> None:
    """A zip can claim devices too."""
    with refused(tmp_path, "bundle", "special file"):
        folder.lay(special_zip("dev", kind | 0o666))


@pytest.mark.parametrize("extension", ["zip", "tar.gz", "tar.bz2"])
def test_bomb_by_ratio(folder: Folder, tmp_path: Path, extension: str) -> None:
    """Far more than its own size inside: refused while unpacking, with little written."""
    zeros = bytes(30_000_000)
    mode = {"tar.gz": "w:gz", "tar.bz2": "w:bz2"}.get(extension)
    info = tarfile.TarInfo("zeros.bin")
    upload = tarred((info, zeros), mode=mode) if mode else sent({"app.py": ENTRY, "zeros.bin": zeros})
    with refused(tmp_path, "bundle", "200 times its own size"):
        folder.lay(upload)


def test_bomb_by_size(folder: Folder, tmp_path: Path) -> None:
    """More than the limit, however well it is packed."""
    upload = {"app.py": ENTRY, "a.bin": os.urandom(600_000), "b.bin": os.urandom(600_000)}
    with refused(tmp_path, "bundle", "more than 1 MB"):
        folder.lay(sent(upload), limits=Limits(size=1_000_000))


def test_size_that_lies(folder: Folder, tmp_path: Path) -> None:
    """What is unpacked is counted, not what the headers say of it."""
    file = zipped({"app.py": ENTRY, "zeros.bin": bytes(30_000_000)})
    packed = bytearray(file.getvalue())
    with zipfile.ZipFile(file) as archive:
        info = archive.getinfo("zeros.bin")
    for place in (info.header_offset + 22, packed.rindex(b"PK\x01\x02") + 24):
        struct.pack_into("<I", packed, place, 10)
    with refused(tmp_path, "bundle"):
        folder.lay(bundle(bytes(packed)))


def test_overlapping_members(folder: Folder, tmp_path: Path) -> None:
    """Many directory entries for one and the same packed data are a bomb as well."""
    file = zipped({"app.py": ENTRY, "0000.bin": bytes(1_000_000)})
    with zipfile.ZipFile(file, "a") as archive:
        for number in range(1, 400):
            twin = zipfile.ZipInfo(f"{number:04}.bin")
            first = archive.getinfo("0000.bin")
            twin.header_offset, twin.CRC, twin.file_size = first.header_offset, first.CRC, first.file_size
            twin.compress_size, twin.compress_type = first.compress_size, first.compress_type
            archive.filelist.append(twin)
            archive.__dict__["_didModify"] = True
    with refused(tmp_path, "bundle"):
        folder.lay(bundle(file))


def test_links_that_multiply(folder: Folder, tmp_path: Path) -> None:
    """Folders of links to folders of links grow without bounds; their copies are counted."""
    members = [(tarfile.TarInfo("d0/x"), b"x" * 1000)]
    for depth in range(1, 30):
        members += [
            special(f"d{depth}/{side}", tarfile.SYMTYPE, f"../d{depth - 1}") for side in ("left", "right")
        ]
    with refused(tmp_path, "bundle", "more than 1,000 files"):
        folder.lay(tarred(*members), limits=Limits(files=1_000))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_twenty_thousand_files(folder: Folder, tmp_path: Path, kind: str) -> None:
    """Too many files are refused before one is written; too many folders as well."""
    names = [f"d/{number}.txt" for number in range(20_000)]
    many = sent(dict.fromkeys(["app.py", *names], ENTRY))
    if kind == "tar":
        many = tarred(*((tarfile.TarInfo(name), b"") for name in names))
    with refused(tmp_path, "bundle", "more than 10,000 files"):
        folder.lay(many)


def test_huge_directory(folder: Folder, tmp_path: Path) -> None:
    """A tar header that claims gigabytes for a name is not read into memory."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 3_000_000_000
    with refused(tmp_path, "bundle", "damaged"):
        folder.lay(bundle(gzip.compress(info.tobuf() + bytes(20_000_000), 1)), limits=Limits(ratio=10**6))


def test_duplicate_names(folder: Folder, tmp_path: Path) -> None:
    """One name twice, in another case, in another Unicode form, or as a file and as a folder."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        file = zipped({"app.py": ENTRY})
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("app.py", b"evil")
    with refused(tmp_path, "bundle", "twice"):
        folder.lay(bundle(file))
    for twins in (("app.py", "./app.py"), ("é.csv", "e\u0301.csv"), ("Data.csv", "data.csv"), ("a", "a/b")):
        with refused(tmp_path, "bundle"):
            folder.lay(sent({"main.py": ENTRY, **dict.fromkeys(twins, b"")}))
    with refused(tmp_path, "bundle", "twice"):
        folder.lay(tarred((tarfile.TarInfo("x"), b"1"), (tarfile.TarInfo("x"), b"2")))


def raw_names(names: list[bytes], flags: int = 0) -> Upload:
    """A zip whose names are these bytes, beside a good entry."""
    file = zipped({"app.py": ENTRY, **{_stand_in(*pair): b"x" for pair in enumerate(names)}})
    data = file.getvalue()
    for number, name in enumerate(names):
        data = data.replace(_stand_in(number, name).encode(), name)
    if flags:
        for place in _places(data, b"PK\x03\x04"):
            data = data[: place + 6] + struct.pack("<H", flags) + data[place + 8 :]
        for place in _places(data, b"PK\x01\x02"):
            data = data[: place + 8] + struct.pack("<H", flags) + data[place + 10 :]
    return bundle(data)


def _stand_in(number: int, name: bytes) -> str:
    return chr(ord("A") + number) * len(name)


def _places(data: bytes, magic: bytes) -> list[int]:
    return [place for place in range(len(data)) if data.startswith(magic, place)]


@pytest.mark.parametrize(
    ("names", "encoding"),
    [
        (["数据/销售.csv", "页面.py"], "gbk"), (["數據報表.csv"], "gbk"), (["数据.csv"], "utf-8"),
        (["résumé.txt", "Überblick.csv"], "cp437"), (["naïve café.md"], "cp437"), (["größe.csv"], "cp437"),
        (["1_📊_dash.py"], "utf-8"), (["报告（终稿）.docx", "plain.txt"], "gbk"),
    ],
)  # fmt: skip
def test_names_without_an_encoding(folder: Folder, names: list[str], encoding: str) -> None:
    """Zips of Windows and old tools don't say how names are encoded; they come out right all the same."""
    folder.lay(raw_names([name.encode(encoding) for name in names]))
    assert folder.names(2) == sorted(["app.py", *names])


def test_tar_names(folder: Folder) -> None:
    """So do those of a tar in GBK, and those of a Mac, in the form that people type."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.GNU_FORMAT, encoding="gbk") as archive:
        for name in ("app.py", "数据/销售.csv"):
            info = tarfile.TarInfo(name)
            info.size = len(ENTRY)
            archive.addfile(info, io.BytesIO(ENTRY))
    folder.lay(bundle(file))
    assert folder.names(2) == ["app.py", "数据/销售.csv"]
    folder.lay(sent({"app.py": ENTRY, "cafe\u0301.csv": b""}))
    assert folder.names(3) == ["app.py", "caf\u00e9.csv"]


def test_unicode_path_field(folder: Folder) -> None:
    """Info-ZIP's and 7-Zip's extra field names a file better than its header does."""
    raw, name = b"caf\x82.csv", "报表.csv".encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("app.py", ENTRY)
        info = zipfile.ZipInfo("N" * len(raw))
        info.extra = struct.pack("<HHBI", 0x7075, 5 + len(name), 1, zlib.crc32(raw)) + name
        archive.writestr(info, b"x")
    folder.lay(bundle(file.getvalue().replace(b"N" * len(raw), raw)))
    assert folder.names(2) == ["app.py", "报表.csv"]


def test_broken_encoding(folder: Folder, tmp_path: Path) -> None:
    """A name that is marked as UTF-8 and is none, or holds control characters."""
    with refused(tmp_path, "bundle"):
        folder.lay(raw_names([b"\xff\xfe\xfa\xfb"], flags=0x800))
    for name in (b"a\nb", b"a\x1b[2J", b"a\x00.py", b"a\x7f"):
        with refused(tmp_path, "bundle"):
            folder.lay(raw_names([name]))


def test_encrypted(folder: Folder, tmp_path: Path) -> None:
    """A zip with a password is told apart from a damaged one."""
    with refused(tmp_path, "bundle", "without a password"):
        folder.lay(raw_names([b"secret"], flags=0x1))


@pytest.mark.parametrize("packed", [lambda data: data, gzip.compress, bz2.compress])
def test_truncated_tar(folder: Folder, tmp_path: Path, packed: Callable[[bytes], bytes]) -> None:
    """A tar that ends early, or is broken in the middle, is refused, not taken in half."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:") as archive:
        for name in ("app.py", "a.csv", "b.csv", "c.csv"):
            info = tarfile.TarInfo(name)
            info.size = 5_000
            archive.addfile(info, io.BytesIO(b"#" * 5_000))
    whole = file.getvalue()
    broken = whole[:11_264] + b"\xff" * 512 + whole[11_776:]
    for data in (packed(whole)[: len(packed(whole)) // 2], packed(broken)):
        with refused(tmp_path, "bundle"):
            folder.lay(bundle(data, "app.tar"))


def test_truncated_zip(folder: Folder, tmp_path: Path) -> None:
    """A zip cut short, or with bytes changed inside."""
    whole = zipped({"app.py": ENTRY, "data.bin": os.urandom(50_000)}).getvalue()
    for data in (whole[:30_000], whole[:-30], whole[:20_000] + b"\0" * 50 + whole[20_050:]):
        with refused(tmp_path, "bundle", "damaged"):
            folder.lay(bundle(data))


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"Rar!\x1a\x07\x00", b"7z\xbc\xaf\x27\x1c", b"<html>", ENTRY, lzma.compress(b"x"),
     b"PK\x03\x04", b"\x1f\x8b\x08\x00", gzip.compress(b"no tar"), b"PK\x05\x06" + bytes(18)],
)  # fmt: skip
def test_no_archive(folder: Folder, tmp_path: Path, data: bytes) -> None:
    """What is no zip and no tar, whatever its name; and one with nothing in it."""
    with refused(tmp_path, "bundle"):
        folder.lay(bundle(data))


@limits(deadline=None, max_examples=150)
@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    """Any bytes of an archive changed, or cut: it is laid down whole, or refused with nothing left."""
    whole = bytearray(data.draw(st.sampled_from([_small_zip(), _small_tar()])))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as root:
        folder = Folder(Path(root))
        try:
            folder.lay(bundle(bytes(whole[: data.draw(st.integers(len(whole) // 2, len(whole) * 2))])))
        except Invalid:
            assert list(folder.app.releases.iterdir()) == []
        assert {path.name for path in Path(root).iterdir()} == {"apps"}


def _small_zip() -> bytes:
    return zipped({"top/app.py": ENTRY, "top/data.csv": b"1,2\n" * 50}).getvalue()


def _small_tar() -> bytes:
    file = tarred((tarfile.TarInfo("data.csv"), b"1,2\n" * 50), mode="w:").bundle
    assert isinstance(file, io.BytesIO)
    return file.getvalue()


@limits(deadline=None, max_examples=300)
@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(["..", "/", "\\", ".", "a", "C:", "\0", " "])).map("".join)
)
@example("a/.. /b")
@example("..")
def test_any_name(name: str) -> None:
    """A name is refused, or stays inside: relative, without a step up, the same when it is cleaned again."""
    try:
        path = clean(name, "bundle")
    except Invalid:
        return
    assert ".." not in path.split("/")
    assert not path.startswith("/")
    assert "\\" not in path
    assert clean(path, "bundle") == path
    assert os.path.normpath(f"/root/{path}").startswith("/root")


@limits(deadline=None, max_examples=200)
@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5))
def test_any_bytes_become_names(names: list[bytes]) -> None:
    """However names are encoded, each becomes one."""
    assert len(decoded(names)) == len(names)
