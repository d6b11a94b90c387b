"""The ranked table as a terminal shows it. (pure)"""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.counted import counted
from harness.levers.answer import Effect, LeverAnswer, LeversAnswer
from harness.plan.text import money

COLUMNS = (
    ("requests", "requests"), ("invocations", "invoc."), ("rows", "rows"), ("wal_bytes", "WAL"),
    ("database_ms", "db ms"), ("realtime_messages", "realtime"),
)  # fmt: skip
MOST_LINES = 8
"""Of further effects, below a lever's row."""


def change(effect: Effect | None) -> str:
    """-42 % (-45 to -39); a dot for what was not shown to differ."""
    if effect is None:
        return "-"
    if effect.factor is None:
        return f"new: {effect.lever:.3g}"
    if not effect.shown and effect.low is not None:
        return "."
    return percent(effect)


def percent(effect: Effect) -> str:
    """With its interval, where there is one."""
    if effect.factor is None:
        return f"0 to {effect.lever:.3g}"
    text = f"{(effect.factor - 1) * 100:+.0f} %"
    if effect.low is None:
        return f"{text} (?)"
    high = "more" if effect.high is None else f"{(effect.high - 1) * 100:+.0f}"
    return f"{text} ({(effect.low - 1) * 100:+.0f} to {high})"


def rendered(found: LeversAnswer) -> str:
    """Everything: the table, and below it what else was shown."""
    head = (
        f"{counted(len(found.levers), 'lever')} against {found.target}, {counted(found.rounds, 'round')} by turns with "
        f"the baseline, {counted(found.pieces, 'piece')}; intervals: 99 % for all figures of a lever together; '.': "
        "not shown to differ"
    )
    lines = [head, ""]
    lines += _table(found)
    for one in found.ranked:
        lines += _below(one)
    if found.closed_share > 0.02:
        lines.append(
            f"\n{found.closed_share:.0%} of the sessions were cut short: the machine is too slow for the piece"
        )
    lines += [f"note: {note}" for note in found.notes]
    return "\n".join(lines) + "\n"


def _table(found: LeversAnswer) -> list[str]:
    cost = f"{found.currency} a month" if found.dau is not None else ""
    rows = [["lever", *(title for _, title in COLUMNS), cost]]
    rows += [
        [one.name, *(change(one.effects.get(key)) for key, _ in COLUMNS), _money(one, found.currency)]
        for one in found.ranked
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    made = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [made[0], "-" * len(made[0]), *made[1:]]


def _money(one: LeverAnswer, currency: str) -> str:
    if one.verdict == "nothing":
        return "does nothing"
    if one.verdict == "unfinished":
        return "unfinished"
    if one.dollars is None:
        return ""
    low, high = money(one.dollars.low, currency), money(one.dollars.high, currency)
    return f"{money(one.dollars.likely, currency)} ({low} to {high})"


def _below(one: LeverAnswer) -> list[str]:
    shown = further(one)
    lines = [f"\n{one.name}: {one.what}" + (" (control)" if one.control else "")]
    lines += [f"    {name}: {figures(effect)}" for name, effect in shown[:MOST_LINES]]
    if len(shown) > MOST_LINES:
        lines.append(f"    and {len(shown) - MOST_LINES} more, in levers.json")
    if one.costs_people:
        lines.append(f"    people: {one.costs_people}")
    if one.caveat:
        lines.append(f"    mind: {one.caveat}")
    return lines


def further(one: LeverAnswer) -> list[tuple[str, Effect]]:
    """What was shown beside the table's columns: rates, what people see, tails, streams."""
    columns = {key for key, _ in COLUMNS}
    kinds: Sequence[dict[str, Effect]] = (one.rates, one.people, one.effects)
    return [(name, effect) for kind in kinds for name, effect in kind.items() if effect.shown and name not in columns]


def figures(effect: Effect) -> str:
    """Both sides, and the change."""
    expected = "" if effect.expected is None else f"; arithmetic: {(effect.expected - 1) * 100:+.0f} %"
    return f"{effect.shipped:.3g} -> {effect.lever:.3g}, {percent(effect)}{expected}"
