"""Whether a program was started to be told who looks: what its spec on the disk says.

An app that is not public is told; one that is public is not, and strangers' WebSockets may have been
handed over to it. So what was started before its app's visibility crossed that line has to end.
"""

from __future__ import annotations

from hostd import viewer
from hostd.layout import Layout
from hostd.lifecycle.registry import Registry
from hostd.lifecycle.replica_steps import name_of
from hostd.models import App
from hostd.program_names import program_name
from hostd.store import BadState, read_json


def is_outdated(layout: Layout, registry: Registry, app: App, number: int) -> bool:
    """Whether one of a release's processes was started for another visibility than the app has now."""
    others = (name_of(app.app_id, one) for one in registry.replicas(app.app_id) if one.release == number)
    return any(_is_outdated(layout, app, name) for name in (program_name(app.app_id, number), *others))


def serves_well(layout: Layout, registry: Registry, app: App) -> bool:
    """Whether the app's release serves, and was started for the visibility that the app has now."""
    if app.release is None or registry.serving(app.app_id) is None:
        return False
    return not is_outdated(layout, registry, app, app.release)


def _is_outdated(layout: Layout, app: App, program: str) -> bool:
    """What has no spec was not started."""
    try:
        spec = read_json(layout.spec(program))
    except BadState:
        return False
    return (viewer.KEY_VARIABLE in spec.get("env", {})) is app.access.is_public
