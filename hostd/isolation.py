"""How well apps are kept apart, as a value: ``uid+landlock7+seccomp``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_PART = re.compile(r"(uid|seccomp|landlock)([1-9][0-9]?)?")


@dataclass(frozen=True, slots=True)
class Isolation:
    """The layers that hold (docs/security.md). ``landlock`` is the version of its ABI, 0 for none.

    ``lacks`` are the capabilities that root would need and has not, for apps to have users.
    """

    uid: bool = False
    landlock: int = 0
    seccomp: bool = False
    lacks: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        parts = [("uid", self.uid), (f"landlock{self.landlock}", self.landlock), ("seccomp", self.seccomp)]
        return "+".join(name for name, there in parts if there) or "none"

    def reaches(self, wanted: Isolation) -> bool:
        """Whether it has every layer of ``wanted``, and a Landlock that is as new."""
        layers = (self.uid or not wanted.uid, self.seccomp or not wanted.seccomp)
        return all(layers) and self.landlock >= wanted.landlock


NONE = Isolation()


def parse(text: str) -> Isolation:
    """An Isolation from its text; ``landlock`` alone is any version. Raises ValueError."""
    if text == "none":
        return NONE
    found: dict[str, int] = {}
    for part in text.split("+"):
        match = _PART.fullmatch(part)
        if not match or match[1] in found or (match[2] and match[1] != "landlock"):
            raise ValueError(
                "must be none, or uid, landlock and seccomp with + between, such as landlock4+seccomp"
            )
        found[match[1]] = int(match[2] or 1)
    return Isolation("uid" in found, found.get("landlock", 0), "seccomp" in found)
