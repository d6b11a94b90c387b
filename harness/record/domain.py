"""What a run can have written into its tables: a record is read back without trust. (pure)

A checksum tells that a part was changed, where the record lists one; this tells whether what stands in it can be read
at all: nulls where none are written, seconds beyond the run, negative counts, figures that overflow, impossible names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from harness.core.delivery_facts import ChannelState, ChannelTopic, FactKind
from harness.core.ledger import WriteKind, WriteStep
from harness.core.outcome import OUTCOMES
from harness.core.tables import (
    ACTIONS,
    ARRIVALS,
    DELIVERY,
    HEALTH,
    LATENCY,
    LEDGER_STEPS,
    LEDGER_WRITES,
    READ_AGAIN,
    READ_CHECKS,
    READ_PRINTS,
    READ_SAMPLES,
    REALTIME,
    TRAFFIC,
    VIOLATIONS,
    Phase,
    View,
)

REQUIRED: dict[str, frozenset[str]] = {
    LATENCY: frozenset({"second", "phase", "operation", "view", "outcome", "bucket_us", "count"}),
    ARRIVALS: frozenset({"ticket", "worker", "persona", "person", "planned_us", "late_cause", "end"}),
    HEALTH: frozenset({"second", "worker", "lag_p50_us", "lag_p99_us", "lag_max_us", "cpu_share", "rss_bytes"})
    | frozenset({"descriptors", "sessions"}),
    DELIVERY: frozenset({"at_us", "worker", "kind", "person"}),
    REALTIME: frozenset({"second", "worker", "what", "value"}),
    TRAFFIC: frozenset({"ticket", "worker", "call", "requests", "bytes_out", "bytes_in"}),
    ACTIONS: frozenset({"ticket", "worker", "at_us", "action"}),
    VIOLATIONS: frozenset({"at_us", "worker", "ticket", "person", "call", "rule", "severity"}),
    READ_CHECKS: frozenset({"worker", "call", "rule", "asked", "broken"}),
    READ_SAMPLES: frozenset({"begun_us", "at_us", "worker", "person", "call", "ids"}),
    READ_PRINTS: frozenset({"begun_us", "at_us", "worker", "person", "account", "call", "arguments", "body"})
    | frozenset({"keys", "fields", "values"}),
    READ_AGAIN: frozenset({"asked_us", "account", "call", "arguments", "body"}),
    LEDGER_WRITES: frozenset({"kind", "person", "sequence", "at_us", "key"}),
    LEDGER_STEPS: frozenset({"kind", "person", "sequence", "at_us", "step", "outcome"}),
}
"""Columns that hold a value in every row of every version of a record; any other may be null."""

SPAN_S = 86_400.0
"""How far beyond its planned end a run may have gone on: a machine that slept, a target that hung."""
MOST = 10**15
"""Beyond any count, size or microsecond of a run; sums of millions of them still fit into 64 bits."""
SIGNED = frozenset(
    {(ACTIONS, "number"), (LEDGER_WRITES, "number"), (REALTIME, "value")}
    | {(READ_SAMPLES, "first"), (READ_SAMPLES, "second")}  # figures, whatever they count
)
"""Numbers whose meaning allows any sign."""
EPOCH = frozenset({(DELIVERY, "mark_us"), (READ_SAMPLES, "oldest_us")})
"""Instants by the target's clock, microseconds since 1970."""
ANY = frozenset({(LEDGER_WRITES, "key"), (LEDGER_WRITES, "content"), (LEDGER_WRITES, "parts")})
"""Hashes."""
NAME_LENGTH = 200

