"""One of Streamlit's files from the platform's copy, on its way to a visitor."""

from __future__ import annotations

import asyncio
import logging
import zlib
from typing import TYPE_CHECKING

from hostd.gateway.head import Head
from hostd.gateway.statics import File
from hostd.gateway.turns import Turn
from hostd.static_files import SMALL, Damaged

if TYPE_CHECKING:
    from hostd.gateway.visitor import Visitor

logger = logging.getLogger(__name__)
_PIECE = 64 * 1024
"""Bytes written before the visitor must have taken what came before."""


class SharedFile(Turn):
    """Small files are kept in memory once they were read; large ones are read as the visitor takes them."""

    response_started = True
    """What uvicorn's cycles say when an answer can't be replaced any more."""

    def __init__(self, client: Visitor, head: Head, file: File, *, keep_alive: bool) -> None:
        super().__init__(client, head, keep_alive=keep_alive)
        self._file = file
        self._without_body = head.method == b"HEAD"
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Send it: at once when it fits, else by and by."""
        assert self.head is not None  # noqa: S101  # mypy: given to __init__
        self.client.log_access(self.head, 200)
        data = b"" if self._without_body else self._file.copies.kept(self._file.body)
        if data is None or len(data) > _PIECE:
            self._task = self.client.loop.create_task(self._send(data))
            return
        self.client.transport.write(self._answer_head() + data)
        self.complete()

    def _answer_head(self) -> bytes:
        fields = [*self._file.fields, ("Content-Length", str(self._file.body.size))]
        if not self.keep_alive:
            fields.append(("Connection", "close"))
        own = "".join(f"{name}: {value}\r\n" for name, value in fields).encode("latin-1")
        common = b"".join(b"%b: %b\r\n" % pair for pair in self.client.server_state.default_headers)
        return b"HTTP/1.1 200 OK\r\n%b%b\r\n" % (own, common)

    async def _send(self, data: bytes | None) -> None:
        """A file that can't be read to its end is cut: half of it must not be kept as if it were whole."""
        try:
            if data is None and self._file.body.size <= SMALL:
                data = await asyncio.to_thread(self._file.copies.read_whole, self._file.body)
                self._file.copies.keep(self._file.body, data)
            self.client.transport.write(self._answer_head())
            if data is None:
                await self._stream()
            else:
                for begin in range(0, len(data), _PIECE):
                    await self._piece(data[begin : begin + _PIECE])
            if not self.disconnected:
                self.complete()
        except Exception as error:  # whatever it is: nobody may wait for an answer that does not come
            if isinstance(error, Damaged):
                self._file.copies.forget(self._file.body)
            logger.exception("%s can't be sent", self._file.body)
            self.client.cut(reset=True)

    async def _stream(self) -> None:
        copies, body, crc = self._file.copies, self._file.body, 0
        for begin in range(0, body.size, _PIECE):
            piece = await asyncio.to_thread(copies.read, body, begin, _PIECE)
            crc = zlib.crc32(piece, crc)
            if begin + len(piece) == body.size and crc != body.crc:
                raise Damaged(body)
            await self._piece(piece)
            if self.disconnected:
                return

    async def _piece(self, piece: bytes) -> None:
        if not self.disconnected:
            self.client.transport.write(piece)
            await self.client.flow.drain()

    def abort(self) -> None:
        """The visitor is gone."""
        super().abort()
        if self._task is not None:
            self._task.cancel()
