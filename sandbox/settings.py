"""The application's settings: a registry with defaults and ranges, and the cache each edge isolate keeps.

A stored value that its range refuses counts as the default, and a key the registry does not know is ignored, as in the
application (contract 7.4). Only keys that change behaviour or load here are registered, and all 25 public ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
import orjson

Check: TypeAlias = Callable[[Any], bool]

PUBLIC = "public"
SERVER_ONLY = "server_only"

EVENT_AND_DECK_TTL_S = 60.0
PUBLIC_TTL_S = 30.0

_VERSION_SQL = "select version from public.app_settings_meta where id = 1"
_ROWS_SQL = "select key, value::text from public.app_settings where scope = $1"


def whole(low: int, high: int) -> Check:
    """A JSON number without a fraction, within the range."""
    return lambda value: _is_number(value) and float(value).is_integer() and low <= value <= high


def number(low: float, high: float) -> Check:
    """A JSON number within the range."""
    return lambda value: _is_number(value) and low <= value <= high


def text(low: int, high: int | None = None) -> Check:
    """A string of so many characters."""
    return lambda value: isinstance(value, str) and low <= len(value) and (high is None or len(value) <= high)


def flag(value: Any) -> bool:
    """True or false."""
    return isinstance(value, bool)


def shape(**members: Check) -> Check:
    """An object that has at least these members, each passing its own check."""
    return lambda value: (
        isinstance(value, dict) and all(name in value and check(value[name]) for name, check in members.items())
    )


def many(low: int, high: int, check: Check) -> Check:
    """A list of so many elements, each passing."""
    return lambda value: isinstance(value, list) and low <= len(value) <= high and all(check(one) for one in value)


def each(check: Check) -> Check:
    """An object whose every member passes."""
    return lambda value: isinstance(value, dict) and all(check(member) for member in value.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Setting:
    """One registered key."""

    key: str
    scope: str
    check: Check
    default: Any


_DAY_MS = 24 * 60 * 60 * 1000
_PUBLIC_SETTINGS: tuple[tuple[str, Check, Any], ...] = (
    ("ux.assistant.username", text(1, 64), "movinesta"),
    ("ux.presence.channel", text(1), "presence:global"),
    ("ux.presence.label_online", text(1, 64), "Online"),
    ("ux.presence.label_active_recently", text(1, 64), "Active recently"),
    ("ux.presence.label_active_prefix", text(1, 32), "Active"),
    ("ux.presence.online_ttl_ms", whole(1_000, 300_000), 45_000),
    ("ux.presence.away_ttl_ms", whole(1_000, 900_000), 120_000),
    ("ux.presence.heartbeat_ms", whole(1_000, 120_000), 20_000),
    ("ux.presence.recompute_ms", whole(500, 60_000), 5_000),
    ("ux.presence.db_touch_min_interval_ms", whole(5_000, 300_000), 60_000),
    ("ux.presence.initial_sync_delay_ms", whole(0, 2_000), 150),
    ("ux.typing.inactivity_ms", whole(250, 60_000), 3_000),
    ("ux.typing.heartbeat_ms", whole(250, 30_000), 2_000),
    ("ux.typing.remote_ttl_ms", whole(250, 120_000), 5_000),
    ("ux.messages.max_message_chars", whole(50, 20_000), 2_000),
    ("ux.messages.search.min_query_chars", whole(1, 10), 2),
    ("ux.messages.composer_max_height_px", whole(60, 600), 140),
    ("ux.attachments.max_image_bytes", whole(1_000_000, 100_000_000), 10 * 1024 * 1024),
    ("ux.search.page_size", whole(5, 100), 20),
    ("ux.search.batch_sync_limit", whole(0, 50), 5),
    ("ux.search.min_query_chars", whole(1, 10), 2),
    ("ux.search.stale_time_ms", whole(0, 7 * _DAY_MS), 30 * 60 * 1000),
    ("ux.search.gc_time_ms", whole(0, 7 * _DAY_MS), 60 * 60 * 1000),
    ("ops.frontend.function_timeout_ms", whole(1_000, 120_000), 20_000),
    ("ops.search.timeout_ms", whole(1_000, 120_000), 20_000),
)
_SERVER_SETTINGS: tuple[tuple[str, Check, Any], ...] = (
    (
        "ops.rate_limits",
        shape(actions=each(whole(1, 6_000))),
        {"actions": {"catalog-sync": 60, "swipe_deck": 120, "swipe_event": 1000}},
    ),
    ("ranking.swipe.cold_start.lookback_days", whole(1, 180), 30),
    ("ranking.swipe.cold_start.min_strong_positive", whole(0, 20), 3),
    ("ranking.swipe.cold_start.event_limit", whole(10, 300), 120),
    (
        "ranking.swipe.deck",
        shape(
            default_limit=whole(1, 120),
            max_limit=whole(1, 120),
            rpc_extra_factor_base=whole(1, 6),
            rpc_extra_factor_with_filters=whole(1, 6),
            rpc_limit_cap=whole(1, 200),
            fill_second_attempt_enabled=flag,
            fill_second_seed_suffix=text(1, 20),
            media_item_fetch_ids_cap=whole(50, 1000),
            seg_pop_quota=whole(0, 60),
            seg_pop_pool_limit=whole(50, 1000),
            apply_muted_genres=flag,
            mix=shape(enabled=flag),
        ),
        {
            "default_limit": 60,
            "max_limit": 120,
            "rpc_extra_factor_base": 2,
            "rpc_extra_factor_with_filters": 3,
            "rpc_limit_cap": 120,
            "fill_second_attempt_enabled": True,
            "fill_second_seed_suffix": "fill2",
            "media_item_fetch_ids_cap": 500,
            "seg_pop_quota": 20,
            "seg_pop_pool_limit": 200,
            "apply_muted_genres": True,
            "mix": {"enabled": True},
        },
    ),
    (
        "ranking.swipe.blend",
        shape(
            enabled=flag,
            skip_when_mix_active=flag,
            weights=shape(**dict.fromkeys(("position", "popularity", "vote_avg", "cf_score"), number(0, 10))),
            source_multipliers=shape(
                **dict.fromkeys(("for_you", "combined", "friends", "trending", "cf", "seg_pop", "other"), number(0, 10))
            ),
        ),
        {
            "enabled": True,
            "skip_when_mix_active": True,
            "weights": {"position": 1, "popularity": 0.25, "vote_avg": 0.15, "cf_score": 1},
            "source_multipliers": {
                "for_you": 1,
                "combined": 1,
                "friends": 1,
                "trending": 1,
                "cf": 1,
                "seg_pop": 0.9,
                "other": 1,
            },
        },
    ),
    (
        "ranking.swipe.taste",
        shape(
            lookback_days=whole(1, 180),
            event_limit=whole(50, 1000),
            pick_liked_max=whole(1, 12),
            pick_disliked_max=whole(0, 10),
            min_liked_for_query=whole(1, 12),
            thresholds=shape(
                strong_positive_rating_min=number(0, 10),
                strong_negative_rating_max=number(0, 10),
                strong_positive_dwell_ms_min=whole(0, 600_000),
            ),
        ),
        {
            "lookback_days": 30,
            "event_limit": 250,
            "pick_liked_max": 6,
            "pick_disliked_max": 4,
            "min_liked_for_query": 3,
            "thresholds": {
                "strong_positive_rating_min": 7,
                "strong_negative_rating_max": 3,
                "strong_positive_dwell_ms_min": 12_000,
            },
        },
    ),
    (
        "ops.rerank.adaptive_topk",
        shape(
            explicit_query_max=whole(1, 200),
            thresholds=many(1, 10, shape(lt=whole(0, 1000), topk=whole(1, 200))),
            default_topk=whole(1, 200),
        ),
        {
            "explicit_query_max": 60,
            "thresholds": [{"lt": 5, "topk": 15}, {"lt": 15, "topk": 25}, {"lt": 40, "topk": 40}],
            "default_topk": 60,
        },
    ),
    ("ranking.swipe.status_watched.synthetic_dwell_ms", whole(0, 600_000), 12_000),
    ("ranking.swipe.centroids.refresh_sample_rate", number(0, 1), 0.25),
    ("ranking.swipe.centroids.k", whole(1, 10), 3),
    ("ranking.swipe.centroids.max_items", whole(10, 200), 60),
)
REGISTRY: Mapping[str, Setting] = {
    key: Setting(key, scope, check, default)
    for scope, rows in ((PUBLIC, _PUBLIC_SETTINGS), (SERVER_ONLY, _SERVER_SETTINGS))
    for key, check, default in rows
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The settings of one scope as an isolate sees them."""

    version: int
    values: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def rate_limit(self, action: str, default: int) -> int:
        """Requests per calendar minute allowed to one person for an action."""
        limit: int = self.values["ops.rate_limits"]["actions"].get(action, default)
        return max(1, min(6_000, int(limit)))


