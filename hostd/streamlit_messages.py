"""The few fields of Streamlit's protocol that a first session reads, by protobuf's wire format.

An app brings its own Streamlit, and every version its own generated classes; what never changed are the
field numbers (streamlit/proto/*.proto, the same from 1.12 to 1.67), and hostd needs only these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_NEW_SESSION, _DELTA, _SCRIPT_FINISHED, _SESSION_EVENT, _REF_HASH = 4, 5, 6, 10, 11  # ForwardMsg
_COMPILATION_EXCEPTION = 3  # SessionEvent
_NEW_ELEMENT = 3  # Delta
_EXCEPTION = 8  # Element
_STILL_NOTHING = frozenset({2, 36, 44, 52, 60})  # Element: empty, favicon, spinner, skeleton, space
_STYLE = frozenset({57, 58, 61, 65})  # Element: height, width, alignment, one-shot effect
_RERUN_SCRIPT, _CONTEXT_INFO = 11, 8  # BackMsg, ClientState


class Finished(IntEnum):
    """ForwardMsg.ScriptFinishedStatus."""

    SUCCESSFULLY = 0
    WITH_COMPILE_ERROR = 1
    EARLY_FOR_RERUN = 2
    FRAGMENT_RUN = 3


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception as Streamlit shows it. ``frames`` as traceback prints them, outermost first."""

    type: str
    message: str
    frames: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What one ForwardMsg says that matters here.

    ``started`` is a run's beginning, ``finished`` its end, ``shown`` an element that a person can see,
    ``raised`` an exception that is shown, ``compiling`` whether it is one of compiling the script.
    """

    started: bool = False
    finished: Finished | None = None
    shown: bool = False
    raised: Raised | None = None
    compiling: bool = False


def rerun(url: str) -> bytes:
    """BackMsg.rerun_script, with what a browser says of itself (apps read ``st.context.timezone``)."""
    context = _text(1, "UTC") + b"\x10\x00" + _text(3, "en-US") + _text(4, url) + _text(6, "light")
    return _nested(_RERUN_SCRIPT, _nested(_CONTEXT_INFO, context))


def read(message: bytes) -> Said:
    """What a ForwardMsg says. Raises ValueError when it is none."""
    for number, value in fields(memoryview(message)):
        if number == _SCRIPT_FINISHED and isinstance(value, int):
            return Said(finished=_status(value))
        if number == _NEW_SESSION:
            return Said(started=True)
        if number == _REF_HASH:
            return Said(shown=True)
        if number == _DELTA and not isinstance(value, int):
            return _delta(value)
        if number == _SESSION_EVENT and not isinstance(value, int):
            found = _first(value, _COMPILATION_EXCEPTION)
            return Said(raised=_exception(found), compiling=True) if found is not None else Said()
    return Said()


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Each field of a message: its number, and an integer or its bytes. Raises ValueError when cut off."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"no wire type {kind}")
        if at + size > len(data):
            raise ValueError("a message is cut off")
        yield key >> 3, data[at : at + size]
        at += size


def _delta(data: memoryview) -> Said:
    element = _first(data, _NEW_ELEMENT)
    if element is None:
        return Said()
    kinds = {number: value for number, value in fields(element) if number not in _STYLE}
    found = kinds.get(_EXCEPTION)
    raised = _exception(found) if isinstance(found, memoryview) else None
    return Said(shown=bool(kinds.keys() - _STILL_NOTHING), raised=raised)


def _exception(data: memoryview) -> Raised:
    texts: dict[int, list[str]] = {1: [], 2: [], 3: []}
    for number, value in fields(data):
        if number in texts and isinstance(value, memoryview):
            texts[number].append(bytes(value).decode("utf-8", "replace"))
    return Raised("".join(texts[1]), "".join(texts[2]), tuple(texts[3]))


def _first(data: memoryview, wanted: int) -> memoryview | None:
    found = (value for number, value in fields(data) if number == wanted)
    return next((value for value in found if isinstance(value, memoryview)), None)


def _status(value: int) -> Finished:
    try:
        return Finished(value)
    except ValueError:  # a status of the future: the run ended all the same
        return Finished.SUCCESSFULLY


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a message is cut off")


def _nested(number: int, content: bytes) -> bytes:
    size, head = len(content), bytearray()
    while size >= 0x80:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | _BYTES, *head, size]) + content


def _text(number: int, text: str) -> bytes:
    return _nested(number, text.encode())
