"""What answers cost, and whether the price list was kept. (pure)"""

from __future__ import annotations

import math
from collections import defaultdict

from harness.core.assistant_slo import Cost, Price
from reports.assistant.asked import NO_LOG
from reports.assistant.facts import AssistantFacts
from reports.assistant.model import AssistantRow, unasked
from reports.text import count, percent, plural


def dollars(value: float) -> str:
    """Small sums with as many digits as they need."""
    return f"${value:,.2f}" if value >= 1 else f"${value:.6f}".rstrip("0").rstrip(".") if value else "$0"


def cost(rule: Cost, facts: AssistantFacts) -> AssistantRow:
    """Of single answers, or of people's days, the dearest one named."""
    of = {"median": "the median", "p99": "the p99", "most": "the dearest"}[rule.of]
    what = "answer" if rule.per == "answer" else "person and day"
    objective = f"{of} {what} at most {dollars(rule.limit_usd)}"
    if facts.log is None:
        return unasked(rule.name, rule.kind, objective, NO_LOG)
    paid = [one for one in facts.log if one.cost is not None]
    sums: dict[str, float] = defaultdict(float)
    for place, one in enumerate(paid):
        key = f"one of {one.user} at {one.at_s:.0f} s #{place}" if rule.per == "answer" else f"{one.user} on {one.day}"
        sums[key] += one.cost or 0.0
    if len(sums) < rule.min_samples:
        why = f"{plural(len(sums), what)} with a cost in the log, {rule.min_samples} are needed"
        return unasked(rule.name, rule.kind, objective, why, samples=len(sums))
    ordered = sorted(sums.values())
    figures = {
        "median": ordered[math.ceil(len(ordered) / 2) - 1],
        "p99": ordered[math.ceil(0.99 * len(ordered)) - 1],
        "most": ordered[-1],
    }
    mean = math.fsum(ordered) / len(ordered)
    dearest = max(sums, key=lambda key: sums[key]).partition(" #")[0]
    value = figures[rule.of]
    return AssistantRow(
        name=rule.name,
        kind=rule.kind,
        objective=objective,
        value_text=", ".join(f"{name} {dollars(one)}" for name, one in (("mean", mean), *figures.items()))
        + f" ({dearest})",
        samples=len(sums),
        bad=sum(one > rule.limit_usd for one in ordered),
        status="missed" if value > rule.limit_usd else "held",
    )


def price(rule: Price, facts: AssistantFacts) -> AssistantRow:
    """What was charged for a model's answers, against the list."""
    objective = (
        f"charged as the list says: {dollars(rule.prompt_usd)} and {dollars(rule.completion_usd)} a million tokens"
    )
    if facts.log is None:
        return unasked(rule.name, rule.kind, objective, NO_LOG, rule.model)
    known = [
        one for one in facts.log if one.model == rule.model and None not in (one.cost, one.prompt_tokens, one.tokens)
    ]
    if not known:
        return unasked(rule.name, rule.kind, objective, "no answer is logged with cost and tokens", rule.model)
    charged = math.fsum(one.cost or 0.0 for one in known)
    listed = math.fsum(
        ((one.prompt_tokens or 0.0) * rule.prompt_usd + (one.tokens or 0.0) * rule.completion_usd) / 1e6
        for one in known
    )
    factor = charged / listed if listed else math.inf if charged else 1.0
    off = abs(factor - 1) > rule.tolerance
    return AssistantRow(
        name=rule.name,
        kind=rule.kind,
        model=rule.model,
        objective=objective,
        value_text=f"{dollars(charged)} for {plural(len(known), 'answer')}, by the list {dollars(listed)}",
        samples=len(known),
        bad=len(known) if off else 0,
        status="missed" if off else "held",
        note=f"{percent(factor, 0)} of the list price over {count(len(known))} answers" if off else "",
    )
