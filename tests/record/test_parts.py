"""Nothing that is missing passes: parts of a record are counted, summed up, and named when they are not whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.core.errors import ExitCode
from harness.core.ledger import Ledger, WriteKind
from harness.core.rows import made
from harness.core.tables import HEALTH, LATENCY, LEDGER_WRITES, MANIFEST, STREAM_FOLDER
from harness.evidence import store as evidence
from harness.evidence.collect import collect
from harness.evidence.tables import EVENTS, FOLDER
from harness.record.manifest import Evidence
from harness.record.parts import faults, measured
from harness.record.store import RunStore, open_run
from reports.render import terminal
from reports.report import JUNIT, report
from reports.verdict import Verdict
from tests.reports import build

STORED = f"{FOLDER}/{EVENTS.name}"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed run, its target read: one write, which nobody stored because nobody asks for it."""
    folder = build.save(build.realistic(), tmp_path_factory.mktemp("whole") / "run", killed=True)
    store = RunStore(folder, open_run(folder).manifest)
    ledger = Ledger()
    ledger.intend(WriteKind.PERSON, 0, 0.0, subject="5b0c7d2e-8f14-4c1b-9a63-2d7e90f4a111")
    for name, batch in made(ledger.take()):
        store.append(name, batch)
    attempts = build.realistic().manifest.recorded_attempts
    store.update(status="complete", zero_epoch_s=1_763_866_800.0, run_tag=7, recorded_attempts=attempts)
    store.close()
    evidence.keep(folder, EVENTS, [])
    found = Evidence(source="Postgres", read_at="2026-11-23T03:05:00+00:00", rows={EVENTS.name: 0})
    parts = store.manifest.parts
    assert parts is not None
    store.update(evidence=found, parts=parts | measured(folder, [STORED]), evidence_promised=True)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def judged(folder: Path) -> Verdict:
    return report(folder, html=False)


def test_each_part_carries_rows_and_checksum(folder: Path) -> None:
    parts = json.loads((folder / MANIFEST).read_bytes())["parts"]
    assert {LATENCY, HEALTH, LEDGER_WRITES, "ledger/steps", STORED, "traffic", "delivery"} <= set(parts)
    assert parts[HEALTH]["rows"] == pq.read_table(folder / "health.parquet").num_rows > 0
    assert len(parts[HEALTH]["sha256"]) == 64
    assert faults(folder, open_run(folder).manifest) == ()


def test_the_whole_record_passes(folder: Path) -> None:
    found = judged(folder)
    assert (found.exit_code, found.integrity.status) == (ExitCode.PASS, "held")


def missing(path: Path) -> None:
    path.unlink()


