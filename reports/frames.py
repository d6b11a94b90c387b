"""Pandas frames from a run's tables: the one place where records become figures. (pure)

One definition of a latency sample runs through the whole report. A sample's `value_us` is its bucket's representative
value, except that a failure is not a fast success: it counts as slower than every answer (infinity).

- e2e view: every operation that did not end well (anything but ok and conflict) is such a failure.
- delivery view: what Realtime should have brought and did not is such a failure.
- server view: no complete or no usable answer (timeout, network, server_error, gave_up) is such a failure; every other
  complete reply, also a refusal, counts with its time.

What the app let go of on purpose (aborted) is no sample at all: nobody waited for it. It is told beside the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from harness.core.delivery_facts import ChannelTopic, DeliveryFact, DeliveryFate, FactKind
from harness.core.fault_record import ASKS_PROVIDER, excused
from harness.core.outcome import OUTCOMES, Outcome
from harness.core.session_end import BROKEN_OFF
from harness.core.tables import Phase, View
from harness.record import buckets
from harness.record.manifest import Manifest
from harness.record.parts import PartFault
from reports.chaos_log import as_they_were, read
from reports.delivery import Delivery, account
from reports.intervals import Interval, of_percentile
from reports.model import ReportModel
from reports.ranks import grouped_percentiles

MEASURED_VIEWS = (View.SERVER, View.E2E, View.DELIVERY)
NOT_AN_ANSWER: dict[View, frozenset[Outcome]] = {
    View.SERVER: frozenset({Outcome.TIMEOUT, Outcome.NETWORK, Outcome.SERVER_ERROR, Outcome.GAVE_UP}),
    View.E2E: frozenset(outcome for outcome in OUTCOMES if outcome.failed),
    View.DELIVERY: frozenset(outcome for outcome in OUTCOMES if outcome.failed),
}
"""Outcomes that count as slower than every limit, per view."""

PERCENTILES = (50.0, 90.0, 95.0, 99.0)
KEYS = ["second", "phase", "operation", "view", "outcome", "bucket_us"]


class RunLike(Protocol):
    """What `harness.record.store.open_run` returns, as far as reports need it."""

    @property
    def manifest(self) -> Manifest: ...
    @property
    def complete(self) -> bool: ...
    @property
    def faults(self) -> tuple[PartFault, ...]: ...
    def latency(self) -> pa.Table: ...
    def arrivals(self) -> pa.Table: ...
    def health(self) -> pa.Table: ...
    def delivery(self) -> pa.Table: ...
    def realtime(self) -> pa.Table: ...
    def traffic(self) -> pa.Table: ...


class SessionFigures(ReportModel):
    """The arrival schedule against what happened. Counts of sessions; lateness in milliseconds."""

    planned: int
    started: int
    on_time: int
    late_phone_busy: int
    late_generator: int
    never_started: int
    finished: int
    closed: int
    failed: int
    broken_off: int = 0  # the target kept the person out, or from going on
    open_at_end: int  # started, with no end on record: the run died first
    lateness_p99_ms: float | None  # of started sessions, whatever the cause


@dataclass(frozen=True)
class Frames:
    """A run as frames. `samples` holds the measured views, `generator` the generator's own, all phases in both."""

    manifest: Manifest
    complete: bool
    samples: pd.DataFrame  # KEYS, count, value_us
    generator: pd.DataFrame  # KEYS, count, value_us
    arrivals: pd.DataFrame
    health: pd.DataFrame
    traffic: pd.DataFrame  # what each session sent, per call
    facts: pd.DataFrame = field(default_factory=pd.DataFrame)  # the delivery table, on one clock
    deliveries: tuple[Delivery, ...] = ()
    realtime: pd.DataFrame = field(default_factory=pd.DataFrame)
    faults: tuple[PartFault, ...] = ()  # parts of the record that are missing or damaged
    aborted: pd.DataFrame = field(default_factory=pd.DataFrame)  # as samples: what the app let go of on purpose

    @cached_property
    def told(self) -> pd.DataFrame:
        """Samples, and what the app let go of: all that happened, whether it counts or not."""
        return pd.concat([self.samples, self.aborted], ignore_index=True) if len(self.aborted) else self.samples

    @cached_property
    def measured(self) -> pd.DataFrame:
        """Samples of the measure phase: all that an SLO may read. Without those whose span, from the second in which it
        began, may touch a chaos window, unless an entry says that they count, or the recovery that it allows: what a
        fault cuts off in flight is the fault's."""
        return self._undisturbed(self._in_measure)

    @cached_property
    def told_measured(self) -> pd.DataFrame:
        """As `measured`, with what the app let go of."""
        told = self.told
        return self._undisturbed(told[told["phase"] == Phase.MEASURE])

    def _undisturbed(self, measured: pd.DataFrame) -> pd.DataFrame:
        second = measured["second"]
        ended = second + 1 + measured["bucket_us"] / 1e6
        counts = pd.Series(True, index=measured.index)
        for start, end in excused(self.manifest.chaos):
            counts &= (ended <= start) | (second >= end)
        others = measured["operation"] != ASKS_PROVIDER
        for start, end in excused(self.manifest.chaos, at_provider=True):
            counts &= others | (ended <= start) | (second >= end)
        return measured[counts]

    @cached_property
    def _in_measure(self) -> pd.DataFrame:
        return self.samples[self.samples["phase"] == Phase.MEASURE]

    @property
    def window(self) -> tuple[float, float]:
        """The measure phase in seconds since zero, cut at the last sample when the run did not reach its end."""
        start, end = _planned_window(self.manifest)
        if not self.complete:
            reached = self._in_measure["second"].max() + 1.0 if len(self._in_measure) else start
            end = min(end, float(reached))
        return start, max(end, start)


