"""What this run knows about one step of the playbook, in words; empty: nothing. (pure)"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.core.tables import View
from reports.database.endpoints import endpoint_of
from reports.database.model import DatabaseView, GateRow, PlanRow, StatementRow, shortened, subject_of
from reports.playbook.openers import Opener
from reports.recovery.model import FaultReport
from reports.text import count, figure, ms, percent, plural, seconds
from reports.verdict import Verdict

NOTHING = DatabaseView()
SHOWN = 3
LEAST_IDLE_S = 1.0
"""For that long nobody waits between two statements of a transaction."""


@dataclass(frozen=True, slots=True)
class Case:
    """A run, and what of it opened the play."""

    verdict: Verdict
    opener: Opener

    @property
    def database(self) -> DatabaseView:
        return self.verdict.database or NOTHING

    def statements(self) -> Sequence[StatementRow]:
        """Those of the opener's endpoints, the dearest first; all where it has none."""
        wanted = self.opener.endpoints
        rows = self.database.statements
        return [row for row in rows if not wanted or endpoint_of(row.text, row.roles) in wanted]

    def plans(self) -> Sequence[PlanRow]:
        """Likewise."""
        wanted = self.opener.endpoints
        return [row for row in self.database.plans if not wanted or row.endpoint in wanted]

    def gate(self, key: str) -> GateRow | None:
        """A limit that could be asked."""
        return next((row for row in self.database.gates if row.id == key and row.status != "not asked"), None)

    def fault(self) -> FaultReport | None:
        """The fault that opened the play."""
        faults = self.verdict.recovery.faults if self.verdict.recovery is not None else ()
        return next((one for one in faults if one.name in self.opener.names), None)


Tell = Callable[[Case], str]


def top_statement(case: Case) -> str:
    rows = case.statements()
    if not rows:
        return ""
    first, whole = rows[0], case.database.statement_ms or 0.0
    before = "" if first.baseline_ms is None else f", {ms(round(first.baseline_ms, 2))} in the baseline"
    return (
        f"`{subject_of(first.text)}` took {first.total_ms / 1000:,.1f} of {whole / 1000:,.1f} s of the database, "
        f"{ms(round(first.mean_ms, 2))} a call in {plural(first.calls, 'call')}{before}"
    )


def children(case: Case) -> str:
    found = sorted(
        (row for row in case.plans() if row.source == "child" and row.execution_ms),
        key=lambda row: -(row.execution_ms or 0),
    )
    named = (f"`{subject_of(row.statement)}` {ms(round(row.execution_ms or 0.0, 2))}" for row in found)
    return ", ".join(list(dict.fromkeys(named))[:SHOWN])


def plan(case: Case) -> str:
    found = [row for row in case.plans() if not row.problem]
    if not found:
        return ""
    changed = [f"`{row.title}` changed its plan" for row in found if row.changed]
    remarks = list(dict.fromkeys(remark for row in found for remark in row.remarks))
    if changed or remarks:
        return "; ".join([*changed, *remarks][:SHOWN])
    return f"{plural(len(found), 'plan')} read, nothing to remark"


def index(case: Case) -> str:
    found = [row for row in case.plans() if not row.problem]
    if not found:
        return ""
    tables = dict.fromkeys(table for row in found for table in row.whole_tables)
    gate = case.gate("sequential_rows")
    hot = f"{gate.evidence}, {gate.value_text}" if gate is not None and gate.evidence else ""
    if tables or hot:
        return "; ".join(part for part in (f"read whole: {', '.join(tables)}" if tables else "", hot) if part)
    return "no large table is read whole"


def explosion(case: Case) -> str:
    plans = [row for row in case.plans() if not row.problem and row.execution_ms is not None]
    wrong = [remark for row in plans for remark in row.remarks if " were planned" in remark or "threw" in remark]
    rows = case.statements()
    each = f"{figure(rows[0].rows / rows[0].calls)} rows a call" if rows else ""
    return "; ".join(part for part in (*dict.fromkeys(wrong[:SHOWN]), each) if part)


