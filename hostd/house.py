"""Every room made once, and handed those that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from hostd import builds, memory, uids
from hostd.audit import Audit
from hostd.gateway import Gateway, GatewayOptions
from hostd.health import Health, Ports
from hostd.isolation import NONE, Isolation
from hostd.layout import Layout
from hostd.lifecycle import Lifecycle
from hostd.lifecycle.deploy import Deployer
from hostd.lifecycle.draining import Drainer
from hostd.lifecycle.environment import keep_runner
from hostd.lifecycle.gate import Gate
from hostd.lifecycle.installing import Installer
from hostd.lifecycle.launching import Launcher
from hostd.lifecycle.owners import Owners
from hostd.lifecycle.registry import Registry
from hostd.lifecycle.replicas import Replicas
from hostd.lifecycle.scaling import Scaler
from hostd.lifecycle.sleeping import Sleeper
from hostd.lifecycle.takeover import Takeover
from hostd.lifecycle.workers import Slots
from hostd.models import Route, Status
from hostd.people import Cookies, People
from hostd.settings import Settings
from hostd.signing import Signing, provider_of
from hostd.static_files import StaticCopies
from hostd.store import Store
from hostd.supervisor import Supervisor
from hostd.templating import Templates
from hostd.uids import Uids
from hostd.vault import Vault
from hostd.vault import keys as vault_keys


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


@dataclass(frozen=True, slots=True)
class _Ground:
    """What most rooms stand on."""

    settings: Settings
    layout: Layout
    templates: Templates
    store: Store
    vault: Vault
    registry: Registry
    supervisor: Supervisor
    room: memory.Room


def build(settings: Settings) -> House:
    """Make every room once. Raises SettingsError when the key of the secrets can't be read."""
    ground = _ground(settings)
    keep_runner(ground.layout)
    layout, registry, templates = ground.layout, ground.registry, ground.templates
    people = _people(settings, layout)
    gateway = _gateway(ground, people)
    deployer = _deployer(ground, gateway)
    lifecycle = Lifecycle(
        settings=settings, layout=layout, store=ground.store, registry=registry, deployer=deployer
    )
    gateway.waking.wake_by(lifecycle.wake)
    signing = Signing(people, Audit(layout.audit), **provider_of(settings))
    return House(settings, layout, templates, lifecycle, gateway, people, signing)


def _ground(settings: Settings) -> _Ground:
    layout = Layout(settings.data)
    store = Store(layout)
    return _Ground(
        settings=settings,
        layout=layout,
        templates=Templates(),
        store=store,
        vault=Vault(layout=layout, keys=vault_keys.load(settings, layout)),
        registry=Registry(store, Route(Status.RUNNING, settings.console_port, "console")),
        supervisor=Supervisor(layout.socket, layout.supervisor_password),
        room=memory.Room(settings.memory_reserve_mb),
    )


def _people(settings: Settings, layout: Layout) -> People:
    return People(
        layout.people,
        Cookies(settings.public_base),
        sign_in=settings.wants_people,
        operator=bool(settings.admin_token or settings.oidc_admin_groups),
        session_seconds=settings.session_hours * 3600,
    )


def _gateway(ground: _Ground, people: People) -> Gateway:
    settings, layout, registry = ground.settings, ground.layout, ground.registry
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
        max_tunnels_per_app=max(settings.app_open_files - 1_000, settings.app_open_files // 2),
    )
    gateway = Gateway(lambda: registry.table, options, ground.templates, StaticCopies(layout.statics))
    registry.on_change(gateway.waking.routes_changed)
    return gateway


def _deployer(ground: _Ground, gateway: Gateway) -> Deployer:
    settings, supervisor = ground.settings, ground.supervisor
    installer, launcher = _installer_and_launcher(ground)
    rooms: Any = {"layout": ground.layout, "registry": ground.registry, "launcher": launcher}
    gate = Gate(**rooms, settings=settings, installer=installer)
    rooms["replicas"] = Replicas(**rooms, busy=gateway.busy, scaler=Scaler(gateway.tunnels))
    return Deployer(
        **rooms,
        settings=settings,
        supervisor=supervisor,
        installer=installer,
        gate=gate,
        drainer=Drainer(**rooms, busy=gateway.busy),
        takeover=Takeover(**rooms, supervisor=supervisor),
        sleeper=Sleeper(**rooms, settings=settings, visits=gateway, room=ground.room),
    )


def _installer_and_launcher(ground: _Ground) -> tuple[Installer, Launcher]:
    settings, layout, registry = ground.settings, ground.layout, ground.registry
    found = uids.usable(settings, builds.UV, builds.interpreter())
    shared: Any = {
        "settings": settings,
        "layout": layout,
        "templates": ground.templates,
        "supervisor": ground.supervisor,
        "registry": registry,
        "owners": Owners(layout=layout, registry=registry, uids=found if isinstance(found, Uids) else None),
    }
    launcher = Launcher(
        **shared,
        ports=Ports(settings.port_min, settings.port_max),
        health=Health(),
        slots=Slots(settings.parallel_starts),
        room=ground.room,
        vault=ground.vault,
    )
    return Installer(**shared, slots=Slots(settings.parallel_installs)), launcher
