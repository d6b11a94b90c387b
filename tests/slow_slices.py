"""Which slow tests a commit runs in CI: a sixteenth of them by its hash, so that sixteen commits run all, on average.

What shares a module's own fixture (one long run, looked at by several tests) stays together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest

SLICES = 16
"""An eighth took up to seventeen minutes on two cores, and all of CI thirty-four; thirty are its bound."""
USUAL_S = 120.0
"""What a test may take that has no mark of its own: pytest's `timeout` of pyproject.toml."""
LONGEST_S = 1800.0
"""A test that may take longer than all of CI is left to `make test-all`."""


def chosen(items: list[pytest.Item], commit: str) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The tests that run for `commit`, and those that do not: of the slow ones all but one sixteenth."""
    limits: dict[str, float] = {}
    for item in items:
        if item.get_closest_marker("slow") is not None:
            limits[unit(item)] = max(limits.get(unit(item), 0.0), _limit_s(item))
    wanted = slices(limits)[int(commit, 16) % SLICES]
    run: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        slow = item.get_closest_marker("slow") is not None
        (left if slow and unit(item) not in wanted else run).append(item)
    return run, left


def slices(limits: Mapping[str, float]) -> list[frozenset[str]]:
    """Dealt out longest time limit first, else by their hash, each to the slice that has least so far.

    So no slice has all that take minutes, and the sums of limits differ by no more than the longest limit,
    whatever is added.

    :param limits: seconds each may take.
    """
    fitting = [name for name, limit in limits.items() if limit <= LONGEST_S]
    found: list[set[str]] = [set() for _ in range(SLICES)]
    sums = [0.0] * SLICES
    for name in sorted(fitting, key=lambda name: (-limits[name], hashlib.sha256(name.encode()).hexdigest())):
        least = min(range(SLICES), key=lambda number: (sums[number], len(found[number]), number))
        found[least].add(name)
        sums[least] += limits[name]
    return [frozenset(one) for one in found]


def unit(item: pytest.Item) -> str:
    """What is run whole: the test, or its module where that has a fixture of its own for all its tests."""
    module = item.nodeid.partition("::")[0]
    fixtures = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    shared = any(one.scope == "module" and one.baseid == module for found in fixtures.values() for one in found)
    return module if shared else item.nodeid


def _limit_s(item: pytest.Item) -> float:
    limit = item.get_closest_marker("timeout")
    return float(limit.args[0]) if limit is not None and limit.args else USUAL_S