def spills(case: Case) -> str:
    remarks = [remark for row in case.plans() for remark in row.remarks if "did not fit" in remark]
    rows = [row for row in case.statements() if row.temp_blocks]
    named = [f"`{subject_of(row.text)}` wrote {count(row.temp_blocks)} temporary blocks" for row in rows]
    if found := list(dict.fromkeys([*named, *remarks])):
        return "; ".join(found[:SHOWN])
    return "nothing was written to temporary files" if case.statements() else ""


def deck_size(case: Case) -> str:
    row = next((row for row in case.database.statements if "media_swipe_deck" in row.text), None)
    return "" if row is None or not row.calls else f"{figure(row.rows / row.calls)} rows a call"


def rerank(case: Case) -> str:
    rows = [row for row in case.database.statements if "rerank" in row.text]
    if not case.database.statements:
        return ""
    if not rows:
        return "no rerank statement is among the dearest"
    return f"{percent(sum(row.share for row in rows), 1)} of the statements' time"


def endpoint_cost(case: Case) -> str:
    rows = [row for row in case.database.endpoints if row.endpoint in case.opener.endpoints]
    told = []
    for row in rows[:SHOWN]:
        interval = "" if row.high_ms is None else f" ({row.low_ms or 0:,.1f} to {row.high_ms:,.1f})"
        cores = "" if row.cores is None else f", {row.cores:.2f} cores at the planned peak"
        told.append(f"{row.endpoint}: {ms(round(row.ms_a_call, 2))} of the database a call{interval}{cores}")
    return "; ".join(told)


def subscriptions(case: Case) -> str:
    realtime = case.verdict.realtime
    if realtime is None:
        return ""
    peaks = ", ".join(f"{count(number)} {name}" for name, number in sorted(realtime.peaks.items()))
    audits = [f"{row.name}: {row.text}" for row in realtime.audits if not row.ok]
    return "; ".join(part for part in (f"at most {peaks}" if peaks else "", *audits) if part)


def changes_share(case: Case) -> str:
    realtime, gate = case.verdict.realtime, case.gate("list_changes_share")
    told = [gate.value_text] if gate is not None else []
    if realtime is not None:
        busy = sorted(realtime.cost, key=lambda row: -row.busy_share)[:SHOWN]
        told += [
            f"{row.table}: {row.changes_per_s:,.1f} changes/s to {count(row.subscriptions)} subscriptions"
            for row in busy
        ]
    return "; ".join(told)


def frames(case: Case) -> str:
    realtime = case.verdict.realtime
    if realtime is None or realtime.frames_per_message is None:
        return ""
    return f"{realtime.frames_per_message:,.1f} frames of database changes a message"


def batching(case: Case) -> str:
    requests = sum(
        row.requests for row in case.database.endpoints if row.endpoint == "POST functions/media-swipe-event"
    )
    rows = sum(row.inserted for row in case.database.relations if "media_events" in row.name)
    return f"{figure(rows / requests)} events a request" if requests and rows else ""


def conflicts(case: Case) -> str:
    checks = [row for row in case.verdict.integrity.checks if row.id in ("I01", "I03", "I04", "I18")]
    if not checks:
        return ""
    broken = [f"{row.id} {row.title}: {count(row.count)}" for row in checks if row.status == "broken"]
    return "; ".join(broken) if broken else "no event or message was found stored twice or lost"


def written(case: Case) -> str:
    gate = case.gate("event_ratio")
    rows = sorted(case.database.relations, key=lambda row: -(row.inserted + row.updated + row.deleted))[:SHOWN]
    tables = ", ".join(f"{row.name} {count(row.inserted + row.updated + row.deleted)}" for row in rows)
    parts = (gate.value_text if gate is not None else "", f"rows written: {tables}" if tables else "")
    return "; ".join(part for part in parts if part)