def _planned_window(manifest: Manifest) -> tuple[float, float]:
    for window in manifest.windows:
        if window.phase is Phase.MEASURE:
            return window.start_s, window.end_s
    phases = manifest.profile.phases
    return phases.warmup_s, phases.warmup_s + phases.measure_s


def _as_it_was(run: RunLike) -> Manifest:
    """The run's manifest; windows of faults that were not on, by its chaos log, excuse nothing."""
    folder = getattr(run, "folder", None)
    if not run.manifest.chaos or not isinstance(folder, Path):
        return run.manifest
    return run.manifest.model_copy(update={"chaos": as_they_were(run.manifest.chaos, read(folder))})


def load(run: RunLike) -> Frames:
    """Frames of a run. Rows of several workers with the same key are added up."""
    facts = _facts(run)
    faults = [(window.start_s, window.end_s) for window in run.manifest.chaos if window.kind == "chaos"]
    deliveries = tuple(account(_in_order(facts), faults))
    rows = pd.concat([run.latency().to_pandas(), _delivery_samples(run.manifest, deliveries)], ignore_index=True)
    merged = rows.groupby(KEYS, sort=True, dropna=False)["count"].sum().reset_index()
    merged["value_us"] = merged["bucket_us"].astype("float64")
    for view, outcomes in NOT_AN_ANSWER.items():
        failed = (merged["view"] == view) & merged["outcome"].isin([str(outcome) for outcome in outcomes])
        merged.loc[failed, "value_us"] = np.inf
    measured = merged["view"].isin([str(view) for view in MEASURED_VIEWS])
    aborted = measured & (merged["outcome"] == str(Outcome.ABORTED))
    return Frames(
        manifest=_as_it_was(run),
        complete=run.complete,
        samples=merged[measured & ~aborted].reset_index(drop=True),
        generator=merged[~measured].reset_index(drop=True),
        arrivals=run.arrivals().to_pandas(),
        health=run.health().to_pandas(),
        traffic=run.traffic().to_pandas(),
        facts=facts,
        deliveries=deliveries,
        realtime=run.realtime().to_pandas(),
        faults=run.faults,
        aborted=merged[aborted].reset_index(drop=True),
    )


# ---- Realtime -------------------------------------------------------------------------------------------------

