"""The run directory: nothing appended is lost, whatever happens to the writer."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from harness.config.load import load_profile, load_slos
from harness.core.errors import ExitCode, HarnessError, UsageError
from harness.core.ledger import Ledger, WriteKind, WriteStep
from harness.core.phase_window import Window
from harness.core.rows import made
from harness.core.tables import (
    ACTIONS,
    ARRIVALS,
    HEALTH,
    LATENCY,
    LEDGER_STEPS,
    LEDGER_WRITES,
    SCHEMAS,
    TRAFFIC,
    Phase,
)
from harness.record import store as store_module
from harness.record.manifest import Manifest
from harness.record.store import TABLES, UNSORTED, RunFiles, RunStore, from_bytes, open_run, to_bytes


def manifest(**changes: Any) -> Manifest:
    return Manifest(
        **{
            "run_id": "r1",
            "status": "running",
            "started_at": "2026-01-15T00:00:00Z",
            "seed": 1,
            "profile": load_profile("smoke"),
            "slos": load_slos(),
            "target_name": "t",
            "target_url": "http://127.0.0.1:1",
            "target_environment": "sandbox",
            "windows": (Window(phase=Phase.MEASURE, start_s=0, end_s=50),),
            "planned_sessions": 3,
            "plan_digest": "0" * 64,
            "workers": 1,
            "versions": {"python": "3"},
            **changes,
        }
    )


def latency(second: int, *buckets: int, phase: str = "measure", count: int = 1) -> pa.RecordBatch:
    key = {"second": second, "phase": phase, "operation": "home_feed", "view": "server", "outcome": "ok"}
    rows = [key | {"bucket_us": bucket, "count": count} for bucket in buckets]
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMAS[LATENCY])


def arrival(ticket: int, ended: int | None = None) -> pa.RecordBatch:
    who = {"ticket": ticket, "worker": 0, "persona": "swiper", "person": ticket}
    row = who | {"planned_us": 5, "started_us": 6, "ended_us": ended, "late_cause": "", "end": "finished"}
    return pa.RecordBatch.from_pylist([row], schema=SCHEMAS[ARRIVALS])


def health(second: int, worker: int = 0) -> pa.RecordBatch:
    row = dict.fromkeys(SCHEMAS[HEALTH].names, 1) | {"second": second, "worker": worker, "cpu_share": 0.5}
    return pa.RecordBatch.from_pylist([row], schema=SCHEMAS[HEALTH])


def filled(folder: Path) -> RunStore:
    store = RunStore.create(folder, manifest())
    for second in (1, 0, 1):
        store.append(LATENCY, latency(second, 900, 100))
    for batch in (arrival(2), arrival(0, 9), arrival(2, 7)):
        store.append(ARRIVALS, batch)
    store.append(HEALTH, health(1))
    store.append(HEALTH, health(0), worker=3)
    for requests in (2, 3):
        row = dict.fromkeys(SCHEMAS[TRAFFIC].names, 1) | {"call": "user", "requests": requests, "seconds": 0.5}
        store.append(TRAFFIC, pa.RecordBatch.from_pylist([row], schema=SCHEMAS[TRAFFIC]))
    for at_us in (9, 4):
        action = {
            "ticket": 1,
            "worker": 0,
            "at_us": at_us,
            "action": "look",
            "subject": "",
            "number": 1,
            "seconds": 2.0,
        }
        store.append(ACTIONS, pa.RecordBatch.from_pylist([action], schema=SCHEMAS[ACTIONS]))
    ledger = Ledger(7)
    for at_s in (2.0, 1.0):
        ledger.step(ledger.intend(WriteKind.LIBRARY, 1, at_s, detail="watched"), WriteStep.SENT, at_s)
        for table, batch in made(ledger.take()):
            store.append(table, batch)
    return store


def ledger(run: RunFiles) -> list[list[dict[str, object]]]:
    tables = (LEDGER_WRITES, LEDGER_STEPS)
    return [pa.Table.from_batches(run.rows(table, SCHEMAS[table].names)).to_pylist() for table in tables]


def test_streams_and_parquet_tell_the_same(tmp_path: Path) -> None:
    store = filled(tmp_path / "runs" / "r1")
    before = open_run(store.folder)
    during = [
        *(before.latency(), before.arrivals(), before.health(), before.traffic(), before.actions()),
        *ledger(before),
    ]
    assert [len(rows) for rows in ledger(before)] == [2, 2]
    assert not before.complete
    store.close()
    store.update(status="complete", finished_at="2026-01-15T00:01:00Z", recorded_attempts=6)
    after = open_run(store.folder)
    assert after.complete
    assert (after.manifest.status, after.manifest.recorded_attempts) == ("complete", 6)
    assert [
        *(after.latency(), after.arrivals(), after.health(), after.traffic(), after.actions()),
        *ledger(after),
    ] == during
    assert after.traffic().select(["requests", "failed", "seconds"]).to_pylist() == [
        {"requests": 5, "failed": 2, "seconds": 1.0}
    ]
    assert after.actions()["at_us"].to_pylist() == [4, 9]
    assert sorted(path.name for path in store.folder.iterdir()) == [
        *("actions.parquet", "arrivals.parquet", "delivery.parquet", "health.parquet", "latency.parquet", "ledger"),
        *("manifest.json", "read_checks.parquet", "read_prints.parquet", "read_samples.parquet"),
        *("realtime.parquet", "traffic.parquet", "violations.parquet"),
    ]
    assert pq.ParquetFile(store.folder / "latency.parquet").metadata.row_group(0).column(0).compression == "ZSTD"
    assert after.latency().select(["second", "bucket_us", "count"]).to_pylist() == [
        {"second": s, "bucket_us": b, "count": c} for s, b, c in ((0, 100, 1), (0, 900, 1), (1, 100, 2), (1, 900, 2))
    ]
    assert after.arrivals().select(["ticket", "ended_us"]).to_pylist() == [
        {"ticket": 0, "ended_us": 9},
        {"ticket": 2, "ended_us": 7},  # the later row of the two
    ]
    assert after.health()["worker"].to_pylist() == [3, 0]
    store.close()  # harmless


def test_a_run_without_a_single_row_has_empty_tables(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path / "r", manifest())
    assert open_run(store.folder).latency().num_rows == 0
    store.close()
    run = open_run(store.folder)
    tables = (run.latency(), run.arrivals(), run.health(), run.traffic(), run.actions(), run.delivery(), run.realtime())
    for table, name in zip(tables, [name for name in TABLES if name not in UNSORTED], strict=True):
        assert (table.num_rows, table.schema) == (0, SCHEMAS[name])


def test_compacting_in_blocks_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore.create(tmp_path / "r", manifest())
    for second in (5, 0, 3, 9, 3, 12, 5):
        store.append(LATENCY, latency(second, second + 7, 100))
    whole = open_run(store.folder).latency()
    monkeypatch.setattr(store_module, "BLOCK_ROWS", 4)
    store.close()
    assert pq.ParquetFile(store.folder / "latency.parquet").num_row_groups > 2
    assert open_run(store.folder).latency() == whole


def drawn(schema: pa.Schema, rows: int, dice: random.Random) -> pa.RecordBatch:
    """Rows of any values, with many that share their keys."""

    def value(kind: pa.DataType) -> Any:
        if pa.types.is_string(kind):
            return dice.choice("abc")
        if pa.types.is_boolean(kind):
            return dice.random() < 0.5
        return dice.randbytes(kind.byte_width) if pa.types.is_fixed_size_binary(kind) else dice.randrange(9)

    return pa.RecordBatch.from_arrays(
        [pa.array([value(field.type) for _ in range(rows)], field.type) for field in schema], schema=schema
    )


@pytest.mark.parametrize("table", [name for name in TABLES if name not in UNSORTED])
def test_every_sorted_table_is_compacted_in_blocks(table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that none has to fit into memory."""
    store, dice = RunStore.create(tmp_path / "r", manifest()), random.Random(table)
    for _ in range(6):
        store.append(table, drawn(SCHEMAS[table], 20, dice))
    stream = tmp_path / "r" / "stream" / f"{table}.arrows"
    with pa.ipc.open_stream(pa.BufferReader(stream.read_bytes())) as reader:
        whole = store_module.tidy(table, reader.read_all())
    monkeypatch.setattr(store_module, "BLOCK_ROWS", 30)
    store.close()
    file = pq.ParquetFile(store.folder / f"{table}.parquet")
    assert file.num_row_groups >= 3
    assert max(file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)) <= 60
    everything = [(name, "ascending") for name in SCHEMAS[table].names]
    assert file.read().cast(SCHEMAS[table]).sort_by(everything) == whole.sort_by(everything)
    first = store_module.FIRST_KEY.get(table, "second")
    assert file.read()[first].to_pylist() == whole[first].to_pylist()