WORDS: dict[tuple[str, str], frozenset[str]] = {
    (LATENCY, "phase"): frozenset(map(str, Phase)),
    (LATENCY, "view"): frozenset(map(str, View)),
    (LATENCY, "outcome"): frozenset(map(str, OUTCOMES)),
    (DELIVERY, "kind"): frozenset(map(str, FactKind)),
}
CODES: dict[tuple[str, str], frozenset[int]] = {
    (LEDGER_WRITES, "kind"): frozenset(map(int, WriteKind)),
    (LEDGER_STEPS, "kind"): frozenset(map(int, WriteKind)),
    (LEDGER_STEPS, "step"): frozenset(map(int, WriteStep)),
    (LEDGER_STEPS, "outcome"): frozenset(range(len(OUTCOMES))),
}
_NAMES = frozenset({"operation", "persona", "late_cause", "end", "what", "call", "action", "rule", "severity"})


def misfit(table: str, columns: Iterable[tuple[str, pa.ChunkedArray | pa.Array]], end_s: float) -> str:
    """Why these columns are none that a run of `end_s` seconds wrote into `table`; empty when they may be."""
    given = dict(columns)
    for name, values in given.items():
        if why := _misfit(table, name, values, end_s):
            return f"column {name} {why}"
    return _channels(given) if table == DELIVERY and given.keys() >= {"kind", "key", "detail"} else ""


def _channels(given: Mapping[str, pa.ChunkedArray | pa.Array]) -> str:
    """Rows about a channel name one that there is, and a state that it can have."""
    about = pc.fill_null(pc.equal(given["kind"], str(FactKind.CHANNEL)), False)
    for name, words in (("key", ChannelTopic), ("detail", ChannelState)):
        for word in pc.unique(pc.filter(given[name], about)).to_pylist():
            if word not in frozenset(map(str, words)):
                return f"column {name} has {word!r:.80}, which no channel has"
    return ""


def _misfit(table: str, name: str, values: pa.ChunkedArray | pa.Array, end_s: float) -> str:
    if values.null_count and name in REQUIRED.get(table, ()):
        return "has rows without a value"
    if len(values) == values.null_count:
        return ""
    kind = values.type
    if pa.types.is_string(kind) or (pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type)):
        return _text(table, name, values)
    if pa.types.is_integer(kind):
        return _integer(table, name, values, end_s)
    if pa.types.is_floating(kind):
        low, high = _ends(values)
        finite = pc.all(pc.is_finite(values)).as_py()
        return "" if finite and low >= -1.0 and high <= MOST else "has figures that no run has"
    return ""


def _ends(values: pa.ChunkedArray | pa.Array) -> tuple[float, float]:
    found = pc.min_max(values).as_py()
    return found["min"], found["max"]


def _integer(table: str, name: str, values: pa.ChunkedArray | pa.Array, end_s: float) -> str:
    if (table, name) in ANY:
        return ""
    low, high = _ends(values)
    if codes := CODES.get((table, name)):
        return "" if all(code in codes for code in pc.unique(values).to_pylist()) else "has codes that do not exist"
    if (table, name) in SIGNED:
        return "" if low >= -MOST and high <= MOST else "has figures that no run has"
    if (table, name) in EPOCH:
        return "" if abs(low) < 2**53 and abs(high) < 2**53 else "has instants that no clock shows"
    if name == "second":
        return "" if low >= -SPAN_S and high <= end_s + SPAN_S else f"has seconds outside the run: {low} to {high}"
    if name.endswith("at_us") or name in ("begun_us", "asked_us", "planned_us", "started_us", "ended_us"):
        reach = int((end_s + SPAN_S) * 1e6)
        return "" if low >= -reach and high <= reach else f"has instants outside the run: {low} to {high} us"
    return "" if low >= 0 and high <= MOST else f"has figures that no run has: {low} to {high}"


def _text(table: str, name: str, values: pa.ChunkedArray | pa.Array) -> str:
    if words := WORDS.get((table, name)):
        unknown = [word for word in pc.unique(values).to_pylist() if word is not None and word not in words]
        return f"has {unknown[0]!r:.80}, which is not one of {', '.join(sorted(words))}" if unknown else ""
    if name not in _NAMES:
        return ""
    for word in pc.unique(values).to_pylist():
        if word is not None and (len(word) > NAME_LENGTH or not word.isprintable()):
            return f"has {word!r:.80}, which is no name"
    return ""
