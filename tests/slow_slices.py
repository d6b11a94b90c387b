"""Which slow tests a commit runs in CI: an eighth of them by its hash, so that eight commits run all, on average.

What shares a module's own fixture (one long run, looked at by several tests) stays together.
"""

from __future__ import annotations

import hashlib

import pytest

SLICES = 8
LONGEST_S = 1800.0
"""A test that may take longer than all of CI is left to `make test-all`."""


def chosen(items: list[pytest.Item], commit: str) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The tests that run for `commit`, and those that do not: of the slow ones all but one eighth."""
    wanted = int(commit, 16) % SLICES
    run: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        slow = item.get_closest_marker("slow") is not None
        (left if slow and (slice_of(unit(item)) != wanted or _too_long(item)) else run).append(item)
    return run, left


def slice_of(name: str) -> int:
    """0 to 7, evenly over names."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()) % SLICES


def unit(item: pytest.Item) -> str:
    """What is run whole: the test, or its module where that has a fixture of its own for all its tests."""
    module = item.nodeid.partition("::")[0]
    fixtures = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    shared = any(one.scope == "module" and one.baseid == module for found in fixtures.values() for one in found)
    return module if shared else item.nodeid


def _too_long(item: pytest.Item) -> bool:
    limit = item.get_closest_marker("timeout")
    return limit is not None and bool(limit.args) and limit.args[0] > LONGEST_S
