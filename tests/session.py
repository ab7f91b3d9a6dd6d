"""A Streamlit session over Streamlit's own protocol, without a browser: opened, re-run, uploaded to."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect


class Session:
    """One open session. ``base`` is the app's URL without its last slash.

    ``cookie`` is sent as well, and ``headers``, names and values.
    """

    def __init__(
        self, base: str, timeout: float = 60.0, cookie: str = "", headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        self.base = base
        self._timeout = timeout
        self._own = [cookie] if cookie else []
        self._headers = list(headers)
        health = f"{base}/_stcore/health"
        asked = httpx.get(health, headers=self._fields(), timeout=timeout, trust_env=False)
        self._cookies = asked.cookies
        self._xsrf = self._cookies.get("_streamlit_xsrf") or ""
        self.session_id = ""
        self._open = ExitStack()
        self._socket = self._connect()

    def _fields(self, *more: str) -> list[tuple[str, str]]:
        cookies = [("Cookie", "; ".join((*self._own, *more)))] if self._own or more else []
        return [*self._headers, *cookies]

    def _connect(self) -> Any:
        protocols: list[Any] = ["streamlit", self._xsrf or "PLACEHOLDER"]
        if self.session_id:
            protocols.append(self.session_id)
        opened = connect(
            f"{self.base.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=protocols,
            additional_headers=self._fields(*([f"_streamlit_xsrf={self._xsrf}"] if self._xsrf else [])),
            compression=None,
            max_size=None,
            open_timeout=self._timeout,
            proxy=None,
        )
        return self._open.enter_context(opened)

    def run(self) -> list[str]:
        """Re-run the script; the texts that it shows, exceptions included."""
        message = BackMsg()
        message.rerun_script.query_string = ""
        self._socket.send(message.SerializeToString())
        texts: list[str] = []
        while True:
            said = self._read()
            kind = said.WhichOneof("type")
            if kind == "new_session":
                self.session_id = said.new_session.initialize.session_id or self.session_id
                texts.clear()
            elif kind == "delta" and said.delta.WhichOneof("type") == "new_element":
                texts.append(_text(said.delta.new_element))
            elif kind == "script_finished":
                return [text for text in texts if text]

    def _read(self) -> ForwardMsg:
        said = ForwardMsg()
        said.ParseFromString(self._socket.recv(timeout=self._timeout))
        return said

    def upload(self, data: bytes) -> int:
        """Send a file as the front end does; the status of the answer."""
        where = f"{self.base}/_stcore/upload_file/{self.session_id}/{uuid.uuid4()}"
        answer = httpx.put(
            where,
            files={"file": ("data.bin", data)},
            headers={"X-Xsrftoken": self._xsrf},
            cookies=self._cookies,
            timeout=self._timeout,
            trust_env=False,
        )
        return answer.status_code

    def reconnect(self) -> None:
        """Lose the socket, and come back as a browser does: with the session's id."""
        self._open.close()
        self._socket = self._connect()

    def close(self) -> None:
        """Leave."""
        self._open.close()


def _text(element: Any) -> str:
    kind = element.WhichOneof("type")
    if kind in ("text", "markdown", "heading"):
        return str(getattr(element, kind).body)
    if kind == "exception":
        return f"{element.exception.type}: {element.exception.message}"
    return ""
