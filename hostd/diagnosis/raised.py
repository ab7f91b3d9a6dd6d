"""What an exception of an app means: missing modules, secrets, files; packages that do not fit each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hostd.diagnosis.packages import package_of
from hostd.models import FailureKind
from hostd.tracebacks import Trace, last

_PACKAGED = re.compile(
    r"(?:site|dist)-packages/|[\"']<frozen |/?\blib(?:64)?/python3|\"python3[\d.]*/|\.pyx\"|/bin/streamlit\""
    r"|/hostd_runner\.py\""
)
_INSTALLED = re.compile(r"(?:site|dist)-packages/")
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<name>.+))?')
_OPTIONAL = re.compile(
    r"pip3? install [\"'`]?(?P<package>[A-Za-z][\w.-]*)|Missing optional dependency '(?P<other>[^']+)'"
)
_NOT_OF_PACKAGES = {"MemoryError", "FileNotFoundError", "KeyboardInterrupt", "SystemExit", "PermissionError"}
_SECRET = re.compile(r"st\.secrets has no (?:key|attribute) \"(?P<name>[^\"]+)\"")
_SECRET_ASKED = re.compile(r"st\.secrets(?:\.get\(|\[|\.)[\"']?(\w+)")
_NO_SECRETS = re.compile(r"No secrets (?:files )?found\.")
_LIBRARY = re.compile(r"(?P<library>[\w.+-]+\.so(?:\.\d+)*): cannot open shared object file")
_BOUND = re.compile(
    r"Address already in use|while attempting to bind on address|Runtime instance already exists"
)

_DENIED = re.compile(r"\[Errno 13\]|\b[Pp]ermission denied")


@dataclass(frozen=True, slots=True)
class Cause:
    """What hostd/words.py is to say; ``kind`` None is the caller's own."""

    code: str
    values: Mapping[str, str] = field(default_factory=dict)
    kind: FailureKind | None = None


def blames_dependencies(failure_log: str) -> bool:
    """Whether the last traceback of a log arose while packages were imported, and in their own code."""
    trace = last(failure_log)
    return trace is not None and _is_of_packages(trace)


def cause_of(trace: Trace) -> Cause | None:
    """What the exception means; None when it is just the app's own."""
    for recognise in _RECOGNISERS:
        if found := recognise(trace):
            return found
    return None


def place_of(trace: Trace) -> str:
    """Where in the app's own code it was raised (``app.py, line 5``); '' when that is not known."""
    for frame in reversed(trace.frames):
        match = _FRAME.search(frame)
        if match and not _PACKAGED.search(frame.split("\n")[0]) and not match["file"].startswith("<"):
            return f"{match['file']}, line {match['line']}"
    return ""


def _kind(trace: Trace) -> str:
    return trace.type.rsplit(".", 1)[-1]


def _is_of_packages(trace: Trace) -> bool:
    if _kind(trace) in _NOT_OF_PACKAGES or _OPTIONAL.search(trace.message):
        return False
    if _unfit_import(trace):
        return True
    heads = [frame.split("\n")[0] for frame in trace.frames if _FRAME.search(frame)]
    own = [at for at, head in enumerate(heads) if not _PACKAGED.search(head)]
    after = heads[own[-1] + 1 :] if own else heads
    in_package = [head for head in after if _INSTALLED.search(head) and "/bin/" not in head]
    return any(head.rstrip().endswith("in <module>") for head in in_package)


def _unfit_import(trace: Trace) -> bool:
    """An import that finds the package, but not what it should have: it is of another time."""
    if _kind(trace) == "ModuleNotFoundError":
        named = re.match(r"No module named '[\w]+\.[\w.]+'$", trace.message)
        return named is not None
    return _kind(trace) == "ImportError" and bool(
        re.match(r"cannot import name .*(?:site|dist)-packages/", trace.message, re.DOTALL)
    )


def _module(trace: Trace) -> Cause | None:
    missing = re.match(
        r"No module named '(?P<module>[^']+)'(?P<shadowed>; '[^']+' is not a package)?", trace.message
    )
    if _kind(trace) != "ModuleNotFoundError" or not missing:
        return None
    module = missing["module"]
    top = module.split(".")[0]
    if missing["shadowed"]:
        return Cause("module_shadowed", {"module": module, "file": f"{top}.py"})
    if module == "streamlit":
        return Cause("streamlit_missing")
    package = package_of(module)
    if package is None:
        return Cause("module_part_missing", {"module": module})
    return Cause("module_missing", {"module": module, "package": package})


