"""What the gateway learns from llhttp about a response."""

from __future__ import annotations


class Watch:
    """What llhttp tells about one response. There is no on_body: bodies are never copied out."""

    __slots__ = ("done", "head_done")

    def __init__(self) -> None:
        self.head_done = False
        self.done = False

    def on_headers_complete(self) -> None:
        """llhttp read the empty line behind the head."""
        self.head_done = True

    def on_message_complete(self) -> None:
        """llhttp saw the response's end."""
        self.done = True


class Unchunking(Watch):
    """For HTTP/1.0 visitors, who know no chunks (RFC 9112 section 7.1): takes the body out of them."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []

    def on_body(self, body: bytes) -> None:
        """llhttp read a piece of a chunk."""
        self.parts.append(body)
