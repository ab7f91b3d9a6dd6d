"""The service: one FastAPI application and the gateway, on one port."""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from hostd import __version__, builds, cgroups, first_admin, problems, uids
from hostd.api import Api
from hostd.api.sign_in import SignInPages
from hostd.framing import Unframed
from hostd.gateway import descriptors, protocol_class
from hostd.guard import Guard
from hostd.house import House, build
from hostd.layout import Layout
from hostd.lifecycle.disk_watch import DiskWatch
from hostd.lifecycle.watchdog import Watchdog
from hostd.settings import load
from hostd.supervisor import Changes

log = logging.getLogger("hostd")
CALLS_AT_ONCE = 200
"""API calls that may block at once; a stop waits for its process."""


def create_app(house: House) -> FastAPI:
    """The FastAPI service: ``/api`` and the failures of everything else."""
    app = FastAPI(
        title="hostd",
        version=__version__,
        description="Upload a Streamlit app, get a URL.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        servers=[{"url": house.settings.path_prefix or "/"}],
        lifespan=_lifespan(house),
    )
    rooms = (house.lifecycle, house.settings, house.templates, house.gateway.busy)
    api = Api(*rooms, isolation=house.isolation, signing=house.signing)
    app.include_router(api.router())
    app.include_router(SignInPages(house.signing, house.settings, house.templates).router())
    app.add_middleware(Guard, settings=house.settings, people=house.people, audit=house.signing.audit)
    app.add_middleware(Unframed)
    problems.install(app)
    return app


def _lifespan(house: House) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = CALLS_AT_ONCE
        closing = threading.Event()
        changes = Changes(house.layout.events_socket)
        await asyncio.to_thread(house.lifecycle.recover)
        watchdog = Watchdog(**_shared(house))
        for name, run, argument in _watches(house, watchdog, closing, changes):
            threading.Thread(target=run, args=(argument,), name=name, daemon=True).start()
        yield
        closing.set()
        house.lifecycle.close()
        await asyncio.to_thread(watchdog.close)

    return lifespan


def _shared(house: House) -> dict[str, Any]:
    """The rooms that all who watch apps look into."""
    life = house.lifecycle
    rooms: dict[str, Any] = {"registry": life.registry, "deployer": life.deployer}
    return rooms | {"settings": house.settings, "layout": house.layout}


def _watches(
    house: House, watchdog: Watchdog, closing: threading.Event, changes: Changes
) -> Iterator[tuple[str, Callable[[Any], None], Any]]:
    """What goes on beside the requests, each in a thread: its name, the function, its argument."""
    yield "watchdog", watchdog.run, closing
    yield "disk", DiskWatch(**_shared(house)).run, closing
    yield "watch", house.lifecycle.watch, changes
    yield "announce", _announce_console, house
    if cgroups.used():
        yield "cgroups", cgroups.keep_swept, closing


def _announce_console(house: House, interval: float = 0.1) -> None:
    """Say where the console is once it answers."""
    health = house.lifecycle.deployer.launcher.health
    base = f"{house.settings.path_prefix}/console"
    while not health.ready(house.settings.console_port, base):
        time.sleep(interval)
    log.info("console: %s/console/", house.settings.public_base)


def serve() -> None:
    """Run the service until SIGTERM. What ``python -m hostd serve`` does."""
    settings = load()
    descriptors.raise_limit()
    house = build(settings)
    _log_to(house.layout)
    log.info("hostd %s on %s:%s, data in %s", __version__, settings.bind, settings.port, settings.data)
    house = replace(house, isolation=uids.isolation(settings, builds.UV, builds.interpreter()))
    log.info("isolation of apps: %s", house.isolation)
    log.info("apps run as %s", uids.described(settings, builds.UV, builds.interpreter()))
    if house.isolation.lacks:
        log.warning("warning: %s, so all apps run as one user", uids.lack(house.isolation.lacks))
    for notice in (*settings.notices, *first_admin.missing(settings, house.people)):
        log.warning(notice)
    config = uvicorn.Config(
        create_app(house),
        host=settings.bind,
        port=settings.port,
        http=protocol_class(house.gateway),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run()


def _log_to(layout: Layout) -> None:
    file = logging.handlers.RotatingFileHandler(
        layout.logs / "hostd.log", maxBytes=10_000_000, backupCount=3, encoding="utf-8"
    )
    terminal = logging.StreamHandler(sys.stdout)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    terminal.setFormatter(logging.Formatter("hostd: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[file, terminal])
    for chatty in ("httpx", "httpcore", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
