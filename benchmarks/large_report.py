"""What the report of a large run takes: a record of so many samples, judged and rendered.

    python benchmarks/large_report.py [--samples 10000000] [--seconds 28800] [--operations 60] [--workers 20]
    python benchmarks/large_report.py --against ../another-checkout --rounds 3

The record is synthetic, its format and everything that reads it are not. Samples of both views are log-normal and
spread evenly over operations and seconds, so that about as many rows are in use as in a real run; beside them stands
what so many workers write in that time: their loops' lag, their health, sockets and frames, sessions and what each
sent, messages and what became of them. Each report is made in a process of its own. Prints CPU seconds, seconds by
the clock, the most memory that the process had, and the page's size; with `--against`, of the two checkouts by turns,
and which of the four files are not the same to the byte.
`--keep FOLDER` makes the record there, or reads it where it has been made.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from by_turns import asked, took

ROOT = Path(__file__).resolve().parents[1]
STRETCH_S = 60
"""Seconds of the run that are made at once."""
SAMPLES_A_SESSION, CALLS_A_SESSION = 60, 12
LAG_EACH_S = 100
GAUGES = ("sockets", "channels", "conversations", "subscriptions")
FLOWS = ("frames phx_reply", "frames postgres_changes", "frames presence_diff", "bytes", "changes messages")
FILES = ("report.html", "verdict.json", "junit.xml", "summary.md")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BAR_S, BAR_BYTES = 10.0, 1 << 30


@dataclass(frozen=True)
class Size:
    samples: int
    seconds: int
    operations: int
    workers: int
    messages: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=int, default=8 * 3600)
    parser.add_argument("--operations", type=int, default=60)
    parser.add_argument("--workers", type=int, default=20)
    parser.add_argument("--messages", type=int, help="by default one in 200 samples")
    parser.add_argument("--keep", type=Path, help="where the record is, or shall be")
    parser.add_argument("--against", type=Path, help="another checkout, whose report is made by turns with ours")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--look", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.look is not None:
        look(given.look)
        return 0
    messages = given.samples // 200 if given.messages is None else given.messages
    size = Size(given.samples, given.seconds, given.operations, given.workers, messages)
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch) / "run"
        if not folder.exists():
            build(folder, size)
        return compared(folder, [ROOT, *([given.against.resolve()] if given.against else ())], given.rounds)


def compared(folder: Path, checkouts: list[Path], rounds: int) -> int:
    """Make the report of `folder` with each checkout by turns, and print what it took."""
    said: dict[Path, list[dict[str, float]]] = {checkout: [] for checkout in checkouts}
    written: dict[Path, dict[str, str]] = {}
    for _ in range(rounds):
        for checkout in checkouts:
            said[checkout].append(asked(__file__, checkout, folder))
            written[checkout] = {name: without_ids((folder / name).read_text(encoding="utf-8")) for name in FILES}
    print(f"{rows_of(folder)}")
    for checkout, rows in said.items():
        middle = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
        print(
            f"{checkout.name:<20} {middle['cpu']:>6.1f} s of CPU {middle['seconds']:>6.1f} s by the clock "
            f"{middle['peak'] / 2**20:>7,.0f} MiB {middle['page'] / 1e6:>5.1f} MB of page"
        )
    for other in checkouts[1:]:
        differ = [name for name in FILES if written[ROOT][name] != written[other][name]]
        print(f"beside those of {other.name}: {', '.join(differ) + ' differ' if differ else 'the same to the byte'}")
    ours = said[ROOT]
    held = min(row["seconds"] for row in ours) <= BAR_S and max(row["peak"] for row in ours) <= BAR_BYTES
    print("ok" if held else "MISSED")
    return 0 if held else 1


def without_ids(page: str) -> str:
    """The page with its random ids, of the charts' places, numbered as they come."""
    known: dict[str, str] = {}
    return UUID.sub(lambda found: known.setdefault(found[0], f"id-{len(known)}"), page)


