"""How the deploys of releases end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hostd.models import Failure, Strategy


class ReleaseState(StrEnum):
    """What became of a release."""

    PENDING = "pending"
    DEPLOYING = "deploying"
    ACTIVE = "active"
    DRAINING = "draining"
    RETIRED = "retired"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The content of a release's ``outcome.json``: how its last deploy ended.

    ``state`` is RETIRED for one that came through the gate (whether it is active is the app's to say), or
    FAILED; ``served`` stays true for one that came through before. ``warning``: a first page that raised.
    """

    state: ReleaseState
    at: str
    served: bool = False
    strategy: Strategy | None = None
    error: Failure | None = None
    warning: Failure | None = None
