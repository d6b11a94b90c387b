"""What the plans of the hot statements say, and whether they are those of the baseline. (pure)

A plan is looked at for what manual 4.4 and 11 ask: is an index used on a large table, how far the planner's rows are
from the real ones, what did not fit into memory, what was read only to be thrown away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.observe.query_plan import PlanStep, QueryPlan
from harness.observe.tables import PLANS
from reports.database.endpoints import endpoint_of
from reports.database.model import LARGE_ROWS, PlanRow
from reports.database.stretch import Observation, Record, Stretch, name_of, records
from reports.text import count, figure

WRONG, CAME, PLANNED = 10.0, 1_000, 10_000
"""From which ratio on rows are not what the planner thought, where at least so many came, or were planned: of functions
and new tables it knows nothing, and plans a thousand."""
CHILD_SHARE = 0.05
"""A statement within a call is shown when it took so much of it."""
SHOWN_CHILDREN, SHOWN_STEPS = 6, 40

Key = tuple[str, str, str]
"""Source, endpoint, statement."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One row of the record with its plan read. plan None: there was none."""

    record: Record
    plan: QueryPlan | None

    @property
    def key(self) -> Key:
        return (str(self.record["source"]), str(self.record["endpoint"]), str(self.record["statement"]))


def explained(observation: Observation) -> list[Explained]:
    """All plans of a run, in the order in which they were read."""
    frame = observation.frame(PLANS)
    return [
        Explained(row, QueryPlan.model_validate_json(row["plan"]) if row["plan"] else None)
        for row in (records(frame) if len(frame) else ())
    ]


def rows(found: Sequence[Explained], stretch: Stretch, earlier: Sequence[Sequence[Explained]]) -> tuple[PlanRow, ...]:
    """Statements first, the dearest before others; then the calls, each before what went on within it.

    :param earlier: the plans of each baseline run. A plan that any of them had did not change.
    """
    large = {
        name_of(row): int(row["live_rows"]) for row in records(stretch.relations) if row["live_rows"] >= LARGE_ROWS
    }
    known: dict[Key, list[QueryPlan]] = {}
    for one in earlier:
        for each in one:
            if each.plan is not None:
                known.setdefault(each.key, []).append(each.plan)
    return tuple(_row(one, large, known.get(one.key, ())) for one in _shown(found))


def _shown(found: Sequence[Explained]) -> Iterable[Explained]:
    whole: dict[str, float] = {}
    children: dict[str, int] = {}
    for one in found:
        endpoint = str(one.record["endpoint"])
        if one.record["source"] == "call" and one.plan is not None:
            whole[endpoint] = one.plan.execution_ms or 0.0
    order = {endpoint: place for place, endpoint in enumerate(sorted(whole, key=lambda name: -whole[name]))}
    last = len(order)
    statements = [one for one in found if one.record["source"] == "statement"]
    calls = [one for one in found if one.record["source"] != "statement"]
    calls.sort(key=lambda one: (order.get(str(one.record["endpoint"]), last), one.record["source"] == "child"))
    yield from statements
    for one in calls:
        endpoint = str(one.record["endpoint"])
        if one.record["source"] == "child":
            children[endpoint] = children.get(endpoint, 0) + 1
            if children[endpoint] > SHOWN_CHILDREN or _ms(one.plan) < CHILD_SHARE * whole.get(endpoint, 0.0):
                continue
        yield one


def _ms(plan: QueryPlan | None) -> float:
    return (plan.steps[0].ms or 0.0) if plan is not None and plan.steps else 0.0


def _row(one: Explained, large: Mapping[str, int], before: Sequence[QueryPlan]) -> PlanRow:
    record, plan = one.record, one.plan
    steps = plan.steps if plan is not None else ()
    changed = plan is not None and bool(before) and all(plan.shape != other.shape for other in before)
    statement = str(record["statement"])
    return PlanRow(
        source=record["source"],
        endpoint=str(record["endpoint"]) or endpoint_of(statement, (str(record["role"]),)) or "",
        role=str(record["role"]),
        statement=statement,
        execution_ms=None if plan is None else plan.execution_ms if plan.execution_ms is not None else _run_ms(plan),
        steps=tuple(_line(step) for step in steps[:SHOWN_STEPS]),
        remarks=tuple(dict.fromkeys(remark for step in steps for remark in _remarks(step, large))),
        whole_tables=tuple(dict.fromkeys(step.table for step in steps if _whole(step) and step.table in large)),
        large_tables=tuple(dict.fromkeys(step.table for step in steps if step.table in large)),
        compared=bool(before),
        changed=changed,
        weighty=changed and plan is not None and all(_access(plan, large) != _access(other, large) for other in before),
        was=before[0].shape[:SHOWN_STEPS] if changed else (),
        problem=str(record["problem"]),
    )


def _run_ms(plan: QueryPlan) -> float | None:
    return plan.steps[0].ms if plan.steps else None


def _whole(step: PlanStep) -> bool:
    return step.node.endswith("Seq Scan")


def _access(plan: QueryPlan, large: Mapping[str, int]) -> frozenset[tuple[str, str]]:
    """How large tables are read."""
    return frozenset((step.table, step.index or step.node) for step in plan.steps if step.table in large)


def _line(step: PlanStep) -> str:
    told = []
    if step.rows is not None and step.passes is not None:
        passes = f" in each of {count(int(step.passes))} passes" if step.passes > 1 else ""
        told.append(f"{figure(step.rows)} rows{passes}, {figure(step.planned_rows)} planned")
        told += [f"{step.ms:,.2f} ms"] if step.ms is not None else []
    else:
        told.append(f"{figure(step.planned_rows)} rows planned")
    if step.removed:
        told.append(f"{count(int(step.removed))} thrown away")
    if step.blocks:
        told.append(f"{count(step.blocks)} blocks")
    told += [step.spill] if step.spill else []
    about = "; ".join(part for part in (step.condition, step.keys and f"by {step.keys}") if part)
    return f"{'  ' * step.depth}{step.shape} ({', '.join(told)})" + (f": {about}" if about else "")


def _remarks(step: PlanStep, large: Mapping[str, int]) -> Iterable[str]:
    """What is wrong with a step."""
    place = step.shape
    if _whole(step) and step.table in large:
        yield f"no index is used on {step.table}: all of its {count(large[step.table])} rows are read"
    if step.removed and step.removed >= LARGE_ROWS:
        yield f"{place} threw {count(int(step.removed))} rows away by its filter"
    if step.rows is not None and step.passes:
        more = step.rows >= max(CAME, WRONG * step.planned_rows)
        if more or step.planned_rows >= max(PLANNED, WRONG * max(1.0, step.rows)):
            yield f"{place} gave {figure(step.rows)} rows where {figure(step.planned_rows)} were planned"
    if step.spill:
        yield f"{place} did not fit into memory: {step.spill}"
