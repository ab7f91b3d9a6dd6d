"""A request that is not passed on to anybody."""

from __future__ import annotations

from hostd.errors import RequestError


class Refused(RequestError):  # as the rest of its tree
    """The request is answered with ``status`` and the connection closed: what follows can't be trusted."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
