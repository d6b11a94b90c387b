"""One stretch of the database's counters: what they grew by between two readings. (pure)

Everything is counted since the last reset of the statistics, so what happened in a stretch is a difference. Who resets
them meanwhile makes counters go back: what is counted since then is taken, and said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

from harness.observe.tables import CLIENTS, INDEXES, RELATIONS, SECONDS, STATEMENTS, TEXTS, WAITS


@dataclass(frozen=True)
class Observation:
    """The tables of `harness.observe.tables`, by name; absent ones are empty."""

    tables: Mapping[str, pa.Table]

    def frame(self, name: str) -> pd.DataFrame:
        table = self.tables.get(name)
        return pd.DataFrame() if table is None else table.to_pandas()

    @property
    def empty(self) -> bool:
        return not any(table.num_rows for table in self.tables.values())


@dataclass(frozen=True)
class Stretch:
    """Between two instants, microseconds since 1970. Frames hold differences, but for `seconds`, `waits` and
    `clients`, which hold the readings within."""

    start_us: int
    end_us: int
    statements: pd.DataFrame  # query_id, role, counters, text
    relations: pd.DataFrame  # schema, relation, counters; live_rows, dead_rows and bytes as they were at the end
    indexes: pd.DataFrame  # schema, relation, index, scans; bytes, unique as at the end
    seconds: pd.DataFrame
    waits: pd.DataFrame
    reset: bool  # counters went back
    clients: pd.DataFrame = field(default_factory=pd.DataFrame)  # readings within

    @property
    def length_s(self) -> float:
        return (self.end_us - self.start_us) / 1e6


Record = dict[str, Any]


def records(frame: pd.DataFrame) -> list[Record]:
    """Its rows by column name."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def name_of(row: Record) -> str:
    """A table with its schema."""
    return f"{row['schema']}.{row['relation']}"


def cut(observation: Observation, start_us: int, end_us: int) -> Stretch | None:
    """The stretch as near as the readings allow; None where fewer than two of them lie about it."""
    relations = observation.frame(RELATIONS)
    instants = sorted(relations["at_us"].unique().tolist()) if len(relations) else []
    first, last = _nearest(instants, start_us), _nearest(instants, end_us)
    if first is None or last is None or first >= last:
        return None
    statements, back = _grown(observation.frame(STATEMENTS), first, last, ["query_id", "role"], keep=())
    tables, also = _grown(relations, first, last, ["schema", "relation"], keep=("live_rows", "dead_rows", "bytes"))
    indexes, _ = _grown(
        observation.frame(INDEXES), first, last, ["schema", "relation", "index"], keep=("bytes", "unique")
    )
    texts = observation.frame(TEXTS)
    if len(statements):
        known = dict(zip(texts["query_id"], texts["detail"], strict=True)) if len(texts) else {}
        statements["text"] = statements["query_id"].map(known).fillna("")
    return Stretch(
        start_us=first,
        end_us=last,
        statements=statements,
        relations=tables,
        indexes=indexes,
        seconds=_within(observation.frame(SECONDS), first, last),
        waits=_within(observation.frame(WAITS), first, last),
        reset=back or also,
        clients=_within(observation.frame(CLIENTS), first, last),
    )


def _nearest(instants: list[int], wanted: int) -> int | None:
    """The reading of an edge: it comes a moment after it, or, of a busy database, seconds."""
    return min(instants, key=lambda one: abs(one - wanted), default=None)


def _within(frame: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    return frame[(frame["at_us"] >= first) & (frame["at_us"] <= last)] if len(frame) else frame


def _grown(
    frame: pd.DataFrame, first: int, last: int, keys: list[str], keep: tuple[str, ...]
) -> tuple[pd.DataFrame, bool]:
    """Differences of all columns but `keys` and `keep`, and whether one of them went back."""
    if not len(frame):
        return frame, False
    counters = [name for name in frame.columns if name not in ("at_us", *keys, *keep)]
    at_end = frame[frame["at_us"] == last].drop_duplicates(keys).set_index(keys)
    before = frame[frame["at_us"] == first].drop_duplicates(keys).set_index(keys)[counters]
    before = before.reindex(at_end.index).fillna(0)
    grown = at_end[counters].fillna(0) - before
    back = grown.lt(0).any(axis=1)
    grown[back] = at_end.loc[back, counters].fillna(0)
    for name in keep:
        grown[name] = at_end[name]
    return grown.reset_index(), bool(back.any())
