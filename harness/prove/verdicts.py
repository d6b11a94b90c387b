"""What a run's `verdict.json` says of the gates: which of them fired, and how early the first sign was. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from harness.core.phase_window import Window
from harness.core.tables import Phase

ALARMS = frozenset({10, 11, 12})
"""Exit codes that accuse the target."""
BEFORE = "preflight"
"""What is found before the load: a finding is a catch whatever its severity, and so whatever the exit code."""


class _VerdictPart(BaseModel):
    """Of `verdict.json`, the fields that a proof reads; all others are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Slo(_VerdictPart):
    name: str
    status: str
    operations: tuple[str, ...] = ()


class _Offender(_VerdictPart):
    ids: dict[str, str] = Field(default_factory=dict)
    at_s: float | None = None


class _Check(_VerdictPart):
    id: str
    status: str
    offenders: tuple[_Offender, ...] = ()


class _Integrity(_VerdictPart):
    status: str
    text: str = ""
    checks: tuple[_Check, ...] = ()


class _Row(_VerdictPart):
    operation: str
    change: str = ""
    drifts: bool = False


class _Comparison(_VerdictPart):
    rows: tuple[_Row, ...]


class _Silence(_VerdictPart):
    from_s: float


class _Realtime(_VerdictPart):
    lost: int = 0
    doubled: int = 0
    misdated: int = 0
    misdelivered: int = 0
    untold: int = 0
    contradicted: int = 0
    silences: tuple[_Silence, ...] = ()
    warnings: tuple[str, ...] = ()


class _Everything(_VerdictPart):
    name: str
    view: str
    failures: str
    latency: str | None = None


class _CatchAll(_VerdictPart):
    rows: tuple[_Everything, ...] = ()


class _Gate(_VerdictPart):
    id: str
    status: str
    subject: str = ""


class _Database(_VerdictPart):
    gates: tuple[_Gate, ...] = ()


class _Assistant(_VerdictPart):
    name: str
    status: str


class _Finding(_VerdictPart):
    lint: str
    object: str
    accepted: str = ""


class _Preflight(_VerdictPart):
    findings: tuple[_Finding, ...] = ()


class _Facts(_VerdictPart):
    windows: tuple[Window, ...]


class Judged(_VerdictPart):
    """The parts of a verdict that a proof reads."""

    exit_code: int
    exit_codes: tuple[int, ...]
    sentence: str
    reasons: tuple[str, ...] = ()
    slos: tuple[_Slo, ...] = ()
    probes: tuple[_Check, ...] = ()
    integrity: _Integrity
    comparison: _Comparison | None = None
    drift: tuple[_Row, ...] = ()
    realtime: _Realtime | None = None
    catch_all: _CatchAll | None = None
    access: tuple[_Check, ...] = ()
    database: _Database | None = None
    assistant: tuple[_Assistant, ...] = ()
    preflight: _Preflight | None = None
    facts: _Facts


EPHEMERAL = {"typing": "typing signal", "presence": "presence channel"}
"""What may go missing without an exit code: its name, and the words that its warnings have."""
WRONG_DELIVERIES = ("lost", "doubled", "misdated", "misdelivered", "untold", "contradicted")
"""What Realtime must not do, as the verdict counts it."""


@dataclass(frozen=True, slots=True)
class Fired:
    """One gate that accuses the target. at_s: the first sign, seconds of the run; before zero for probes."""

    gate: str
    exit_code: int
    at_s: float


def fired(judged: Judged) -> tuple[Fired, ...]:
    """All gates that accuse. What has no instant of its own is known when the measure phase is over."""
    end = max((window.end_s for window in judged.facts.windows if window.phase is Phase.MEASURE), default=0.0)
    found = [Fired(f"probe: {check.id}", 11, 0.0) for check in judged.probes if check.status == "broken"]
    if judged.preflight is not None:
        open_ = [one for one in judged.preflight.findings if not one.accepted]
        found += [Fired(f"{BEFORE}: {one.lint}: {one.object}", 40, 0.0) for one in open_]
    for check in judged.integrity.checks:
        if check.status == "broken":
            instants = [one.at_s for one in check.offenders if one.at_s is not None]
            found.append(Fired(check.id, 11, max(0.0, min(instants, default=end))))
    if judged.realtime is not None:
        counts = {what: getattr(judged.realtime, what) for what in WRONG_DELIVERIES}
        found += [Fired(f"delivery: {what}", 11, end) for what, count in counts.items() if count]
        found += [Fired("delivery: silence", 11, silence.from_s) for silence in judged.realtime.silences]
    found += [Fired(f"SLO: {row.name}", 10, end) for row in judged.slos if row.status == "fail"]
    if judged.catch_all is not None:
        missed = [row for row in judged.catch_all.rows if "missed" in (row.failures, row.latency)]
        found += [Fired(f"catch-all: {row.name}", 10, end) for row in missed]
    found += [Fired(f"access: {row.id}", 10, end) for row in judged.access if row.status == "missed"]
    if judged.database is not None:
        over = [row for row in judged.database.gates if row.status == "over"]
        found += [
            Fired(": ".join(("database", row.id, *([row.subject] if row.subject else []))), 10, end) for row in over
        ]
    found += [Fired(f"assistant: {row.name}", 10, end) for row in judged.assistant if row.status == "missed"]
    if judged.comparison is not None:
        slower = [row for row in judged.comparison.rows if row.change == "regressed"]
        found += [Fired(f"baseline: {operation}", 12, end) for operation in dict.fromkeys(r.operation for r in slower)]
    found += [Fired(f"drift: {row.operation}", 12, end) for row in judged.drift if row.drifts]
    return tuple(found)


def warned(judged: Judged) -> tuple[str, ...]:
    """`warning: typing`: what is ephemeral and went missing, as the verdict says beside its exit code."""
    told = judged.realtime.warnings if judged.realtime is not None else ()
    return tuple(f"warning: {name}" for name, words in EPHEMERAL.items() if any(words in one for one in told))
