"""Named switches that make the sandbox misbehave on purpose. (pure)

Every switch is off by default, which is MoviNesta as shipped. They are given as `name=value` on the command line, or by
name in code, and each is listed with its value in the sandbox's discovery document, so that a run's record can say what
it ran against.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.defects import DEFECTS, Defects
from sandbox.quirk import Kind, Quirk

__all__ = ["NAMES", "REGISTRY", "Kind", "Quirk", "QuirkError", "Quirks", "describe"]


class QuirkError(ValueError):
    """A switch that does not exist, or a value it cannot take. The text says which, and what would be right."""


REGISTRY: tuple[Quirk, ...] = (
    Quirk("delay_deck_ms", Kind.COUNT, 0, "adds so many ms to every media-swipe-deck reply", "contract 2.4"),
    Quirk("delay_feed_ms", Kind.COUNT, 0, "adds so many ms to every rpc/get_home_feed_v2 reply", "contract 4"),
    Quirk("delay_message_ms", Kind.COUNT, 0, "adds so many ms to every POST /rest/v1/messages reply", "contract 5.4"),
    Quirk(
        "event_limit_per_minute",
        Kind.COUNT,
        0,
        "media-swipe-event requests per person and calendar minute; 0 leaves the setting's 1000",
        "contract 3.7",
    ),
    Quirk(
        "deck_limit_per_minute",
        Kind.COUNT,
        0,
        "media-swipe-deck requests per person and calendar minute; 0 leaves the setting's 120",
        "contract 7.3",
    ),
    Quirk(
        "unique_client_id",
        Kind.SWITCH,
        0,
        "a unique index on messages (conversation_id, user_id, client_id): a retried send becomes 409",
        "contract 5.4, T43",
    ),
    Quirk(
        "error_share",
        Kind.SHARE,
        0,
        "this share of function and REST requests is answered by the gateway, half 500 and half 503 as HTML, "
        "and never reaches the application",
        "contract 3.3, T67",
    ),
    Quirk(
        "event_silent_loss",
        Kind.COUNT,
        0,
        "acknowledges every event but does not store every n-th; 0 stores all",
        "contract T03",
    ),
    Quirk("tmdb_delay_ms", Kind.COUNT, 0, "adds so many ms to every answer of the stand-in for TMDb", "contract 6.3"),
    Quirk(
        "tmdb_status",
        Kind.COUNT,
        0,
        "the stand-in for TMDb answers everything with this HTTP status, such as 401, 429 or 503; 0 leaves it well",
        "contract 6.3",
    ),
    Quirk("assistant_delay_ms", Kind.COUNT, 0, "adds so many ms to every reply of the assistant", "contract 6.6"),
    Quirk(
        "assistant_failure_share",
        Kind.SHARE,
        0,
        "this share of the assistant's replies fails at the model: HTTP 200 with a friendly text and aiError, "
        "or an error event while streaming",
        "contract 6.6, T08",
    ),
    Quirk(
        "assistant_unconfigured",
        Kind.SWITCH,
        0,
        "the assistant has no key for its model: HTTP 200 with a text that says so",
        "contract 6.6, T08",
    ),
    Quirk(
        "realtime_drop_one_in",
        Kind.COUNT,
        0,
        "stores every database change but delivers each n-th of a table and action to no channel; 0 delivers all",
        "realtime contract 5, 1.6",
    ),
    Quirk(
        "realtime_duplicate_one_in",
        Kind.COUNT,
        0,
        "delivers each n-th database change of a table and action twice",
        "realtime contract 5",
    ),
    Quirk(
        "realtime_swap_one_in",
        Kind.COUNT,
        0,
        "lets the next database change overtake each n-th of a table and action, within a second",
        "realtime contract 5",
    ),
    Quirk(
        "realtime_ignore_rls",
        Kind.SWITCH,
        0,
        "delivers database changes to whoever subscribed, may they read the row or not",
        "realtime contract 2.5, 4.1",
    ),
    Quirk(
        "realtime_subscribe_delay_ms",
        Kind.COUNT,
        0,
        "so many ms more from the reply to a join until its Postgres subscription exists; changes between are lost",
        "realtime contract 1.5",
    ),
    Quirk(
        "realtime_join_delay_ms",
        Kind.COUNT,
        0,
        "so many ms more until a channel join is answered; the socket does nothing else meanwhile",
        "realtime contract 5",
    ),
    Quirk(
        "realtime_swallow_heartbeats", Kind.SWITCH, 0, "answers no heartbeat on a socket", "realtime contract 5, 1.8"
    ),
    Quirk(
        "realtime_refuse_status",
        Kind.COUNT,
        0,
        "answers every WebSocket upgrade with this HTTP status, such as 503 or 429; 0 accepts",
        "realtime contract 5, 1.1",
    ),
    Quirk(
        "realtime_freeze",
        Kind.SWITCH,
        0,
        "open sockets stay open, but nothing is handled or sent on them until it is off again",
        "realtime contract 5, 1.8",
    ),
    Quirk(
        "realtime_keep_left_channels",
        Kind.SWITCH,
        0,
        "a channel that was left keeps its subscriptions and deliveries until its socket ends",
        "realtime contract 5",
    ),
    Quirk(
        "realtime_db_event_limit",
        Kind.COUNT,
        0,
        "database events per second beyond which changes are skipped silently; 0 leaves the plan's limit",
        "realtime contract 1.6",
    ),
    *DEFECTS,
)
NAMES: tuple[str, ...] = tuple(quirk.name for quirk in REGISTRY)
_BY_NAME = {quirk.name: quirk for quirk in REGISTRY}


@dataclass(frozen=True, slots=True)
class Quirks(Defects):
    """The value of every switch; the fields are the registry's names."""

    delay_deck_ms: int = 0
    delay_feed_ms: int = 0
    delay_message_ms: int = 0
    event_limit_per_minute: int = 0
    deck_limit_per_minute: int = 0
    unique_client_id: bool = False
    error_share: float = 0.0
    event_silent_loss: int = 0
    tmdb_delay_ms: int = 0
    tmdb_status: int = 0
    assistant_delay_ms: int = 0
    assistant_failure_share: float = 0.0
    assistant_unconfigured: bool = False
    realtime_drop_one_in: int = 0
    realtime_duplicate_one_in: int = 0
    realtime_swap_one_in: int = 0
    realtime_ignore_rls: bool = False
    realtime_subscribe_delay_ms: int = 0
    realtime_join_delay_ms: int = 0
    realtime_swallow_heartbeats: bool = False
    realtime_refuse_status: int = 0
    realtime_freeze: bool = False
    realtime_keep_left_channels: bool = False
    realtime_db_event_limit: int = 0

    @classmethod
    def parse(cls, assignments: Iterable[str]) -> Quirks:
        """From `name=value` texts; the last one wins. :raises QuirkError: for a name or value that does not exist."""
        values: dict[str, int | float | bool] = {}
        for assignment in assignments:
            name, separator, text = assignment.partition("=")
            quirk = _BY_NAME.get(name.strip())
            if quirk is None:
                raise QuirkError(f"there is no quirk {name.strip()!r}; there are: {', '.join(NAMES)}")
            if not separator:
                raise QuirkError(f"quirk {quirk.name} needs a value: {quirk.name}={_example(quirk)} ({quirk.effect})")
            values[quirk.name] = _value(quirk, text.strip())
        return cls(**values)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, int | float | bool]:
        """Every switch by name, the unset ones included."""
        return {name: getattr(self, name) for name in NAMES}


def _value(quirk: Quirk, text: str) -> int | float | bool:
    complaint = QuirkError(f"quirk {quirk.name} takes {quirk.kind.value}, not {text!r}: {quirk.effect}")
    if quirk.kind is Kind.SWITCH:
        if text not in ("on", "off"):
            raise complaint
        return text == "on"
    if quirk.kind is Kind.COUNT:
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise complaint
        return int(text)
    try:
        share = float(text)
    except ValueError:
        raise complaint from None
    if not math.isfinite(share) or not 0 <= share <= 1:
        raise complaint
    return share


def _example(quirk: Quirk) -> str:
    return {Kind.SWITCH: "on", Kind.COUNT: "10", Kind.SHARE: "0.01"}[quirk.kind]


def describe() -> str:
    """Every switch in two lines, for people."""
    return "\n".join(
        f"{quirk.name}  ({quirk.kind.value}; default {'off' if quirk.default == 0 else quirk.default})\n"
        f"    {quirk.effect} [{quirk.source}]"
        for quirk in REGISTRY
    )
