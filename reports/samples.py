"""Rows of the latency table as frames of codes: read piece by piece, added up and sorted once. (pure)

Ten million rows with names as text take gigabytes and minutes; here every name is a small integer (a pandas category,
which compares and groups like the text), and a row takes 24 bytes. All frames of a run are sorted by phase, view,
operation, second, outcome and value, so that the measure phase is one slice of them, and so is each operation of it:
`Places` finds those without looking at a row twice.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
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
_OWN = 2
"""The generator's frame among the three."""
_WORD = 63
"""Bits of a sort key."""
STRETCH, BLOCK = 1 << 18, 1 << 16
"""Rows that are worked on at once where that takes memory for each; where they shall stay in the processor's cache."""

Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class Sorted:
    """The three frames of a run's samples; columns KEYS and count, and value_us where something may fail."""

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


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows as they came. cell: which combination of `words`; value: which of all values."""

    words: tuple[list[int], ...]  # of each of NAMES, places in what all pieces name
    cell: npt.NDArray[Any]
    value: Codes
    second: npt.NDArray[Any]
    count: npt.NDArray[Any]


class _Columns:
    """Everything that came, as narrow codes, some ten bytes a row."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, int]] = {name: {} for name in NAMES}
        self.values: dict[int, int] = {}
        self.pieces: deque[_Piece] = deque()
        self.rows = 0
        self.seconds, self.counts = (0, 0), (0, 0)  # the smallest and the largest
        self.total = 0.0

    def add(self, piece: pa.RecordBatch) -> None:
        words, cell, cells = [], np.zeros(1, np.int32), 1
        for name in NAMES:
            known, (own, which) = self.names[name], _coded(piece.column(name))
            words.append([known.setdefault(word, len(known)) for word in own])
            cells *= len(own)
            cell = cell * np.int64(len(own)) + which if cells >= 2**31 else cell * np.int32(len(own)) + which
        codes, values = pd.factorize(piece.column("bucket_us").to_numpy(zero_copy_only=False))
        lookup = _least([self.values.setdefault(value, len(self.values)) for value in values.tolist()])
        second, count = (piece.column(name).to_numpy(zero_copy_only=False) for name in ("second", "count"))
        ends = [(int(column.min()), int(column.max())) for column in (second, count)]
        self.seconds, self.counts = (
            ends if not self.rows else [_wider(*pair) for pair in zip(ends, (self.seconds, self.counts), strict=True)]
        )
        self.total += float(count.sum(dtype=np.float64))
        self.rows += len(cell)
        narrow = cell.astype(np.min_scalar_type(cells - 1))
        self.pieces.append(_Piece(tuple(words), narrow, lookup[codes], _narrow(second), _narrow(count)))

    def ranks(self, name: str, order: list[str]) -> Integers:
        """Of each word, by the place that it has in `words` of a piece, its place in `order`."""
        place = {word: rank for rank, word in enumerate(order)}
        return np.array([place[word] for word in self.names[name]], np.int64)

    def value_ranks(self, order: list[int]) -> Integers:
        """Likewise of the values."""
        place = {value: rank for rank, value in enumerate(order)}
        return np.array([place[value] for value in self.values], np.int64)


