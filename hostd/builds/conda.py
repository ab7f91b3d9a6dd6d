"""environment.yml to requirement lines: its pip section, and of conda's entries what PyPI has as well."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RENAMED = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "matplotlib-base": "matplotlib",
    "opencv": "opencv-python-headless",
    "py-opencv": "opencv-python-headless",
    "pytables": "tables",
    "msgpack-python": "msgpack",
    "psycopg2": "psycopg2-binary",
    "python-graphviz": "graphviz",
    "python-kaleido": "kaleido",
    "faiss-cpu": "faiss-cpu",
    "dask-core": "dask",
    "seaborn-base": "seaborn",
    "jsonschema-with-format": "jsonschema",
    "pyqt": "PyQt5",
    "ruamel_yaml": "ruamel.yaml",
    "tensorflow-cpu": "tensorflow-cpu",
    "grpcio-tools": "grpcio-tools",
    "python-snappy": "python-snappy",
    "streamlit-core": "streamlit",
}
"""Packages that PyPI has under another name, or in a form that needs no system library."""
ONLY_CONDA = re.compile(
    r"_.*|r|r-.*|lib.*|bioconductor-.*|perl(-.*)?|nodejs|npm|yarn|gcc.*|gxx.*|gfortran.*|clang.*|llvm.*"
    r"|c-compiler|cxx-compiler|fortran-compiler|compilers|make|cmake-bin|autoconf|pkg-config|binutils.*"
    r"|cuda.*|cudatoolkit.*|cudnn|nccl|pytorch-cuda|pytorch-mutex|mkl(-.*)?|openblas|blas|intel-openmp|tbb"
    r"|openssl|ca-certificates|ncurses|readline|sqlite|tk|xz|zlib|bzip2|zstd|lz4-c|expat|freetype|fontconfig"
    r"|jpeg|giflib|icu|ffmpeg|git|git-lfs|curl|wget|graphviz|pandoc|geos|proj|hdf5|boost(-cpp)?|glib|cairo|qt"
    r"|openjdk|java.*|go|rust|ruby|postgresql|mysql|mariadb|redis|redis-server|tesseract|poppler|chromium"
    r"|firefox|geckodriver|vim|tmux|tar|unzip|ld_impl.*|sysroot.*|conda.*|mamba|anaconda|python_abi|tzcode"
)
"""Names that mean something else on PyPI, or nothing."""
TEXT_LIMIT = 2_000_000
"""Characters of all entries together."""
_SPEC = re.compile(r"([A-Za-z0-9_.-]+)\s*(.*)")


@dataclass(frozen=True, slots=True)
class Conversion:
    """Requirement lines made of another format.

    ``nested`` are the files that they name, ``uncertain`` those lines whose name PyPI may not have.
    """

    lines: tuple[str, ...]
    python: str | None = None
    warnings: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()


def from_environment(content: Any, folder: Path) -> Conversion:
    """The content of an environment.yml that lies in ``folder``. Raises ValueError."""
    entries = content.get("dependencies") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError("it has no list of dependencies")
    own: list[str] = []
    lines: list[str] = []
    left_out: list[str] = []
    nested: list[str] = []
    python = None
    for is_pip, entry in _texts(entries):
        if is_pip:
            lines.append(_at_home(entry, folder, nested))
            continue
        name, version = parse(entry)
        if name == "python":
            python = version or None
        elif name not in ("pip", "setuptools", "wheel") and ONLY_CONDA.fullmatch(name):
            left_out.append(name)
        elif name != "pip":
            own.append(RENAMED.get(name, name) + version)
    return Conversion((*own, *lines), python, _warnings(left_out), tuple(nested), tuple(own))


def _texts(entries: list[Any]) -> Iterator[tuple[bool, str]]:
    """(whether it is pip's, entry). Raises ValueError, also for what YAML's aliases blow up."""
    room = TEXT_LIMIT
    for entry in entries:
        for text in _pip(entry) if isinstance(entry, dict) else [entry]:
            if not isinstance(text, str):
                raise ValueError("a dependency in it is no text")
            room -= len(text) + 1
            if room < 0:
                raise ValueError(f"its dependencies are more than {TEXT_LIMIT // 1_000_000} MB of text")
            yield isinstance(entry, dict), text


def _pip(entry: dict[Any, Any]) -> list[Any]:
    lines = entry.get("pip") or []
    if entry.keys() - {"pip"} or not isinstance(lines, list) or not all(isinstance(x, str) for x in lines):
        raise ValueError("its pip section must be a list of texts")
    return lines


def _warnings(left_out: list[str]) -> tuple[str, ...]:
    if not left_out:
        return ()
    names = ", ".join(left_out)
    return (f"environment.yml: only conda has these, they are not installed: {names}",)


def _at_home(line: str, folder: Path, nested: list[str]) -> str:
    """A pip line with the file that it names given in full, for our file lies elsewhere."""
    match = re.fullmatch(r"(-r|-c|--requirement|--constraint)[\s=]*([^\s=]\S*)", line.strip())
    if not match or "://" in match[2]:
        return line
    nested.append(match[2])
    return f"{match[1]} {folder / match[2]}"


def parse(entry: str) -> tuple[str, str]:
    """(name, version specifier of PEP 440) of one of conda's entries: ``channel::name=1.2=build``."""
    text = " ".join(entry.rpartition("::")[2].partition("#")[0].split())
    text = text.partition("[")[0] if text.endswith("]") else text
    match = _SPEC.fullmatch(text)
    if match is None:
        raise ValueError(f"{entry[:100]!r} is no dependency")
    return match[1].lower(), version_specifier(match[2].strip())


def version_specifier(text: str) -> str:
    """conda's version as PEP 440: ``=1.2`` to ``==1.2.*``, ``1.2 build`` to ``==1.2``, ``1.2|1.3`` to ''."""
    if not text or text == "*" or "|" in text:
        return ""
    if not re.match(r"[<>=!~]", text):  # 'name 1.2 build': exactly this version
        text = f"=={text.split(maxsplit=1)[0]}"
    return ",".join(_part(part.strip()) for part in text.split(","))


def _part(part: str) -> str:
    operator, version = re.fullmatch(r"(===?|[<>!~]=|[<>=]?)\s*(.*)", part).groups()  # type: ignore[union-attr]
    version, _, build = version.partition("=")
    version = version.split()[0] if version.strip() else ""
    if operator == "=" and not build:
        return f"=={version.removesuffix('.*').removesuffix('*')}.*"
    if operator in ("=", "", "=="):
        return f"=={version}" if "*" not in version else f"=={version.removesuffix('*').rstrip('.')}.*"
    return f"{operator}{version.removesuffix('.*')}" if operator not in ("!=",) else f"{operator}{version}"
