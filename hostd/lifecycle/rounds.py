"""A worker's round for one app: step after step, and what becomes of those that end badly."""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass

from hostd.errors import AppFailed, HostdError, Interrupted, NoRoom, SupervisorUnavailable, UnknownApp
from hostd.layout import Layout
from hostd.lifecycle import outcomes
from hostd.lifecycle.deploy import Deployer
from hostd.lifecycle.registry import Registry, Ticket
from hostd.models import Failure, FailureKind, Status
from hostd.runlog import say

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Blocking; they end soon after ``closing`` is set."""

    layout: Layout
    registry: Registry
    deployer: Deployer
    closing: threading.Event

    def converge(self, app_id: str) -> None:
        """One worker's round: step after step until there is none left."""
        while not self.closing.is_set():
            ticket = self.registry.ticket(app_id)
            try:
                if not self.deployer.step(ticket):
                    self.deployer.replicas.look_at(app_id)
                    return
            except Interrupted:
                continue
            except SupervisorUnavailable as error:
                log.warning("%s: %s", app_id, error)
                self.closing.wait(1.0)
            except NoRoom as error:
                self._no_room(app_id, error, ticket)
            except AppFailed as error:
                self._fail(app_id, error.failure, ticket)
            except Exception as error:
                log.exception("%s: a step stumbled", app_id)
                text = str(error) if isinstance(error, HostdError) else f"{type(error).__name__}: {error}"
                self._fail(app_id, Failure(outcomes.kind_of(error), text), ticket)
                self.closing.wait(1.0)  # what can't be done may be tried again, but not in a hot loop

    def _no_room(self, app_id: str, error: NoRoom, ticket: Ticket) -> None:
        """A deploy fails for it; what may sleep sleeps on; what may not is tried again."""
        app = self.registry.peek(app_id)
        if app is None or app.target != app.release:
            self._fail(app_id, Failure(FailureKind.OUT_OF_MEMORY, str(error)), ticket)
            return
        say(self.layout.app(app_id).log, f"start: {error}")
        if not self.deployer.sleeper.may_ever(app):
            self.closing.wait(2.0)
            return
        with contextlib.suppress(Interrupted):
            self.registry.note(ticket, app_id, status=Status.SLEEPING, pid=None, restart=False)

    def _fail(self, app_id: str, failure: Failure, ticket: Ticket) -> None:
        try:
            self.deployer.fail(ticket, failure)
        except (Interrupted, UnknownApp):
            return
        except SupervisorUnavailable as error:
            log.warning("%s: %s", app_id, error)
