"""What went wrong on purpose: `chaos.jsonl`, and its windows in the manifest. (pure)

One line per thing that happened, in the order in which it became known; `docs/chaos.md` describes the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict

from chaos.timeline import ScheduledFault
from harness.core.scheduled_fault import Allow, ChaosEntry

CHAOS = "chaos.jsonl"
BY_HAND = "by-hand-"
"""What the entries of faults begin with that somebody switched on while the run went on."""


class FaultEvent(StrEnum):
    """What a line tells."""

    START = "start"
    CHANGE = "change"  # its ramp is over
    COUNT = "count"  # it hit more; over all workers
    END = "end"


class Why(StrEnum):
    """Why something happened."""

    PLAN = "plan"
    LEASE = "lease"  # nobody who leads the run had been heard of: phones became clean by themselves, or went on again
    ABORT = "abort"  # the run was ended
    FAILED = "failed"  # the proxy could not be told


class FaultLine(BaseModel):
    """One line of `chaos.jsonl`.

    at_s, planned_s: seconds since the run's zero; planned_s is None where nothing was planned (counts, leases).
    worker: whose phones; None for counts and for the proxy.
    hits, seen: so far. Attempts, requests, messages or connections that it hit, of those that it concerns; for
    offline, herd, mass_reconnect, clock_skew and known expired tokens: phones. On start, change and end lines of a
    worker they are that worker's; on count lines those of all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: FaultEvent
    entry: str
    fault: str
    layer: str
    at_s: float
    planned_s: float | None = None
    worker: int | None = None
    why: Why = Why.PLAN
    share: float = 0.0  # from now on
    hits: int = 0
    seen: int = 0
    text: str = ""  # what a proxy said when it refused

    def written(self) -> bytes:
        """As it stands in the file, with its line end."""
        return orjson.dumps(self.model_dump(mode="json")) + b"\n"


class FaultWindow(BaseModel):
    """`chaos:<entry>` or `recovery:<entry>`: a planned stretch of the run, in seconds since zero.

    judged: whether SLOs count what happens in it; recovery is always judged but for the allowed `recover_s`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["chaos", "recovery"]
    entry: str
    fault: str
    layer: str
    start_s: float
    end_s: float
    share: float
    cohort: tuple[float, float]
    allow: Allow
    judged: bool


def fault_windows(
    scheduled: Sequence[ScheduledFault], entries: Sequence[ChaosEntry], end_s: float
) -> tuple[FaultWindow, ...]:
    """The windows of a run whose schedule ends at `end_s`; recovery lasts until the next fault begins, or until then.

    :param entries: the profile's, in the order of `scheduled`.
    """
    found = []
    starts = sorted(fault.start_s for fault in scheduled)
    for fault, entry in zip(scheduled, entries, strict=True):
        after = min((start for start in starts if start >= fault.end_s), default=end_s)
        facts = {
            "entry": fault.name,
            "fault": fault.fault.name,
            "layer": str(fault.fault.layer),
            "share": fault.share,
            "cohort": fault.cohort,
            "allow": entry.allow,
        }
        for kind, start, end in (("chaos", fault.start_s, fault.end_s), ("recovery", fault.end_s, after)):
            if end > start:
                judged = kind == "recovery" or entry.judged
                span = {"name": f"{kind}:{fault.name}", "kind": kind, "start_s": start, "end_s": end, "judged": judged}
                found.append(FaultWindow.model_validate(span | facts))
    return tuple(sorted(found, key=lambda window: (window.start_s, window.name)))


PROVIDER = "provider"
"""The layer of faults that break the provider of language models."""
ASKS_PROVIDER = "assistant_reply"
"""The one operation that such a fault excuses: whatever else it costs somebody is the target's doing."""


def excused(windows: Sequence[FaultWindow], *, at_provider: bool = False) -> list[tuple[float, float]]:
    """Stretches that SLOs do not count: chaos windows that are not judged, with the recovery that they allow.

    Apart, in order. at_provider: those of faults of the provider, which excuse `ASKS_PROVIDER` alone; else all others.
    """
    spans = sorted(
        (window.start_s, window.end_s + (window.allow.recover_s or 0.0))
        for window in windows
        if window.kind == "chaos" and not window.judged and (window.layer == PROVIDER) is at_provider
    )
    apart: list[tuple[float, float]] = []
    for start, end in spans:
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(apart[-1][1], end))
        else:
            apart.append((start, end))
    return apart
