"""What it costs, at which size, when, and what would change it. (pure)"""

from __future__ import annotations

from collections.abc import Callable

from rich.console import RenderableType

from harness.plan.assumed import PRESENCE
from harness.plan.layout import heading, paragraph, table
from harness.plan.model import CapacityPlan, CostItem
from harness.plan.text import between, money, number, percent, short_money, volume

MOVERS_SHOWN = 8
ASSUMED_SHOWN = 14
SMALL = 0.005
"""An elasticity below this moves nothing one could see."""
MONTHS_SHOWN = (1, 2, 3, 6, 9, 12)


def cost(plan: CapacityPlan) -> list[RenderableType]:
    """The bill."""
    made = plan.figures.cost
    published = [item for item in made.items if item.basis == "published"]
    others = [item for item in made.items if item.basis != "published"]
    total = ("as published", "", "", money(made.total, made.currency))
    rows = [*(_item(item, made.currency) for item in published), total]
    rows += [_item(item, made.currency) for item in others]
    if others:
        rows.append(("whole", "", "", money(made.whole, made.currency)))
    told = "Nothing of it breaks."
    if made.asked > made.total * 1.01:
        told = (
            "Without what breaks: presence over its limit, database changes that the poller does not manage. If "
            f"nothing broke it would be {money(made.asked, made.currency)}, which is arithmetic and no offer."
        )
    if billed := next((row for row in plan.assumed if row.name == PRESENCE), None):
        low, high = (money(value - made.whole, made.currency) for value in (billed.cost_low, billed.cost_high))
        told += f" How presence is billed is not published: {low} to {high} beside this."
    parts = [heading("COST", f"a month, {made.currency}"), table(("", "quantity", "included", ""), rows)]
    said = _models_share(plan) if made.turns_priced else _unpriced(plan)
    unpriced = [paragraph(said)] if said else []
    return [*parts, paragraph(told), *unpriced]


def _item(item: CostItem, currency: str) -> tuple[str, ...]:
    quantity = "" if item.quantity == 1 and not item.unit else f"{number(item.quantity)} {item.unit}".rstrip()
    remarks = [item.note] if item.note else []
    if item.low != item.high:
        remarks.insert(0, f"{money(item.low, currency)} - {money(item.high, currency)}")
    if item.asked > item.amount * 1.01 > 0:
        remarks = [f"unbroken {money(item.asked, currency)}"]
    included = number(item.included) if item.included else ""
    return item.name, quantity, included, money(item.amount, currency), "; ".join(remarks)


def _models_share(plan: CapacityPlan) -> str:
    """What the assistant's language models are of the bill."""
    made = plan.figures.cost
    paid = sum(item.amount for item in made.items if item.turns)
    share = paid / made.whole if made.whole else 0.0
    return f"The assistant's language models: {money(paid, made.currency)} a month, {share:.0%} of all."


def _unpriced(plan: CapacityPlan) -> str:
    turns = next((load for load in plan.figures.endpoints if load.name.endswith("assistant-chat-reply")), None)
    if turns is None:
        return ""
    count = number(turns.per_day * plan.inputs.days_per_month)
    return f"Not priced: {count} answers of the assistant's language model ([[extras]] in the price file)."


def options(plan: CapacityPlan) -> list[RenderableType]:
    """Beside the bill."""
    currency = plan.figures.cost.currency
    rows = [(item.name, money(item.amount, currency), item.note) for item in plan.options]
    return [heading("YOURS TO TAKE", "a month, not in the total"), table(("", ""), rows)] if rows else []


def sizes(plan: CapacityPlan) -> list[RenderableType]:
    """The month of other numbers of people."""
    currency = plan.figures.cost.currency
    rows = [
        (
            number(row.people),
            row.compute,
            money(row.cost.likely, currency),
            money(row.whole.likely, currency),
            between(row.whole, lambda value: short_money(value, currency)),
            f"{row.each:.3f}",
            f"{row.marginal:.3f}",
        )
        for row in plan.sizes
    ]
    broken = [f"{number(row.people)}: {row.broken}" for row in plan.sizes if row.broken]
    head = ("people", "compute", "published", "whole", "low - high", "each", "next")
    parts = [heading("COST BY SIZE", "a month; each: for one person a day; next: for one more"), table(head, rows)]
    return [*parts, paragraph(f"Broken at {'; '.join(broken)}.")] if broken else parts


