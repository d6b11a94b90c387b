"""Rows of the latency table as frames of codes: read piece by piece, added up and sorted once. (pure)

Ten million rows with names as text take gigabytes and minutes; here every name is a small integer (a pandas category,
which compares and groups like the text), and a row takes 24 bytes. All frames of a run are sorted by phase, view,
operation, second, outcome and value, so that the measure phase is one slice of them, and so is each operation of it:
`Places` finds those without looking at a row twice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from harness.core.outcome import Outcome
from harness.core.tables import Phase, View

NAMES = ("phase", "view", "operation", "outcome")
KEYS = ["second", "phase", "operation", "view", "outcome", "bucket_us"]
PHASES = (Phase.WARMUP, Phase.MEASURE, Phase.DRAIN)
"""In order of time, and so they stand in the frames."""
_WORD = 63
"""Bits of a sort key."""
STRETCH = 1 << 20
"""Rows that are worked on at once where that takes memory for each."""

Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class Sorted:
    """The three frames of a run's samples; columns KEYS, count and value_us."""

    samples: pd.DataFrame
    aborted: pd.DataFrame
    generator: pd.DataFrame


def gather(
    pieces: Iterable[pa.RecordBatch], measured: frozenset[View], slow: Mapping[View, frozenset[Outcome]]
) -> Sorted:
    """The rows of `pieces`, equal keys added up.

    :param pieces: of the latency table; names as text or as a dictionary.
    :param measured: views whose rows are samples of the target; those of others are the generator's own.
    :param slow: per view the outcomes that count as slower than everything.
    """
    columns = _Columns()
    for piece in pieces:
        if piece.num_rows:
            columns.add(piece)
    return _split(columns, measured, slow)


class _Columns:
    """Everything that came, as narrow codes."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, int]] = {name: {} for name in NAMES}
        self.values: dict[int, int] = {}
        self._parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in (*NAMES, "second", "value", "count")}

    def add(self, piece: pa.RecordBatch) -> None:
        for name in NAMES:
            self._parts[name].append(_coded(piece.column(name), self.names[name]))
        codes, values = pd.factorize(piece.column("bucket_us").to_numpy(zero_copy_only=False))
        lookup = _least([self.values.setdefault(value, len(self.values)) for value in values.tolist()])
        self._parts["value"].append(lookup[codes])
        self._parts["second"].append(_narrow(piece.column("second").to_numpy(zero_copy_only=False)))
        self._parts["count"].append(_narrow(piece.column("count").to_numpy(zero_copy_only=False)))

    def take(self, name: str) -> npt.NDArray[Any]:
        """A whole column; it can be had once."""
        parts = self._parts.pop(name)
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def ranked(self, name: str, order: list[str]) -> Codes:
        """Codes of a column of names by `order`."""
        place = {word: rank for rank, word in enumerate(order)}
        return self._by(name, [place[word] for word in self.names[name]])

    def ranked_values(self, order: list[int]) -> Codes:
        """Likewise of the values."""
        place = {value: rank for rank, value in enumerate(order)}
        return self._by("value", [place[value] for value in self.values])

    def _by(self, name: str, ranks: list[int]) -> Codes:
        codes = self.take(name)
        found: Codes = _looked_up(_least(ranks), codes) if len(codes) else codes
        return found


def _coded(column: pa.Array, known: dict[str, int]) -> Codes:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    indices = encoded.indices
    if indices.null_count:  # of a stream that nobody looked through
        words.append("")
        indices = indices.fill_null(len(words) - 1)
    codes = _least([known.setdefault(word or "", len(known)) for word in words])
    found: Codes = codes[indices.to_numpy(zero_copy_only=False)]
    return found


def _least(codes: list[int]) -> Codes:
    """In as few bytes as hold them."""
    found: Codes = np.array(codes, np.min_scalar_type(-max(codes, default=0) - 1))
    return found


def _looked_up(table: npt.NDArray[Any], codes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`table[codes]`; numpy makes 64-bit indices of all codes at once, so by stretches."""
    found = np.empty(len(codes), table.dtype)
    for at in stretches(len(codes)):
        found[at] = table[codes[at]]
    return found


def stretches(rows: int) -> Iterator[slice]:
    """Of STRETCH rows each."""
    return (slice(first, first + STRETCH) for first in range(0, rows, STRETCH))


