"""Runs made from known samples: the record is real (schemas and buckets of harness.record), the target is not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from harness.core.delivery_facts import DeliveryFact
from harness.core.distributions import Constant
from harness.core.outcome import Outcome
from harness.core.phase_window import Window
from harness.core.profile import ArrivalStage, Phases, Profile
from harness.core.slo import LatencySlo, ShareSlo, Slo
from harness.core.tables import ARRIVALS, DELIVERY, HEALTH, LATENCY, REALTIME, SCHEMAS, TRAFFIC, Phase, View
from harness.record import buckets
from harness.record.manifest import Manifest
from harness.record.parts import PartFault
from harness.record.store import RunStore

WARMUP_S, MEASURE_S, DRAIN_S = 10, 60, 10
START, END = WARMUP_S, WARMUP_S + MEASURE_S
OPERATIONS = {"home_feed": 120.0, "swipe_deck": 240.0, "swipe_batch": 60.0, "message_send": 45.0}


def profile(**changes: Any) -> Profile:
    values: dict[str, Any] = {
        "name": "smoke",
        "description": "a minute of everything",
        "people": 50,
        "phones": 20,
        "phases": Phases(warmup_s=WARMUP_S, measure_s=MEASURE_S, drain_s=DRAIN_S),
        "arrivals": (ArrivalStage(seconds=WARMUP_S + MEASURE_S, rate=3.0),),
        "mix": {"swiper": 0.6, "chatter": 0.4},
        "behaviour": {"swiper": {"dwell": Constant(dist="constant", value=1.0)}},
    }
    return Profile(**(values | changes))


def manifest(slos: Sequence[Slo] = (), **changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "run_id": "20261123T030000Z-smoke-ab12",
        "status": "complete",
        "started_at": "2026-11-23T03:00:00Z",
        "finished_at": "2026-11-23T03:01:20Z",
        "seed": 7,
        "profile": profile(),
        "slos": tuple(slos),
        "target_name": "sandbox",
        "target_url": "http://127.0.0.1:54321",
        "target_environment": "sandbox",
        "windows": (
            Window(phase=Phase.WARMUP, start_s=0, end_s=START),
            Window(phase=Phase.MEASURE, start_s=START, end_s=END),
            Window(phase=Phase.DRAIN, start_s=END, end_s=END + DRAIN_S),
        ),
        "planned_sessions": 0,
        "plan_digest": "5f" * 32,
        "workers": 1,
        "versions": {"python": "3.11.7", "harness": "0.1.0", "locust": "2.47.0"},
    }
    return Manifest(**(values | changes))


def latency_slo(operation: str = "home_feed", limit_ms: float = 400.0, **changes: Any) -> LatencySlo:
    values: dict[str, Any] = {"view": View.SERVER, "percentile": 95.0, "min_samples": 10, "claim": "point"}
    values |= {"name": f"{operation} {changes.get('view', View.SERVER)}", "operation": operation, "limit_ms": limit_ms}
    return LatencySlo(**(values | changes))


def share_slo(max_share: float = 0.005, **changes: Any) -> ShareSlo:
    values: dict[str, Any] = {
        "kind": "share",
        "name": "5xx on hot endpoints",
        "operations": tuple(OPERATIONS),
        "view": View.SERVER,
        "outcomes": (Outcome.SERVER_ERROR,),
        "max_share": max_share,
        "min_samples": 10,
        "claim": "point",
    }
    return ShareSlo(**(values | changes))


@cache
def bucketed(us: int) -> int:
    """What stands for its bucket. Hundreds of runs are made of the same samples, and numpy is slow with one value."""
    return int(buckets.representative(buckets.index([us]))[0])


def phase_of(second: int) -> Phase:
    return Phase.WARMUP if second < START else Phase.MEASURE if second < END else Phase.DRAIN


@dataclass
class Run:
    """A run in memory, with the face of `harness.record.store.RunFiles`. Filled by `add` and friends."""

    manifest: Manifest
    complete: bool = True
    faults: tuple[PartFault, ...] = ()
    counts: Counter[tuple[int, str, str, str, str, int]] = field(default_factory=Counter)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[dict[str, Any]] = field(default_factory=list)
    facts: list[DeliveryFact] = field(default_factory=list)
    gauges: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def coded(self, table: str) -> Iterator[pa.RecordBatch]:
        """Pieces of a table, as of a record that was not closed."""
        made = {
            LATENCY: self.latency,
            ARRIVALS: self.arrivals,
            HEALTH: self.health,
            DELIVERY: self.delivery,
            REALTIME: self.realtime,
            TRAFFIC: self.traffic,
        }
        return iter(made[table]().to_batches())

    def latency(self) -> pa.Table:
        names = ("second", "phase", "operation", "view", "outcome", "bucket_us", "count")
        rows = [dict(zip(names, (*key, number), strict=True)) for key, number in self.counts.items()]
        return pa.Table.from_pylist(rows, schema=SCHEMAS[LATENCY])

    def arrivals(self) -> pa.Table:
        return pa.Table.from_pylist(self.sessions, schema=SCHEMAS[ARRIVALS])

    def health(self) -> pa.Table:
        return pa.Table.from_pylist(self.seconds, schema=SCHEMAS[HEALTH])

    def delivery(self) -> pa.Table:
        rows = [{**fact._asdict(), "kind": str(fact.kind)} for fact in self.facts]
        return pa.Table.from_pylist(rows, schema=SCHEMAS[DELIVERY])

    def realtime(self) -> pa.Table:
        return pa.Table.from_pylist(self.gauges, schema=SCHEMAS[REALTIME])

    def traffic(self) -> pa.Table:
        return pa.Table.from_pylist(self.requests, schema=SCHEMAS[TRAFFIC])

    def add(
        self,
        second: int,
        ms: float,
        *,
        operation: str = "home_feed",
        view: View = View.SERVER,
        outcome: Outcome = Outcome.OK,
        number: int = 1,
        exact: bool = False,
    ) -> None:
        """Count one sample, in its bucket, or at exactly `ms` when an expectation is computed by hand."""
        us = round(ms * 1000)
        value = us if exact else bucketed(us)
        self.counts[(second, str(phase_of(second)), operation, str(view), str(outcome), value)] += number

    def spread(self, values_ms: Iterable[float], **how: Any) -> None:
        """Count exact samples evenly over the measure phase, in the order given."""
        values = list(values_ms)
        for position, value in enumerate(values):
            self.add(START + position * MEASURE_S // len(values), value, exact=True, **how)

    def fit(self, *, lag_ms: float = 0.5, cpu: float = 0.2, workers: int = 1, seconds: int = END + DRAIN_S) -> Run:
        """Add a generator that kept up, over the whole run."""
        for second in range(seconds):
            self.add(second, lag_ms, operation="generator", view=View.LAG, number=100)
            for worker in range(workers):
                self.seconds.append(
                    {
                        "second": second,
                        "worker": worker,
                        "lag_p50_us": 80,
                        "lag_p99_us": round(lag_ms * 1000) + second % 3 * 100,
                        "lag_max_us": round(lag_ms * 2000),
                        "cpu_share": cpu + second % 5 * 0.002,
                        "rss_bytes": 90 << 20,
                        "descriptors": 60,
                        "sessions": 6,
                        "descriptor_limit": 20_000,
                        "wait_share": 0.01,
                        "steal_share": 0.0,
                        "throttled_share": 0.0,
                        "machine_share": 0.4,
                        "gc_us": 300,
                        "gc_max_us": 200,
                        "ports": 80,
                        "port_limit": 28_232,
                        "backlog_bytes": 0,
                    }
                )
        return self

    def session(self, planned_s: float, started_s: float | None, ended_s: float | None, **changes: Any) -> None:
        def us(instant: float | None) -> int | None:
            return None if instant is None else round(instant * 1e6)

        row = {
            "ticket": len(self.sessions),
            "worker": 0,
            "persona": "swiper",
            "person": len(self.sessions) % 50,
            "planned_us": us(planned_s),
            "started_us": us(started_s),
            "ended_us": us(ended_s),
            "late_cause": "" if started_s is not None else "run_ended",
            "end": "finished" if started_s is not None else "never_started",
        }
        self.sessions.append(row | changes)

    def finished(self, **changes: Any) -> Run:
        """Close the record: the counters of the workers agree with the tables unless `changes` says otherwise."""
        attempts = sum(number for key, number in self.counts.items() if key[3] == View.SERVER)
        values = {"recorded_attempts": attempts, "planned_sessions": len(self.sessions)} | changes
        self.manifest = self.manifest.model_copy(update=values)
        return self


DEFAULT_SLOS: tuple[Slo, ...] = (
    latency_slo("home_feed", 400.0),
    latency_slo("home_feed", 1500.0, view=View.E2E),
    latency_slo("swipe_deck", 700.0),
    latency_slo("swipe_deck", 2000.0, view=View.E2E),
    latency_slo("message_send", 250.0),
    latency_slo("message_send", 1000.0, view=View.E2E),
    share_slo(),
)


def realistic(seed: int = 1, *, slow: float = 1.0, bad: float = 0.0, rate: int = 12, **changes: Any) -> Run:
    """A minute of four operations in both views: log-normal latencies, a slow moment, a share of bad outcomes.

    `slow` multiplies the latency of decks; `bad` is the share of attempts that end in a server error or a limiter.
    """
    made = _realistic(seed, slow, bad, rate)
    copies = [dict(row) for row in made.sessions], [dict(row) for row in made.seconds]
    return Run(manifest(DEFAULT_SLOS, **changes), True, (), Counter(made.counts), *copies).finished()


@cache
def _realistic(seed: int, slow: float, bad: float, rate: int) -> Run:
    """Thousands of samples, which many tests want: drawn once, and never changed."""
    random_source = random.Random(seed)
    run = Run(manifest(DEFAULT_SLOS))
    for second in range(END + 2):
        fault_injector = 1.6 if 38 <= second < 42 else 1.0
        for operation, median in OPERATIONS.items():
            for _ in range(rate if second < END else 1):
                factor = slow if operation == "swipe_deck" else 1.0
                server = min(median * factor * fault_injector * random_source.lognormvariate(0, 0.35), 60_000.0)
                outcome = Outcome.OK
                if random_source.random() < bad:
                    outcome = random_source.choice([Outcome.SERVER_ERROR, Outcome.RATE_LIMITED])
                run.add(second, server, operation=operation, outcome=outcome)
                run.add(second, server + 15, operation=operation, view=View.E2E, outcome=outcome)
    for ticket in range(3 * END):
        planned = ticket / 3
        length = random_source.uniform(2, 6)
        run.session(planned, planned + 0.0004, planned + length, persona=random_source.choice(["swiper", "chatter"]))
    return run.fit()


def save(run: Run, folder: Path, *, killed: bool = False) -> Path:
    """Write a run as the harness would: streams, then compacted. A killed run leaves streams and status `running`."""
    store = RunStore.create(folder, run.manifest.model_copy(update={"status": "running", "recorded_attempts": None}))
    tables = {LATENCY: run.latency(), ARRIVALS: run.arrivals(), HEALTH: run.health(), TRAFFIC: run.traffic()}
    for name, table in tables.items():
        for batch in table.to_batches(max_chunksize=500):
            store.append(name, batch)
    if not killed:
        store.update(status=run.manifest.status, recorded_attempts=run.manifest.recorded_attempts)
        store.close()
    return folder
