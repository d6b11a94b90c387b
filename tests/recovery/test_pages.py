"""The report's section, the terminal's lines, the summary, and the page that lays runs side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.core.retry_policies import RetryPolicy
from harness.core.rows import made as batches_of
from harness.record.parts import measured
from harness.record.store import RunStore, open_run
from reports.fate import fate
from reports.frames import load
from reports.recovery.report import recover
from reports.render import summary, terminal
from reports.report import REPORT, VERDICT, report
from reports.side_by_side import Entrant, PageRow, lay
from reports.text import DASH
from reports.verdict import judge_frames
from tests.recovery import build
from tests.recovery.build import Book, no_rows, sent, unheard, yes
from tests.reports import build as plain


def saved(folder: Path, back_s: int, policy: RetryPolicy = RetryPolicy.SHIPPED) -> Path:
    """A run on disk, with a ledger and a chaos log."""
    made = build.run(build.jittery(1, lambda at: 80 <= at < back_s), run_id=folder.name)
    profile = made.manifest.profile.model_copy(update={"retry_policy": policy})
    made.manifest = made.manifest.model_copy(update={"profile": profile})
    plain.save(made, folder)
    book = Book()
    for at in range(10, 200):
        book.write(at, sent(at), unheard(at + 1), sent(at + 2), yes(at + 3))
    store = RunStore.create(folder / "ledger-only", made.manifest)
    for table, batch in batches_of(book.ledger.take()):
        store.append(table, batch)
    store.close()
    for path in (folder / "ledger-only" / "ledger").iterdir():
        path.replace(folder / "ledger" / path.name)
    record = RunStore(folder, made.manifest)
    parts = measured(folder, ["ledger/writes", "ledger/steps"])
    record.update(parts={**(open_run(folder).manifest.parts or {}), **parts})
    begun = {"event": "start", "entry": "outage", "fault": "http_status", "layer": "http", "at_s": 80.1}
    counted = begun | {"event": "count", "at_s": 109.0, "hits": 1234}
    (folder / "chaos.jsonl").write_text(f"{json.dumps(begun)}\n{json.dumps(counted)}\n", encoding="utf-8")
    return folder


def test_the_report_says_what_the_fault_did(tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", 120)
    verdict = report(folder)
    assert verdict.recovery is not None
    (fault,) = verdict.recovery.faults
    assert (fault.start_s, fault.hits, fault.recovered.status) == (80.1, 1234, "recovered")
    assert [row.kind for row in fault.writes] == ["event"]
    written = json.loads((folder / VERDICT).read_text(encoding="utf-8"))["recovery"]
    assert written["faults"][0]["recovered"]["after_s"] == fault.recovered.after_s
    page = (folder / REPORT).read_text(encoding="utf-8")
    assert 'id="recovery"' in page
    assert fault.recovered.text in page
    assert "1,234 hits" in page
    assert "a fault was on" in page
    said = " ".join(terminal.plain(verdict, folder))
    assert f"outage (http_status), 80 to 110 s: {fault.recovered.text}" in " ".join(said.split())
    assert max(map(len, terminal.recovery(verdict.recovery))) <= 80
    assert fault.recovered.text in summary.render(verdict)


def test_a_run_without_faults_says_nothing_of_them(tmp_path: Path) -> None:
    folder = plain.save(build.run(faults=()), tmp_path / "run")
    verdict = report(folder)
    assert verdict.recovery is None
    assert 'id="recovery"' not in (folder / REPORT).read_text(encoding="utf-8")
    assert "faults:" not in terminal.plain(verdict, folder)


def test_runs_with_other_retry_policies_side_by_side(tmp_path: Path) -> None:
    runs = [saved(tmp_path / "shipped", 120), saved(tmp_path / "immediate", 999, RetryPolicy.IMMEDIATE)]
    page = tmp_path / "page.html"
    done = CliRunner().invoke(cli, ["compare", *map(str, runs), "--html", str(page)])
    assert (done.exit_code, done.output) == (0, f"2 runs side by side: {page}\n")
    text = page.read_text(encoding="utf-8")
    for expected in (
        "profile: retry_policy",
        '>shipped</th><th scope="col">immediate</th>',
        "never recovered",
        "recovered after",
    ):
        assert expected in text


def test_what_differs_is_named_to_the_leaf() -> None:
    other = build.window("outage", "http_status", 80, 120)
    runs = [build.frames(build.calm, (fault,), seed=seed) for fault, seed in ((build.FAULT, 1), (other, 2))]
    page = lay([Entrant(run, judge_frames(run).recovery) for run in runs])
    assert page.names == ("A", "B")
    assert page.tables[0].rows == (PageRow("seed of the run", ("1", "2")),)


def test_a_fault_that_only_one_run_had() -> None:
    runs = [build.frames(build.calm, faults) for faults in ((build.FAULT,), ())]
    page = lay([Entrant(run, recover(run, no_rows)) for run in runs])
    table = next(table for table in page.tables if table.title == "Fault: outage")
    assert all(row.cells[1] == DASH for row in table.rows)
    assert ("afterwards", ("recovered at once", DASH)) in [(row.name, row.cells) for row in table.rows]


@pytest.mark.parametrize("why", ["refused", "hit nothing"])
def test_a_fault_that_was_not_on_is_said_and_its_seconds_count(tmp_path: Path, why: str) -> None:
    """Half of the operations fail while the fault should have been on, and it is not the fault's doing."""
    second, planned = build.jittery(1, lambda at: 40 <= at < 60), build.window("outage", "http_status", 40, 60)
    folder = plain.save(build.run(second, (planned,)).fit(seconds=build.END_S + 10), tmp_path / "run")
    plain_run = load(open_run(folder))
    begun = {"event": "start", "entry": "outage", "fault": "http_status", "layer": "http", "at_s": 40.1}
    lines: list[dict[str, Any]] = [begun | {"why": "failed", "text": "connection refused"}]
    if why == "hit nothing":
        lines = [begun, begun | {"event": "count"}, begun | {"event": "end", "at_s": 60.0}]
    (folder / "chaos.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    verdict = report(folder)
    assert verdict.recovery is not None
    (fault,) = verdict.recovery.faults
    assert why in fault.missing
    assert fault.recovered.status == "unknown"
    assert "nothing is excused" in summary.render(verdict)
    assert fate(verdict, 30.0, 38.0).fate == "cannot tell"
    assert len(load(open_run(folder)).measured) > len(plain_run.measured)
