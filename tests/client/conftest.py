"""What tests of both protocols share: each kind of loop, and a certificate."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from tests.certificate import Certificate, self_signed
from tests.loops import LOOPS, run_on


@pytest.fixture(params=sorted(LOOPS))
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine on each kind of loop."""
    return partial(run_on, request.param)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Of a server at 127.0.0.1."""
    return self_signed(tmp_path_factory.mktemp("tls"))