def short(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.slice(0, table.num_rows // 2), path)


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def altered(path: Path) -> None:
    pq.write_table(pq.read_table(path), path, compression="none")


@pytest.mark.parametrize(
    ("part", "damage", "words"),
    [
        (HEALTH, missing, "health is missing"),
        (HEALTH, short, "health is short: "),
        (LATENCY, torn, "latency cannot be read"),
        (LATENCY, altered, "latency was changed since it was written"),
        ("arrivals", missing, "arrivals is missing"),
        ("traffic", missing, "traffic is missing"),
        ("ledger/steps", missing, "ledger/steps, is missing"),
        (LEDGER_WRITES, short, "ledger/writes, is short: 0 of 1 rows"),
        (STORED, missing, f"{STORED}, is missing"),
        (STORED, torn, f"{STORED}, cannot be read"),
    ],
)
def test_a_part_that_is_not_whole_is_exit_20_with_its_name(folder: Path, part: str, damage: object, words: str) -> None:
    assert callable(damage)
    damage(folder / f"{part}.parquet")
    found = judged(folder)
    assert found.exit_code == ExitCode.INCONCLUSIVE
    assert any(words in reason for reason in found.reasons), found.reasons
    root = ElementTree.parse(folder / JUNIT).getroot()
    assert int(root.get("failures", "0")) + int(root.get("errors", "0")) > 0
    if "/" in part:
        assert found.integrity.status == "not checked"
        assert part in found.integrity.text


def test_a_missing_ledger_is_not_data_that_nobody_made(folder: Path) -> None:
    shutil.rmtree(folder / "ledger")
    found = judged(folder)
    assert found.exit_codes == (ExitCode.INCONCLUSIVE,)


def test_a_run_that_was_killed_while_its_target_was_read_does_not_pass(folder: Path) -> None:
    """As the supervisor leaves it: ended and closed, and not complete before the reading."""
    store = RunStore(folder, open_run(folder).manifest)
    store.update(status="running", finished_at="2026-11-23T03:01:20Z", evidence=None)
    found = judged(folder)
    assert found.exit_code == ExitCode.INCONCLUSIVE
    assert "while it read what the target stored" in found.sentence


def test_complete_without_the_promised_evidence_is_exit_20(folder: Path) -> None:
    store = RunStore(folder, open_run(folder).manifest)
    store.update(evidence=None)
    found = judged(folder)
    assert found.exit_code == ExitCode.INCONCLUSIVE
    assert found.sentence.startswith("The profile promises that data is checked, and it was not:")
    store.update(evidence=Evidence(source="Postgres", problem="the target's database did not answer"))
    assert "did not answer" in judged(folder).sentence


def test_where_nothing_is_promised_not_checked_has_its_own_line_and_colour(folder: Path) -> None:
    store = RunStore(folder, open_run(folder).manifest)
    store.update(evidence=None, evidence_promised=False)
    found = report(folder)
    assert found.exit_code == ExitCode.PASS
    assert any(line.startswith("integrity: NOT CHECKED: ") for line in terminal.plain(found, folder))
    assert 'class="data unchecked"' in (folder / "report.html").read_text(encoding="utf-8")
    assert len(set(terminal.DATA_COLOUR.values())) == 3


def test_the_reading_completes_a_run_that_waited_for_it(tmp_path: Path) -> None:
    folder = build.save(build.realistic(), tmp_path / "run")
    store = RunStore(folder, open_run(folder).manifest)
    store.update(status="running", finished_at="2026-11-23T03:01:20Z", zero_epoch_s=1_763_866_800.0)
    assert not open_run(folder).complete
    collect(folder, "http://127.0.0.1:9")  # neither key nor DSN: a reading all the same, that says so
    manifest = open_run(folder).manifest
    assert manifest.status == "complete"
    assert manifest.evidence is not None
    assert "neither a service key" in manifest.evidence.problem


def test_a_close_that_is_repeated_over_half_removed_streams_takes_nothing_away(tmp_path: Path) -> None:
    folder = build.save(build.realistic(), tmp_path / "run", killed=True)
    streams = tmp_path / "kept"
    shutil.copytree(folder / STREAM_FOLDER, streams)
    RunStore(folder, open_run(folder).manifest).close()
    before = {part: found.rows for part, found in (open_run(folder).manifest.parts or {}).items()}
    for listed in (True, False):
        (folder / STREAM_FOLDER).mkdir()
        shutil.copy(streams / "health.arrows", folder / STREAM_FOLDER)  # latency, arrivals and traffic are gone
        store = RunStore(folder, open_run(folder).manifest)
        if not listed:
            store.update(parts=None)
        store.close()
        assert {part: pq.read_metadata(folder / f"{part}.parquet").num_rows for part in before} == before
        assert not (folder / STREAM_FOLDER).exists()
    assert before[LATENCY] > 0


def test_an_older_record_without_a_list_still_needs_its_tables(tmp_path: Path) -> None:
    folder = build.save(build.realistic(), tmp_path / "run")
    store = RunStore(folder, open_run(folder).manifest)
    store.update(parts=None)
    assert judged(folder).exit_code == ExitCode.PASS
    (folder / "health.parquet").unlink()
    assert judged(folder).exit_code == ExitCode.INCONCLUSIVE


def test_parts_of_nothing(tmp_path: Path) -> None:
    assert measured(tmp_path, ["latency"]) == {}
    (tmp_path / "latency.parquet").write_bytes(b"none")
    with pytest.raises(pa.ArrowException):
        measured(tmp_path, ["latency"])
