"""Which endpoint caused which statement, and what a call of it costs the database. (pure)

PostgREST's statements name the table or function that they were made for, and the verb. What an edge function asks the
database goes to that function where nothing else asks it so (`CAUSED_BY`). Whatever fits several endpoints, or none,
stays unmatched, and is shown as such.

The planned load is `harness plan --dau 500000` at its peak: milliseconds a call times calls a second is how many cores
of Postgres that endpoint alone keeps busy. The interval is that of a ratio over the measure phase's tenths (Cochran,
Sampling Techniques, 6.4): what differs between them, by chance or by drift, widens it.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from harness.client.api.endpoints import ENDPOINTS
from harness.core.tables import Phase, View
from harness.observe.tables import STATEMENTS
from harness.record.manifest import Manifest
from reports.database.model import EndpointCost
from reports.database.stretch import Observation, cut, records
from reports.frames import Frames

CAUSED_BY: Mapping[str, str] = {
    "media_swipe_deck_v3": "POST functions/media-swipe-deck",
    "media_swipe_deck_v3_safe": "POST functions/media-swipe-deck",
    "rec_requests": "POST functions/media-swipe-deck",
    "rec_impressions": "POST functions/media-swipe-deck",
    "media_rank_feature_items_v2": "POST functions/media-swipe-deck",
    "media_rerank_cache": "POST functions/media-swipe-deck",
    "media_events": "POST functions/media-swipe-event",
    "media_update_taste_vectors_v1": "POST functions/media-swipe-event",
    "swipe_ingest_rollup_add_v1": "POST functions/media-swipe-event",
    "insert_events": "POST functions/media-swipe-event",  # of the sandbox
    "aftermath": "POST functions/media-swipe-event",  # of the sandbox
    "assistant_suggestions": "POST functions/assistant-orchestrator",
    "create_direct_conversation_v1": "POST functions/create-direct-conversation",
}
"""What only one edge function of the app writes or calls (contract 3, 4, 7)."""
_NAME = r'(?:(?:"?\w+"?)\.)?"?(\w+)"?'
_FORMS = (
    ("POST", re.compile(rf"\binsert\s+into\s+{_NAME}", re.IGNORECASE)),
    ("PATCH", re.compile(rf"\bupdate\s+{_NAME}\s+set\b", re.IGNORECASE)),
    ("DELETE", re.compile(rf"\bdelete\s+from\s+{_NAME}", re.IGNORECASE)),
)
_CALLED = re.compile(r'"?public"?\."?(\w+)"?\s*\(')
_READ = re.compile(r'\bfrom\s+"public"\."(\w+)"', re.IGNORECASE)
_PEOPLE = frozenset({"anon", "authenticated"})
KNOWN = frozenset(ENDPOINTS.values())
T_95: Mapping[int, float] = {3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Student's t at 97.5 %, by degrees of freedom."""


def endpoint_of(text: str, roles: Iterable[str]) -> str | None:
    """Which endpoint a statement was made for; None: several could be, or none is."""
    for name in _CALLED.findall(text):
        if f"POST rpc/{name}" in KNOWN:
            return f"POST rpc/{name}"
    names = [*_CALLED.findall(text)]
    for verb, form in _FORMS:
        if found := form.search(text):
            names.insert(0, found[1])
            if f"{verb} {found[1]}" in KNOWN and _PEOPLE.intersection(roles):
                return f"{verb} {found[1]}"
            break
    else:
        if (read := _READ.search(text)) and f"GET {read[1]}" in KNOWN and _PEOPLE.intersection(roles):
            return f"GET {read[1]}"
        names += re.findall(r"\bfrom\s+(?:public|sandbox_internal)\.(\w+)", text)
        names += re.findall(r"\bsandbox_internal\.(\w+)\s*\(", text)
    caused = {CAUSED_BY[name] for name in names if name in CAUSED_BY}
    return caused.pop() if len(caused) == 1 else None


@dataclass(frozen=True)
class _Slice:
    """One part of the measure phase: database milliseconds and requests, by endpoint."""

    ms: Mapping[str, float]
    requests: Mapping[str, int]


