"""What a lever is worth a month: the plan's volumes times what was measured, at the plan's prices. (pure)

Only effects that were shown count; the others change nothing. Invocations call by call, Realtime stream by stream,
egress as a whole, the disk by rows. What a lever does to the size of the machine is not in it.

A lever that sends by Broadcast what came as database changes adds broadcasts in proportion to those changes, not to the
broadcasts that were there (typing): so many to a change as were measured, times the changes that the plan asks for,
also those that its poller would not deliver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.levers.answer import Dollars, Effect, LeverAnswer, LeversAnswer
from harness.plan import CapacityPlan, Prices
from harness.plan.calls import CallKind

ITEMS = {
    "edge_invocations": "edge invocations",
    "realtime_messages": "realtime messages",
    "egress_gb": "egress",
    "disk_gb": "database disk",
}
STREAMS = {
    "presence": "realtime_presence",
    "database changes": "realtime_changes",
    "typing": "realtime_broadcasts",
    "broadcasts": "realtime_broadcasts",
}
MOVES = "live"
"""The setting with which messages go another way."""
Bound = Callable[[Effect], float]


def priced(found: LeversAnswer, plan: CapacityPlan, prices: Prices) -> LeversAnswer:
    """With dollars, by the plan of `found.dau` people a day."""
    levers = tuple(one.model_copy(update={"dollars": _dollars(one, plan, prices)}) for one in found.levers)
    return found.model_copy(update={"levers": levers, "currency": prices.currency, "dau": plan.inputs.dau})


def _dollars(one: LeverAnswer, plan: CapacityPlan, prices: Prices) -> Dollars | None:
    if one.verdict == "unfinished":
        return None
    likely = _change(one, plan, prices, lambda effect: _or_one(effect.factor))
    low = _change(one, plan, prices, lambda effect: _or_one(effect.low))
    high = _change(one, plan, prices, lambda effect: _or_one(effect.high))
    return Dollars(low=round(min(low, likely), 2), likely=round(likely, 2), high=round(max(high, likely), 2))


def _or_one(factor: float | None) -> float:
    return 1.0 if factor is None else factor


def _change(one: LeverAnswer, plan: CapacityPlan, prices: Prices, bound: Bound) -> float:
    figures, total = plan.figures, 0.0

    def factor(kind: Mapping[str, Effect], name: str) -> float:
        effect = kind.get(name)
        return bound(effect) if effect is not None and effect.shown else 1.0

    edge = [load for load in figures.endpoints if load.kind is CallKind.EDGE and load.per_day > 0]
    calls = sum(load.per_day for load in edge)
    invoked = sum(load.per_day * factor(one.endpoints, load.name) for load in edge)
    streams = [stream for stream in figures.realtime.streams if stream.delivered_per_day > 0]
    messages = sum(stream.delivered_per_day for stream in streams)
    moved = 0.0
    if MOVES in one.settings and (changes := one.effects["realtime_changes"].shipped):
        asked = sum(stream.capped_per_day for stream in streams if STREAMS.get(stream.name) == "realtime_changes")
        more = one.effects["realtime_broadcasts"].shipped * (factor(one.effects, "realtime_broadcasts") - 1.0)
        moved = asked * more / changes

    def stays(stream: str) -> float:
        effect = STREAMS.get(stream, "")
        return 1.0 if moved and effect == "realtime_broadcasts" else factor(one.effects, effect)

    told = moved + sum(stream.delivered_per_day * stays(stream.name) for stream in streams)
    factors = {
        "edge_invocations": invoked / calls if calls else 1.0,
        "realtime_messages": told / messages if messages else 1.0,
        "egress_gb": factor(one.effects, "bytes_in"),
        "disk_gb": factor(one.effects, "rows"),
    }
    quantities = {item.name: item.quantity for item in figures.cost.items}
    for usage, name in ITEMS.items():
        if name not in quantities:
            continue
        package = prices.overage[usage]  # type: ignore[index]
        included = prices.chosen.included[usage]  # type: ignore[index]
        before = package.cost(quantities[name], included)
        total += package.cost(quantities[name] * factors[usage], included) - before
    return total
