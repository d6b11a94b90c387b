"""A plan of Postgres as the record keeps it: what each step reads, and how, without anybody's values. (pure)

Made from `EXPLAIN (FORMAT JSON, VERBOSE)`; figures of a run of it only where it was run (`ANALYZE`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from harness.core.frozen_model import FrozenModel
from harness.observe.questions import without_literals

MOST_STEPS = 200
CONDITION_LENGTH = 200
_CONDITIONS = ("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter", "TID Cond", "Order By")
Source = Literal["statement", "call", "child"]
"""statement: one of those with the most time, planned without values and not run. call: a hot call's read, run and
rolled back. child: a statement within such a call's function."""


class PlanStep(FrozenModel):
    """One node. Null: it was not run, or Postgres says nothing of it."""

    depth: int
    node: str  # "Index Scan", "Sort", ...
    schema_name: str = ""
    relation: str = ""
    index: str = ""
    condition: str = ""  # literals left out
    keys: str = ""  # of a sort
    planned_rows: float  # that each pass gives, the planner thinks
    rows: float | None = None  # that each pass gave
    passes: float | None = None
    removed: float | None = None  # rows that the filter threw away, of all passes
    ms: float | None = None  # of all passes, with the steps below
    blocks: int | None = None  # of 8 KiB, read from memory or disk, with the steps below
    temp_blocks: int | None = None  # written to temporary files, with the steps below
    spill: str = ""  # how a sort or hash that did not fit into memory went to disk

    @property
    def table(self) -> str:
        """With its schema, where there is one."""
        return f"{self.schema_name}.{self.relation}" if self.schema_name and self.relation else self.relation

    @property
    def shape(self) -> str:
        """What another plan of the same statement would say otherwise."""
        parts = (self.node, f"using {self.index}" if self.index else "", f"on {self.table}" if self.relation else "")
        return " ".join(part for part in parts if part)


class QueryPlan(FrozenModel):
    """The plan of one statement."""

    steps: tuple[PlanStep, ...]  # from the top, each before those below it
    planning_ms: float | None = None
    execution_ms: float | None = None  # null: it was not run

    @property
    def shape(self) -> tuple[str, ...]:
        """Steps by depth, without figures: two plans with the same shape are the same plan."""
        return tuple(f"{'  ' * step.depth}{step.shape}" for step in self.steps)


def read(told: str | Mapping[str, Any]) -> QueryPlan:
    """What EXPLAIN answered, or auto_explain said. :raises ValueError: it is no plan."""
    document: Any = json.loads(told) if isinstance(told, str) else told
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict) or not isinstance(document.get("Plan"), dict):
        raise ValueError("no plan in what EXPLAIN answered")
    steps = []
    for step in _steps(document["Plan"], 0):
        steps.append(step)
        if len(steps) == MOST_STEPS:
            break
    return QueryPlan(
        steps=tuple(steps), planning_ms=document.get("Planning Time"), execution_ms=document.get("Execution Time")
    )


def _steps(node: Mapping[str, Any], depth: int) -> Iterator[PlanStep]:
    yield _step(node, depth)
    for below in node.get("Plans", ()):
        yield from _steps(below, depth + 1)


def _step(node: Mapping[str, Any], depth: int) -> PlanStep:
    loops = node.get("Actual Loops")
    removed = node.get("Rows Removed by Filter", node.get("Rows Removed by Index Recheck"))
    conditions = "; ".join(_text(node[name]) for name in _CONDITIONS if name in node)
    return PlanStep(
        depth=depth,
        node=_name(node),
        schema_name=node.get("Schema", ""),
        relation=node.get("Relation Name", node.get("Function Name", "")),
        index=node.get("Index Name", ""),
        condition=_shortened(without_literals(conditions)),
        keys=_shortened(without_literals(", ".join(_each(node.get("Sort Key", ()))))),
        planned_rows=float(node.get("Plan Rows", 0)),
        rows=node.get("Actual Rows"),
        passes=loops,
        removed=None if removed is None or loops is None else removed * loops,
        ms=None if loops is None or "Actual Total Time" not in node else round(node["Actual Total Time"] * loops, 3),
        blocks=_sum(node, "Shared Hit Blocks", "Shared Read Blocks"),
        temp_blocks=_sum(node, "Temp Written Blocks"),
        spill=_spill(node),
    )


def _name(node: Mapping[str, Any]) -> str:
    parts = [str(node.get("Node Type", "?"))]
    if (operation := node.get("Operation")) and parts[0] == "ModifyTable":
        parts = [str(operation)]
    if (kind := node.get("Join Type")) and kind != "Inner":
        parts.append(f"({kind})")
    if (strategy := node.get("Strategy")) in ("Hashed", "Sorted", "Mixed"):
        parts.insert(0, str(strategy))
    return " ".join(parts)


def _spill(node: Mapping[str, Any]) -> str:
    if node.get("Sort Space Type") == "Disk":
        return f"{node.get('Sort Method', 'sort')}, {node.get('Sort Space Used', 0)} kB on disk"
    batches = node.get("Hash Batches", node.get("HashAgg Batches", 1)) or 1
    return f"hash in {batches} batches" if batches > 1 else ""


def _sum(node: Mapping[str, Any], *names: str) -> int | None:
    found = [int(node[name]) for name in names if name in node]
    return sum(found) if found else None


def _each(value: Any) -> Iterable[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _text(value: Any) -> str:
    return ", ".join(_each(value))


def _shortened(text: str) -> str:
    return text if len(text) <= CONDITION_LENGTH else f"{text[: CONDITION_LENGTH - 1]}…"
