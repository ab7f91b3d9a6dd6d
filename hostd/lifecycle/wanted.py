"""What a request brings for a release, and what becomes of the options and secrets of before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hostd import bundles
from hostd.errors import Invalid, SecretsUnreadable
from hostd.lifecycle.environment import is_ours
from hostd.models import Options
from hostd.vault import Secrets, Vault, tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a request brings for a release. ``options`` holds only what is to be another than before.

    ``variables`` and ``secrets`` make new ones of those before; with ``all_secrets`` it does not matter
    whether those can still be decrypted.
    """

    upload: bundles.Upload = field(default_factory=bundles.Upload)
    options: Mapping[str, Any] = field(default_factory=dict)
    variables: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None
    secrets: Callable[[Secrets], Secrets] | None = None
    all_secrets: bool = False
    by: str = ""
    note: str = ""
    force: bool = False

    @property
    def empty(self) -> bool:
        """Whether a release of this would be the one of before."""
        return self.upload.empty and not self.options and self.variables is None and self.secrets is None

    def options_after(self, before: Options) -> Options:
        """The options of the new release. Raises Invalid."""
        options = replace(before, **self.options)
        if self.upload.trees and not self.upload.overlay and "entry" not in self.options:
            options = replace(options, entry=None)  # it was an entry of another tree
        if self.variables is None:
            return options
        return replace(options, environment=dict(self.variables(options.environment)))

    def secrets_after(self, vault: Vault, app_id: str, number: int) -> Secrets | None:
        """The secrets after those of release ``number``; None when they are the same.

        Raises Invalid, SecretsUnreadable.
        """
        if self.secrets is None:
            return None
        try:
            before = vault.secrets(app_id, number)
        except SecretsUnreadable:
            if not self.all_secrets:
                raise
            return self.checked({})
        made = self.checked(before)
        return None if made == before else made

    def checked(self, before: Secrets) -> Secrets:
        """The secrets after ``before``. Raises Invalid."""
        made = tables.check(self.secrets(before)) if self.secrets else before
        for name in made:
            if is_ours(name):
                raise Invalid("secrets", f"{name} is set by hostd and can't be changed")
        return made