def _narrow(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    fits = not len(values) or (int(values.min()) >= -(2**31) and int(values.max()) < 2**31)
    return values.astype(np.int32) if fits else values.astype(np.int64)


# ---- sorting ---------------------------------------------------------------------------------------------------


def _split(columns: _Columns, measured: frozenset[View], slow: Mapping[View, frozenset[Outcome]]) -> Sorted:
    phases = [str(phase) for phase in PHASES if phase in columns.names["phase"]]
    phases += sorted(set(columns.names["phase"]) - set(phases))
    views, operations, outcomes = (sorted(columns.names[name]) for name in ("view", "operation", "outcome"))
    values = sorted(columns.values)
    view = columns.ranked("view", views)
    outcome = columns.ranked("outcome", outcomes)
    kinds = np.array([_kind(one, other, measured) for one in views for other in outcomes], np.int8)
    kind = _by_both(kinds, view, outcome, len(outcomes))
    parts = [
        kind,
        columns.ranked("phase", phases),
        view,
        columns.ranked("operation", operations),
        columns.take("second"),
        outcome,
        columns.ranked_values(values),
    ]
    del kind, view, outcome
    parts.append(columns.take("count"))
    arrays, count = _added_up(parts)
    bounds = np.searchsorted(arrays[0], [0, 1, 2, 3]).tolist()
    names = {"phase": phases, "view": views, "operation": operations, "outcome": outcomes}
    return Sorted(
        *(
            _frame([one[first:last] for one in arrays[1:]], count[first:last], names, values, slow)
            for first, last in itertools.pairwise(bounds)
        )
    )


def _by_both(table: npt.NDArray[Any], view: Codes, outcome: Codes, outcomes: int) -> npt.NDArray[Any]:
    """What a flat table of views and outcomes has for each row."""
    cell = view.astype(np.int16)
    cell *= outcomes
    cell += outcome
    return _looked_up(table, cell)


def _kind(view: str, outcome: str, measured: frozenset[View]) -> int:
    return 2 if view not in measured else 1 if outcome == Outcome.ABORTED else 0


def _added_up(parts: list[npt.NDArray[Any]]) -> tuple[list[npt.NDArray[Any]], npt.NDArray[Any]]:
    """Rows sorted by `parts`, of which the last are counts, each combination once. Takes `parts` to pieces, for their
    memory."""
    count = parts.pop()
    lows = [int(part.min(initial=0)) for part in parts]
    widths = [(int(part.max(initial=0)) - low).bit_length() for part, low in zip(parts, lows, strict=True)]
    beside = int(count.max(initial=0)).bit_length()
    total = float(count.sum(dtype=np.float64))
    narrow = np.int32 if total < 2**31 else np.int64  # then no sum of any of them is larger
    kinds = [part.dtype for part in parts]
    if sum(widths) > _WORD:
        return _added_up_by_column(parts, count.astype(narrow, copy=False))
    key = np.zeros(len(count), np.int64)
    for place, width in enumerate(widths):
        key <<= width
        key += parts[place]
        key -= lows[place]
        parts[place] = np.empty(0, kinds[place])
    number: npt.NDArray[Any]
    if sum(widths) + beside <= _WORD and int(count.min(initial=0)) >= 0:  # a count rides along: no second array to sort
        key <<= beside
        key += count
        del count
        key.sort()
        number = np.empty(len(key), narrow)
        for at in stretches(len(key)):
            number[at] = key[at] & ((1 << beside) - 1)
        key >>= beside
    else:
        order = np.argsort(key, kind="stable")
        key, number = key[order], count[order].astype(narrow)
    new = np.ones(len(key), bool)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    if not new.all():
        again = np.flatnonzero(~new)  # few, so these alone are looked at
        begins = np.diff(again, prepend=-1) != 1
        np.add.at(number, (again[begins] - 1)[np.cumsum(begins) - 1], number[again])
        key, number = key[new], number[new]
    del new
    found = [np.empty(len(key), kind) for kind in kinds]
    for at in stretches(len(key)):
        rest = key[at]
        for place in reversed(range(len(widths))):
            found[place][at] = (rest & ((1 << widths[place]) - 1)) + lows[place]
            rest = rest >> widths[place]
    return found, number


def _added_up_by_column(
    parts: list[npt.NDArray[Any]], count: npt.NDArray[Any]
) -> tuple[list[npt.NDArray[Any]], npt.NDArray[Any]]:
    """The same where a key is longer than a word."""
    order = np.lexsort(parts[::-1])
    found = [part[order] for part in parts]
    new = np.zeros(len(order), bool)
    new[:1] = True
    for part in found:
        new[1:] |= part[1:] != part[:-1]
    first = np.flatnonzero(new)
    return [part[first] for part in found], np.add.reduceat(count[order], first) if len(first) else count


def _frame(
    arrays: list[npt.NDArray[Any]],
    count: npt.NDArray[Any],
    names: Mapping[str, list[str]],
    values: list[int],
    slow: Mapping[View, frozenset[Outcome]],
) -> pd.DataFrame:
    phase, view, operation, second, outcome, value = arrays
    codes = {"phase": phase, "view": view, "operation": operation, "outcome": outcome}
    words = {
        name: pd.Categorical.from_codes(codes[name], categories=pd.Index(names[name], dtype="str"), validate=False)
        for name in NAMES
    }
    small = not values or (values[0] >= 0 and values[-1] < 2**32)
    bucket_us = _looked_up(np.array(values, np.uint32 if small else np.int64), value)
    value_us = bucket_us.astype(np.float64)
    by_name = {str(one): outcomes for one, outcomes in slow.items()}
    failed = np.array([other in by_name.get(one, ()) for one in names["view"] for other in names["outcome"]], bool)
    if len(value_us):
        value_us[_by_both(failed, view, outcome, len(names["outcome"]))] = np.inf
    columns = {
        "second": second,
        **{name: words[name] for name in ("phase", "operation", "view", "outcome")},
        "bucket_us": bucket_us,
        "count": count,
        "value_us": value_us,
    }
    return pd.DataFrame(columns, copy=False)


# ---- finding ---------------------------------------------------------------------------------------------------


def part(frame: pd.DataFrame, wanted: pd.Series[bool]) -> pd.DataFrame:
    """`frame[wanted]`, without a copy where those rows stand together."""
    mask = wanted.to_numpy(dtype=bool)
    number = int(np.count_nonzero(mask))
    first = int(mask.argmax()) if number else 0
    if number == len(mask):
        return frame
    return frame.iloc[first : first + number] if mask[first : first + number].all() else frame[mask]


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    """How many samples have each combination of names: columns NAMES, as text, and count."""
    columns = [frame[name].astype("category") for name in NAMES]
    shape = [max(1, len(column.cat.categories)) for column in columns]
    cell = np.zeros(len(frame), np.int32)
    for column, size in zip(columns, shape, strict=True):
        cell *= size
        cell += column.cat.codes.to_numpy()
    number = np.bincount(cell, weights=frame["count"].to_numpy(), minlength=math.prod(shape)).astype(np.int64)
    present = np.flatnonzero(np.bincount(cell, minlength=math.prod(shape)))
    places = np.unravel_index(present, shape)
    words = {
        name: pd.Series(column.cat.categories.take(at).array, dtype="str")
        for name, column, at in zip(NAMES, columns, places, strict=True)
    }
    return pd.DataFrame({**words, "count": number[present]})


class Places:
    """Where in a frame the rows of each view and operation stand: slices, not masks."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._runs: dict[tuple[str, str], list[tuple[int, int]]] = {}
        if not len(frame):
            return
        view, operation = frame["view"].astype("category"), frame["operation"].astype("category")
        phase = frame["phase"].astype("category").cat.codes.to_numpy()
        codes = [view.cat.codes.to_numpy(), operation.cat.codes.to_numpy()]
        begins = np.zeros(len(frame), bool)
        begins[:1] = True
        for column in (phase, *codes):
            begins[1:] |= column[1:] != column[:-1]
        first = np.flatnonzero(begins)
        ends = np.append(first[1:], len(frame))
        views, operations = view.cat.categories.tolist(), operation.cat.categories.tolist()
        found = (first, ends, codes[0][first], codes[1][first])
        for at, end, one, other in zip(*(column.tolist() for column in found), strict=True):
            self._runs.setdefault((views[one], operations[other]), []).append((at, end))

    def of(self, operation: str | Iterable[str], view: str) -> pd.DataFrame:
        """Rows of one operation in one view, or of several, in the frame's order; a view of the frame where they stand
        together."""
        names = {operation} if isinstance(operation, str) else set(operation)
        runs = sorted(run for name in names for run in self._runs.get((str(view), str(name)), ()))
        if not runs:
            return self._frame.iloc[:0]
        if all(one[1] == other[0] for one, other in itertools.pairwise(runs)):
            return self._frame.iloc[runs[0][0] : runs[-1][1]]
        return self._frame.iloc[np.concatenate([np.arange(*run) for run in runs])]

    def pairs(self) -> list[tuple[str, str]]:
        """Every view and operation that there is, sorted."""
        return sorted(self._runs)

    def operations(self, view: str) -> list[str]:
        """Those of one view, sorted."""
        return [operation for one, operation in self.pairs() if one == view]
