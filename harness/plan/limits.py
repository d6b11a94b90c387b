"""The plan's figures beside what the platform allows. (pure)"""

from __future__ import annotations

from harness.plan.model import Headroom, Peak, RealtimeLoad
from harness.plan.prices import Prices
from harness.plan.realtime import CHANNELS_IN_CONVERSATION

PUBLISHED = "published, Realtime limits by plan"
MEASURED = "measured on a small machine, contract realtime 4.1"
RECOMMENDED = "published, recommended for the compute size"


def headroom(peak: Peak, realtime: RealtimeLoad, disk_gb: float, prices: Prices) -> tuple[Headroom, ...]:
    """Every figure that has a limit, tightest first."""
    plan = prices.chosen
    presence, changes, typing = realtime.streams
    channels = CHANNELS_IN_CONVERSATION + (1 if presence.per_day else 0)
    rows = [
        Headroom("sockets at once", peak.sockets, plan.connections, "", PUBLISHED),
        Headroom("channel joins", realtime.joins, plan.joins_per_second, "/s", PUBLISHED),
        Headroom("joins, all back at once", realtime.reconnect_joins, plan.joins_per_second, "/s", PUBLISHED),
        Headroom("presence messages", presence.peak, plan.presence_per_second, "/s", PUBLISHED),
        Headroom("database change messages", changes.peak, plan.messages_per_second, "/s", PUBLISHED),
        Headroom("typing messages", typing.peak, plan.messages_per_second, "/s", PUBLISHED),
        Headroom("channels of a socket", channels, plan.channels_per_connection, "", PUBLISHED),
        Headroom("changes poller, busy", realtime.poller_share, 1.0, "", MEASURED),
        Headroom("database size", disk_gb, prices.machine.max_database_gb, "GB", RECOMMENDED),
    ]
    return tuple(sorted(rows, key=lambda row: (row.share, row.name)))
