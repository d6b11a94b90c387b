"""The database against what was expected of it: the baseline's runs, and the plan. (pure)"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from reports.database.gates import Seen
from reports.database.model import PlanRow, StatementRow, shortened, subject_of
from reports.database.plans import Explained
from reports.database.stretch import Stretch, records
from reports.text import count, plural

LEAST_CALLS = 30
"""With fewer a statement's mean says little."""
LEAST_MS = 1.0
"""By so much a call has to be slower, whatever the ratio."""
LEAST_SESSIONS = 30
EVENTS = "media_events"


@dataclass(frozen=True, slots=True)
class Earlier:
    """One run of the baseline. calls: calls and milliseconds by statement."""

    calls: Mapping[str, tuple[int, float]]
    plans: Sequence[Explained]


def calls(stretch: Stretch) -> Mapping[str, tuple[int, float]]:
    """Calls and milliseconds of each statement whose text is known, of all who sent it."""
    found: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in records(stretch.statements) if len(stretch.statements) else ():
        if row["text"]:
            found[row["text"]][0] += row["calls"]
            found[row["text"]][1] += row["total_ms"]
    return {text: (int(number), ms) for text, (number, ms) in found.items()}


def beside(rows: Sequence[StatementRow], earlier: Sequence[Earlier]) -> tuple[StatementRow, ...]:
    """The statements, each beside the median of what a call of it took in the baseline."""
    found = []
    for row in rows:
        known = [one.calls[row.text] for one in earlier if row.text and row.text in one.calls]
        means = [ms / number for number, ms in known if number >= LEAST_CALLS]
        found.append(row.model_copy(update={"baseline_ms": round(median(means), 3)}) if means else row)
    return tuple(found)


def slower(rows: Sequence[StatementRow], earlier: Sequence[Earlier]) -> Seen:
    """The statement that got slowest, as a ratio; 1 where none did by a millisecond."""
    if not earlier:
        return Seen(None, "no baseline")
    ratios = [
        (row.mean_ms / row.baseline_ms if row.mean_ms >= row.baseline_ms + LEAST_MS else 1.0, row)
        for row in rows
        if row.baseline_ms and row.calls >= LEAST_CALLS
    ]
    if not ratios:
        return Seen(None, f"no statement has {LEAST_CALLS} calls here and in the baseline")
    ratio, worst = max(ratios, key=lambda one: one[0])
    if ratio <= 1.0:
        return Seen(ratio, f"none of {plural(len(ratios), 'statement')} is slower by {LEAST_MS:g} ms a call")
    text = f"{worst.mean_ms:,.1f} ms a call, {worst.baseline_ms or 0:,.1f} ms in the baseline"
    return Seen(ratio, text, f"`{shortened(worst.text)}`", subject_of(worst.text))


def changes(rows: Sequence[PlanRow], earlier: Sequence[Earlier]) -> Seen:
    """Statements that changed their plan, and read a large table otherwise than before."""
    if not any(one.plans for one in earlier):
        return Seen(None, "no plans of a baseline")
    compared = [row for row in rows if row.compared]
    weighty = [row for row in compared if row.weighty]
    slight = sum(row.changed and not row.weighty for row in compared)
    text = f"{count(len(weighty))} of {plural(len(compared), 'plan')}"
    text += f"; {count(slight)} more that read large tables as before" if slight else ""
    if not weighty:
        return Seen(0.0, text)
    first = weighty[0]
    return Seen(float(len(weighty)), text, f"`{shortened(first.statement)}` changed its plan", first.title)


def events(stretch: Stretch, sessions: int, planned: float | None) -> Seen:
    """Rows of swipe events a session, to those that the plan has."""
    rows = [row for row in records(stretch.relations) if str(row["relation"]).startswith(EVENTS)]
    if not planned or sessions < LEAST_SESSIONS or not rows:
        return Seen(None, f"{plural(sessions, 'session')} began, {LEAST_SESSIONS} have to" if planned else "no plan")
    written = int(sum(row["inserted"] for row in rows))
    each, minute = written / sessions, written / stretch.length_s * 60
    worst = max(rows, key=lambda row: int(row["inserted"]))
    name = f"{worst['schema']}.{worst['relation']}"
    text = f"{minute:,.0f} rows a minute: {each:,.1f} a session, {planned:,.1f} planned"
    return Seen(each / planned, text, f"{name} took {count(int(worst['inserted']))} of them", name)