def _wider(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return min(one[0], other[0]), max(one[1], other[1])


def _coded(column: pa.Array) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Its words, and which of them each row has; none is an empty one."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    indices = encoded.indices
    if indices.null_count:  # of a stream that nobody looked through
        words.append("")
        indices = indices.fill_null(len(words) - 1)
    return [word or "" for word in words], indices.to_numpy(zero_copy_only=False)


def _least(codes: list[int]) -> Codes:
    """In as few bytes as hold them."""
    found: Codes = np.array(codes, _kind_for(max(codes, default=0)))
    return found


def _kind_for(largest: int) -> np.dtype[np.signedinteger[Any]]:
    """The narrowest that holds numbers from 0, and -1."""
    found: np.dtype[np.signedinteger[Any]] = np.min_scalar_type(-max(largest, 0) - 1)
    return found


def stretches(rows: int, size: int | None = None) -> Iterator[slice]:
    """Of `size` rows each, by default STRETCH."""
    each = size or STRETCH
    return (slice(first, first + each) for first in range(0, rows, each))


def _narrow(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """In as few bytes as hold them: two, four or eight."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    kind = next(kind for kind in (np.int16, np.int32, np.int64) if np.iinfo(kind).min <= low and high <= _most(kind))
    return values.astype(kind)


def _most(kind: type[np.signedinteger[Any]]) -> int:
    return int(np.iinfo(kind).max)


# ---- sorting ---------------------------------------------------------------------------------------------------


def _split(columns: _Columns, measured: frozenset[View], slow: Mapping[View, frozenset[Outcome]]) -> Sorted:
    phases = [str(phase) for phase in PHASES if phase in columns.names["phase"]]
    phases += sorted(set(columns.names["phase"]) - set(phases))
    views, operations, outcomes = (sorted(columns.names[name]) for name in ("view", "operation", "outcome"))
    names = {"phase": phases, "view": views, "operation": operations, "outcome": outcomes}
    values = sorted(columns.values)
    kinds = np.array([[_frame_of(one, other, measured) for other in outcomes] for one in views], np.int64)
    rows = _in_order(columns, names, values, kinds)
    bounds = rows.bounds()
    generator, aborted, samples = (
        _frame(rows, bounds[kind], bounds[kind + 1], names, values, slow, may_fail=kind != _OWN) for kind in (2, 1, 0)
    )
    return Sorted(samples, aborted, generator)


def _frame_of(view: str, outcome: str, measured: frozenset[View]) -> int:
    return _OWN if view not in measured else 1 if outcome == Outcome.ABORTED else 0


FIELDS = ("kind", "phase", "view", "operation", "second", "outcome", "value")
"""Of a key, the first in its highest bits; kind: which of the three frames."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the fields of a key lie, in bits. The lowest ones may hold a count."""

    low: int  # the smallest second
    widths: tuple[int, ...]
    beside: int  # bits of the count; 0: none is in it

    def shift(self, field: str) -> int:
        return sum(self.widths[FIELDS.index(field) + 1 :]) + self.beside

    def part(self, keys: Integers, field: str) -> Integers:
        found: Integers = (keys >> self.shift(field)) & ((1 << self.widths[FIELDS.index(field)]) - 1)
        return found


def _wide(layout: _Layout) -> bool:
    """Whether a second takes more than 32 bits."""
    return layout.low < -(2**31) or layout.low + (1 << layout.widths[FIELDS.index("second")]) > 2**31


class _Rows:
    """Sorted rows, each key once, that are read from the end and let go of: a key leaves as its figures come."""

    def __init__(self, key: Integers, count: npt.NDArray[Any], layout: _Layout) -> None:
        self._key, self._layout, self.count = key, layout, count
        self.second: type[np.signedinteger[Any]] = np.int64 if _wide(layout) else np.int32

    def bounds(self) -> list[int]:
        """Where each kind begins, and the end."""
        starts = np.array([kind << self._layout.shift("kind") for kind in range(3)], np.int64)
        return [*map(int, np.searchsorted(self._key, starts)), len(self._key)]

    def pop(self, first: int) -> dict[str, Integers]:
        """The fields of all rows from `first` on, which are there no longer."""
        rows = self._key[first:]
        found = {field: self._layout.part(rows, field) for field in FIELDS[1:]}
        found["second"] += self._layout.low
        del rows
        self._key.resize(first, refcheck=False)
        return found


class _WideRows(_Rows):
    """Likewise, column by column, where a key is longer than a word."""

    def __init__(self, columns: dict[str, Integers], count: npt.NDArray[Any]) -> None:
        self._columns, self.count, self.second = columns, count, np.int64

    def bounds(self) -> list[int]:
        return [int(at) for at in np.searchsorted(self._columns["kind"], [0, 1, 2, 3])]

    def pop(self, first: int) -> dict[str, Integers]:
        found = {field: self._columns[field][first:] for field in FIELDS[1:]}
        self._columns = {field: column[:first] for field, column in self._columns.items()}
        return found


def _in_order(columns: _Columns, names: Mapping[str, list[str]], values: list[int], kinds: Integers) -> _Rows:
    """Takes the pieces, for their memory."""
    low, high = columns.seconds
    most = {name: len(words) - 1 for name, words in names.items()}
    most |= {"kind": 2, "second": high - low, "value": len(values) - 1}
    widths = tuple(max(most[field], 0).bit_length() for field in FIELDS)
    least, largest = columns.counts
    beside = largest.bit_length()
    narrow = np.int32 if columns.total < 2**31 else np.int64  # then no sum of any of them is larger
    ranks = {name: columns.ranks(name, order) for name, order in names.items()}
    value_ranks = columns.value_ranks(values)
    if sum(widths) > _WORD:
        return _by_column(columns, ranks, value_ranks, kinds, narrow)
    if sum(widths) + beside <= _WORD and least >= 0:  # a count rides along: no second array to sort
        layout = _Layout(low, widths, beside)
        key, number = _keys(columns, layout, ranks, value_ranks, kinds), np.empty(columns.rows, narrow)
        key.sort()
        for at in stretches(len(key), BLOCK):
            number[at] = key[at] & ((1 << beside) - 1)
            key[at] >>= beside
        layout = _Layout(low, widths, 0)
    else:
        layout = _Layout(low, widths, 0)
        number = np.concatenate([piece.count.astype(narrow) for piece in columns.pieces])
        key = _keys(columns, layout, ranks, value_ranks, kinds)
        order = np.argsort(key, kind="stable")
        key, number = key[order], number[order]
    key, number = _each_once(key, number)
    return _Rows(key, number, layout)


def _keys(
    columns: _Columns, layout: _Layout, ranks: Mapping[str, Integers], value_ranks: Integers, kinds: Integers
) -> Integers:
    key, first = np.empty(columns.rows, np.int64), 0
    value = value_ranks << layout.shift("value")
    while columns.pieces:
        piece = columns.pieces.popleft()
        cells = np.zeros(1, np.int64)
        for field, part_ in _cells(piece, ranks, kinds).items():
            cells = cells + (part_ << layout.shift(field))
        for at in stretches(len(piece.cell), BLOCK):
            made = cells[piece.cell[at]]
            made += value[piece.value[at]]
            made += (piece.second[at].astype(np.int64) - layout.low) << layout.shift("second")
            if layout.beside:
                made += piece.count[at]
            key[first : first + len(made)] = made
            first += len(made)
    return key


def _cells(piece: _Piece, ranks: Mapping[str, Integers], kinds: Integers) -> dict[str, Integers]:
    """Of each combination of a piece's words the fields that follow from them."""
    grid = np.meshgrid(*(ranks[name][own] for name, own in zip(NAMES, piece.words, strict=True)), indexing="ij")
    found = {name: axis.ravel() for name, axis in zip(NAMES, grid, strict=True)}
    return {"kind": kinds[found["view"], found["outcome"]], **found}


def _each_once(key: Integers, number: npt.NDArray[Any]) -> tuple[Integers, npt.NDArray[Any]]:
    """Sorted keys, what stands more than once added up."""
    again = np.concatenate([np.zeros(0, np.int64), *(_repeated(key, at) for at in stretches(len(key), BLOCK))])
    if not len(again):
        return key, number
    begins = np.diff(again, prepend=-1) != 1  # few, so these alone are looked at
    np.add.at(number, (again[begins] - 1)[np.cumsum(begins) - 1], number[again])
    new, end = np.ones(len(key), bool), 0
    new[again] = False
    for at in stretches(len(key), BLOCK):  # what is kept moves up: a second array would be the most that is in memory
        kept = key[at][new[at]]
        key[end : end + len(kept)], number[end : end + len(kept)] = kept, number[at][new[at]]
        end += len(kept)
    key.resize(end, refcheck=False)
    number.resize(end, refcheck=False)
    return key, number


def _repeated(key: Integers, at: slice) -> Integers:
    """Which rows of a stretch are as the one before."""
    first = max(at.start, 1)
    found: Integers = np.flatnonzero(key[first : at.stop] == key[first - 1 : min(at.stop, len(key)) - 1]) + first
    return found


def _by_column(
    columns: _Columns, ranks: Mapping[str, Integers], value_ranks: Integers, kinds: Integers, narrow: type[Any]
) -> _Rows:
    parts: dict[str, list[npt.NDArray[Any]]] = {field: [np.zeros(0, np.int64)] for field in FIELDS}
    for piece in columns.pieces:
        for field, of_cell in _cells(piece, ranks, kinds).items():
            parts[field].append(of_cell[piece.cell])
        parts["second"].append(piece.second)
        parts["value"].append(value_ranks[piece.value])
    count = np.concatenate([np.zeros(0, narrow), *(piece.count.astype(narrow) for piece in columns.pieces)])
    whole = {field: np.concatenate(parts[field]) for field in FIELDS}
    order = np.lexsort([whole[field] for field in reversed(FIELDS)])
    whole = {field: column[order] for field, column in whole.items()}
    new = np.zeros(len(order), bool)
    new[:1] = True
    for column in whole.values():
        new[1:] |= column[1:] != column[:-1]
    first = np.flatnonzero(new)
    summed = np.add.reduceat(count[order], first) if len(first) else count
    return _WideRows({field: column[first] for field, column in whole.items()}, summed)


def _frame(
    rows: _Rows,
    first: int,
    last: int,
    names: Mapping[str, list[str]],
    values: list[int],
    slow: Mapping[View, frozenset[Outcome]],
    *,
    may_fail: bool,
) -> pd.DataFrame:
    """Of rows that are the last ones there."""
    small = not values or (values[0] >= 0 and values[-1] < 2**32)
    table = np.array(values, np.uint32 if small else np.int64)
    by_name = {str(one): outcomes for one, outcomes in slow.items()}
    failed = np.array([[other in by_name.get(one, ()) for other in names["outcome"]] for one in names["view"]], bool)
    codes = {name: np.empty(last - first, _kind_for(len(words) - 1)) for name, words in names.items()}
    second = np.empty(last - first, rows.second)
    bucket_us = np.empty(last - first, table.dtype)
    value_us = np.empty(last - first if may_fail else 0, np.float64)
    for begin in reversed(range(first, last, BLOCK)):
        fields = rows.pop(begin)
        at = slice(begin - first, begin - first + len(fields["value"]))
        for name in NAMES:
            codes[name][at] = fields[name]
        second[at] = fields["second"]
        bucket_us[at] = table[fields["value"]]
        if may_fail:
            value_us[at] = bucket_us[at]
            value_us[at][failed[fields["view"], fields["outcome"]]] = np.inf
    words = {
        name: pd.Categorical.from_codes(codes[name], categories=pd.Index(names[name], dtype="str"), validate=False)
        for name in NAMES
    }
    frame = {
        "second": second,
        **{name: words[name] for name in ("phase", "operation", "view", "outcome")},
        "bucket_us": bucket_us,
        "count": rows.count[first:last],
        **({"value_us": value_us} if may_fail else {}),
    }
    return pd.DataFrame(frame, copy=False)


# ---- finding ---------------------------------------------------------------------------------------------------


def part(frame: pd.DataFrame, wanted: pd.Series[bool]) -> pd.DataFrame:
    """`frame[wanted]`, without a copy where those rows stand together."""
    mask = wanted.to_numpy(dtype=bool)
    number = int(np.count_nonzero(mask))
    first = int(mask.argmax()) if number else 0
    if number == len(mask):
        return frame
    return frame.iloc[first : first + number] if mask[first : first + number].all() else frame[mask]


def own_values(generator: pd.DataFrame) -> pd.DataFrame:
    """Rows of the generator's own with a `value_us`: nothing of them fails, so that it is what they took."""
    return generator if "value_us" in generator else generator.rename(columns={"bucket_us": "value_us"})


def runs_of(frame: pd.DataFrame, name: str, word: str) -> list[slice]:
    """Where the rows with `word` in a column of names stand: stretches of them, in order."""
    mask = np.concatenate([among(frame, name, (word,)), [False]])
    edges = np.flatnonzero(np.diff(mask, prepend=False)).tolist()
    return [slice(*ends) for ends in zip(edges[::2], edges[1::2], strict=True)]


def among(frame: pd.DataFrame, name: str, words: Iterable[str]) -> npt.NDArray[np.bool_]:
    """Rows that have one of the words in a column of names, by its codes: `isin` looks at every row's word."""
    column, wanted = frame[name].astype("category"), frozenset(map(str, words))
    found = np.array([str(word) in wanted for word in column.cat.categories] + [False], bool)  # the last: none
    rows: npt.NDArray[np.bool_] = found[column.cat.codes.to_numpy()]
    return rows


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    """How many samples have each combination of names: columns NAMES, as text, and count."""
    columns = [frame[name].astype("category") for name in NAMES]
    shape = [max(1, len(column.cat.categories)) for column in columns]
    cells, codes, count = (
        math.prod(shape),
        [column.cat.codes.to_numpy() for column in columns],
        frame["count"].to_numpy(),
    )
    number, rows = np.zeros(cells), np.zeros(cells, np.int64)
    for at in stretches(len(frame), max(BLOCK, 2 * cells)):
        cell = np.zeros(len(count[at]), np.int64)
        for code, size in zip(codes, shape, strict=True):
            cell *= size
            cell += code[at]
        number += np.bincount(cell, weights=count[at], minlength=cells)
        rows += np.bincount(cell, minlength=cells)
    present = np.flatnonzero(rows)
    places = np.unravel_index(present, shape)
    words = {
        name: pd.Series(column.cat.categories.take(at).array, dtype="str")
        for name, column, at in zip(NAMES, columns, places, strict=True)
    }
    return pd.DataFrame({**words, "count": number[present].astype(np.int64)})


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
