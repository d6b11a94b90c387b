"""Ten million writes, eight of them wrong: are exactly those found, and what does it cost?

    python benchmarks/integrity.py [--writes 10000000]
    python benchmarks/integrity.py --against ../another-checkout --rounds 3

Builds the ledger and the stored rows of a run, plants 3 lost, 2 doubled, 2 altered and 1 swapped, writes both as a run
would, and has `reports.integrity` look for them in a process of its own. Prints what it found, CPU seconds, seconds by
the clock, the peak memory and the size on disk; with `--against`, of the two checkouts by turns. Exits 1 when it finds
anything else, or takes over 20 s by the clock, 2 GiB of memory or 2 GB of disk. `--keep FOLDER` makes the ledger
there, or reads it where it has been made.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from by_turns import asked, took

from harness.core.ledger import WriteKind, WriteStep
from harness.core.phase_window import Window
from harness.core.tables import LEDGER_STEPS, LEDGER_WRITES, SCHEMAS, Phase
from harness.evidence.store import path_of
from harness.evidence.tables import EVENTS, MESSAGES, StoredTable
from harness.record.store import GROUP_ROWS, RunFiles
from harness.record.versions import RECORD_VERSION
from reports.integrity.check import checks
from tests.reports import build as made

RUN_TAG = 0x5EED5EED
ZERO_EPOCH_S = 1_795_780_800.0
READ_AT = pd.Timestamp(ZERO_EPOCH_S, unit="s", tz="UTC") + pd.Timedelta(days=1)
PEOPLE, FEWEST = 100_000, 1_000
"""People in a large ledger; writes in the smallest one, which has room for what is planted."""
TURN_US = 10_000_000
"""In which each of them writes once: two that change places are dated further off than any commit takes."""
MESSAGE_SHARE = 0.2
TITLES = 20_000
LIMIT_S, LIMIT_RSS, LIMIT_DISK = 20.0, float(2 << 30), 2e9
PLANTED = {"I01": 1, "I03": 3, "I18": 1, "I51": 1, "I52": 1, "I54": 2, "order": 1}  # swapped: both dated wrongly
ROOT = Path(__file__).resolve().parents[1]
FREE = np.uint64((1 << 62) - 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writes", type=int, default=10_000_000)
    parser.add_argument("--keep", type=Path, help="where the ledger is, or shall be")
    parser.add_argument("--against", type=Path, help="another checkout, which checks by turns with ours")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--look", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.writes < FEWEST:
        parser.error(f"--writes {options.writes}: at least {FEWEST}, so that there is room for what is planted")
    if options.look is not None:
        look(options.look)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name) / "run"
        if not folder.exists():
            build(folder, options.writes)
        disk = sum(path.stat().st_size for path in (folder / "ledger").iterdir())
        checkouts = [ROOT, *([options.against.resolve()] if options.against else ())]
        said = [(checkout, asked(__file__, checkout, folder)) for _ in range(options.rounds) for checkout in checkouts]
    return tell(said, disk, options.writes)


def look(folder: Path) -> None:
    """In a process of its own: the check itself, from files to findings."""
    started = time.perf_counter()
    window = Window(phase=Phase.MEASURE, start_s=0.0, end_s=86_400.0)
    run = RunFiles(folder, made.manifest(windows=(window,), record_version=RECORD_VERSION))
    found = checks(run, RUN_TAG, ZERO_EPOCH_S, READ_AT, torn=frozenset())
    print(json.dumps({**took(started), "found": {check.id: check.count for check in found if check.count}}))


def tell(said: list[tuple[Path, dict[str, Any]]], disk: float, writes: int) -> int:
    print(f"writes                 {writes:>14,}")
    print(f"ledger on disk         {disk / 1e6:>11,.0f} MB   ({disk / writes:.1f} bytes a write)")
    good = True
    for checkout in dict.fromkeys(checkout for checkout, _ in said):
        rounds = [one for which, one in said if which == checkout]
        cpu, seconds, peak = (statistics.median(one[name] for one in rounds) for name in ("cpu", "seconds", "peak"))
        found = all(one["found"] == PLANTED for one in rounds)
        print(
            f"{checkout.name:<22} {cpu:>6.1f} s of CPU {seconds:>6.1f} s by the clock {peak / 2**20:>7,.0f} MiB   "
            f"{'found what was planted' if found else rounds[0]['found']}"
        )
        if checkout == ROOT:
            scale = max(writes / 10_000_000, 1e-9)
            good = found and seconds <= LIMIT_S and peak <= LIMIT_RSS and disk <= LIMIT_DISK * scale
    print("ok" if good else "MISSED")
    return 0 if good else 1


# ---- building ----------------------------------------------------------------------------------------------------


def build(folder: Path, writes: int) -> None:
    rng = np.random.default_rng(1)
    messages = int(writes * MESSAGE_SHARE)
    people = min(PEOPLE, messages // 2)  # each writes two messages at least
    (folder / "ledger").mkdir(parents=True)
    (folder / "stored").mkdir()
    parts = [
        Part(WriteKind.EVENT, writes - messages, 0, people, rng),
        Part(WriteKind.MESSAGE, messages, writes - messages, people, rng),
    ]
    for table in (LEDGER_WRITES, LEDGER_STEPS):
        with pq.ParquetWriter(folder / f"{table}.parquet", SCHEMAS[table], compression="zstd") as writer:
            for part in parts:
                rows = part.writes() if table == LEDGER_WRITES else part.steps()
                writer.write_table(rows, row_group_size=GROUP_ROWS)
    events, sent = parts
    keep(folder, EVENTS, events.stored_events(lost=[11, 22, 33], doubled=[44]))
    keep(folder, MESSAGES, sent.stored_messages(doubled=[55], swapped=(66, sent.next_of_same(66))))


def keep(folder: Path, table: StoredTable, rows: pa.Table) -> None:
    pq.write_table(rows, path_of(folder, table), compression="zstd", row_group_size=GROUP_ROWS)


class Part:
    """All writes of one kind: people take turns, one write each."""

    def __init__(self, kind: WriteKind, size: int, start: int, people: int, rng: np.random.Generator) -> None:
        self.kind, self.size, self.people = kind, size, people
        number = np.arange(start, start + size, dtype=np.uint64)
        self.person, self.sequence = number % np.uint64(people), number // np.uint64(people) + np.uint64(1)
        self.at = number.astype(np.int64) * (TURN_US // people)
        self.key = rng.integers(0, 2**63, size, dtype=np.int64).astype(np.uint64)
        self.content = rng.integers(1, 2**63, size, dtype=np.int64).astype(np.uint64)
        self.titles = rng.integers(0, 2**63, (TITLES, 2), dtype=np.int64)
        free_high = (np.uint64(RUN_TAG) << np.uint64(28)) | self.person << np.uint64(2) | self.sequence >> np.uint64(30)
        free_low = (self.sequence << np.uint64(32)) & FREE
        high = (free_high >> np.uint64(12) << np.uint64(16)) | np.uint64(4 << 12) | (free_high & np.uint64(0xFFF))
        self.id = np.stack([high, free_low | np.uint64(1 << 63)], axis=1)

    def writes(self) -> pa.Table:
        subject = self.person if self.kind is WriteKind.MESSAGE else self.key % np.uint64(TITLES)
        return table_of(
            LEDGER_WRITES,
            np.full(self.size, self.kind, np.uint8),
            self.person.astype(np.uint32),
            self.sequence.astype(np.uint32),
            self.at,
            self.key,
            self.uuids(subject),
            None,
            pa.array(["like"]).take(pa.array(np.zeros(self.size, np.int32))),
            np.zeros(self.size, np.int32),
            self.content,
            self.content,
        )

    def steps(self) -> pa.Table:
        twice = np.repeat(np.arange(self.size), 2)
        step = np.tile(np.array([WriteStep.SENT, WriteStep.ACKNOWLEDGED], np.uint8), self.size)
        at = self.at[twice] + np.where(step == WriteStep.SENT, 10, 60)
        return table_of(
            LEDGER_STEPS,
            np.full(2 * self.size, self.kind, np.uint8),
            self.person.astype(np.uint32)[twice],
            self.sequence.astype(np.uint32)[twice],
            at,
            step,
            np.zeros(2 * self.size, np.uint8),
            None,
        )

    def uuids(self, numbers: np.ndarray) -> pa.Array:
        """Random-looking ids, the same for the same number."""
        mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return fixed(np.stack([mixed, mixed ^ np.uint64(0xABCDEF)], axis=1))

    def next_of_same(self, row: int) -> int:
        """The next message of the same person."""
        return row + self.people

    def stored_events(self, *, lost: list[int], doubled: list[int]) -> pa.Table:
        rows = np.concatenate([np.delete(np.arange(self.size), lost), doubled])
        day = np.full(len(rows), int(ZERO_EPOCH_S // 86_400), np.int32)
        return self._stored(
            EVENTS,
            rows,
            self.at[rows] + 30,
            {
                "client_event_id": fixed(self.id[rows]),
                "dedupe_key": pa.array(self.key[rows]),
                "event_day": pa.array(day).cast(pa.date32()),
                **self.contents(rows, altered=77),
            },
        )

    def stored_messages(self, *, doubled: list[int], swapped: tuple[int, int]) -> pa.Table:
        rows = np.concatenate([np.arange(self.size), doubled])
        at = self.at[rows] + 30
        one, other = swapped
        at[[one, other]] = at[[other, one]]
        return self._stored(
            MESSAGES,
            rows,
            at,
            {
                "client_id": fixed(self.id[rows]),
                "conversation_id": self.uuids(self.person[rows]),
                **self.contents(rows, altered=88),
            },
        )

    def contents(self, rows: np.ndarray, *, altered: int) -> dict[str, pa.Array]:
        stored = self.content[rows]
        stored[altered] ^= np.uint64(1)
        return {"content": pa.array(stored), "parts": pa.array(stored)}

    def _stored(self, table: StoredTable, rows: np.ndarray, at: np.ndarray, columns: dict[str, pa.Array]) -> pa.Table:
        columns["id"] = self.uuids(np.arange(len(rows)) + int(self.kind) * 10**9)
        columns["created_at"] = pa.array(at + int(ZERO_EPOCH_S * 1e6)).cast(pa.timestamp("us", tz="UTC"))
        return pa.table(
            [columns.get(field.name, pa.nulls(len(rows), field.type)) for field in table.schema], schema=table.schema
        )


def fixed(pairs: np.ndarray) -> pa.Array:
    data = np.ascontiguousarray(pairs).astype(">u8")
    return pa.Array.from_buffers(pa.binary(16), len(pairs), [None, pa.py_buffer(data)])


def table_of(table: str, *columns: object) -> pa.Table:
    schema = SCHEMAS[table]
    size = len(columns[0])  # type: ignore[arg-type]
    made = [
        pa.nulls(size, field.type) if column is None else column if isinstance(column, pa.Array) else pa.array(column)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.table(made, schema=schema)


if __name__ == "__main__":
    sys.exit(main())
