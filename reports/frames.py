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

import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from harness.core.delivery_facts import ChannelTopic, DeliveryFact, DeliveryFate, FactKind
from harness.core.fault_record import ASKS_PROVIDER, excused
from harness.core.outcome import OUTCOMES, Outcome
from harness.core.session_end import BROKEN_OFF
from harness.core.tables import ARRIVALS, DELIVERY, HEALTH, LATENCY, REALTIME, SCHEMAS, TRAFFIC, Phase, View
from harness.record import buckets
from harness.record.manifest import Manifest
from harness.record.memory import given_back, let_go
from harness.record.parts import PartFault
from harness.record.store import CODED
from reports.chaos_log import as_they_were, read
from reports.delays import Delays
from reports.delivery import Delivery, account
from reports.gauges import CHANGES_OF, per_second
from reports.intervals import Interval, of_percentile, timed_in
from reports.model import ReportModel
from reports.ranks import grouped_percentiles, percentiles_of
from reports.samples import BLOCK, Places, among, counted, gather, part, runs_of, stretches

MEASURED_VIEWS = (View.SERVER, View.E2E, View.DELIVERY)
NOT_AN_ANSWER: dict[View, frozenset[Outcome]] = {
    View.SERVER: frozenset({Outcome.TIMEOUT, Outcome.NETWORK, Outcome.SERVER_ERROR, Outcome.GAVE_UP}),
    View.E2E: frozenset(outcome for outcome in OUTCOMES if outcome.failed),
    View.DELIVERY: frozenset(outcome for outcome in OUTCOMES if outcome.failed),
}
"""Outcomes that count as slower than every limit, per view."""

SUMMED = ("requests", "failed", "rows", "bytes_out", "bytes_in")
"""Columns of the traffic table that are only ever added up."""
NARROWED = {
    TRAFFIC: SUMMED,
    HEALTH: ("lag_p50_us", "lag_p99_us", "lag_max_us", "gc_us", "gc_max_us", "descriptor_limit", "backlog_bytes"),
}
"""Columns that take half the memory where their sums allow it."""
PERCENTILES = (50.0, 90.0, 95.0, 99.0)


class RunLike(Protocol):
    """What `harness.record.store.open_run` returns, as far as reports need it."""

    @property
    def manifest(self) -> Manifest: ...
    @property
    def complete(self) -> bool: ...
    @property
    def faults(self) -> tuple[PartFault, ...]: ...
    def coded(self, table: str) -> Iterator[pa.RecordBatch]: ...


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
    """A run as frames. `samples` holds the measured views, `generator` the generator's own, all phases in both; sorted
    and coded as `reports.samples` says."""

    manifest: Manifest
    complete: bool
    samples: pd.DataFrame  # KEYS, count, value_us
    generator: pd.DataFrame  # KEYS, count
    arrivals: pd.DataFrame
    health: pd.DataFrame
    traffic: pd.DataFrame  # what each session sent, per call: ticket, call, SUMMED
    facts: pd.DataFrame = field(default_factory=pd.DataFrame)  # the delivery table, on one clock
    deliveries: tuple[Delivery, ...] = ()
    gauges: pd.DataFrame = field(default_factory=pd.DataFrame)  # Realtime by second, all workers together
    changes: pd.DataFrame = field(default_factory=pd.DataFrame)  # of it the rows of changes that reached a listener
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
    def let_go(self) -> pd.DataFrame:
        """As `measured`, of what the app let go of."""
        if not len(self.aborted):
            return self.aborted
        return self._undisturbed(part(self.aborted, self.aborted["phase"] == Phase.MEASURE))

    @cached_property
    def delays(self) -> Delays:
        """How late the generator's own loop was."""
        return Delays(self.generator)

    @cached_property
    def counts(self) -> pd.DataFrame:
        """Samples of the whole run by name: phase, view, operation, outcome, count."""
        return counted(self.samples)

    @cached_property
    def measured_counts(self) -> pd.DataFrame:
        """Likewise of `measured`."""
        if self.measured is not self._in_measure:
            return counted(self.measured)
        return self.counts[self.counts["phase"] == Phase.MEASURE].reset_index(drop=True)

    @cached_property
    def latencies(self) -> pd.DataFrame:
        """See `latency_table`."""
        return _latency_table(self)

    @cached_property
    def _places(self) -> Places:
        return Places(self.samples)

    @cached_property
    def _measured_places(self) -> Places:
        return Places(self.measured)

    def of(self, operation: str | Iterable[str], view: str) -> pd.DataFrame:
        """Samples of one operation, or of several, over the whole run, one phase after the other."""
        return self._places.of(operation, view)

    def measured_of(self, operation: str | Iterable[str], view: str) -> pd.DataFrame:
        """`measured` of one operation, sorted by second, or of several, one after the other."""
        return self._measured_places.of(operation, view)

    def operations(self, view: str) -> list[str]:
        """Everything that has samples in a view, in whatever phase, sorted."""
        return self._places.operations(view)

    @cached_property
    def measured_pairs(self) -> list[tuple[str, str]]:
        """Every view and operation that `measured` has, sorted."""
        return self._measured_places.pairs()

    def _undisturbed(self, measured: pd.DataFrame) -> pd.DataFrame:
        if not excused(self.manifest.chaos) and not excused(self.manifest.chaos, at_provider=True):
            return measured
        second = measured["second"]
        ended = second + 1 + measured["bucket_us"] / 1e6
        counts = pd.Series(True, index=measured.index)
        for start, end in excused(self.manifest.chaos):
            counts &= (ended <= start) | (second >= end)
        others = measured["operation"] != ASKS_PROVIDER
        for start, end in excused(self.manifest.chaos, at_provider=True):
            counts &= others | (ended <= start) | (second >= end)
        return part(measured, counts)

    @cached_property
    def _in_measure(self) -> pd.DataFrame:
        return part(self.samples, self.samples["phase"] == Phase.MEASURE)

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