def _own_module(trace: Trace) -> Cause | None:
    """A module that the app's own code imports: it is missing, whatever else is in the traceback."""
    return _module(trace) if trace.frames and not _INSTALLED.search(trace.frames[-1].split("\n")[0]) else None


def _library(trace: Trace) -> Cause | None:
    match = _LIBRARY.search(trace.message)
    return Cause("library_missing", match.groupdict()) if match else None


def _optional(trace: Trace) -> Cause | None:
    match = _OPTIONAL.search(trace.message) if _kind(trace).endswith("ImportError") else None
    if not match:
        return None
    package = match["package"] or match["other"]
    return Cause("module_missing", {"module": package, "package": package})


def _name(trace: Trace) -> Cause | None:
    match = re.match(r"cannot import name '(?P<name>[^']+)' from '(?P<module>[^']+)'", trace.message)
    if _kind(trace) != "ImportError" or not match or "circular import" in trace.message:
        return None
    if _PACKAGED.search(trace.frames[-1].split("\n")[0]) if trace.frames else False:
        return None
    return Cause("name_missing", match.groupdict())


def _unfit(trace: Trace) -> Cause | None:
    if not _is_of_packages(trace):
        return None
    return Cause("dependencies_unfit", {"type": _kind(trace), "message": trace.message.split("\n")[0][:200]})


def _secret(trace: Trace) -> Cause | None:
    if match := _SECRET.search(trace.message):
        return Cause("secret_missing", match.groupdict())
    if not _NO_SECRETS.search(trace.message):
        return None
    asked = _SECRET_ASKED.search("\n".join(trace.frames))
    return Cause("secret_missing", {"name": asked[1]}) if asked else Cause("secrets_missing")


def _environment(trace: Trace) -> Cause | None:
    inside = trace.frames and (
        '"<frozen os>"' in trace.frames[-1] or re.search(r'/?os\.py", line', trace.frames[-1])
    )
    if _kind(trace) != "KeyError" or not inside:
        return None
    return Cause("environment_missing", {"name": trace.message.strip("'\"")})


def _file(trace: Trace) -> Cause | None:
    match = re.search(r"No such file or directory: b?['\"](?P<path>.+?)['\"](?: ->|$)", trace.message)
    if _kind(trace) != "FileNotFoundError" or not match:
        return None
    if trace.frames and "subprocess.py" in trace.frames[-1]:
        return Cause("program_missing", {"program": match["path"]})
    return Cause("file_missing", match.groupdict())


def _syntax(trace: Trace) -> Cause | None:
    if _kind(trace) not in ("SyntaxError", "IndentationError", "TabError"):
        return None
    text = "\n".join([*trace.frames, trace.message])
    places = list(_FRAME.finditer(text))
    lines = [line for line in trace.message.splitlines() if line.strip()]
    message = re.sub(r"^\w+Error: ", "", lines[-1]) if lines else _kind(trace)
    place = f"{places[-1]['file']}, line {places[-1]['line']}" if places else "app"
    return Cause("syntax_error", {"place": place, "message": message})


def _memory(trace: Trace) -> Cause | None:
    return (
        Cause("memory_error", kind=FailureKind.OUT_OF_MEMORY)
        if _kind(trace).endswith("MemoryError")
        else None
    )


def _disk(trace: Trace) -> Cause | None:
    full = re.search(r"\[Errno (?:28|122)\]", trace.message)
    return Cause("disk_full", kind=FailureKind.DISK_FULL) if full else None


def _port(trace: Trace) -> Cause | None:
    if not _BOUND.search(trace.message):
        return None
    port = re.search(r"\('[\d.:a-z]+', (?P<port>\d+)\)", trace.message)
    return Cause("port_hard_coded", port.groupdict()) if port else Cause("server_inside")


def _denied(trace: Trace) -> Cause | None:
    """What the app may not: files outside its allow-list, ports that it may not listen on or connect to."""
    if not _DENIED.search(trace.message):
        return None
    if path := re.search(r"Permission denied: b?['\"](?P<path>.+?)['\"](?: ->|$)", trace.message):
        return Cause("file_not_allowed", path.groupdict())
    if port := re.search(r"\bport[ =:]+(?P<port>\d+)", trace.message):
        return Cause("port_not_allowed", port.groupdict())
    at = trace.frames[-1].split("\n")[-1] if trace.frames else ""
    if ".bind(" in at:
        return Cause("server_inside")
    return Cause("connection_not_allowed") if "connect" in at else None


_RECOGNISERS: tuple[Callable[[Trace], Cause | None], ...] = (
    *(_memory, _disk, _port, _denied, _library, _optional, _secret),
    *(_name, _own_module, _unfit, _module, _environment, _file, _syntax),
)