DELIVERED = {ChannelTopic.CHANGES: "message_delivery", ChannelTopic.TYPING: "typing_delivery"}
"""Operations of the delivery view that are matched here, from the facts of all workers."""
SELF_DELIVERED = "self_delivery"
SAMPLED: dict[DeliveryFate, Outcome] = {
    DeliveryFate.DELIVERED: Outcome.OK,
    DeliveryFate.LOST: Outcome.TIMEOUT,
    DeliveryFate.DEAF: Outcome.NETWORK,
    DeliveryFate.RECONNECTING: Outcome.NETWORK,
}
"""Fates that are samples; whoever came too late or left too early to hear a message was promised nothing."""


def _facts(run: RunLike) -> pd.DataFrame:
    """The delivery table with every worker's instants on the master's clock, in order."""
    rows = run.delivery().to_pandas()
    offsets = {clock.worker: clock.offset_us for clock in run.manifest.clocks}
    rows["at_us"] += rows["worker"].map(offsets).fillna(0).astype("int64")
    ordered: pd.DataFrame = rows.sort_values(["at_us", "worker"], kind="stable").reset_index(drop=True)
    return ordered


def _in_order(facts: pd.DataFrame) -> Iterator[DeliveryFact]:
    marks = facts["mark_us"].to_numpy(dtype="float64", na_value=np.nan)
    columns = [facts[name] for name in ("at_us", "worker", "kind", "person", "conversation", "key", "detail")]
    for at, worker, kind, person, conversation, key, detail, mark in zip(*columns, marks, strict=True):
        mark_us = None if np.isnan(mark) else int(mark)
        yield DeliveryFact(int(at), int(worker), FactKind(kind), int(person), conversation, key, detail, mark_us)