def waits(case: Case) -> str:
    rows = case.database.waits[:SHOWN]
    return "; ".join(
        f"`{subject_of(row.waiting)}` waited {seconds(row.longest_s)} for `{subject_of(row.blocking)}`"
        f"{f' on {row.relation}' if row.relation else ''} ({row.blocker_state or 'state not known'})"
        for row in rows
    )


def open_transactions(case: Case) -> str:
    idle = [row for row in case.database.clients if row.state.startswith("idle in transaction")]
    rows = [row for row in idle if row.longest_s >= LEAST_IDLE_S]
    return "; ".join(
        f"{plural(row.connections, 'connection')} of {row.application or 'an unnamed program'} {row.state} "
        f"for up to {seconds(row.longest_s)}"
        for row in rows[:SHOWN]
    ) or ("none was seen at the edges" if case.database.clients else "")


def connections(case: Case) -> str:
    rows = case.database.clients[:SHOWN]
    if not rows:
        return ""
    most = f"{count(case.database.connections or 0)} of {count(case.database.connection_limit or 0)}"
    named = ", ".join(
        f"{row.application or 'unnamed'} as {row.role} {count(row.connections)} {row.state}" for row in rows
    )
    return f"{most} at most: {named}"


def bloat(case: Case) -> str:
    gate = case.gate("dead_share")
    return "" if gate is None else ": ".join(part for part in (gate.evidence, gate.value_text) if part)


def platform(case: Case) -> str:
    return "; ".join(one.text for one in case.verdict.limits[:SHOWN])


def outcomes(case: Case) -> str:
    rows = case.verdict.catch_all.rows if case.verdict.catch_all is not None else ()
    told = []
    for row in rows:
        if row.name in case.opener.names and row.failed:
            named = ", ".join(f"{name} {count(number)}" for name, number in row.outcomes.items())
            told.append(f"{row.name} ({row.view}): {count(row.failed)} of {count(row.samples)} failed: {named}")
    return "; ".join(told[:SHOWN])


def server_or_client(case: Case) -> str:
    """Whether the time was the target's, or waiting in front of it."""
    names = set(case.opener.names)
    values = {row.view: row for row in case.verdict.slos if names & set(row.operations) and row.kind == "latency"}
    told = [f"{view} {values[view].value_text}" for view in (View.SERVER, View.E2E) if view in values]
    return ", ".join(told)


def amplification(case: Case) -> str:
    fault = case.fault()
    if fault is None or fault.amplification is None:
        return ""
    beside = "" if fault.amplification_ratio is None else f", {fault.amplification_ratio:.2f} times the baseline's"
    herd = "" if fault.herd_ratio is None else f"; herd of {fault.herd_ratio:.1f} times the mean second"
    return f"{fault.amplification:.2f} attempts an operation{beside}{herd}"


def needless(case: Case) -> str:
    fault = case.fault()
    rows = [row for row in fault.writes if row.retries] if fault is not None else []
    told: Iterable[str] = (
        f"{row.kind}: {count(row.retries)} retries, {count(row.needless)} of them needless" for row in rows
    )
    return "; ".join(told)


def queue(case: Case) -> str:
    fault = case.fault()
    return fault.queue.text if fault is not None and fault.queue is not None else ""


def after(case: Case) -> str:
    fault = case.fault()
    rows = fault.latency if fault is not None else ()
    told = [
        f"{row.operation} {ms(row.before)} before, {ms(row.after)} after"
        for row in rows
        if row.before is not None and (row.after is None or row.after > row.before)
    ]
    return "; ".join(told[:SHOWN])


def nothing(_: Case) -> str:
    return ""


def statement_of_gate(case: Case) -> str:
    """What the limit named."""
    row = case.gate(case.opener.names[0]) if case.opener.names else None
    return shortened(row.evidence, 200) if row is not None else ""
