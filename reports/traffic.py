"""What one session sent, beside what the capacity plan says, and the plan's month remade from it. (pure)

Only sessions that ended by themselves count: one that the end of the run cut short sent less than it would have.
"All" is the mean session of the profile's mix: each persona's mean, weighted by its share, over the personas that
have a session on record. Sessions of the whole run, warm-up included: a session belongs to no phase.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from harness.client.api.endpoints import ENDPOINTS
from harness.core.behaviour import PERSONAS
from harness.plan import PlanInputs, Prices
from harness.plan.inputs import MIX
from harness.plan.measured import Share, month_figures, planned_session
from reports.frames import Frames
from reports.model import ReportModel
from reports.samples import part

ALL = "all"
SUMMED = ["requests", "rows", "bytes_out", "bytes_in"]


class EndpointTraffic(ReportModel):
    """One endpoint in one session, on average. Bytes are of whole requests and replies, as transferred."""

    endpoint: str
    requests: float
    planned: float  # requests
    rows: float  # written, as far as replies tell
    planned_rows: float
    bytes_out: float
    bytes_in: float
    planned_bytes_in: float  # whole replies, uncompressed

    @property
    def ratio(self) -> float | None:
        """Requests sent over requests planned."""
        return self.requests / self.planned if self.planned else None


class SessionTraffic(ReportModel):
    """The mean session of one persona, or of the mix (`all`)."""

    persona: str
    sessions: int  # on record
    seconds: float  # mean length
    requests: float
    planned: float
    rows: float
    planned_rows: float
    bytes_out: float
    bytes_in: float
    planned_bytes_in: float
    endpoints: tuple[EndpointTraffic, ...]  # most requests first

    @property
    def ratio(self) -> float | None:
        return self.requests / self.planned if self.planned else None

    @property
    def rows_ratio(self) -> float | None:
        return self.rows / self.planned_rows if self.planned_rows else None


class MonthRow(ReportModel):
    """One figure of a month."""

    name: str
    unit: str
    planned: float
    measured: float
    ratio: float | None  # measured over planned


class Traffic(ReportModel):
    """Measured against planned. `personas` begins with the mix's mean session."""

    dau: float
    planned_seconds: float  # length of a session in the plan
    personas: tuple[SessionTraffic, ...]
    missing: tuple[str, ...]  # personas of the mix without a session on record; left out of `all`
    month: tuple[MonthRow, ...]
    prices_of: str  # date of the price file


def measure(frames: Frames, prices: Prices) -> Traffic | None:
    """Of a run; None when no session has ended, or when the record is older than its table of traffic."""
    ended = frames.arrivals[frames.arrivals["end"] == "finished"]
    sent = part(frames.traffic, frames.traffic["ticket"].isin(ended["ticket"]))
    if sent.empty:
        return None
    mix = dict(frames.manifest.profile.mix)
    planable = {persona: share for persona, share in mix.items() if persona in PERSONAS and share > 0}
    inputs = PlanInputs().changed(mix=_whole(planable) if planable else MIX)
    grouped = {str(persona): rows for persona, rows in ended.groupby("persona", sort=True)}
    means = {persona: _mean(sent, rows) for persona, rows in grouped.items()}
    planned = {persona: planned_session(persona, inputs) for persona in means if persona in PERSONAS}
    shares = _whole({persona: mix.get(persona, 0.0) for persona in means})
    lengths = {persona: _seconds(rows) for persona, rows in grouped.items()}
    everybody = _session(
        ALL,
        len(ended),
        sum(shares[persona] * lengths[persona] for persona in means),
        _weighted(means, shares),
        _planned_mean(planned, shares),
    )
    each = [
        _session(persona, len(rows), lengths[persona], means[persona], planned.get(persona, {}))
        for persona, rows in grouped.items()
    ]
    month = month_figures(
        {one.endpoint: Share(one.requests, one.rows, one.bytes_in) for one in everybody.endpoints}, inputs, prices
    )
    return Traffic(
        dau=inputs.dau,
        planned_seconds=inputs.session_seconds,
        personas=(everybody, *sorted(each, key=lambda one: -mix.get(one.persona, 0.0))),
        missing=tuple(sorted(persona for persona, share in mix.items() if share > 0 and persona not in means)),
        month=tuple(
            MonthRow(name=row.name, unit=row.unit, planned=row.planned, measured=row.measured, ratio=row.ratio)
            for row in month
        ),
        prices_of=prices.as_of.isoformat(),
    )


def _whole(shares: Mapping[str, float]) -> dict[str, float]:
    """Scaled to a sum of 1; alike when they are all nothing."""
    total = sum(shares.values())
    return {name: share / total if total else 1 / len(shares) for name, share in shares.items()}


def _mean(sent: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Index endpoint, columns SUMMED: of the mean one of these sessions."""
    chosen = sent[sent["ticket"].isin(sessions["ticket"])]
    calls = chosen.groupby("call", observed=True)[SUMMED].sum()
    calls.index = pd.Index([ENDPOINTS.get(call, call) for call in map(str, calls.index)], name="call", dtype="str")
    return calls.groupby(level=0).sum() / len(sessions)


def _seconds(sessions: pd.DataFrame) -> float:
    return float((sessions["ended_us"] - sessions["started_us"]).mean()) / 1e6


def _weighted(means: Mapping[str, pd.DataFrame], shares: Mapping[str, float]) -> pd.DataFrame:
    parts = [mean * shares[persona] for persona, mean in means.items()]
    return pd.concat(parts).groupby(level=0).sum()


def _planned_mean(planned: Mapping[str, Mapping[str, Share]], shares: Mapping[str, float]) -> dict[str, Share]:
    found: dict[str, Share] = {}
    for persona, endpoints in planned.items():
        for name, of in endpoints.items():
            before, share = found.get(name, Share()), shares[persona]
            found[name] = Share(
                before.requests + share * of.requests,
                before.rows + share * of.rows,
                before.bytes_in + share * of.bytes_in,
            )
    return found


def _session(
    persona: str, sessions: int, seconds: float, mean: pd.DataFrame, planned: Mapping[str, Share]
) -> SessionTraffic:
    rows = []
    measured: dict[str, list[float]] = dict(zip(map(str, mean.index), mean[SUMMED].to_numpy().tolist(), strict=True))
    for name in sorted({*measured, *planned}):
        of = planned.get(name, Share())
        requests, written, bytes_out, bytes_in = measured.get(name, (0.0, 0.0, 0.0, 0.0))
        rows.append(
            EndpointTraffic(
                endpoint=name,
                requests=requests,
                planned=of.requests,
                rows=written,
                planned_rows=of.rows,
                bytes_out=bytes_out,
                bytes_in=bytes_in,
                planned_bytes_in=of.bytes_in,
            )
        )
    rows.sort(key=lambda row: (-row.requests, -row.planned, row.endpoint))
    return SessionTraffic(
        persona=persona,
        sessions=sessions,
        seconds=seconds,
        requests=sum(row.requests for row in rows),
        planned=sum(row.planned for row in rows),
        rows=sum(row.rows for row in rows),
        planned_rows=sum(row.planned_rows for row in rows),
        bytes_out=sum(row.bytes_out for row in rows),
        bytes_in=sum(row.bytes_in for row in rows),
        planned_bytes_in=sum(row.planned_bytes_in for row in rows),
        endpoints=tuple(rows),
    )
