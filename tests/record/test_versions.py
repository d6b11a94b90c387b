"""Records of earlier versions are read, judged and rendered; newer ones are refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.core.errors import ExitCode, UsageError
from harness.core.tables import ACTIONS, MANIFEST, SCHEMAS
from harness.record.store import RunStore, open_run
from harness.record.streams import StreamFile
from harness.record.versions import RECORD_VERSION, VERSION_1_ACTIONS
from reports.report import JUNIT, REPORT, SUMMARY, VERDICT, report

RECORDS = Path(__file__).parents[1] / "data" / "records"
OLD = {"v1-everybody": ExitCode.PASS, "v1-lost-replies": ExitCode.DATA}
THEN = VERSION_1_ACTIONS.schema(ACTIONS)


def copy(name: str, to: Path) -> Path:
    return Path(shutil.copytree(RECORDS / name, to / name))


def changed(folder: Path, **fields: Any) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_bytes()) | fields), encoding="utf-8")


SINCE = {
    "CPU steal",
    "machine CPU",
    "waiting for a core",
    "CPU quota",
    "garbage collection",
    "descriptors",
    "local ports",
    "send backlog",
    "memory",
}
"""Rows of the generator's health that the harness which made those verdicts did not have."""
NOT_CHECKED_THEN = "CPU steal, garbage-collection pauses and descriptor limits of the generator's machine."


CHECKS_SINCE = {
    "I51",
    "I52",
    "I53",
    "I54",
    "I55",
    "I56",
    "I57",
    "I58",
    "I63",
    "I64",
    "I65",
    "stored earlier",
    "I27 overtaken",
    "left offline",
}
"""Data checks that the harness which made those verdicts did not have. In these records they all hold."""
BROKEN_THEN = re.compile(r"[^.;]*: broken ([\d,]+ of [\d,]+) times")
BROKEN_NOW = re.compile(r"\b([\d,]+ of [\d,]+)(?: [a-z][a-z ]*)(?=, first|\.|,| \()")
"""A broken check was told by its title, and is told by what was found."""
COUNTED_THEN = re.compile(r"[0-9]+(?= checks over | found data )")


def measured(traffic: Any) -> Any:
    """What a session sent. What the plan says of it moves with the plan, and so do the endpoints that only the plan
    has; sums over endpoints may differ in their last digit."""

    def figures(row: Any) -> Any:
        return {key: round(value, 6) for key, value in row.items() if isinstance(value, float) and "planned" not in key}

    return {
        persona["persona"]: figures(persona)
        | {"sessions": persona["sessions"]}
        | {row["endpoint"]: figures(row) for row in persona["endpoints"] if row["requests"]}
        for persona in traffic["personas"]
    }


def figures_of(sentence: str) -> str:
    """A sentence of a broken check with its figures alone; others as they are."""
    return BROKEN_NOW.sub(r"\1", BROKEN_THEN.sub(r"\1", sentence))


def comparable(verdict: str) -> Any:
    """All but the health rows SINCE and the line that they answer, the checks CHECKS_SINCE, how many they are and the
    remarks of checks, the words of what was found, how surely figures are known, what the plan says beside what was
    sent, and the coverage statement.

    Coverage judges nothing: it lays the other answers beside the manual, and the harness which made those verdicts did
    not do so yet.
    """
    read = json.loads(verdict)
    read.pop("coverage", None)
    read["traffic"] = measured(read["traffic"])
    read["integrity"]["text"] = COUNTED_THEN.sub("so many", read["integrity"]["text"])
    read["integrity"]["checks"] = [row for row in read["integrity"]["checks"] if row["id"] not in CHECKS_SINCE]
    for check in (*read["integrity"]["checks"], *read["probes"]):
        check.pop("note", None)
    read["health"] = [row for row in read["health"] if row["check"] not in SINCE]
    read["not_checked"] = [line for line in read["not_checked"] if line != NOT_CHECKED_THEN]
    read["sentence"] = read["sentence"].split(" Too close to call")[0].split(" Not contradicted")[0]
    read["sentence"] = figures_of(read["sentence"])
    read["reasons"] = [figures_of(reason) for reason in read["reasons"]]
    for row in read["slos"]:
        for said_anew in ("note", "interval", "close"):
            del row[said_anew]
    return read


def less(now: Any, then: Any) -> Any:
    """`now` without the fields that were added to `then`'s objects since."""
    if isinstance(now, dict) and isinstance(then, dict):
        return {key: less(value, then[key]) for key, value in now.items() if key in then}
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        return [less(one, other) for one, other in zip(now, then, strict=True)]
    return now


