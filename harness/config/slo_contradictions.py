"""Objectives of one SLO file that say different things of the same samples: one of them is a mistake. (pure)"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from harness.core.slo import LatencySlo, SloFile


def contradictions(file: SloFile) -> list[str]:
    """A sentence for each. Objectives with windows of their own are compared with their like alone."""
    return [*_of_latency(file), *_of_shares(file)]


def _of_latency(file: SloFile) -> list[str]:
    """A higher percentile includes the lower one: with a shorter limit for it, the lower one's says nothing."""
    alike = defaultdict[tuple[object, ...], list[LatencySlo]](list)
    for one in file.slo:
        if isinstance(one, LatencySlo):
            alike[one.operation, one.view, one.window_s, one.sustained_s].append(one)
    found = []
    for same in alike.values():
        for lower, higher in pairwise(sorted(same, key=lambda one: (one.percentile, one.limit_ms))):
            names = f"{lower.name!r} and {higher.name!r}"
            what = f"{lower.operation} ({lower.view})"
            if lower.percentile == higher.percentile and lower.limit_ms != higher.limit_ms:
                found.append(
                    f"{names} give p{lower.percentile:g} of {what} two limits, {lower.limit_ms:g} and "
                    f"{higher.limit_ms:g} ms; keep one"
                )
            elif higher.limit_ms < lower.limit_ms:
                found.append(
                    f"{names}: p{higher.percentile:g} of {what} may have {higher.limit_ms:g} ms, and p"
                    f"{lower.percentile:g} more, {lower.limit_ms:g}; swap the limits, or drop the second"
                )
    return found


def _of_shares(file: SloFile) -> list[str]:
    seen: dict[tuple[object, ...], tuple[str, float]] = {}
    found = []
    for one in file.slo:
        if isinstance(one, LatencySlo):
            continue
        key = (frozenset(one.operations), frozenset(one.outcomes), one.view, one.window_s, one.sustained_s)
        name, share = seen.setdefault(key, (one.name, one.max_share))
        if share != one.max_share:
            found.append(
                f"{name!r} and {one.name!r} allow the same failures two shares, {share:g} and "
                f"{one.max_share:g}; keep one"
            )
    return found
