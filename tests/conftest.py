"""One running platform for all tests that do not break it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.platform import Platform
from tests.platform import platform as running_platform


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """The shared platform. Tests leave it as they found it: their own apps deleted, nothing killed."""
    with running_platform() as shared:
        yield shared
