"""What a record holds of the assistant: replies that phones got, the app's request log, tools, breakers. (pure but for
reading the record)

Instants are seconds of the run. What the app logged is on the target's clock and brought to the run's by the offset
that the reading of the evidence measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from harness.core.fault_record import ASKS_PROVIDER, PROVIDER
from harness.core.tables import READ_SAMPLES
from harness.evidence import store
from harness.evidence.tables import REQUEST_LOG, TOOLS_RUN, StoredTable
from harness.observe.keep import kept
from harness.observe.tables import BREAKERS
from harness.record.manifest import Manifest
from harness.record.store import RunFiles

VARIANTS = ("base", "rf_json_object", "bare")
_COLUMNS = ("begun_us", "at_us", "person", "call", "first", "detail")


@dataclass(frozen=True, slots=True)
class Try:
    """A model that was tried for a reply that failed. alone: it was not asked, because its breaker was open."""

    model: str
    status: int | None
    alone: bool

    @property
    def transient(self) -> bool:
        """Whether it counts for the breaker: no answer at all, 429 or 5xx."""
        return not self.alone and (self.status is None or self.status == 429 or 500 <= self.status <= 599)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer to a phone. text: characters; None: none came."""

    begun_s: float
    at_s: float
    person: int
    outcome: str
    model: str
    code: str
    ai_error: bool
    text: int | None
    tried: tuple[Try, ...]
    first_ms: float | None = None  # from asking to the first piece of the reply
    message: str = ""  # id of what it answers


@dataclass(frozen=True, slots=True)
class Logged:
    """One answer of a model, as the app logged it. Numbers that it did not log are None."""

    at_s: float
    day: str
    user: str
    model: str
    form: int  # in which form it was asked for, from 0
    place: int  # of the model among those that may be asked, from 0
    prompt_tokens: float | None
    tokens: float | None
    cost: float | None
    duration_ms: float | None


@dataclass(frozen=True, slots=True)
class BreakerSeen:
    """A model's breaker at an instant. open_until_s: on the run's clock; None: never opened since the last success."""

    at_s: float
    model: str
    failures: int
    open_until_s: float | None


@dataclass(frozen=True, slots=True)
class AssistantFacts:
    """All of it. log, tools, breakers: None where nobody could read them."""

    replies: tuple[Reply, ...] = ()
    log: tuple[Logged, ...] | None = None
    tools: Mapping[str, int] | None = None  # by message
    tools_failed: frozenset[str] | None = None  # messages for which one did
    breakers: tuple[BreakerSeen, ...] | None = None
    broken: tuple[tuple[float, float], ...] = ()  # planned faults of the provider: from, to

    def disturbed(self, begun_s: float, at_s: float, after_s: float) -> bool:
        """Whether a planned fault, or the `after_s` that follow it, touches this span."""
        return any(begun_s < end + after_s and at_s >= start for start, end in self.broken)


def facts_of(run: RunFiles) -> AssistantFacts:
    """:raises UsageError: a part of the record is damaged."""
    manifest = run.manifest
    zero = manifest.zero_epoch_s or 0.0
    broken = tuple((one.start_s, one.end_s) for one in manifest.chaos if one.kind == "chaos" and one.layer == PROVIDER)
    tools, failed = _tools(run)
    return AssistantFacts(
        _replies(run), _log(run, manifest, zero), tools, failed, _breakers(run, manifest, zero), broken
    )


def _replies(run: RunFiles) -> tuple[Reply, ...]:
    found = []
    for batch in run.rows(READ_SAMPLES, _COLUMNS):
        for begun, at, person, call, first, detail in zip(*(batch[name].to_pylist() for name in _COLUMNS), strict=True):
            if call == ASKS_PROVIDER:
                found.append(_reply(begun / 1e6, at / 1e6, person, first, orjson.loads(detail)))
    return tuple(sorted(found, key=lambda one: one.at_s))


def _reply(begun_s: float, at_s: float, person: int, text: int | None, told: dict[str, Any]) -> Reply:
    tried = tuple(Try(str(model), status, bool(alone)) for model, status, alone in told["tried"])
    said = (told["outcome"], told["model"], told["code"], told["ai_error"])
    return Reply(begun_s, at_s, person, *said, text, tried, told.get("first_ms"), told.get("message", ""))


def _rows(run: RunFiles, table: StoredTable) -> list[dict[str, Any]] | None:
    found = store.kept(run.folder, table)
    return None if found is None else found.to_pylist()


def _log(run: RunFiles, manifest: Manifest, zero: float) -> tuple[Logged, ...] | None:
    rows = _rows(run, REQUEST_LOG)
    if rows is None:
        return None
    clock = manifest.evidence.clock if manifest.evidence is not None else None
    ahead = clock.offset_s if clock is not None else 0.0
    found = []
    for row in rows:
        at: datetime = row["created_at"]
        asked = _names(row["candidates"])
        model, variant = row["model"] or "", row["variant"] or ""
        found.append(
            Logged(
                at.timestamp() - ahead - zero,
                f"{at.astimezone(UTC):%Y-%m-%d}",
                str(UUID(bytes=row["user_id"])) if row["user_id"] else "",
                model,
                VARIANTS.index(variant) if variant in VARIANTS else 0,
                asked.index(model) if model in asked else 0,
                *(_number(row[name]) for name in ("prompt_tokens", "tokens", "cost", "duration_ms")),
            )
        )
    return tuple(found)


def _names(text: str | None) -> list[str]:
    try:
        found = orjson.loads(text or "[]")
    except orjson.JSONDecodeError:
        return []
    return [str(one) for one in found] if isinstance(found, list) else []


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _tools(run: RunFiles) -> tuple[dict[str, int] | None, frozenset[str] | None]:
    """How many ran for each message, and for which of them one failed. Older records do not say."""
    rows = _rows(run, TOOLS_RUN)
    if rows is None:
        return None, None
    counts: dict[str, int] = {}
    failed: set[str] = set()
    for row in rows:
        if str(row["action_id"]).startswith("tool_") and row["message_id"]:
            message = str(UUID(bytes=row["message_id"]))
            counts[message] = counts.get(message, 0) + 1
            if row.get("ok") == "false":
                failed.add(message)
    return counts, frozenset(failed)


def _breakers(run: RunFiles, manifest: Manifest, zero: float) -> tuple[BreakerSeen, ...] | None:
    if manifest.observed is None:
        return None
    found = []
    for row in kept(run.folder, BREAKERS).to_pylist():
        at, left = row["at_us"] / 1e6 - zero, row["open_s"]
        found.append(BreakerSeen(at, row["model"], row["failures"], None if left is None else at + left))
    return tuple(found)
