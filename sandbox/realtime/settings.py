"""How the sandbox's Realtime is set up: limits by plan, delays, the model of its cost. (pure)"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

PLANS: dict[str, dict[str, int]] = {
    "self-host": {},
    "free": {"max_presence_events_per_second": 20, "max_payload_size_in_kb": 256},
    "pro": {
        "max_concurrent_users": 500,
        "max_joins_per_second": 500,
        "max_events_per_second": 500,
        "max_presence_events_per_second": 50,
    },
    "team": {
        "max_concurrent_users": 10_000,
        "max_joins_per_second": 2_500,
        "max_events_per_second": 2_500,
        "max_presence_events_per_second": 1_000,
    },
}
"""What each plan changes in the defaults of a self-hosted server (realtime contract, 1.6)."""


class SettingError(ValueError):
    """A setting that does not exist, or a value it cannot take. The text says which, and what would be right."""


@dataclass(frozen=True, slots=True)
class RealtimeSettings:
    """The defaults are those of a self-hosted server (realtime contract, 1.1, 1.4-1.6, 4.1).

    Limits: `max_*`; a limit of 0 counts but never bites. Presence calls are per channel and `presence_window_ms`.
    connect_error_ms, channel_error_ms: how long a refused upgrade and a refused join wait for their answer.
    cold_retry_min_ms, cold_retry_max_ms: the first Postgres subscription waits so long while the change feed starts.
    resubscribe_min_ms, resubscribe_max_ms: from a token refresh to the subscription's next notice.
    subscribe_ms: from the join's reply to the Postgres subscription of a warm feed.
    poll_ms: the poller's unit: five of it when idle, one and 50 to 100 ms more when only others' changes flow.
    batch: changes per poll; a transaction is not split. cost_percent: of the modelled database cost per change, 0 none.
    idle_ms: a socket that sends nothing for so long is closed; no_channel_ms: one without channels is cut off.
    feed_stop_ms: without subscribers for so long, the feed stops and the next one meets a cold start.
    """

    max_concurrent_users: int = 200
    max_joins_per_second: int = 100
    max_channels_per_client: int = 100
    max_events_per_second: int = 100
    max_presence_events_per_second: int = 1_000
    max_payload_size_in_kb: int = 3_000
    presence_calls: int = 5
    presence_window_ms: int = 30_000
    connect_error_ms: int = 2_000
    channel_error_ms: int = 5_000
    cold_retry_min_ms: int = 1_000
    cold_retry_max_ms: int = 3_000
    resubscribe_min_ms: int = 1_000
    resubscribe_max_ms: int = 3_000
    subscribe_ms: int = 0
    poll_ms: int = 100
    batch: int = 100
    cost_percent: int = 100
    max_frame_bytes: int = 5_000_000
    max_buffer_bytes: int = 50_000_000
    idle_ms: int = 60_000
    no_channel_ms: int = 600_000
    feed_stop_ms: int = 600_000
    drain_channels: int = 10_000
    drain_pause_ms: int = 2_000

    @classmethod
    def plan(cls, name: str) -> RealtimeSettings:
        """A plan's limits. :raises SettingError: when there is no such plan."""
        if name not in PLANS:
            raise SettingError(f"there is no plan {name!r}; there are: {', '.join(PLANS)}")
        return cls(**PLANS[name])

    @classmethod
    def parse(cls, assignments: Iterable[str]) -> RealtimeSettings:
        """From `name=value` texts; `plan=NAME` sets the plan's limits, wherever it stands.

        :raises SettingError: for a name or value that does not exist.
        """
        plan = "self-host"
        given: dict[str, int] = {}
        for assignment in assignments:
            name, _, text = assignment.partition("=")
            if name == "plan":
                plan = text
            else:
                given[name] = _whole(name, text)
        return cls.plan(plan).changed(given)

    def changed(self, values: dict[str, Any]) -> RealtimeSettings:
        """The same with other values. :raises SettingError: for a name or value that does not exist."""
        known = {field.name for field in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise SettingError(
                    f"there is no Realtime setting {name!r}; there are: plan, {', '.join(sorted(known))}"
                )
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**10:
                raise SettingError(f"Realtime setting {name} takes a whole number of 0 or more, not {value!r}")
        made = replace(self, **values)
        for low, high in (("cold_retry_min_ms", "cold_retry_max_ms"), ("resubscribe_min_ms", "resubscribe_max_ms")):
            if getattr(made, low) > getattr(made, high):
                raise SettingError(f"{low} is greater than {high}")
        for name in ("batch", "poll_ms", "max_frame_bytes", "drain_channels", "presence_window_ms"):
            if getattr(made, name) < 1:
                raise SettingError(f"Realtime setting {name} is at least 1")
        return made

    def as_dict(self) -> dict[str, int]:
        """Every setting by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _whole(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise SettingError(f"Realtime setting {name} takes a whole number of 0 or more, not {text!r}")
    return int(text)
