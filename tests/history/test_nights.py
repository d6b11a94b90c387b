"""The simulated histories of benchmarks/nights.py, a few of each: what it prints for a thousand holds in small."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "nights.py"


@pytest.fixture(scope="module")
def nights() -> Iterator[ModuleType]:
    """A script, and no package; it remembers figures that it asks for again and again."""
    spec = importlib.util.spec_from_file_location("benchmark_nights", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module.comparing, "sampling_error", module._remembered)
        yield module


pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_nights_of_one_build_are_not_accused(nights: ModuleType) -> None:
    assert nights.unchanged(30).accused == ()


def test_one_that_is_10_percent_slower_is_rarely_an_incident(nights: ModuleType) -> None:
    _, accused, _ = nights.slower(3, 1.1)
    assert accused <= 2  # of nine nights


def test_one_that_is_30_percent_slower_is_named_within_three_nights(nights: ModuleType) -> None:
    named, _, _ = nights.slower(4, 1.3)
    assert named >= 3


def test_one_that_is_twice_as_slow_is_named_each_night(nights: ModuleType) -> None:
    named, accused, _ = nights.slower(3, 2.0)
    assert (named, accused) == (3, 9)


def test_a_step_is_dated(nights: ModuleType) -> None:
    assert nights.dated(3) == (3, 0)
