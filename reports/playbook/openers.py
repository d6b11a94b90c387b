"""What of a verdict opens a play: missed objectives, limits of the database, faults without recovery. (pure)"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.client.api.endpoints import ENDPOINTS
from reports.text import percent
from reports.verdict import Verdict, missed

Kind = Literal["slow", "failing", "gate", "fault", "delivery"]


@dataclass(frozen=True, slots=True)
class Opener:
    """One thing that went wrong. names: of operations, of the limit's key, or of the fault."""

    kind: Kind
    names: tuple[str, ...]
    sentence: str

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where those operations go; operations that are no single call have none."""
        return tuple(dict.fromkeys(ENDPOINTS[name] for name in self.names if name in ENDPOINTS))


def openers(verdict: Verdict) -> Sequence[Opener]:
    """The gravest first: what was missed, then what the manual's limits say, then faults."""
    found = [*_objectives(verdict), *_rest(verdict), *_delivery(verdict), *_gates(verdict), *_faults(verdict)]
    return tuple(dict.fromkeys(found))


def _objectives(verdict: Verdict) -> Iterable[Opener]:
    for row in verdict.slos:
        if row.status == "fail":
            yield Opener("slow" if row.kind == "latency" else "failing", row.operations, missed(row))


def _rest(verdict: Verdict) -> Iterable[Opener]:
    for row in verdict.catch_all.of("missed") if verdict.catch_all is not None else ():
        sentence = f"{'; '.join(row.faults)}."
        if row.latency == "missed":
            yield Opener("slow", (row.name,), sentence)
        if row.failures == "missed":
            yield Opener("failing", (row.name,), sentence)


def _delivery(verdict: Verdict) -> Iterable[Opener]:
    for reason in verdict.realtime.reasons if verdict.realtime is not None else ():
        yield Opener("delivery", (), reason)


def _gates(verdict: Verdict) -> Iterable[Opener]:
    for row in verdict.database.gates if verdict.database is not None else ():
        if row.status in ("over", "told"):
            yield Opener("gate", (row.id,), row.sentence)


def _faults(verdict: Verdict) -> Iterable[Opener]:
    for fault in verdict.recovery.faults if verdict.recovery is not None else ():
        if fault.recovered.status == "never" and not fault.missing:
            share = (
                "" if fault.goodput_share is None else f"; goodput {percent(fault.goodput_share, 0)} of the baseline's"
            )
            yield Opener("fault", (fault.name,), f"After {fault.place} the target never recovered{share}.")