def look(folder: Path) -> None:
    """In a process of its own: from the record to the four files. CPU time from the process' start, imports too."""
    began = time.perf_counter()
    from reports.report import REPORT, report

    report(folder)
    print(json.dumps({**took(began), "page": (folder / REPORT).stat().st_size}))


def rows_of(folder: Path) -> str:
    import pyarrow.parquet as pq

    tables = sorted(folder.glob("*.parquet"))
    rows = {path.stem: pq.read_metadata(path).num_rows for path in tables}
    return "rows: " + ", ".join(f"{name} {number:,}" for name, number in rows.items() if number)


# ---- building --------------------------------------------------------------------------------------------------


def build(folder: Path, size: Size, *, lag_each_s: int = LAG_EACH_S, slow: tuple[float, float] | None = None) -> None:
    """Write the record as a run would: streams, then compacted. `slow`: seconds in which everything takes longer."""
    sys.path.insert(0, str(ROOT))
    from harness.core.phase_window import Window
    from harness.core.profile import ArrivalStage, Phases
    from harness.core.slo import CatchAll, Slo
    from harness.core.tables import ARRIVALS, DELIVERY, HEALTH, LATENCY, REALTIME, TRAFFIC, Phase, View
    from harness.record.store import RunStore
    from tests.reports import build as made

    warmup = min(600, size.seconds // 10)
    phases = Phases(warmup_s=warmup, measure_s=size.seconds - 2 * warmup, drain_s=warmup)
    windows = (
        Window(phase=Phase.WARMUP, start_s=0, end_s=warmup),
        Window(phase=Phase.MEASURE, start_s=warmup, end_s=size.seconds - warmup),
        Window(phase=Phase.DRAIN, start_s=size.seconds - warmup, end_s=size.seconds),
    )
    rate = size.samples / SAMPLES_A_SESSION / size.seconds
    profile = made.profile(phases=phases, arrivals=(ArrivalStage(seconds=size.seconds - warmup, rate=rate),))
    slos: tuple[Slo, ...] = (
        *(made.latency_slo(f"operation_{number}", 400.0) for number in range(min(6, size.operations))),
        *(
            made.latency_slo(f"operation_{number}", 900.0, view=View.E2E, sustained_s=600.0)
            for number in range(min(6, size.operations))
        ),
        made.share_slo(0.01, operations=tuple(f"operation_{number}" for number in range(min(20, size.operations)))),
    )
    manifest = made.manifest(
        slos,
        profile=profile,
        windows=windows,
        status="running",
        recorded_attempts=None,
        workers=size.workers,
        catch_all=CatchAll(),
    )
    store = RunStore.create(folder, manifest)
    parts = {
        LATENCY: latency(size, warmup, lag_each_s, slow or (0.0, 0.0)),
        HEALTH: health(size),
        REALTIME: realtime(size),
        ARRIVALS: arrivals(size),
        TRAFFIC: traffic(size),
        DELIVERY: delivery(size),
    }
    for table, batches in parts.items():
        for columns in batches:
            store.append(table, batch_of(table, columns))
    store.update(status="complete", recorded_attempts=None, planned_sessions=size.samples // SAMPLES_A_SESSION)
    store.close()


def batch_of(table: str, columns: dict[str, Any]) -> pa.RecordBatch:
    from harness.core.tables import SCHEMAS

    schema = SCHEMAS[table]
    number = max(len(column) for column in columns.values() if not isinstance(column, str | int))
    arrays = []
    for field in schema:
        column = columns.get(field.name)
        if column is None:
            arrays.append(pa.nulls(number, field.type))
        elif isinstance(column, str | int):
            arrays.append(pa.array([column], field.type).take(pa.array(np.zeros(number, np.int32))))
        elif isinstance(column, tuple):  # words, and which of them
            words, which = column
            arrays.append(pa.array(words, pa.string()).take(pa.array(which)))
        else:
            arrays.append(pa.array(column).cast(field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def stretches(size: Size) -> Iterator[tuple[int, int]]:
    return ((first, min(first + STRETCH_S, size.seconds)) for first in range(0, size.seconds, STRETCH_S))


def counted(*keys: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Each combination once, and how often it came."""
    shape = tuple(int(key.max()) + 1 for key in keys)
    cells, count = np.unique(np.ravel_multi_index(keys, shape), return_counts=True)
    return np.unravel_index(cells, shape), count


def latency(size: Size, warmup: int, lag_each_s: int, slow: tuple[float, float]) -> Iterator[dict[str, Any]]:
    """Samples of operations, one in 500 failed, and of the generator's own lag."""
    from harness.record import buckets

    source = np.random.default_rng(1)
    names = [f"operation_{number}" for number in range(size.operations)]
    speed = np.exp(0.05 * np.arange(size.operations))  # from 40 ms to 760 for 60 of them
    for first, last in stretches(size):
        number = size.samples * last // size.seconds - size.samples * first // size.seconds
        lags = lag_each_s * size.workers * (last - first)
        kind = source.integers(0, size.operations * 2, number)
        us = 40_000 * speed[kind // 2] * source.lognormal(0, 0.35, number) + 8_000 * (kind % 2)
        us *= 60.0 if slow[0] <= first < slow[1] else 1.0
        failed = source.random(number) < 0.002
        lag = source.lognormal(4.4, 0.5, lags)
        second = np.concatenate([source.integers(0, last - first, number), source.integers(0, last - first, lags)])
        kind = np.concatenate([kind, np.full(lags, size.operations * 2)])
        outcome = np.concatenate([np.where(failed, source.integers(1, 4, number), 0), np.zeros(lags, np.int64)])
        bucket = buckets.index(np.rint(np.concatenate([us, lag])).astype(np.int64))
        (second, kind, outcome, bucket), count = counted(second, kind, outcome, bucket)
        second = second + first
        yield {
            "second": second,
            "phase": (["warmup", "measure", "drain"], (second >= warmup) * 1 + (second >= size.seconds - warmup)),
            "operation": ([*names, "generator"], kind // 2),
            "view": (["server", "e2e", "lag"], np.where(kind == size.operations * 2, 2, kind % 2)),
            "outcome": (["ok", "server_error", "gave_up", "aborted"], outcome),
            "bucket_us": buckets.representative(bucket),
            "count": count,
        }


def by_worker(size: Size, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(first, last), size.workers), np.tile(np.arange(size.workers), last - first)


def health(size: Size) -> Iterator[dict[str, Any]]:
    source = np.random.default_rng(2)
    for first, last in stretches(size):
        second, worker = by_worker(size, first, last)
        number = len(second)
        yield {
            "second": second,
            "worker": worker,
            "lag_p50_us": source.integers(60, 100, number),
            "lag_p99_us": source.integers(300, 900, number),
            "lag_max_us": source.integers(900, 3_000, number),
            "cpu_share": source.uniform(0.2, 0.4, number),
            "rss_bytes": source.integers(90 << 20, 100 << 20, number),
            "descriptors": source.integers(500, 600, number),
            "sessions": source.integers(200, 260, number),
            "descriptor_limit": np.full(number, 20_000),
            "wait_share": source.uniform(0, 0.02, number),
            "steal_share": source.uniform(0, 0.01, number),
            "throttled_share": np.zeros(number),
            "machine_share": source.uniform(0.4, 0.6, number),
            "gc_us": source.integers(0, 900, number),
            "gc_max_us": source.integers(0, 500, number),
            "ports": source.integers(500, 900, number),
            "port_limit": np.full(number, 28_232),
            "backlog_bytes": np.zeros(number, np.int64),
        }


def realtime(size: Size) -> Iterator[dict[str, Any]]:
    source = np.random.default_rng(3)
    names = [*GAUGES, *FLOWS]
    for first, last in stretches(size):
        second, worker = by_worker(size, first, last)
        number = len(second)
        yield {
            "second": np.repeat(second, len(names)),
            "worker": np.repeat(worker, len(names)),
            "what": (names, np.tile(np.arange(len(names)), number)),
            "value": source.integers(1, 300, number * len(names)),
        }


def sessions(size: Size) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Tickets and when they were planned, in seconds."""
    number = size.samples // SAMPLES_A_SESSION
    for first in range(0, number, 50_000):
        ticket = np.arange(first, min(first + 50_000, number))
        yield ticket, ticket * (size.seconds * 0.95 / number)


def arrivals(size: Size) -> Iterator[dict[str, Any]]:
    source = np.random.default_rng(4)
    for ticket, planned in sessions(size):
        us = (planned * 1e6).astype(np.int64)
        yield {
            "ticket": ticket,
            "worker": ticket % size.workers,
            "persona": (["swiper", "chatter"], ticket % 2),
            "person": ticket % 30_000,
            "planned_us": us,
            "started_us": us + source.integers(0, 400, len(us)),
            "ended_us": us + source.integers(60_000_000, 600_000_000, len(us)),
            "late_cause": "",
            "end": "finished",
        }


def traffic(size: Size) -> Iterator[dict[str, Any]]:
    source = np.random.default_rng(5)
    names = ["swipe_deck", "message_send", *(f"operation_{number}" for number in range(CALLS_A_SESSION - 2))]
    for ticket, _ in sessions(size):
        number = len(ticket) * len(names)
        yield {
            "ticket": np.repeat(ticket, len(names)),
            "worker": np.repeat(ticket % size.workers, len(names)),
            "call": (names, np.tile(np.arange(len(names)), len(ticket))),
            "requests": source.integers(1, 6, number),
            "failed": np.zeros(number, np.int64),
            "seconds": source.uniform(0.1, 2, number),
            "bytes_out": source.integers(500, 2_000, number),
            "bytes_in": source.integers(1_000, 60_000, number),
            "rows": source.integers(0, 2, number),
        }


def delivery(size: Size) -> Iterator[dict[str, Any]]:
    """Conversations of two: both listen all the time, one writes, the server tells it, the other hears it."""
    rooms = max(2, size.messages // 20)
    source = np.random.default_rng(6)
    room = np.arange(rooms)
    for person in (2 * room, 2 * room + 1):
        yield facts(size, np.full(rooms, 1_000_000), "channel", person, room, ("changes", "listening"))
    for first in range(0, size.messages, 50_000):
        key = np.arange(first, min(first + 50_000, size.messages))
        at = 2_000_000 + (key * ((size.seconds - 60) * 1e6 / size.messages)).astype(np.int64)
        room, said = key % rooms, ("m{}", key)
        yield facts(size, at, "sent", 2 * room, room, (said, ""))
        yield facts(size, at + 40_000, "stored", 2 * room, room, (said, ""))
        late = source.integers(150_000, 460_000, len(at))
        yield facts(size, at + late, "heard", 2 * room, room, (said, ""))
        yield facts(size, at + late + 900, "heard", 2 * room + 1, room, (said, ""))


def facts(
    size: Size, at: np.ndarray, kind: str, person: np.ndarray, room: np.ndarray, about: tuple[Any, str]
) -> dict[str, Any]:
    key, detail = about
    keys = key if isinstance(key, str) else [key[0].format(number) for number in key[1].tolist()]
    return {
        "at_us": at,
        "worker": person % size.workers,
        "kind": kind,
        "person": person,
        "conversation": [f"room{number}" for number in room.tolist()],
        "key": keys,
        "detail": detail,
    }


if __name__ == "__main__":
    sys.exit(main())
