"""A month in money, each item beside what the subscription includes. (pure)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.plan.model import CostItem, CostPlan
from harness.plan.prices import Extra, Prices, Usage

GB = 1e9
TITLES: Mapping[Usage, tuple[str, str]] = {
    "edge_invocations": ("edge invocations", ""),
    "realtime_messages": ("realtime messages", ""),
    "realtime_connections": ("realtime connections", "at peak"),
    "egress_gb": ("egress", "GB"),
    "mau": ("monthly active users", ""),
    "disk_gb": ("database disk", "GB"),
}


@dataclass(frozen=True, slots=True)
class Month:
    """Volumes of a month: `delivered` with Realtime held to the plan's limits, `asked` if it were not."""

    delivered: Mapping[Usage, float]
    asked: Mapping[Usage, float]
    counted: Mapping[str, float]  # what extras can be priced by


def monthly(month: Month, prices: Prices) -> CostPlan:
    """Every item of the bill."""
    plan = prices.chosen
    compute = prices.machine.hour * prices.hours_per_month
    items = [
        CostItem("subscription", 1, "", 0, plan.subscription, plan.subscription, plan.title),
        CostItem(f"compute {prices.compute}", prices.hours_per_month, "h", 0, compute, compute, "your choice"),
    ]
    if credit := min(plan.compute_credit, compute):
        items.append(CostItem("compute credit", 1, "", 0, -credit, -credit))
    items += [_usage(usage, month, prices) for usage in TITLES]
    items += [_extra(extra, month) for extra in prices.extras]
    turns_priced = any(extra.per == "assistant_turns" for extra in prices.extras)
    return CostPlan(prices.currency, prices.as_of.isoformat(), plan.title, tuple(items), turns_priced)


def _usage(usage: Usage, month: Month, prices: Prices) -> CostItem:
    name, unit = TITLES[usage]
    plan, package = prices.chosen, prices.overage[usage]
    quantity, included = month.delivered[usage], plan.included[usage]
    note = package.note
    amount = package.cost(quantity, included)
    if not plan.overage and quantity > included:
        amount, note = 0.0, "over the quota: restricted, not billed"
    return CostItem(name, quantity, unit, included, amount, package.cost(month.asked[usage], included), note)


def _extra(extra: Extra, month: Month) -> CostItem:
    quantity = month.counted[extra.per]
    amount = quantity / extra.size * extra.price
    turns = extra.per == "assistant_turns"
    return CostItem(extra.name, quantity, "", 0, amount, amount, turns=turns)
