"""Sentences about the database: asked by what it said of itself while the run went on. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from reports.coverage.ask import Ask, AskAnswer, broken, held, not_asked
from reports.coverage.judged_run import JudgedRun
from reports.text import plural


@dataclass(frozen=True)
class AskGate(Ask):
    """A limit of `reports.database.gates`, by its key in `[database]`."""

    id: str

    def of(self, run: JudgedRun) -> AskAnswer:
        if run.database is None:
            return not_asked("the database was not observed")
        row = next(row for row in run.database.gates if row.id == self.id)
        text = f"{row.name}: {row.value_text}, the limit is {row.limit_text}"
        if row.status == "not asked":
            return not_asked(f"{row.name}: {row.value_text}")
        return held(run, text) if row.status == "held" else broken(f"{text}: {row.evidence}".removesuffix(": "))

    def words(self) -> str:
        return f"limit of the database: {self.id}"


@dataclass(frozen=True)
class AskPlans(Ask):
    """Whether the plans of the dearest statements and of the hot calls use an index on every large table."""

    def of(self, run: JudgedRun) -> AskAnswer:
        plans = [] if run.database is None else [row for row in run.database.plans if not row.problem]
        if not plans:
            return not_asked("no plan was read")
        whole = dict.fromkeys(f"{row.title} reads all of {table}" for row in plans for table in row.whole_tables)
        if whole:
            return broken("; ".join(whole))
        tables = {table for row in plans for table in row.large_tables}
        if not tables:
            return not_asked(f"{plural(len(plans), 'plan')} read, of small tables alone")
        return held(run, f"{plural(len(plans), 'plan')} read, {plural(len(tables), 'large table')} through an index")

    def words(self) -> str:
        return "plans of the dearest statements and of the hot calls"
