"""A month in money, each item beside what the subscription includes. (pure)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.plan import session_totals
from harness.plan.day import Day
from harness.plan.inputs import PlanInputs
from harness.plan.model import ComputeChoice, CostItem, CostPlan, DiskPlan, RealtimeLoad
from harness.plan.prices import Extra, Prices, Usage
from harness.plan.session_totals import SessionTotals

GB = 1e9
TITLES: Mapping[Usage, tuple[str, str]] = {
    "edge_invocations": ("edge invocations", ""),
    "realtime_messages": ("realtime messages", ""),
    "realtime_connections": ("realtime connections", "at peak"),
    "egress_gb": ("egress", "GB"),
    "mau": ("monthly active users", ""),
    "disk_gb": ("database disk", "GB"),
    "disk_operations": ("disk operations", "/s"),
    "disk_mb": ("disk throughput", "MB/s"),
}


@dataclass(frozen=True, slots=True)
class Month:
    """Volumes of a month: `delivered` of what can happen, `asked` if nothing broke."""

    delivered: Mapping[Usage, float]
    asked: Mapping[Usage, float]
    counted: Mapping[str, float]  # what extras can be priced by


def volumes(session: SessionTotals, day: Day, disk: DiskPlan, inputs: PlanInputs, prices: Prices) -> Month:
    """The volumes of a month of such days."""
    days, live, peak = inputs.days_per_month, day.live, day.peak
    sessions = days * inputs.sessions
    http = sessions * session.egress_bytes
    asked: dict[Usage, float] = {
        "edge_invocations": sessions * session.invocations,
        "realtime_messages": days * live.per_day,
        "realtime_connections": peak.sockets,
        "egress_gb": (http + days * live.asked_bytes_per_day) / GB,
        "mau": inputs.dau * inputs.mau_per_dau,
        "disk_gb": disk.month_gb,
        "disk_operations": peak.disk_operations,
        "disk_mb": peak.disk_mb,
    }
    ceilings = prices.ceilings
    delivered: dict[Usage, float] = {
        **asked,
        "realtime_messages": days * billed_messages(live, prices),
        "realtime_connections": min(peak.sockets, prices.chosen.connections),
        "egress_gb": (http + days * live.bytes_per_day) / GB,
        "disk_operations": min(peak.disk_operations, ceilings["disk_operations"].value),
        "disk_mb": min(peak.disk_mb, ceilings["disk_mb"].value),
    }
    counted = {
        "assistant_turns": sessions * session_totals.answers(session),
        "searches": sessions * session_totals.searches(session),
        "sign_ups": sessions * session_totals.sign_ups(session),
        "sessions": sessions,
        "requests": sessions * session.requests,
        "log_events": sessions * session.log_events,
        "rows": sessions * session.rows,
        "months": 1.0,
    }
    return Month(delivered, asked, counted)


def billed_messages(live: RealtimeLoad, prices: Prices) -> float:
    """Realtime messages a day on a bill: how presence is counted is not published."""
    tracks, *others = live.streams
    presence = {
        "likely": tracks.delivered_per_day,
        "low": live.presence_sent_per_day,
        "high": tracks.capped_per_day,
    }[prices.presence_billed]
    return presence + sum(stream.delivered_per_day for stream in others)


def monthly(month: Month, chosen: ComputeChoice, prices: Prices) -> CostPlan:
    """Every item of the bill."""
    plan = prices.chosen
    compute = compute_cost(chosen, prices)
    why = f"for its {chosen.decided_by}" if chosen.decided_by else ""
    items = [
        _fixed("subscription", 1, "", plan.subscription, plan.title),
        _fixed(f"compute {chosen.name}", prices.hours_per_month, "h", compute, why),
    ]
    if credit := min(plan.compute_credit, compute):
        items.append(_fixed("compute credit", 1, "", -credit, ""))
    items += [_usage(usage, month, prices) for usage in TITLES]
    items += [extra_item(extra, month.counted) for extra in prices.extras]
    turns_priced = any(extra.per == "assistant_turns" for extra in prices.extras)
    return CostPlan(prices.currency, prices.as_of.isoformat(), plan.title, tuple(items), turns_priced)


def compute_cost(chosen: ComputeChoice, prices: Prices) -> float:
    """Of a month."""
    return chosen.hour * prices.hours_per_month


def options(month: Month, chosen: ComputeChoice, prices: Prices) -> tuple[CostItem, ...]:
    """What may be taken beside the bill."""
    counted = {**month.counted, "compute": compute_cost(chosen, prices)}
    return tuple(extra_item(option, counted) for option in prices.options)


def _fixed(name: str, quantity: float, unit: str, amount: float, note: str) -> CostItem:
    return CostItem(name, quantity, unit, 0, amount, amount, note, low=amount, high=amount)


def _usage(usage: Usage, month: Month, prices: Prices) -> CostItem:
    name, unit = TITLES[usage]
    plan, package = prices.chosen, prices.overage[usage]
    quantity, included = month.delivered[usage], plan.included[usage]
    note = package.note
    amount = package.cost(quantity, included)
    if not plan.overage and quantity > included:
        amount, note = 0.0, "over the quota: restricted, not billed"
    asked = package.cost(month.asked[usage], included)
    return CostItem(name, quantity, unit, included, amount, asked, note, low=amount, high=amount)


def extra_item(extra: Extra, counted: Mapping[str, float]) -> CostItem:
    """One extra for so much of what it is priced by."""
    quantity = counted[extra.per]
    amount, low, high = (
        max(0.0, quantity - extra.included) / extra.size * price
        for price in (extra.price, extra.at("low"), extra.at("high"))
    )
    turns = extra.per == "assistant_turns"
    shown = 1.0 if extra.per == "compute" else quantity
    return CostItem(
        extra.name, shown, "", extra.included, amount, amount, extra.note, turns, extra.basis, low=low, high=high
    )