@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)], ids=["seventeenths", "all"])
def test_a_stream_cut_anywhere_is_readable_up_to_the_last_whole_batch(step: int, tmp_path: Path) -> None:
    """At every byte; in the fast suite around the ends of batches, and at each 17th elsewhere."""
    store = RunStore.create(tmp_path / "r", manifest())
    path = store.folder / "stream" / "latency.arrows"
    ends, totals = [0], [0]
    for second in range(3):
        store.append(LATENCY, latency(second, 100, 200, 300))
        ends.append(path.stat().st_size)
        totals.append(totals[-1] + 3)
    whole = path.read_bytes()
    assert len(whole) == ends[-1]
    for cut in range(len(whole) + 1):
        if cut % step and min(abs(cut - end) for end in ends) > 16:
            continue
        path.write_bytes(whole[:cut])
        expected = max(total for end, total in zip(ends, totals, strict=True) if end <= cut)
        assert open_run(store.folder).latency().num_rows == expected, f"cut at byte {cut}"
    path.write_bytes(whole + bytes(4096))  # what a file system may leave after a power failure
    assert open_run(store.folder).latency().num_rows == 9


WRITER = """
import sys
from pathlib import Path
from tests_store import latency, manifest
from harness.record.store import RunStore
store = RunStore.create(Path(sys.argv[1]), manifest())
for second in range(100_000):
    store.append("latency", latency(second, 100))
    sys.stdout.write(f"{second}\\n")
    sys.stdout.flush()
"""


