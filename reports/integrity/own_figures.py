"""The figures under one's own name are those of one's own row (I74).

Of people whose follows this run did not write, nor anybody else in its time, how many they follow is the same in every
look and in the row that was read afterwards. It may change once and stay so, as on a deployment that counts anew at
times, and grow by no more than they followed in the week before. How many follow them is other people's doing. An
answer without a row is wrong where one is stored and they have followed somebody for more than a week: it was there
then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

from reports.integrity.model import Check
from reports.integrity.shown import Findings
from reports.integrity.view import Shown, Touched, View

CALL = "own_stats"
WEEK_US = 7 * 86_400_000_000
"""Nobody waits longer to be counted."""


def checks(kept: Iterable[Shown], seen: View, touched: Touched, zero_us: int) -> Iterator[Check]:
    """Nothing where no such row was read. zero_us: the run's zero on the target's clock, epoch."""
    moved = {follower for follower, _ in touched.follows}
    moved |= {follower for follower, theirs in seen.follows.items() if any(at > zero_us for at in theirs.values())}
    looks: dict[bytes, list[Shown]] = defaultdict(list)
    for one in kept:
        if one.call == CALL and one.account in seen.following and one.account in touched.known - moved:
            looks[one.account].append(one)
    found = Findings()
    for account, theirs in looks.items():
        stored = seen.following[account]
        theirs.sort(key=lambda one: one.begun_us)
        found.asked += len(theirs)
        told = [*(one.first for one in theirs), stored]
        once = sum(before != after for before, after in pairwise(told)) < 2
        lately = sum(at > zero_us - WEEK_US for at in seen.follows[account].values())
        long_there = len(seen.follows[account]) > lately
        for one in theirs:
            if one.first is None:
                if long_there:
                    found.finds(one, f"empty, where the row that is stored says that they follow {stored}")
            elif one.first != stored and not (once and stored - one.first <= lately):
                found.finds(one, f"follows {one.first} by what is shown, and {stored} by the row that is stored")
    if found.asked:
        yield found.check("I74")
