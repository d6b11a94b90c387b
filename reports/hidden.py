"""What the app hides from people by trying again, and what that costs: told, and no miss. (pure)"""

from __future__ import annotations

from harness.core.outcome import Outcome
from harness.core.retried_calls import RETRIED_CALLS
from harness.core.tables import Phase, View
from reports.frames import Frames
from reports.model import ReportModel
from reports.text import count, ms, percent, plural, seconds

RETRY_DELAY_S = 0.2
"""The first wait before a read is tried again (contract 0.2)."""
CLOSING_SHARE = 0.5
"""More connections than half the requests: somebody closes them. An app that is opened often needs one for ten."""


class HiddenCost(ReportModel):
    """One thing that cost the app something, and that nobody saw fail."""

    id: str
    times: int
    of: int
    cost_s: float  # of people's waiting, all together
    text: str


def hidden(frames: Frames) -> tuple[HiddenCost, ...]:
    """Over the measure phase, faults of the profile's own left out; empty for records without a catch-all."""
    if frames.manifest.catch_all is None:
        return ()
    return tuple(one for one in (_limited(frames), _connections(frames)) if one is not None)


def _limited(frames: Frames) -> HiddenCost | None:
    reads = frames.measured_of(RETRIED_CALLS, View.SERVER)
    refused = reads[reads["outcome"] == Outcome.RATE_LIMITED]
    times, of = int(refused["count"].sum()), int(reads["count"].sum())
    if not times:
        return None
    cost_s = float((refused["bucket_us"] * refused["count"]).sum()) / 1e6 + RETRY_DELAY_S * times
    calls = refused.groupby("operation")["count"].sum().sort_values(ascending=False)
    named = ", ".join(f"{name} {count(int(number))}" for name, number in calls.head(3).items())
    return HiddenCost(
        id="rate limits",
        times=times,
        of=of,
        cost_s=cost_s,
        text=f"{count(times)} of {count(of)} reads ({percent(times / of)}) were refused by a limiter (429) and tried "
        "again: "
        f"{plural(times, 'request')} more and {seconds(cost_s)} of waiting at least ({named})",
    )


def _connections(frames: Frames) -> HiddenCost | None:
    opened = frames.generator[(frames.generator["view"] == View.CONNECT) & (frames.generator["phase"] == Phase.MEASURE)]
    measured = frames.counts[(frames.counts["view"] == View.SERVER) & (frames.counts["phase"] == Phase.MEASURE)]
    requests = int(measured.loc[~measured["operation"].str.startswith("realtime_"), "count"].sum())
    times = int(opened["count"].sum())
    if not times or times <= CLOSING_SHARE * requests:
        return None
    cost_s = float((opened["bucket_us"] * opened["count"]).sum()) / 1e6
    return HiddenCost(
        id="connections",
        times=times,
        of=requests,
        cost_s=cost_s,
        text=f"{plural(times, 'connection')} for {plural(requests, 'request')}: something closes them after each "
        f"reply. Opening them took {seconds(cost_s)}, {ms(round(1000 * cost_s / times, 1))} each, of which server "
        "figures show nothing",
    )
