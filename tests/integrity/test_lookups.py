"""Short ways through a large ledger find what the long ones find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from harness.core.ledger import WriteKind, WriteStep
from harness.core.tables import LEDGER_WRITES, SCHEMAS
from reports.integrity.messages import _suspects
from reports.integrity.writes import NEVER, of_kind

PLACES = st.tuples(st.sampled_from([0, 1, 2, 9, 2**32 - 1]), st.sampled_from([1, 2, 3, 4, 7, (1 << 24) + 1]))
STEPS = st.lists(
    st.tuples(PLACES, st.integers(0, 900), st.sampled_from(list(WriteStep)), st.sampled_from([1, 2])), max_size=40
)


def ledger(noted: list[tuple[int, int]], steps: list[Any]) -> Any:
    def rows(table: str, columns: Any) -> list[pa.RecordBatch]:
        if table == LEDGER_WRITES:
            found = [
                {"kind": 1, "person": p, "sequence": s, "at_us": at, "key": at, "detail": "x", "content": None}
                for at, (p, s) in enumerate(noted)
            ]
        else:
            found = [
                {"kind": kind, "person": p, "sequence": s, "at_us": at, "step": int(step), "row": None}
                for (p, s), at, step, kind in steps
            ]
        schema = pa.schema([SCHEMAS[table].field(name) for name in columns])
        batches: list[pa.RecordBatch] = pa.Table.from_pylist(found, schema).to_batches(max_chunksize=5)
        return batches

    return rows


@given(st.lists(PLACES, max_size=20), STEPS)
def test_steps_reach_their_writes_whether_counting_or_searching_finds_them(
    noted: list[tuple[int, int]], steps: list[Any]
) -> None:
    found = of_kind(WriteKind(1), ledger(noted, steps))
    known = sorted(set(noted))
    assert found.place.tolist() == [person << 32 | sequence for person, sequence in known]
    assert found.intended.tolist() == [noted.index(place) for place in known], "the first that was noted"
    for number, place in enumerate(known):
        own = [(at, step) for where, at, step, kind in steps if where == place and kind == 1]
        sent = [at for at, step in own if step is WriteStep.SENT]
        assert found.sent[number] == len(sent)
        assert found.first_sent[number] == min(sent, default=NEVER)
        assert found.last_said[number] == max((at for at, _ in own), default=-NEVER)
        assert found.acknowledged[number] == any(step is WriteStep.ACKNOWLEDGED for _, step in own)
        assert found.refused[number] == any(step is WriteStep.REFUSED for _, step in own)
        assert found.forgotten[number] == any(step is WriteStep.FORGOTTEN for _, step in own)


TIMES = st.sampled_from([0, 3, 5, 8, 13, NEVER])


@given(st.lists(st.tuples(st.integers(0, 4), TIMES, TIMES), max_size=30))
def test_only_groups_with_something_out_of_order_are_looked_through(rows: list[tuple[int, int, int]]) -> None:
    rows.sort(key=lambda row: row[0])
    group = np.array([row[0] for row in rows], np.uint64)
    sent, told = (np.array([row[column] for row in rows], np.int64) for column in (1, 2))
    expected = []
    for one in sorted(set(group.tolist())):
        inside = np.flatnonzero(group == one).tolist()
        if any(told[later] < sent[earlier] for earlier in inside for later in inside if later > earlier):
            expected.append((inside[0], inside[-1] + 1))
    assert _suspects(group, sent, told) == expected


def test_a_table_of_ledger_steps_has_room_for_every_step() -> None:
    assert max(WriteStep) < 16, "a bit each in 16"
