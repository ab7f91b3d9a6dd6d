"""Composition root of the service: builds every room once and hands it in."""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from hostd import __version__, builds, first_admin, memory, problems, uids
from hostd.api import Api, Problem
from hostd.api.sign_in import SignInPages
from hostd.audit import Audit
from hostd.framing import Unframed
from hostd.gateway import Gateway, GatewayOptions, protocol_class
from hostd.guard import Guard
from hostd.health import Health, Ports
from hostd.isolation import NONE, Isolation
from hostd.layout import Layout
from hostd.lifecycle import Lifecycle
from hostd.lifecycle.deploy import Deployer
from hostd.lifecycle.disk_watch import DiskWatch
from hostd.lifecycle.draining import Drainer
from hostd.lifecycle.gate import Gate
from hostd.lifecycle.installing import Installer
from hostd.lifecycle.launching import Launcher
from hostd.lifecycle.owners import Owners
from hostd.lifecycle.registry import Registry
from hostd.lifecycle.replicas import Replicas
from hostd.lifecycle.scaling import Scaler
from hostd.lifecycle.sleeping import Sleeper
from hostd.lifecycle.takeover import Takeover
from hostd.lifecycle.watchdog import Watchdog
from hostd.lifecycle.workers import Slots
from hostd.models import Route, Status
from hostd.people import Cookies, People
from hostd.settings import Settings, load
from hostd.signing import Signing, provider_of
from hostd.static_files import StaticCopies
from hostd.store import Store
from hostd.supervisor import Changes, Supervisor
from hostd.templating import Templates
from hostd.uids import Uids
from hostd.vault import Vault
from hostd.vault import keys as vault_keys

log = logging.getLogger("hostd")
CALLS_AT_ONCE = 200
"""API calls that may block at once; a stop waits for its process."""


@dataclass(frozen=True, slots=True)
class House:
    """All rooms, wired."""

    settings: Settings
    layout: Layout
    templates: Templates
    lifecycle: Lifecycle
    gateway: Gateway
    people: People
    signing: Signing
    isolation: Isolation = NONE


def build(settings: Settings) -> House:
    """Make every room once. Raises SettingsError when the key of the secrets can't be read."""
    layout, templates = Layout(settings.data), Templates()
    store, keys = Store(layout), vault_keys.load(settings, layout)
    registry = Registry(store, Route(Status.RUNNING, settings.console_port, "console"))
    supervisor = Supervisor(layout.socket, layout.supervisor_password)
    found = uids.usable(settings, builds.UV, builds.interpreter())
    shared: Any = {
        "settings": settings,
        "layout": layout,
        "templates": templates,
        "supervisor": supervisor,
        "registry": registry,
    }
    owners = Owners(layout=layout, registry=registry, uids=found if isinstance(found, Uids) else None)
    shared["owners"] = owners
    installer = Installer(**shared, slots=Slots(settings.parallel_installs))
    vault = Vault(layout=layout, keys=keys)
    ports = Ports(settings.port_min, settings.port_max)
    room = memory.Room(settings.memory_reserve_mb)
    launcher = Launcher(
        **shared,
        ports=ports,
        health=Health(),
        slots=Slots(settings.parallel_starts),
        room=room,
        vault=vault,
    )
    people = People(
        layout.people,
        Cookies(settings.public_base),
        sign_in=settings.wants_people,
        operator=bool(settings.admin_token or settings.oidc_admin_groups),
        session_seconds=settings.session_hours * 3600,
    )
    gateway = _gateway(settings, registry, templates, layout, people)
    registry.on_change(gateway.waking.routes_changed)
    rooms: Any = {"layout": layout, "registry": registry, "launcher": launcher}
    rooms["replicas"] = Replicas(**rooms, busy=gateway.busy, scaler=Scaler(gateway.tunnels))
    deployer = Deployer(
        **rooms,
        settings=settings,
        supervisor=supervisor,
        installer=installer,
        gate=Gate(
            layout=layout, registry=registry, launcher=launcher, settings=settings, installer=installer
        ),
        drainer=Drainer(**rooms, busy=gateway.busy),
        takeover=Takeover(**rooms, supervisor=supervisor),
        sleeper=Sleeper(**rooms, settings=settings, visits=gateway, room=room),
    )
    lifecycle = Lifecycle(settings=settings, layout=layout, store=store, registry=registry, deployer=deployer)
    gateway.waking.wake_by(lifecycle.wake)
    signing = Signing(people, Audit(layout.audit), **provider_of(settings))
    return House(settings, layout, templates, lifecycle, gateway, people, signing)


def _gateway(
    settings: Settings, registry: Registry, templates: Templates, layout: Layout, people: People
) -> Gateway:
    options = GatewayOptions(
        prefix=settings.path_prefix,
        public_scheme=urlsplit(settings.public_base).scheme,
        trusted_proxies=settings.trusted_proxies,
        hand_over=layout.hand_over if settings.hand_over else None,
        whose=people.whose,
        is_one_sign_in=people.is_one_sign_in,
        sign_in="/sign-in",
        origins=settings.origins,
        public_base=settings.public_base,
        view_cookie=people.cookies.view,
    )
    return Gateway(lambda: registry.table, options, templates, StaticCopies(layout.statics))


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
        life = house.lifecycle
        shared: Any = {"registry": life.registry, "deployer": life.deployer}
        shared |= {"settings": house.settings, "layout": house.layout}
        watchdog, disk = Watchdog(**shared), DiskWatch(**shared)
        threads = [
            threading.Thread(target=watchdog.run, args=(closing,), name="watchdog", daemon=True),
            threading.Thread(target=disk.run, args=(closing,), name="disk", daemon=True),
            threading.Thread(target=house.lifecycle.watch, args=(changes,), name="watch", daemon=True),
            threading.Thread(target=_announce_console, args=(house,), name="announce", daemon=True),
        ]
        for thread in threads:
            thread.start()
        yield
        closing.set()
        house.lifecycle.close()
        await asyncio.to_thread(watchdog.close)

    return lifespan


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
    house = build(settings)
    _log_to(house.layout)
    log.info("hostd %s on %s:%s, data in %s", __version__, settings.bind, settings.port, settings.data)
    house = replace(house, isolation=uids.isolation(settings, builds.UV, builds.interpreter()))
    log.info("isolation of apps: %s", house.isolation)
    log.info("apps run as %s", uids.described(settings, builds.UV, builds.interpreter()))
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


__all__ = ["House", "Problem", "build", "create_app", "serve"]