@pytest.mark.parametrize("name", OLD)
def test_an_older_record_is_judged_and_rendered_as_before(name: str, tmp_path: Path) -> None:
    folder = copy(name, tmp_path)
    expected = (folder / VERDICT).read_text(encoding="utf-8")
    (folder / VERDICT).unlink()
    assert report(folder).exit_code == OLD[name]
    made = (folder / VERDICT).read_text(encoding="utf-8")
    assert less(comparable(made), comparable(expected)) == comparable(expected)
    assert {row["check"] for row in json.loads(made)["health"]} > SINCE
    assert json.loads(made)["coverage"]["asked"] > 10
    assert "coverage" not in json.loads(expected)
    checks = {check["id"]: check for check in json.loads(made)["integrity"]["checks"]}
    assert checks.keys() > CHECKS_SINCE
    assert {checks[id_]["status"] for id_ in CHECKS_SINCE} == {"held"}
    assert "content not compared" in checks["I51"]["note"]
    assert NOT_CHECKED_THEN in expected
    assert NOT_CHECKED_THEN not in made
    assert "</html>" in (folder / REPORT).read_text(encoding="utf-8")
    assert ElementTree.parse(folder / JUNIT).getroot().tag == "testsuites"
    assert (folder / SUMMARY).read_text(encoding="utf-8").startswith("## ")


@pytest.mark.parametrize("name", OLD)
def test_actions_come_under_todays_names(name: str) -> None:
    run = open_run(RECORDS / name)
    assert run.manifest.record_version == 1
    then = pq.read_table(RECORDS / name / f"{VERSION_1_ACTIONS.table}.parquet")
    now = run.actions()
    assert now.schema.names == SCHEMAS[ACTIONS].names
    assert now.num_rows == then.num_rows > 1_000
    assert now["action"].equals(then[VERSION_1_ACTIONS.columns["action"]])


def test_a_killed_older_record_is_read_from_its_streams_and_can_be_closed(tmp_path: Path) -> None:
    folder = copy("v1-everybody", tmp_path)
    table = pq.read_table(folder / f"{VERSION_1_ACTIONS.table}.parquet")
    (folder / f"{VERSION_1_ACTIONS.table}.parquet").unlink()
    (folder / "stream").mkdir()
    stream = StreamFile(folder / "stream" / f"{VERSION_1_ACTIONS.table}.arrows", THEN)
    for batch in table.cast(THEN).to_batches(max_chunksize=500):
        stream.append(batch)
    stream.close()
    expected = pa.Table.from_batches(table.to_batches()).rename_columns(SCHEMAS[ACTIONS].names)
    for other in folder.glob("*.parquet"):
        other.unlink()
    run = open_run(folder)
    assert not run.complete
    assert run.actions().equals(expected.cast(SCHEMAS[ACTIONS]))
    RunStore(folder, run.manifest).close()
    assert (folder / "actions.parquet").is_file()
    assert not (folder / "stream").exists()
    assert open_run(folder).actions().equals(expected.cast(SCHEMAS[ACTIONS]))


def test_a_newer_record_is_refused_with_what_where_and_remedy(tmp_path: Path) -> None:
    folder = copy("v1-everybody", tmp_path)
    changed(folder, record_version=RECORD_VERSION + 1, a_field_of_tomorrow=1)
    with pytest.raises(UsageError) as caught:
        open_run(folder)
    assert f"version {RECORD_VERSION + 1}; this harness reads up to version {RECORD_VERSION}" in caught.value.what
    assert caught.value.where == str(folder / MANIFEST)
    assert "the harness that wrote it" in caught.value.remedy


@pytest.mark.parametrize("version", ["two", 0, None])
def test_a_version_that_is_none_is_an_unreadable_manifest(version: object, tmp_path: Path) -> None:
    folder = copy("v1-everybody", tmp_path)
    changed(folder, record_version=version)
    with pytest.raises(UsageError, match="manifest cannot be read: record_version"):
        open_run(folder)


def test_what_is_written_today_says_so(tmp_path: Path) -> None:
    manifest = open_run(RECORDS / "v1-everybody").manifest.model_copy(update={"record_version": RECORD_VERSION})
    RunStore.create(tmp_path / "run", manifest)
    assert json.loads((tmp_path / "run" / MANIFEST).read_bytes())["record_version"] == RECORD_VERSION


def test_a_change_of_an_older_manifest_leaves_its_version(tmp_path: Path) -> None:
    folder = copy("v1-everybody", tmp_path)
    RunStore(folder, open_run(folder).manifest).update(notes=("read again",))
    assert open_run(folder).manifest.record_version == 1
    assert open_run(folder).actions().num_rows > 1_000


@pytest.mark.parametrize("name", OLD)
def test_records_in_the_repository_are_small_and_name_no_machine(name: str) -> None:
    files = [path for path in (RECORDS / name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4_000_000
    for path in files:
        text = path.read_bytes()
        for word in (b"/tmp/", b"/root/", b"/home/", b"/work/", b"eyJhbGciOi"):
            assert word not in text, (path.name, word)