@given_back()
def load(run: RunLike) -> Frames:
    """Frames of a run. Rows of several workers with the same key are added up."""
    arrivals, health = _frame(run, ARRIVALS), _frame(run, HEALTH)  # reading takes memory, and samples take the most
    gauges, changes = _realtime(run)
    traffic = _frame(run, TRAFFIC)
    facts = _facts(run)
    faults = [(window.start_s, window.end_s) for window in run.manifest.chaos if window.kind == "chaos"]
    deliveries = tuple(account(_in_order(facts), faults))
    rows = gather(_latency_rows(run, deliveries), frozenset(MEASURED_VIEWS), NOT_AN_ANSWER)
    return Frames(
        manifest=_as_it_was(run),
        complete=run.complete,
        samples=rows.samples,
        generator=rows.generator,
        arrivals=arrivals,
        health=health,
        traffic=traffic,
        facts=facts,
        deliveries=deliveries,
        gauges=gauges,
        changes=changes,
        faults=run.faults,
        aborted=rows.aborted,
    )


def _latency_rows(run: RunLike, deliveries: tuple[Delivery, ...]) -> Iterator[pa.RecordBatch]:
    yield from run.coded(LATENCY)
    let_go()  # packing and sorting come next, which take the most
    yield _delivery_samples(run.manifest, deliveries)


def _coded(run: RunLike, table: str) -> pa.Table:
    pieces = run.coded(table)
    first = next(pieces, None)
    if first is None:
        whole = SCHEMAS[table].empty_table()
    else:
        whole = pa.Table.from_batches(itertools.chain([first], pieces), first.schema)
    for place, name in enumerate(whole.column_names):
        if name in CODED.get(table, ()) and pa.types.is_string(whole[name].type):
            whole = whole.set_column(place, name, whole[name].dictionary_encode())
    return whole.unify_dictionaries()


def _realtime(run: RunLike) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What of Realtime's millions of rows is asked for, before the samples need the memory."""
    rows = _frame(run, REALTIME)
    names = [name for name in rows["what"].cat.categories if name.startswith(CHANGES_OF)]
    gauges, changes = per_second(rows), rows[among(rows, "what", names)].reset_index(drop=True)
    del rows
    let_go()
    return gauges, changes


