"""What the gateway takes for granted of uvicorn and httptools; a new version must be looked at first."""

from __future__ import annotations

import inspect

import httptools
import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


def test_uvicorn_is_the_pinned_one() -> None:
    """The gateway subclasses internals: this is the version whose source was read."""
    assert uvicorn.__version__ == "0.54.0"


@pytest.mark.parametrize(
    "name",
    [
        *("connection_made", "connection_lost", "shutdown", "pause_writing", "resume_writing"),
        *("data_received", "on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body"),
        *("on_message_complete", "on_response_complete", "_start_asgi_task", "_unset_keepalive_if_required"),
        *("timeout_keep_alive_handler", "handle_websocket_upgrade", "send_400_response", "_should_upgrade"),
    ],
)
def test_what_is_overridden_or_called_exists(name: str) -> None:
    """A renamed method would silently not be overridden."""
    assert callable(getattr(HttpToolsProtocol, name))


@pytest.mark.parametrize(
    "attribute",
    ["response_complete", "disconnected", "message_event", "keep_alive", "more_body", "response_started"],
)
def test_a_turn_has_what_uvicorn_looks_at(attribute: str) -> None:
    """The attributes of a cycle that both sides use are those that its constructor sets."""
    assert f"self.{attribute} = " in inspect.getsource(RequestResponseCycle.__init__)


def test_llhttp_without_on_body_copies_nothing() -> None:
    """A parser whose protocol has no on_body and no on_header still finds the response's end."""
    done: list[bool] = []

    class Watch:
        def on_message_complete(self) -> None:
            done.append(True)

    parser = httptools.HttpResponseParser(Watch())
    parser.feed_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
    assert not done
    parser.feed_data(b"\r\n")
    assert done == [True]