def child(code: str, folder: Path, tmp_path: Path, **options: Any) -> subprocess.Popen[str]:
    (tmp_path / "tests_store.py").write_text(Path(__file__).read_text())
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options
    )


def test_kill_9_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    with child(WRITER, folder, tmp_path) as writer:
        assert writer.stdout is not None
        last = -1
        deadline = time.monotonic() + 60
        while last < 200 and time.monotonic() < deadline:
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        last = int((writer.stdout.read().split() or [str(last)])[-1])
    run = open_run(folder)
    seconds = run.latency()["second"].to_pylist()
    assert seconds == list(range(len(seconds)))
    assert len(seconds) >= last + 1 > 200
    assert not run.complete
    assert run.manifest.status == "running"


SMALL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests_store import latency, manifest
from harness.core.errors import HarnessError
from harness.record.store import RunStore
store = RunStore.create(Path(sys.argv[1]), manifest())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
for second in range(1_000):
    try:
        store.append("latency", latency(second, 100))
    except HarnessError as error:
        print(error)
        break
else:
    raise SystemExit("never full")
print(second)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
store.append("latency", latency(second, 100))
"""


def test_a_write_that_hits_the_end_of_the_disk_leaves_the_record_whole(tmp_path: Path) -> None:
    """A file size limit makes the kernel cut a write in the middle, as a full disk does."""
    folder = tmp_path / "r"
    with child(SMALL_DISK, folder, tmp_path) as writer:
        out, err = writer.communicate(timeout=60)
    assert writer.returncode == 0, err
    *message, second = out.strip().split("\n")
    assert "the disk is full" in message[0]
    assert "latency.arrows" in message[1]
    assert "free space" in message[2]
    assert open_run(folder).latency()["second"].to_pylist() == list(range(int(second) + 1))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a Linux device that is always full")
def test_no_space_left_is_said_in_words(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path / "r", manifest())
    store.append(HEALTH, health(0))
    (store.folder / "stream" / "latency.arrows").symlink_to("/dev/full")
    with pytest.raises(HarnessError, match="the disk is full") as caught:
        store.append(LATENCY, latency(0, 100))
    assert caught.value.exit_code is ExitCode.INTERNAL
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert open_run(store.folder).health().num_rows == 1


def test_a_manifest_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path / "r", manifest())
    before = (store.folder / "manifest.json").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(HarnessError, match="the disk is full"):
            store.update(notes=("x" * 10_000,))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert (store.folder / "manifest.json").read_bytes() == before
    assert [path.name for path in store.folder.glob("manifest*")] == ["manifest.json"]


def test_updates_are_checked(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path / "r", manifest())
    for change in ({"state": "complete"}, {"status": "done"}):
        with pytest.raises(ValidationError):
            store.update(**change)
    assert open_run(store.folder).manifest == store.manifest == manifest()


def test_only_batches_of_a_table_are_appended(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path / "r", manifest())
    for table in (HEALTH, "latencies"):
        with pytest.raises(ValueError, match="not a batch of table"):
            store.append(table, latency(0, 1))


def test_a_folder_in_use_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="not empty"):
        RunStore.create(tmp_path, manifest())
    with pytest.raises(HarnessError, match="cannot be written"):
        RunStore.create(tmp_path / "mine.txt" / "r", manifest())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"manifest\.json is missing"):
        open_run(tmp_path)
    for text, part in (("{", "JSON"), ("{}", "run_id"), ("", "JSON")):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(UsageError, match=part) as caught:
            open_run(tmp_path)
        assert str(tmp_path / "manifest.json") in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all" * 100])
def test_a_damaged_table_is_named(content: bytes, tmp_path: Path) -> None:
    store = filled(tmp_path / "r")
    store.close()
    (store.folder / "latency.parquet").write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read") as caught:
        open_run(store.folder).latency()
    assert "latency.parquet" in str(caught.value)


def test_complete_needs_status_and_closed_streams(tmp_path: Path) -> None:
    store = filled(tmp_path / "r")
    store.update(status="complete")
    assert not open_run(store.folder).complete
    store.close()
    assert open_run(store.folder).complete
    store.update(status="aborted", abort_reason="Ctrl-C")
    assert not open_run(store.folder).complete


def test_batches_travel_as_bytes() -> None:
    for batch in (latency(3, 100, 200), arrival(1), health(0), latency(0)):
        assert from_bytes(to_bytes(batch)) == batch
    packed = to_bytes(latency(3, 100, 200))
    for broken in (b"", b"garbage", packed[:-60], packed[:20]):
        with pytest.raises(HarnessError, match="no record batch"):
            from_bytes(broken)
