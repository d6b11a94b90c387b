"""One sandbox for the runs that show themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.options import SandboxOptions
from sandbox.server import Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=60, catalogue=300)) as running:
        yield running
