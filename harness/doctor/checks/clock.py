"""Do the target's clock and ours agree? A minted token of the future is refused, and lateness is measured by both."""

from __future__ import annotations

from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, unasked, wrong

APART_S = 3.0
"""The Date header tells whole seconds."""


def judge(facts: Facts) -> Answer:
    ahead = facts.clock_ahead_s
    if ahead is None:
        return unasked("no reply had a Date that can be read")
    if abs(ahead) > APART_S:
        return wrong(
            f"the target's clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's",
            "timedatectl set-ntp true, on whichever is wrong (compare with another machine)",
        )
    return ok(f"within {max(1.0, abs(ahead)):.0f} s of this machine's")
