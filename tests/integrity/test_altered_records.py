"""A real run's record with its stored rows altered, as a target would have that does it: each is found, and named.

The record is healthy as it is. What stands here passed before writes were compared field by field.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.client.message_content import message_content
from harness.core import ids
from harness.core.ledger import WriteKind
from harness.evidence import store
from harness.evidence.tables import (
    DELIVERIES,
    EVENTS,
    LIBRARY,
    MESSAGES,
    REACTIONS,
    READS,
    REVIEWS,
    StoredTable,
)
from harness.record.store import RunStore, open_run
from reports.integrity import frames
from reports.integrity.check import integrity
from reports.integrity.model import Check, Integrity

RECORD = Path(__file__).parents[1] / "data" / "records" / "v2-everybody"
Frame = pd.DataFrame
Alter = Callable[[Frame], Frame]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RECORD, tmp_path / "run"))


def alter(folder: Path, table: StoredTable, change: Alter) -> None:
    path = store.path_of(folder, table)
    rows = change(pq.read_table(path, schema=table.schema).to_pandas(types_mapper=pd.ArrowDtype))
    pq.write_table(pa.Table.from_pandas(rows, table.schema, preserve_index=False), path)


def judged(folder: Path) -> tuple[Integrity, dict[str, Check]]:
    found = integrity(open_run(folder))
    return found, {check.id: check for check in found.checks if check.status == "broken"}


def test_the_record_as_it_is_holds(folder: Path) -> None:
    found, broken = judged(folder)
    assert (found.status, broken) == ("held", {})
    looked_at = {check.id: check.looked_at for check in found.checks}
    assert all(looked_at[id_] > 0 for id_ in ("I51", "I52", "I53", "I54", "I55", "I56", "I57", "I58", "I60", "I65"))
    assert not [check for check in found.checks if "not compared" in check.note]


@pytest.mark.parametrize("cut", [lambda text: text[:5], lambda text: "?" * len(text), lambda text: text + " "])
def test_a_text_that_was_cut_or_mangled_is_named(folder: Path, cut: Callable[[str], str]) -> None:
    """The record has no texts: a message of its own is sent, and stored as a target would that does it."""
    text = "👨‍👩‍👧‍👦 movie night?"
    sent = message_content(message_of(text))

    def stored(row: dict[str, object]) -> dict[str, object]:
        content = message_content(message_of(cut(text)))
        return {**row, "content": content.whole, "parts": content.parts}

    writes = pq.read_table(folder / "ledger" / "writes.parquet")
    told = writes.to_pylist()
    changed = {row["object"] for row in told if row["kind"] in (WriteKind.EDIT, WriteKind.DELETE)}
    rows = store.kept(folder, MESSAGES)
    assert rows is not None
    mine = [row for row in rows.to_pylist() if row["client_id"] is not None and row["id"] not in changed]
    named = {uuid.UUID(bytes=row["client_id"]): row for row in mine}
    tag = open_run(folder).manifest.run_tag
    assert tag is not None
    for row in told:
        if row["kind"] == WriteKind.MESSAGE:
            id_ = uuid.UUID(ids.make(tag, row["person"], row["sequence"]))
            if id_ in named:
                row["content"], row["parts"] = sent
    pq.write_table(pa.Table.from_pylist(told, writes.schema), folder / "ledger" / "writes.parquet")
    altered = [stored(row) if row in mine else row for row in rows.to_pylist()]
    pq.write_table(pa.Table.from_pylist(altered, rows.schema), store.path_of(folder, MESSAGES))
    _, broken = judged(folder)
    assert "text" in broken["I52"].note
    assert "text in the body" in broken["I52"].note


def message_of(text: str) -> dict[str, object]:
    body = {"type": "text", "text": text, "clientId": "c"}
    return {"text": text, "body": body, "meta": body, "message_type": "text", "attachment_url": None}


def test_a_deletion_that_does_not_delete_and_an_edit_that_does_not_edit(folder: Path) -> None:
    writes = frames.writes(open_run(folder).rows, [WriteKind.EDIT, WriteKind.DELETE])
    assert set(writes["kind"]) == {WriteKind.EDIT, WriteKind.DELETE}
    changed = set(writes["object"])
    original = pq.read_table(store.path_of(folder, MESSAGES)).to_pylist()[0]

    def undone(rows: Frame) -> Frame:
        mine = rows["id"].isin(changed)
        rows.loc[mine, "content"] = original["content"]
        rows.loc[mine, "parts"] = original["parts"]
        return rows

    alter(folder, MESSAGES, undone)
    _, broken = judged(folder)
    told = " ".join(one.text for one in broken["I58"].offenders)
    assert "deleted, and still there" in told
    assert "edited, and another text is there" in told


def test_a_read_marker_that_nobody_wrote(folder: Path) -> None:
    def later(rows: Frame) -> Frame:
        rows["last_read_at"] = rows["last_read_at"] + timedelta(milliseconds=1)
        return rows

    alter(folder, READS, later)
    assert "I56" in judged(folder)[1]


def test_a_library_entry_that_nobody_made(folder: Path) -> None:
    def more(rows: Frame) -> Frame:
        copies = rows.head(1).copy()
        copies["id"], copies["title_id"] = [uuid.uuid4().bytes], [uuid.uuid4().bytes]
        return pd.concat([rows, copies])

    alter(folder, LIBRARY, more)
    assert "I65" in judged(folder)[1]


@pytest.mark.parametrize("seconds", [-90, 20, 300])
def test_clocks_that_are_minutes_apart_lose_nothing(folder: Path, seconds: int) -> None:
    """The target's clock is ahead: it was measured, and every row it dated is as far ahead."""
    by = timedelta(seconds=seconds)

    def ahead(rows: Frame) -> Frame:
        for column in ("created_at", "delivered_at", "updated_at"):
            if column in rows:
                rows[column] = rows[column] + by
        return rows

    for table in (EVENTS, MESSAGES, DELIVERIES, REACTIONS, REVIEWS):
        alter(folder, table, ahead)
    manifest = open_run(folder).manifest
    assert manifest.evidence is not None
    assert manifest.evidence.clock is not None
    clock = manifest.evidence.clock.model_copy(update={"offset_s": float(seconds)})
    RunStore(folder, manifest).update(evidence=manifest.evidence.model_copy(update={"clock": clock}))
    found, broken = judged(folder)
    assert broken.keys() <= {"I21"}  # conversations were not moved along
    told = next(check.note for check in found.checks if check.id == "I53")
    assert f"{seconds:+.1f} s from the generator's (measured, give or take" in told


def test_a_clock_that_nobody_measured_is_told_by_the_rows(folder: Path) -> None:
    def ahead(rows: Frame) -> Frame:
        rows["created_at"] = rows["created_at"] + timedelta(seconds=90)
        return rows

    for table in (EVENTS, MESSAGES):
        alter(folder, table, ahead)
    manifest = open_run(folder).manifest
    assert manifest.evidence is not None
    RunStore(folder, manifest).update(evidence=manifest.evidence.model_copy(update={"clock": None}))
    found, broken = judged(folder)
    assert not {"I53", "I54", "I03", "I19 lost"} & broken.keys()
    assert "was not measured" in next(check.note for check in found.checks if check.id == "I53")
