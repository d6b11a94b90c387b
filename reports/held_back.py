"""What the target's limits, which the generator keeps, held back in the measure phase. (pure)

Such a wait is the generator's doing: it is in no server latency, and in the e2e latency of the operations that are
marked with it (`reports.disturbance` takes them out of what a percentile can show). When much had to wait, the target
saw another load than the planned one: a veto.
"""

from __future__ import annotations

import pandas as pd

from harness.client.http.wire_budget import CONNECTIONS, REQUESTS
from harness.core.tables import Phase, View
from harness.core.wire_limits import WireLimits
from reports.frames import Frames
from reports.health_row import HealthRow, Level
from reports.ranks import value_at_share
from reports.samples import own_values
from reports.text import count, percent, plural, seconds

MAX_HELD = 0.01
"""Share of the requests that may have waited."""
NOTICED_US = 10_000
"""A shorter wait is as long as the loop's own."""


def judge(frames: Frames) -> tuple[HealthRow, ...]:
    """One row for a target with limits, none without."""
    limits = frames.manifest.limits
    waits = _waits(frames)
    if limits is None and waits.empty:
        return ()
    held = int(waits["count"].sum())
    requests = _requests(frames)
    share = held / requests if requests else float(held > 0)
    level: Level = "valid" if not held else "invalid" if share > MAX_HELD else "suspect"
    named = "the target's limits" if limits is None else _named(limits)
    return (
        HealthRow(
            check="target's limits",
            level=level,
            value=_value(waits, held, requests),
            bound=f"at most {percent(MAX_HELD)} of the requests held back",
            reason="" if level == "valid" else _reason(named, held, requests, share, level),
            remedy=""
            if level == "valid"
            else "run with a lower rate (--scale), or raise the limits in the target file if its owner agrees",
        ),
    )


def _waits(frames: Frames) -> pd.DataFrame:
    rows = frames.generator
    rows = rows[(rows["view"] == View.HELD) & (rows["phase"] == Phase.MEASURE) & (rows["bucket_us"] >= NOTICED_US)]
    return rows[rows["operation"].isin((REQUESTS, CONNECTIONS))]


def _requests(frames: Frames) -> int:
    rows = frames.counts[(frames.counts["view"] == View.SERVER) & (frames.counts["phase"] == Phase.MEASURE)]
    on_a_socket = rows["operation"].str.startswith("realtime_") & (rows["operation"] != "realtime_connect")
    return int(rows.loc[~on_a_socket, "count"].sum())


def _named(limits: WireLimits) -> str:
    return (
        f"the target's limits ({limits.requests_per_second:g} requests/s, {limits.connections_per_second:g} new "
        f"connections/s, {count(limits.sockets)} sockets)"
    )


def _value(waits: pd.DataFrame, held: int, requests: int) -> str:
    if not held:
        return "held nothing back"
    mean_s = float((waits["bucket_us"] * waits["count"]).sum()) / held / 1e6
    p95_s = value_at_share(own_values(waits), 0.95) / 1e6
    return (
        f"{count(held)} waits for {plural(requests, 'request')}, {seconds(round(mean_s, 2))} on average, "
        f"p95 {seconds(round(p95_s, 2))}"
    )


def _reason(named: str, held: int, requests: int, share: float, level: Level) -> str:
    what = (
        f"{named} held the generator back {plural(held, 'time')} for {plural(requests, 'request')} ({percent(share)})"
    )
    if level == "suspect":
        return f"{what}; e2e latencies of those operations contain the wait"
    return f"{what}: the target saw less load than planned, and e2e latencies contain the wait"
