"""What the renderers show of the database. (pure)"""

from __future__ import annotations

import re
from typing import Literal

from harness.observe.query_plan import Source
from reports.model import ReportModel
from reports.text import percent

GateStatus = Literal["held", "over", "told", "not asked"]
"""over: beyond a limit of the SLO file. told: beyond the manual's limit, which the SLO file does not ask for."""


LARGE_ROWS = 10_000
"""A table from that many rows on is large: below, reading it whole costs less than an index would save."""


class StatementRow(ReportModel):
    """One statement over the measure phase, of all who sent it."""

    text: str  # literals left out; empty: not known
    roles: tuple[str, ...]
    calls: int
    total_ms: float
    mean_ms: float
    share: float  # of the time of all statements
    rows: int
    hit_share: float | None  # of the blocks it read, found in shared buffers; null: it read none
    temp_blocks: int  # written, 8 KiB each
    wal_bytes: int
    baseline_ms: float | None = None  # a call, in the baseline; null: not compared


class RelationRow(ReportModel):
    """One table over the measure phase."""

    name: str  # schema.table
    inserted: int
    updated: int
    deleted: int
    sequential_scans: int
    rows_a_scan: float | None
    live_rows: int
    dead_share: float
    bytes: int
    index_entries: int = 0  # written with its rows, at most: updates that leave the indexes alone write none


class ServerRow(ReportModel):
    """One figure of the server: what a counter grew by over the measure phase, or the last reading."""

    name: str
    meaning: str
    value: float


class WaitRow(ReportModel):
    """Who waited for whose lock, over the measure phase."""

    relation: str
    mode: str
    waiting: str
    blocking: str
    blocker_state: str
    times: int  # seconds in which it was seen, a statement each
    longest_s: float


class GateRow(ReportModel):
    """One limit of the manual, and what was seen."""

    id: str
    name: str
    status: GateStatus
    value_text: str
    limit_text: str
    evidence: str = ""  # the table or statement that it is about
    subject: str = ""  # that table or statement by a short name; empty: none, or the limit is kept
    asked: bool = False  # the SLO file names it
    comparative: bool = False  # it takes a baseline, or a plan: not to be able to ask is no doubt
    remedy: str = ""
    manual: str  # chapter

    @property
    def unanswered(self) -> bool:
        """The SLO file asks for it, and this run cannot say."""
        return self.asked and self.status == "not asked" and not self.comparative

    @property
    def sentence(self) -> str:
        about = f": {self.evidence}" if self.evidence else ""
        return f"Database, {self.name}: {self.value_text}, the limit is {self.limit_text}{about}."


class PlanRow(ReportModel):
    """How Postgres carries out one statement, read after the load."""

    source: Source
    endpoint: str  # empty: it fits none
    role: str  # that it was planned for; empty: the connection's own
    statement: str  # literals left out
    execution_ms: float | None  # null: planned alone, not run
    steps: tuple[str, ...]  # a line each, indented by depth
    remarks: tuple[str, ...] = ()  # what is wrong with it
    large_tables: tuple[str, ...] = ()  # that it reads or writes
    whole_tables: tuple[str, ...] = ()  # of them, those of which it reads every row
    compared: bool = False  # the baseline has a plan of it
    changed: bool = False  # it is none of the baseline's
    weighty: bool = False  # and reads a large table otherwise
    was: tuple[str, ...] = ()  # the steps in the baseline, where they changed
    problem: str = ""  # why there is no plan

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return self.endpoint if self.source == "call" else subject_of(self.statement)


class ClientsRow(ReportModel):
    """Connections of one program under one role, when most of all were open."""

    application: str
    role: str
    state: str
    connections: int
    longest_s: float  # the longest in that state


class EndpointCost(ReportModel):
    """What a call of one endpoint costs the database. Null: not known, or the plan has no such call."""

    endpoint: str
    requests: int
    total_ms: float
    share: float  # of the time of all statements
    ms_a_call: float
    low_ms: float | None  # 95 % interval
    high_ms: float | None
    planned_per_s: float | None  # calls at the peak of 500,000 people a day
    cores: float | None  # that they keep busy then
    cores_low: float | None
    cores_high: float | None


class DatabaseView(ReportModel):
    """The database over the measure phase. Null figures: not known."""

    problem: str = ""  # why there is nothing, or not all
    missing: tuple[str, ...] = ()
    cost_ms_per_s: float | None = None  # of asking, by the clock: what it cost the database, at most
    length_s: float = 0.0
    busy_cores: float | None = None  # time of all statements, a second
    statement_ms: float | None = None
    ms_per_session: float | None = None  # of those that began in the measure phase
    statements: tuple[StatementRow, ...] = ()  # the dearest
    endpoints: tuple[EndpointCost, ...] = ()  # the dearest first
    unmatched_share: float | None = None  # of the time, in statements that fit no endpoint, or several
    compute: str = ""  # those beside the sizes that can be had, in a sentence
    planned_cores: float | None = None  # that the endpoints above keep busy at the planned peak, together
    others_share: float = 0.0  # of the time, in statements that are not listed
    relations: tuple[RelationRow, ...] = ()  # the most written to
    waits: tuple[WaitRow, ...] = ()
    server: tuple[ServerRow, ...] = ()
    plans: tuple[PlanRow, ...] = ()
    clients: tuple[ClientsRow, ...] = ()  # the most connections first
    connections: int | None = None  # at most
    connection_limit: int | None = None
    hit_share: float | None = None
    temp_bytes: int | None = None
    wal_bytes: int | None = None
    commits: int | None = None
    rollbacks: int | None = None
    deadlocks: int | None = None
    gates: tuple[GateRow, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """In one line."""
        if self.problem and not self.length_s:
            return f"not observed: {self.problem}"
        parts = []
        if self.busy_cores is not None:
            parts.append(f"{self.busy_cores:.2f} cores busy with statements")
        if self.statements:
            first = self.statements[0]
            parts.append(f"{percent(first.share, 0)} of it in {shortened(first.text)}, {first.mean_ms:,.1f} ms a call")
        if self.connections is not None:
            parts.append(f"at most {self.connections:,} of {self.connection_limit or 0:,} connections")
        bad = [row.name for row in self.gates if row.status in ("over", "told")]
        parts.append(f"beyond the manual's limits: {', '.join(bad)}" if bad else "within the manual's limits")
        return "; ".join(parts)


def shortened(text: str, length: int = 60) -> str:
    """A statement as a line shows it."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


_NAME = r'((?:"?\w+"?\.)?"?\w+"?)'
_SUBJECTS = (
    ("insert into", re.compile(rf"\binsert\s+into\s+{_NAME}", re.IGNORECASE)),
    ("update", re.compile(rf"\bupdate\s+{_NAME}\s+set\b", re.IGNORECASE)),
    ("delete from", re.compile(rf"\bdelete\s+from\s+{_NAME}", re.IGNORECASE)),
    ("call", re.compile(r'("?public"?\."?\w+"?)\s*\(', re.IGNORECASE)),
    ("select from", re.compile(rf"\bfrom\s+{_NAME}", re.IGNORECASE)),
)


def subject_of(text: str) -> str:
    """A statement by its verb and its table or function: `insert into public.messages`."""
    for verb, form in _SUBJECTS:
        if found := form.search(text):
            return f"{verb} {found[1].replace(chr(34), '')}"
    return shortened(text)