def defaults(scope: str) -> Snapshot:
    """What an empty `app_settings` table means."""
    return Snapshot(1, {setting.key: setting.default for setting in REGISTRY.values() if setting.scope == scope})


def merged(scope: str, version: int, rows: Mapping[str, str]) -> Snapshot:
    """Stored rows (key to JSON text) over the defaults, refusing unknown keys and invalid values. (pure)"""
    values = dict(defaults(scope).values)
    for key, raw in rows.items():
        setting = REGISTRY.get(key)
        if setting is None:
            continue
        value = orjson.loads(raw)
        values[key] = value if setting.check(value) else setting.default
    return Snapshot(version, values)


class SettingsCache:
    """One isolate's view of the settings, which therefore lags a change by up to its time to live.

    After that time only the version is asked for; the rows are read again when it moved.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cached: dict[str, tuple[float, Snapshot]] = {}

    def fresh(self, scope: str, ttl_s: float) -> Snapshot | None:
        """The cached settings while they are young enough; costs nothing."""
        cached = self._cached.get(scope)
        return cached[1] if cached and self._clock() - cached[0] <= ttl_s else None

    async def load(self, connection: asyncpg.Connection, scope: str, ttl_s: float) -> Snapshot:
        """Probe the version, read the rows if it moved. :raises asyncpg.PostgresError: when the database refuses."""
        young = self.fresh(scope, ttl_s)
        if young is not None:
            return young
        version = int(await connection.fetchval(_VERSION_SQL) or 1)
        cached = self._cached.get(scope)
        if cached and cached[1].version == version:
            snapshot = cached[1]
        else:
            rows = await connection.fetch(_ROWS_SQL, scope)
            snapshot = merged(scope, version, {row["key"]: row["value"] for row in rows})
        self._cached[scope] = (self._clock(), snapshot)
        return snapshot