def _delivery_samples(manifest: Manifest, deliveries: tuple[Delivery, ...]) -> pd.DataFrame:
    """Rows of the latency table, one a delivery; a failure's length is not read by anybody."""
    rows = [
        (
            max(0, one.sent_us // 1_000_000),
            _phase(manifest, one.sent_us / 1e6),
            SELF_DELIVERED if one.sender == one.receiver else DELIVERED[one.topic],
            str(View.DELIVERY),
            str(SAMPLED[one.fate]),
            int(buckets.representative(buckets.index([one.delay_us or 0]))[0]),
            1,
        )
        for one in deliveries
        if one.fate in SAMPLED
    ]
    return pd.DataFrame(rows, columns=[*KEYS, "count"]).astype(
        {"second": "int32", "bucket_us": "int64", "count": "int64"}
    )


def _phase(manifest: Manifest, at_s: float) -> str:
    """As the recorder does: before the first window counts to it, after the last to the last."""
    windows = sorted(manifest.windows, key=lambda window: window.start_s)
    begun = [window for window in windows if window.start_s <= at_s] or windows[:1]
    return str(begun[-1].phase) if begun else str(Phase.MEASURE)


def latency_table(frames: Frames) -> pd.DataFrame:
    """Per operation and view over the measure phase: samples, failed (counts), p50, p90, p95, p99, max in ms.

    A percentile that falls on a failure is infinite; `max` is of answers only. How precisely p95 and p99 are known:
    `interval_of`.
    """
    measured = frames.measured
    table = grouped_percentiles(measured, ["operation", "view"], PERCENTILES)
    for percentile in PERCENTILES:
        table[f"p{percentile:g}"] /= 1000.0
    answered = measured[np.isfinite(measured["value_us"])]
    failed = measured[np.isinf(measured["value_us"])]
    keys = pd.MultiIndex.from_frame(table[["operation", "view"]])
    largest = answered.groupby(["operation", "view"])["value_us"].max() / 1000.0
    lost = failed.groupby(["operation", "view"])["count"].sum()
    table["max"] = largest.reindex(keys).to_numpy()
    table["failed"] = lost.reindex(keys, fill_value=0).to_numpy()
    return table


def interval_of(frames: Frames, operation: str, view: View, percentile: float) -> Interval | None:
    """The 95 % interval of one operation's percentile over the measure phase, in ms; None as in `reports.intervals`."""
    measured = frames.measured
    chosen = measured[(measured["operation"] == operation) & (measured["view"] == view)]
    if chosen.empty:
        return None
    value_us = float(grouped_percentiles(chosen, ["operation"], (percentile,))[f"p{percentile:g}"].iloc[0])
    return of_percentile(frames.window, chosen, percentile, value_us)


def slowest(frames: Frames, view: View, limit: int = 15) -> pd.DataFrame:
    """The `limit` operations of one view with the largest p95, slowest first."""
    table = latency_table(frames)
    chosen = table[table["view"] == view]
    return chosen.sort_values(["p95", "p50"], ascending=False).head(limit).reset_index(drop=True)


def latency_series(frames: Frames, operation: str, view: View, width_s: int) -> pd.DataFrame:
    """Percentiles over time, all phases: second (start of a slot of `width_s`), samples, p50, p95, p99 in ms.

    Slots without a sample, between the first and the last of the operation, have 0 samples and no percentile.
    """
    samples = frames.samples
    chosen = samples[(samples["operation"] == operation) & (samples["view"] == view)]
    slots = chosen.assign(second=chosen["second"] // width_s * width_s)
    table = grouped_percentiles(slots, ["second"], (50.0, 95.0, 99.0))
    table[["p50", "p95", "p99"]] /= 1000.0
    if table.empty:
        return table
    every = pd.Index(range(int(table["second"].min()), int(table["second"].max()) + width_s, width_s), name="second")
    whole: pd.DataFrame = table.set_index("second").reindex(every)
    return whole.assign(samples=whole["samples"].fillna(0).astype("int64")).reset_index()


def throughput(frames: Frames, view: View, width_s: int) -> pd.DataFrame:
    """Samples per second by outcome: index second (slots of `width_s` with no gaps), one column an outcome present."""
    chosen = frames.told[frames.told["view"] == view]
    if chosen.empty:
        return pd.DataFrame()
    slots = chosen["second"] // width_s * width_s
    table = chosen.groupby([slots, "outcome"])["count"].sum().unstack(fill_value=0) / width_s
    seconds = range(0, int(table.index.max()) + width_s, width_s)
    present = [str(outcome) for outcome in OUTCOMES if str(outcome) in table.columns]
    return table.reindex(seconds, fill_value=0.0)[present]


def outcome_table(frames: Frames, view: View) -> pd.DataFrame:
    """Counts over the measure phase: index operation, one column an outcome that occurred, in OUTCOMES order."""
    measured = frames.told_measured
    chosen = measured[measured["view"] == view]
    if chosen.empty:
        return pd.DataFrame()
    table = chosen.groupby(["operation", "outcome"])["count"].sum().unstack(fill_value=0)
    return table[[str(outcome) for outcome in OUTCOMES if str(outcome) in table.columns]]


def sessions(frames: Frames) -> SessionFigures:
    """Figures of the whole schedule, warm-up included; tickets missing from the record count as never started."""
    arrivals = frames.arrivals
    started = arrivals[arrivals["started_us"].notna()]
    lateness = (started["started_us"] - started["planned_us"]).clip(lower=0)
    planned = max(frames.manifest.planned_sessions, len(arrivals))
    ends = started["end"].value_counts()
    causes = started["late_cause"].value_counts()
    ended = sum(int(ends.get(end, 0)) for end in ("finished", "closed", "failed", *BROKEN_OFF))
    return SessionFigures(
        planned=planned,
        started=len(started),
        on_time=int(causes.get("", 0)),
        late_phone_busy=int(causes.get("phone_busy", 0)),
        late_generator=int(causes.get("generator", 0)),
        never_started=planned - len(started),
        finished=int(ends.get("finished", 0)),
        closed=int(ends.get("closed", 0)),
        failed=int(ends.get("failed", 0)),
        broken_off=sum(int(ends.get(end, 0)) for end in BROKEN_OFF),
        open_at_end=len(started) - ended,
        lateness_p99_ms=float(lateness.quantile(0.99, interpolation="higher")) / 1000.0 if len(started) else None,
    )


def samples_in(frames: Frames, view: View, phase: Phase | None = None) -> int:
    """Number of samples of a view, in one phase or in all."""
    chosen = frames.samples[frames.samples["view"] == view]
    if phase is not None:
        chosen = chosen[chosen["phase"] == phase]
    return int(chosen["count"].sum())