def _frame(run: RunLike, table: str) -> pd.DataFrame:
    """A table of the record; its words are categories. Column by column, each leaves Arrow's memory for numpy's."""
    frame: pd.DataFrame = _coded(run, table).to_pandas(split_blocks=True, self_destruct=True)
    frame = frame[["ticket", "call", *SUMMED]] if table == TRAFFIC else frame
    for name in NARROWED.get(table, ()):
        values = frame[name].to_numpy()
        if values.dtype == np.int64 and len(values) and values.min() >= 0 and values.sum(dtype=np.float64) < 2**31:
            frame[name] = values.astype(np.int32)  # no sum of any of them is larger
    let_go()
    for name in CODED.get(table, ()):
        words = frame[name].cat
        frame[name] = words.set_categories(sorted(words.categories))  # groups come in the order of their words
    return frame


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
    rows = _frame(run, DELIVERY)
    offsets = {clock.worker: clock.offset_us for clock in run.manifest.clocks}
    rows["at_us"] += rows["worker"].map(offsets).fillna(0).astype("int64")
    ordered: pd.DataFrame = rows.sort_values(["at_us", "worker"], kind="stable").reset_index(drop=True)
    return ordered


def _in_order(facts: pd.DataFrame) -> Iterator[DeliveryFact]:
    marks = facts["mark_us"].to_numpy(dtype="float64", na_value=np.nan)
    names = ("at_us", "worker", "kind", "person", "conversation", "key", "detail")
    kinds = {str(kind): kind for kind in FactKind}
    for some in stretches(len(facts), BLOCK):
        columns = [facts[name].iloc[some].tolist() for name in names]
        for at, worker, kind, person, conversation, key, detail, mark in zip(
            *columns, marks[some].tolist(), strict=True
        ):
            mark_us = None if math.isnan(mark) else int(mark)
            yield DeliveryFact(at, worker, kinds[kind], person, conversation, key, detail, mark_us)


