"""A visitor's WebSocket is handed to the app's process (hostd/runner.py): the gateway has no part in it.

Who may is decided before, as for every request. The tab must name the process in its path, since nobody
hears the session's id here. Where it can't be done the tunnel is there: an older Streamlit, TLS in the
gateway, a proxy (whose connection may carry other people's requests later, for the app to read), bytes of
an earlier answer still to be written, bytes behind the head (which uvicorn would lose, or answer before its
101).
"""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hostd.gateway.affinity import Target
from hostd.gateway.head import Head
from hostd.gateway.paths import Place
from hostd.gateway.upgrade import Upgrade

if TYPE_CHECKING:
    from hostd.gateway.visitor import Visitor

_BY_A_PROXY = (b"x-forwarded-", b"forwarded", b"x-real-ip", b"via")
"""How the fields begin that a proxy adds (RFC 7239, RFC 9110 section 7.6.3, and custom)."""


class HandOver:
    """The sockets of the apps' runners in ``folder``, one folder per port; None: nothing is handed over."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def wanted(self, client: Visitor, head: Head, place: Place, target: Target) -> bool:
        """Whether this request's socket may become the app's."""
        if self._folder is None or target.route.access is not None:
            return False  # the gateway must be able to end it
        if not (head.websocket and target.has_session(place)):
            return False
        if client.forwarding.trusted or any(low.startswith(_BY_A_PROXY) for low, _, _ in head.fields):
            return False
        return target.is_named(place) and client.transport.get_extra_info("sslcontext") is None

    def give(self, port: int, packet: bytes, fd: int) -> bool:
        """Hand the socket ``fd`` to the process at ``port``; False when it can't take it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) as connection:
            try:
                connection.connect(self._address(port))
                return socket.send_fds(connection, [packet], [fd]) == len(packet)
            except OSError:
                return False

    def _address(self, port: int) -> str:
        """sun_path may have 107 bytes, and a data folder's path more."""
        if self._descriptor is None:
            assert self._folder is not None  # noqa: S101  # mypy
            self._descriptor = os.open(self._folder, os.O_PATH)
        return f"/proc/self/fd/{self._descriptor}/{port}/door"

    def open(self, port: int) -> int:
        """How many handed sockets the process at ``port`` has open. Any thread may ask.

        The process holds a lock on the file with the number: what a dead one left there counts nothing.
        """
        if self._folder is None:
            return 0
        with (
            suppress(OSError, ValueError),
            open(self._folder / str(port) / "door.open", "rb", opener=_at_once) as file,
        ):
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(os.pread(file.fileno(), 8, 0))
        return 0


def _at_once(path: str, flags: int) -> int:
    """The folder is the apps' too: a FIFO there must not be waited for."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


class HandedOver(Upgrade):
    """A WebSocket's request whose answer the app will give itself."""

    def start(self) -> None:
        """Read no more from the visitor; whether more came with the head is known in a moment."""
        self.client.throttle()
        self.client.loop.call_soon(self._give)

    def _give(self) -> None:
        client, transport = self.client, self.client.transport
        if self.disconnected or transport.is_closing():
            return
        held_up = self._early or transport.get_write_buffer_size() or not self._has_room()
        if held_up or not self._given():
            super().start()
            client.unthrottle()
            return
        self.response_complete = True
        client.gateway.loads.connected(self.port)  # the process counts it from now on
        client.let_go()
        transport.abort()  # closes this process's descriptor: the connection lives on

    def _given(self) -> bool:
        descriptor = self.client.transport.get_extra_info("socket").fileno()
        return self.client.gateway.hand_over.give(self.port, self.request, descriptor)
