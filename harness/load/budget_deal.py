"""How the master deals the target's limits out to its workers. (pure)

Each report of a worker is answered with its share, by tickets. What has been granted to one and not run out yet is
never granted to another, so that what all of them may do together never exceeds the limits, whoever is lost, stands
still or comes back: shares of others shrink first, then one's own grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from harness.core.token_bucket import tokens_of
from harness.core.wire_limits import LEASE_S, WireLimits, WireShare

ON_ITS_WAY_S = 1.0
"""How long a grant may travel to its worker."""

KINDS = tuple(field.name for field in fields(WireShare))


def shares(total: int, weights: Mapping[int, int]) -> dict[int, int]:
    """`total` divided by weight into whole numbers, everybody getting one at least while there are enough.

    The largest remainders get what is left over (Hamilton's method), the lower number first.
    """
    if not weights:
        return {}
    least = 1 if total >= len(weights) else 0
    rest, weight = total - least * len(weights), sum(weights.values())
    exact = {key: rest * (own / weight if weight else 1 / len(weights)) for key, own in weights.items()}
    made = {key: int(value) for key, value in exact.items()}
    over = rest - sum(made.values())
    for key in sorted(exact, key=lambda key: (made[key] - exact[key], key))[:over]:
        made[key] += 1
    return {key: value + least for key, value in made.items()}


@dataclass(frozen=True, slots=True)
class _Grant:
    share: WireShare
    until: float  # when nothing that was done by it counts any more


class BudgetDeal:
    """The grants of one run. Instants are seconds of any one clock that never goes back."""

    def __init__(self, limits: WireLimits) -> None:
        self._whole = limits.whole
        # What was taken by a share counts in its bucket's window, also when the share is gone.
        self._window_s = max(tokens_of(limits.requests_per_second)[1], tokens_of(limits.connections_per_second)[1])
        self._granted: dict[int, list[_Grant]] = {}  # those that count; the last one is in force

    def grant(self, worker: int, weights: Mapping[int, int], now: float) -> WireShare:
        """What that worker may do for the next LEASE_S.

        :param weights: tickets of every worker that is there, `worker` among them.
        """
        for other, grants in self._granted.items():
            self._granted[other] = [grant for grant in grants if grant.until > now]
        share = WireShare(**{kind: self._room(kind, worker, weights) for kind in KINDS})
        gone = now + ON_ITS_WAY_S + self._window_s
        before = [
            _Grant(grant.share, min(grant.until, gone))
            for grant in self._granted.get(worker, [])
            if any(getattr(grant.share, kind) > getattr(share, kind) for kind in KINDS)
        ]
        self._granted[worker] = [*before, _Grant(share, now + LEASE_S + self._window_s)]
        return share

    def _room(self, kind: str, worker: int, weights: Mapping[int, int]) -> int:
        total: int = getattr(self._whole, kind)
        others = sum(
            max((getattr(grant.share, kind) for grant in grants), default=0)
            for other, grants in self._granted.items()
            if other != worker
        )
        return max(0, min(shares(total, weights)[worker], total - others))
