"""What an operator can choose about the gateway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hostd.access import Viewer
from hostd.gateway.descriptors import for_connections
from hostd.origins import Origins


def nobody(_cookie: bytes) -> Viewer | None:
    """Whose a Cookie field is where nobody can sign in."""
    return None


def mixes_none(_cookie: bytes) -> bool:
    """Whether a Cookie field is of one sign-in, where there is none."""
    return True


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """Times are seconds.

    ``prefix`` is the path of PUBLIC_BASE without its last slash ('' or '/tools/st'); ``public_scheme``
    its scheme ('' means: as the connection is). ``trusted_proxies`` are addresses or networks whose
    ``X-Forwarded-*`` is appended to; everybody else's is replaced. ``head_timeout`` is how long an app
    may take until its answer's head; bodies and WebSockets have no limit. ``idle_timeout`` is how long
    an unused connection to an app is kept: below uvicorn's 5 s, so that the app never closes first.
    ``max_connections_per_app`` is per process, and of requests: WebSockets have ``max_tunnels_per_app``.
    ``max_sockets`` is how many connections there may be at all, visitors' and to apps (see ``Pool``).
    ``hand_over`` is the folder with the sockets of the apps' runners, None when they have none.
    ``wake_hold`` is how long a request is held for an app that starts. ``whose`` tells from a Cookie field
    who is looking; it is asked at every request for an app that is not public, and again every ``recheck``
    for each open WebSocket. ``sign_in`` is the path of the sign-in page behind the prefix, '' for none.
    ``is_one_sign_in`` tells whether the console's cookie and that of who looks are of one sign-in.
    ``origins`` says whether apps have origins of their own; then ``public_base`` is the main host's URL, and
    ``view_cookie`` the name of the cookie that ``whose`` reads.
    """

    prefix: str = ""
    public_scheme: str = ""
    trusted_proxies: tuple[str, ...] = ()
    connect_timeout: float = 5.0
    head_timeout: float = 120.0
    request_head_timeout: float = 30.0
    idle_timeout: float = 4.0
    half_close_timeout: float = 10.0
    shutdown_grace: float = 0.3
    wake_hold: float = 20.0
    max_connections_per_app: int = 500
    max_tunnels_per_app: int = 3_000
    max_sockets: int = field(default_factory=for_connections)
    hand_over: Path | None = None
    whose: Callable[[bytes], Viewer | None] = nobody
    is_one_sign_in: Callable[[bytes], bool] = mixes_none
    sign_in: str = ""
    recheck: float = 2.0
    origins: Origins = field(default_factory=lambda: Origins(""))
    public_base: str = ""
    view_cookie: str = "hostd"
