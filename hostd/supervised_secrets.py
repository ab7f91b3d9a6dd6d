"""What supervisord does about the secrets of the apps that it runs. Part of hostd/supervisor_plugin.py.

- What a program writes is scrubbed of them before it reaches run.log, since that is on the disk.
- The file that a program reads them from is taken away when it has stopped, also while hostd is away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from supervisor import events
from supervisor.dispatchers import POutputDispatcher, stripEscapes

from hostd import bounded_toml
from hostd.scrubbing import Scrubber, Stream, texts

SIZE_LIMIT = 262_144
"""Bytes. The file is the app's: what is larger than hostd makes it (vault/tables.py) is not read."""


def watch() -> None:
    """From now on, for every program that starts."""
    events.subscribe(events.ProcessStateStoppedEvent, _take_away)
    events.subscribe(events.ProcessStateFatalEvent, _take_away)
    POutputDispatcher._log = _scrubbed_log(POutputDispatcher._log)
    POutputDispatcher.close = _flushed_close(POutputDispatcher.close)


def _file(process: Any) -> Path:
    """Beside the program's log: ``apps/<app_id>/secrets/<program>.toml``. Only apps have one."""
    log = process.config.stdout_logfile or "/nowhere/log"
    return Path(log).parent / "secrets" / f"{process.config.name}.toml"


def _take_away(event: Any) -> None:
    """And what a hostd that was killed while it wrote has left (hostd/vault)."""
    file = _file(event.process)
    for path in (file, file.with_name(f".{file.name}.tmp")):
        path.unlink(missing_ok=True)


def _scrubbed_log(log: Any) -> Any:
    def scrubbed(dispatcher: POutputDispatcher, data: bytes) -> None:
        stream = _stream(dispatcher)
        if stream is not None:
            plain = stripEscapes(data) if dispatcher.process.config.options.strip_ansi else data
            data = stream.feed(plain)
        log(dispatcher, data)

    return scrubbed


def _flushed_close(close: Any) -> Any:
    def flushed(dispatcher: POutputDispatcher) -> None:
        stream = _stream(dispatcher)
        if stream is not None and not dispatcher.closed:
            dispatcher.__dict__["stream"] = None
            dispatcher._log(stream.rest())
        close(dispatcher)

    return flushed


def _stream(dispatcher: POutputDispatcher) -> Stream | None:
    """The one of this process's output, from when its secrets are there; before that it has not read them."""
    found = dispatcher.__dict__
    if "stream" not in found:
        file = _file(dispatcher.process)
        if not file.exists():
            return None
        scrubber = _scrubber(file)
        found["stream"] = Stream(scrubber) if scrubber else None
    stream: Stream | None = found["stream"]
    return stream


def _scrubber(path: Path) -> Scrubber:
    try:
        with path.open("rb") as file:
            return Scrubber(texts(bounded_toml.loads(file.read(SIZE_LIMIT).decode())))
    except (OSError, ValueError):
        return Scrubber(())
