"""The simulated histories of benchmarks/nights.py, a few of each: what it prints for a thousand holds in small."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "nights.py"


@pytest.fixture(scope="module")
def nights() -> ModuleType:
    """A script, and no package."""
    spec = importlib.util.spec_from_file_location("benchmark_nights", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_nights_of_one_build_are_not_accused(nights: ModuleType) -> None:
    assert nights.unchanged(60).accused == ()


def test_a_feed_that_is_30_percent_slower_is_named_and_nothing_else(nights: ModuleType) -> None:
    named, _, others = nights.slower(4, 1.3)
    assert (named, others) == (4, 0)


def test_one_that_is_10_percent_slower_is_no_incident(nights: ModuleType) -> None:
    assert nights.slower(4, 1.1)[1:] == (0, 0)


def test_a_step_is_dated(nights: ModuleType) -> None:
    assert nights.dated(3) == (3, 0)
