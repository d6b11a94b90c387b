"""Which quantities a persona has, and which of them are shares: a misspelt one would be ignored in silence. (pure)

The shipped profile nightly has every quantity of every shipped persona, and shares of cases, those alone, as constants.
Personas that it does not know may have any.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.distributions import Constant, Distribution, Uniform
from harness.core.frozen_model import closest

COMPLETE = "nightly"

Behaviour = Mapping[str, Mapping[str, Distribution]]


def misfits(behaviour: Behaviour, complete: Behaviour) -> list[str]:
    """What is wrong with a behaviour, a sentence each; `complete` is that of the profile that has everything."""
    problems = []
    for persona, quantities in behaviour.items():
        known = complete.get(persona)
        if known is None:
            continue
        for name, distribution in quantities.items():
            key = f"behaviour.{persona}.{name}"
            if name not in known:
                problems.append(f"{key}: {persona} has no such quantity; {closest(name, known)}")
            elif isinstance(known[name], Constant) and (most := _most(distribution)) > 1:
                problems.append(f"{key} = {most:g}: is a share of cases; give 0 to 1")
    return problems


def _most(distribution: Distribution) -> float:
    if isinstance(distribution, Constant):
        return distribution.value
    if isinstance(distribution, Uniform):
        return distribution.high
    return float("inf") if distribution.max is None else distribution.max
