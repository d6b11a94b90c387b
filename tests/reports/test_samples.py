"""Rows of the latency table become sorted frames of codes: the same samples as grouping them by text gives."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.outcome import Outcome
from harness.core.tables import LATENCY, SCHEMAS, Phase, View
from reports import samples
from reports.frames import MEASURED_VIEWS, NOT_AN_ANSWER
from reports.samples import Places, Sorted, among, counted, gather, part, runs_of

VIEWS = frozenset(MEASURED_VIEWS)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from([str(phase) for phase in Phase]),
        st.sampled_from(["home_feed", "a", "zz", "swipe deck"]),
        st.sampled_from([str(view) for view in (View.SERVER, View.E2E, View.DELIVERY, View.LAG)]),
        st.sampled_from([str(one) for one in (Outcome.OK, Outcome.TIMEOUT, Outcome.ABORTED, Outcome.REJECTED)]),
        st.sampled_from([0, 7, 255, 120_319, 3_600_000_000]),
        st.integers(1, 5),
    ),
    max_size=60,
)
WIDE = st.sampled_from([1, 2**31 + 1, 10**15])


def pieces(rows: list[Any], size: int = 7, *, coded: bool = False) -> list[pa.RecordBatch]:
    schema = SCHEMAS[LATENCY]
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    table = pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
    found: list[pa.RecordBatch] = table.to_batches(max_chunksize=size)
    if not coded:
        return found
    return [
        pa.RecordBatch.from_arrays(
            [one.dictionary_encode() if pa.types.is_string(one.type) else one for one in batch.columns],
            names=schema.names,
        )
        for batch in found
    ]


def flat(frame: pd.DataFrame) -> dict[tuple[Any, ...], int]:
    """Key to count; value_us is part of the key."""
    names = [*samples.KEYS, "value_us" if "value_us" in frame else "bucket_us", "count"]
    rows = zip(*(frame[name].tolist() for name in names), strict=True)
    found = {row[:-1]: row[-1] for row in rows}
    assert len(found) == len(frame), "each key once"
    return found


def naive(rows: list[Any], kind: str) -> dict[tuple[Any, ...], int]:
    found: dict[tuple[Any, ...], int] = {}
    for second, phase, operation, view, outcome, us, count in rows:
        which = "generator" if View(view) not in VIEWS else "aborted" if outcome == "aborted" else "samples"
        if which == kind:
            slow = Outcome(outcome) in NOT_AN_ANSWER.get(View(view), frozenset())
            key = (second, phase, operation, view, outcome, us, float("inf") if slow else float(us))
            found[key] = found.get(key, 0) + count
    return found


def check(made: Sorted, rows: list[Any]) -> None:
    for kind in ("samples", "aborted", "generator"):
        frame = getattr(made, kind)
        assert flat(frame) == naive(rows, kind)
        order = [
            (["warmup", "measure", "drain"].index(phase), view, operation, second, outcome, us)
            for phase, view, operation, second, outcome, us in zip(
                *(frame[n].tolist() for n in ("phase", "view", "operation", "second", "outcome", "bucket_us")),
                strict=True,
            )
        ]
        assert order == sorted(order)


@given(ROWS, st.booleans())
def test_rows_are_added_up_and_sorted_whether_their_names_are_text_or_codes(rows: list[Any], coded: bool) -> None:
    check(gather(pieces(rows, coded=coded), VIEWS, NOT_AN_ANSWER), rows)


@given(ROWS, WIDE, WIDE)
def test_figures_that_leave_no_room_for_a_count_or_a_key_give_the_same(rows: list[Any], count: int, us: int) -> None:
    wide = [(*row[:5], us - 1, count) for row in rows[:20]]
    check(gather(pieces(rows + wide), VIEWS, NOT_AN_ANSWER), rows + wide)


@given(ROWS)
def test_a_key_longer_than_a_word_is_sorted_column_by_column(rows: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "_WORD", 5)
        check(gather(pieces(rows), VIEWS, NOT_AN_ANSWER), rows)


@given(ROWS)
def test_stretches_of_few_rows_give_the_same(rows: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "STRETCH", 3)
        patch.setattr(samples, "BLOCK", 2)
        check(gather(pieces(rows), VIEWS, NOT_AN_ANSWER), rows)


@given(ROWS)
def test_places_hold_the_rows_that_a_mask_finds(rows: list[Any]) -> None:
    frame = gather(pieces(rows), VIEWS, NOT_AN_ANSWER).samples
    places = Places(frame)
    for view in ("server", "e2e"):
        assert places.operations(view) == sorted(set(frame.loc[frame["view"] == view, "operation"]))
        for name in ("home_feed", "zz", "nothing"):
            pd.testing.assert_frame_equal(
                places.of(name, view), frame[(frame["operation"] == name) & (frame["view"] == view)]
            )
        several = places.of(["zz", "a"], view)
        assert flat(several) == flat(frame[frame["operation"].isin(["a", "zz"]) & (frame["view"] == view)])
    plain = frame.astype(dict.fromkeys(samples.NAMES, "str")).sample(frac=1.0, random_state=1)
    assert flat(Places(plain).of("zz", "server")) == flat(places.of("zz", "server")), "of any frame"


@given(ROWS)
def test_counts_by_name_are_those_of_the_rows(rows: list[Any]) -> None:
    frame = gather(pieces(rows), VIEWS, NOT_AN_ANSWER).samples
    by_name = counted(frame)
    expected: dict[tuple[str, ...], int] = {}
    for key, number in naive(rows, "samples").items():
        name = (key[1], key[3], key[2], key[4])
        expected[name] = expected.get(name, 0) + number
    assert dict(zip(zip(*(by_name[n] for n in samples.NAMES), strict=True), by_name["count"], strict=True)) == expected


@given(ROWS, st.sets(st.sampled_from(["ok", "timeout", "rejected", "strange"])))
def test_names_are_found_by_their_codes_as_by_their_words(rows: list[Any], wanted: set[str]) -> None:
    frame = gather(pieces(rows), VIEWS, NOT_AN_ANSWER).samples
    for one in (frame, frame.astype(dict.fromkeys(samples.NAMES, "str"))):
        assert among(one, "outcome", wanted).tolist() == one["outcome"].isin(wanted).tolist()
        for view in ("server", "e2e", "nothing"):
            runs = runs_of(one, "view", view)
            stand = [at for run in runs for at in range(run.start, run.stop)]
            assert stand == np.flatnonzero(one["view"] == view).tolist()
            assert all(run.stop < later.start for run, later in itertools.pairwise(runs)), "as few as there may be"


@given(st.lists(st.booleans(), max_size=8))
def test_a_part_is_what_its_mask_says(mask: list[bool]) -> None:
    frame = pd.DataFrame({"value": np.arange(len(mask))})
    pd.testing.assert_frame_equal(part(frame, pd.Series(mask, dtype=bool)), frame[np.array(mask, bool)])


def test_a_row_of_a_stream_without_a_name_is_kept_and_has_none() -> None:
    rows = [(1, "measure", None, "server", "ok", 5, 2), (1, "measure", "a", "server", "ok", 5, 1)]
    assert gather(pieces(rows), VIEWS, NOT_AN_ANSWER).samples["operation"].tolist() == ["", "a"]