def _delivery_samples(manifest: Manifest, deliveries: tuple[Delivery, ...]) -> pa.RecordBatch:
    """Rows of the latency table, one a delivery; a failure's length is not read by anybody."""
    sampled = [one for one in deliveries if one.fate in SAMPLED]
    delays = buckets.representative(buckets.index([one.delay_us or 0 for one in sampled]))
    phase_of = _phases(manifest)
    columns = {
        "second": [max(0, one.sent_us // 1_000_000) for one in sampled],
        "phase": [phase_of(one.sent_us / 1e6) for one in sampled],
        "operation": [SELF_DELIVERED if one.sender == one.receiver else DELIVERED[one.topic] for one in sampled],
        "view": [str(View.DELIVERY)] * len(sampled),
        "outcome": [str(SAMPLED[one.fate]) for one in sampled],
        "bucket_us": delays,
        "count": [1] * len(sampled),
    }
    schema = SCHEMAS[LATENCY]
    return pa.RecordBatch.from_arrays([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def _phases(manifest: Manifest) -> Callable[[float], str]:
    """The phase of an instant as the recorder has it: before the first window counts to it, after the last to the
    last."""
    windows = sorted(manifest.windows, key=lambda window: window.start_s)
    starts, names = [window.start_s for window in windows], [str(window.phase) for window in windows]

    def phase(at_s: float) -> str:
        return names[max(0, bisect_right(starts, at_s) - 1)] if names else str(Phase.MEASURE)

    return phase


def latency_table(frames: Frames) -> pd.DataFrame:
    """Per operation and view over the measure phase: samples, failed (counts), p50, p90, p95, p99, max in ms.

    A percentile that falls on a failure is infinite; `max` is of answers only. How precisely p95 and p99 are known:
    `intervals_of`.
    """
    return frames.latencies.copy()


def _latency_table(frames: Frames) -> pd.DataFrame:
    pairs = sorted((operation, view) for view, operation in frames.measured_pairs)
    rows = []
    for operation, view in pairs:
        chosen = frames.measured_of(operation, view)
        samples, values = percentiles_of(chosen, PERCENTILES)
        rows.append((operation, view, samples, *(value / 1000.0 for value in values), *_ends(chosen)))
    names = [f"p{percentile:g}" for percentile in PERCENTILES]
    table = pd.DataFrame(rows, columns=["operation", "view", "samples", *names, "max", "failed"])
    kinds = {"operation": "str", "view": "str", "samples": "int64", **dict.fromkeys([*names, "max"], "float64")}
    return table.astype({**kinds, "failed": "int64"})


def _ends(chosen: pd.DataFrame) -> tuple[float, int]:
    """The longest answer in milliseconds, NaN without any, and how many are none."""
    values = chosen["value_us"].to_numpy()
    answered = np.isfinite(values)
    largest = float(values.max(where=answered, initial=-np.inf)) / 1000.0 if answered.any() else np.nan
    return largest, int(chosen["count"].to_numpy()[~answered].sum())


def intervals_of(
    frames: Frames, operation: str, view: View, percentiles: Sequence[float]
) -> tuple[Interval | None, ...]:
    """The 95 % intervals of one operation's percentiles over the measure phase, in ms; None as in
    `reports.intervals`."""
    chosen = frames.measured_of(operation, view)
    if chosen.empty:
        return (None,) * len(percentiles)
    values_us, timed = percentiles_of(chosen, percentiles)[1], timed_in(frames.window, chosen)
    return tuple(of_percentile(timed, *pair) for pair in zip(percentiles, values_us, strict=True))


def slowest(frames: Frames, view: View, limit: int = 15) -> pd.DataFrame:
    """The `limit` operations of one view with the largest p95, slowest first."""
    table = latency_table(frames)
    chosen = table[table["view"] == view]
    return chosen.sort_values(["p95", "p50"], ascending=False).head(limit).reset_index(drop=True)


def latency_series(frames: Frames, operation: str, view: View, width_s: int) -> pd.DataFrame:
    """Percentiles over time, all phases: second (start of a slot of `width_s`), samples, p50, p95, p99 in ms.

    Slots without a sample, between the first and the last of the operation, have 0 samples and no percentile.
    """
    chosen = frames.of(operation, view)
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
    parts = [frame.iloc[at] for frame in (frames.samples, frames.aborted) for at in runs_of(frame, "view", view)]
    last = max((int(chosen["second"].max()) for chosen in parts), default=None)
    if last is None:
        return pd.DataFrame()
    seconds = range(0, last // width_s * width_s + width_s, width_s)
    counts = np.sum([_by_second_and_outcome(chosen, len(seconds), width_s) for chosen in parts], axis=0)
    index = pd.Index(seconds, name="second")
    present = [at for at in range(len(OUTCOMES)) if counts[:, at].any()]
    return pd.DataFrame({str(OUTCOMES[at]): counts[:, at] / width_s for at in present}, index)


def _by_second_and_outcome(chosen: pd.DataFrame, slots: int, width_s: int) -> npt.NDArray[np.float64]:
    names = chosen["outcome"].astype("category")
    known = {str(outcome): place for place, outcome in enumerate(OUTCOMES)}
    columns = len(known) + 1  # the last one of what is none, in a stream that nobody looked through
    place = np.array([known.get(str(name), len(known)) for name in names.cat.categories], np.int64)
    second, code, count = chosen["second"].to_numpy(), names.cat.codes.to_numpy(), chosen["count"].to_numpy()
    found = np.zeros(slots * columns)
    for at in stretches(len(chosen)):
        cell = second[at] // width_s * np.int64(columns) + place[code[at]]
        within = cell >= 0  # seconds before the run's zero have no place
        found += np.bincount(cell[within], weights=count[at][within], minlength=len(found))
    return found.reshape(slots, columns)


def outcome_table(frames: Frames, view: View) -> pd.DataFrame:
    """Counts over the measure phase: index operation, one column an outcome that occurred, in OUTCOMES order."""
    counts = pd.concat([frames.measured_counts, counted(frames.let_go)])
    counts = counts[counts["view"] == view]
    if counts.empty:
        return pd.DataFrame()
    table = counts.groupby(["operation", "outcome"])["count"].sum().unstack(fill_value=0)
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


def recorded_in(frames: Frames, view: View) -> int:
    """Number of samples of a view that the record holds, and of what the app let go of: what workers count."""
    let_go = frames.aborted
    return samples_in(frames, view) + (int(let_go.loc[let_go["view"] == view, "count"].sum()) if len(let_go) else 0)


def samples_in(frames: Frames, view: View, phase: Phase | None = None) -> int:
    """Number of samples of a view, in one phase or in all."""
    rows = frames.counts[frames.counts["view"] == view]
    if phase is not None:
        rows = rows[rows["phase"] == phase]
    return int(rows["count"].sum())
