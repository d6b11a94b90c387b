"""Which quantities of a profile's behaviour no persona has, or cannot have, and which it lacks. (pure)

A misspelt one would be ignored; one that is missing would end every session of the persona as it is drawn.

The quantities and the shares among them are those of `harness.core.behaviour`. Personas that are not shipped may have
any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.core.behaviour import quantities
from harness.core.distributions import Constant, Distribution, Uniform
from harness.core.frozen_model import closest

Behaviour = Mapping[str, Mapping[str, Distribution]]


def misfits(behaviour: Behaviour) -> list[str]:
    """What is wrong with a profile's behaviour, a sentence each."""
    problems = []
    for persona, given in behaviour.items():
        known = quantities(persona)
        if known is None:
            continue
        for name, distribution in given.items():
            key = f"behaviour.{persona}.{name}"
            if name not in known:
                problems.append(f"{key}: {persona} has no such quantity; {closest(name, known)}")
            elif known[name].share and (most := _most(distribution)) > 1:
                problems.append(f"{key} = {most:g}: is a share of cases; give 0 to 1")
    return problems


def lacking(mix: Iterable[str], behaviour: Behaviour) -> list[str]:
    """What the personas of a mix need and the profile does not say, a sentence each."""
    problems = []
    for persona in mix:
        known, given = quantities(persona), behaviour.get(persona, {})
        for quantity in (known or {}).values():
            if quantity.share or quantity.default is not None or quantity.name in given:
                continue
            share = given.get(quantity.only_with)
            if not quantity.only_with:
                why = f"without it a {persona} cannot act"
            elif share is not None and _most(share) > 0:
                why = f"{quantity.only_with} of {persona} needs it"
            else:
                continue
            problems.append(f"behaviour.{persona}.{quantity.name} ({quantity.unit}) is missing: {why}; add it")
    return problems


def _most(distribution: Distribution) -> float:
    if isinstance(distribution, Constant):
        return distribution.value
    if isinstance(distribution, Uniform):
        return distribution.high
    return float("inf") if distribution.max is None else distribution.max