def year(plan: CapacityPlan) -> list[RenderableType]:
    """Month by month."""
    currency = plan.figures.cost.currency
    chosen = [row for row in plan.year if row.month in MONTHS_SHOWN]
    rows = [
        (
            f"{row.month}",
            number(row.people),
            volume(row.disk_gb),
            volume(row.kept_gb),
            row.compute,
            money(row.cost.likely, currency),
            between(row.cost, lambda value: short_money(value, currency)),
        )
        for row in chosen
    ]
    low, total, high = (sum(getattr(row.cost, end) for row in plan.year) for end in ("low", "likely", "high"))
    first = {name: row.month for row in reversed(plan.year) for name in row.broken}
    broken = ", ".join(f"{name} in month {month}" for name, month in sorted(first.items(), key=lambda one: one[1]))
    head = ("month", "people", "disk", "trimmed", "compute", "whole", "low - high")
    return [
        heading("TWELVE MONTHS", f"growing by {plan.inputs.growth_per_month:.0%} a month"),
        table(head, rows),
        paragraph(
            f"All twelve: {money(total, currency)} ({short_money(low, currency)} - {short_money(high, currency)})."
            + (f" First broken: {broken}." if broken else "")
        ),
    ]


def levers(plan: CapacityPlan) -> list[RenderableType]:
    """What each would change."""
    figures, currency = plan.figures, plan.figures.cost.currency
    egress = next(item.quantity for item in figures.cost.items if item.name == "egress")
    rows = [
        (
            f"{row.name}={row.value}",
            _signed(row.cost, lambda value: short_money(value, currency)),
            _share(row.requests, figures.requests_per_day),
            _share(row.invocations, figures.invocations_per_day),
            _share(row.rows, figures.rows_per_day),
            _share(row.disk_gb, figures.disk.gb_per_day),
            _share(row.egress_gb, egress),
            number(row.first_people),
        )
        for row in plan.levers
    ]
    head = ("", "a month", "sent", "edge", "rows", "disk", "egress", "1st at")
    told = (
        "Each alone, by model; 1st at: people a day at which something breaks then. `harness levers` measures them; "
        "--measured takes what it found."
    )
    parts = [heading("LEVERS", "the whole cost, and what each changes"), table(head, rows), paragraph(told)]
    if unread := next((row for row in plan.levers if row.name == "background_decks"), None):
        parts.append(
            paragraph(
                f"The background decks that no screen reads are {number(-unread.rows)} rows, {volume(-unread.disk_gb)} "
                f"of disk and {number(-unread.invocations)} invocations a day, and {volume(-unread.egress_gb)} of "
                "egress a month."
            )
        )
    return parts if rows else []


def _share(change: float, of: float) -> str:
    return "-" if not of or abs(change / of) < SMALL else percent(change / of)


def _signed(value: float, told: Callable[[float], str]) -> str:
    text = told(abs(value))
    return "-" if text in ("0", "$0", "~0") else f"{'-' if value < 0 else '+'}{text}"


def assumed(plan: CapacityPlan) -> list[RenderableType]:
    """What nobody has measured or published."""
    currency = plan.figures.cost.currency
    rows = [
        (
            row.name,
            row.low,
            row.likely,
            row.high,
            short_money(row.cost_low, currency),
            short_money(row.cost_high, currency),
        )
        for row in plan.assumed[:ASSUMED_SHOWN]
    ]
    rest = len(plan.assumed) - len(rows)
    parts = [
        heading("ASSUMED", "and the whole cost that its ends make, alone"),
        table(("", "low", "likely", "high", "at low", "at high"), rows),
    ]
    return (
        [*parts, paragraph(f"{rest} others move it less; --json has them with their sources.")] if rest > 0 else parts
    )


def movers(plan: CapacityPlan) -> list[RenderableType]:
    """Elasticities."""
    rows = [row for row in plan.sensitivity if max(abs(row.cost), abs(row.requests), abs(row.sockets)) >= SMALL]
    cells = [(row.name, f"{row.cost:+.2f}", f"{row.requests:+.2f}", f"{row.sockets:+.2f}") for row in rows]
    return [
        heading("WHAT MOVES IT", "percent that a figure moves per percent of the input, alone"),
        table(("", "cost", "requests", "sockets"), cells[:MOVERS_SHOWN]),
    ]
