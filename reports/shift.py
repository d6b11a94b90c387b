"""Two groups of runs, one figure each: how far apart are they, and would chance do that? (pure)

The shift is Hodges and Lehmann's (1963), as a ratio because latencies spread in proportion: the median of all pairwise
ratios. Chance is the exact one-sided rank-sum test (Wilcoxon 1945; Mann and Whitney 1947): the share of all ways to
choose the later group among the values of both whose ranks add up to at least as much. Ties share their mean rank,
and the count stays exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

LEAST = 0.001
"""In milliseconds the record's resolution: nothing is divided by less."""


def ratio(later: Sequence[float], earlier: Sequence[float]) -> float:
    """How many times as large the later figures are. Figures are positive; infinity (a failure) is allowed."""
    pairs = sorted(_ratio(a, b) for a in later for b in earlier)
    middle = len(pairs) // 2
    return pairs[middle] if len(pairs) % 2 else math.sqrt(pairs[middle - 1]) * math.sqrt(pairs[middle])


def chance(later: Sequence[float], earlier: Sequence[float]) -> float:
    """The probability that groups of one kind come out at least this far apart, later above earlier."""
    ranks = _doubled_ranks([*later, *earlier])
    ways: list[dict[int, int]] = [{0: 1}, *({} for _ in later)]  # by number chosen: sum of ranks -> ways
    for rank in ranks:
        for number in range(len(later), 0, -1):
            for total, count in ways[number - 1].items():
                ways[number][total + rank] = ways[number].get(total + rank, 0) + count
    observed = sum(ranks[: len(later)])
    as_far = sum(count for total, count in ways[-1].items() if total >= observed)
    return as_far / math.comb(len(ranks), len(later))


def least_chance(later: int, earlier: int) -> float:
    """The smallest `chance` that groups of so many can have."""
    return 1 / math.comb(later + earlier, later)


def _ratio(later: float, earlier: float) -> float:
    return 1.0 if later == earlier else later / max(earlier, LEAST)


def _doubled_ranks(values: Sequence[float]) -> list[int]:
    """Twice the mean rank of each value, in the order given: whole numbers also among ties."""
    ordered = sorted(values)
    first = {value: place for place, value in reversed(list(enumerate(ordered, start=1)))}
    last = {value: place for place, value in enumerate(ordered, start=1)}
    return [first[value] + last[value] for value in values]