def costs(
    manifest: Manifest, observation: Observation, frames: Frames, planned: Mapping[str, float]
) -> tuple[tuple[EndpointCost, ...], float | None]:
    """The dearest endpoint first, and the share of the statements' time that fits none; None: no statement was seen.

    :param planned: calls a second at the planned peak, by endpoint.
    """
    slices, unmatched, total = _slices(manifest, observation, frames)
    if not slices or not total:
        return (), None
    found = []
    for endpoint in sorted({name for one in slices for name in one.ms}):
        made = [(one.ms.get(endpoint, 0.0), one.requests.get(endpoint, 0)) for one in slices]
        requests = sum(number for _, number in made)
        if requests:
            found.append(_cost(endpoint, made, total, planned.get(endpoint)))
        else:
            unmatched += sum(ms for ms, _ in made)
    return tuple(sorted(found, key=lambda one: -one.total_ms)), unmatched / total


def _cost(endpoint: str, made: Sequence[tuple[float, int]], total: float, planned: float | None) -> EndpointCost:
    ms, requests = sum(one for one, _ in made), sum(number for _, number in made)
    each = ms / requests
    half = half_width(made)
    per_ms = None if planned is None else planned / 1000
    return EndpointCost(
        endpoint=endpoint,
        requests=requests,
        total_ms=round(ms, 1),
        share=ms / total,
        ms_a_call=each,
        low_ms=None if half is None else max(0.0, each - half),
        high_ms=None if half is None else each + half,
        planned_per_s=planned,
        cores=None if per_ms is None else each * per_ms,
        cores_low=None if per_ms is None or half is None else max(0.0, each - half) * per_ms,
        cores_high=None if per_ms is None or half is None else (each + half) * per_ms,
    )


def half_width(made: Sequence[tuple[float, int]]) -> float | None:
    """Half of the 95 % interval of milliseconds a request; None with fewer than four parts that had any."""
    parts = [(ms, number) for ms, number in made if number]
    quantile = T_95.get(min(len(parts) - 1, max(T_95)))
    if quantile is None:
        return None
    each = sum(ms for ms, _ in parts) / sum(number for _, number in parts)
    mean = sum(number for _, number in parts) / len(parts)
    spread = sum((ms - each * number) ** 2 for ms, number in parts) / (len(parts) - 1)
    return quantile * math.sqrt(spread / len(parts)) / mean


def _slices(manifest: Manifest, observation: Observation, frames: Frames) -> tuple[list[_Slice], float, float]:
    """Between one reading of the statements and the next, over the measure phase; milliseconds that fit no endpoint,
    and all of them."""
    zero = manifest.zero_epoch_s
    windows = [window for window in manifest.windows if window.phase is Phase.MEASURE]
    statements = observation.frame(STATEMENTS)
    if zero is None or not windows or not len(statements):
        return [], 0.0, 0.0
    start, end = ((zero + instant) * 1e6 for instant in (windows[0].start_s, windows[0].end_s))
    whole = cut(observation, round(start), round(end))
    if whole is None:
        return [], 0.0, 0.0
    instants = sorted({int(at) for at in statements["at_us"] if whole.start_us <= at <= whole.end_us})
    sent = _sent(frames)
    found, unmatched, total = [], 0.0, 0.0
    for first, last in pairwise(instants):
        part = cut(observation, first, last)
        if part is None:
            continue
        ms: defaultdict[str, float] = defaultdict(float)
        for row in records(part.statements):
            total += row["total_ms"]
            endpoint = endpoint_of(row["text"], (row["role"],))
            if endpoint is None:
                unmatched += row["total_ms"]
            else:
                ms[endpoint] += row["total_ms"]
        begin, end = np.searchsorted(sent["second"], [first / 1e6 - zero, last / 1e6 - zero])
        within = sent.iloc[begin:end]
        requests = within.groupby("endpoint")["count"].sum()
        found.append(_Slice(dict(ms), {str(name): int(number) for name, number in requests.items()}))
    return found, unmatched, total


def _sent(frames: Frames) -> pd.DataFrame:
    """Requests of the measure phase by second and endpoint, sorted."""
    calls = [name for name in frames.operations(View.SERVER) if name in ENDPOINTS]
    parts = []
    for rows in (frames.samples, frames.aborted):
        wanted = (rows["view"] == View.SERVER) & (rows["phase"] == Phase.MEASURE) & rows["operation"].isin(calls)
        summed = rows[wanted].groupby(["second", "operation"], observed=True)["count"].sum().reset_index()
        parts.append(summed.assign(endpoint=[ENDPOINTS[str(call)] for call in summed["operation"]]))
    sent = pd.concat(parts)[["second", "endpoint", "count"]]
    return sent.groupby(["second", "endpoint"], sort=True)["count"].sum().reset_index()
