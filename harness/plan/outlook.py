"""What a plan is compared with: intervals, other hours, other sizes, months to come, levers. (pure)

Units are those of `model.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.plan.levers import Setting


@dataclass(frozen=True, slots=True)
class Spread:
    """A total with its interval: 80 of 100, when the assumed inputs are independent of each other."""

    name: str
    unit: str
    low: float
    likely: float
    high: float


@dataclass(frozen=True, slots=True)
class AssumedRow:
    """One assumed figure: its ends, and what each alone makes of the month's whole cost."""

    name: str
    low: str
    likely: str
    high: str
    cost_low: float
    cost_high: float
    source: str


@dataclass(frozen=True, slots=True)
class PeakRow:
    """An hour that is not the mean busiest one. Rates per second."""

    name: str
    arrivals: float
    phones: float
    sockets: float
    requests: float
    over: tuple[str, ...]  # limits that it breaks and the busiest hour does not


@dataclass(frozen=True, slots=True)
class Herd:
    """Everybody who is there comes back at once, after an outage in the busiest hour."""

    phones: float
    joins: float  # of channels
    burst_joins: float  # that a counter which just began bears at once
    minute_joins: float  # that a warm one bears in a minute
    resumed_requests: float  # of pages that stayed open: what they were reading
    reloaded_requests: float  # if everybody loads the app again
    seconds: float  # that the reload lasts at twice the busiest hour's rate


@dataclass(frozen=True, slots=True)
class SizeRow:
    """The month of another number of people a day."""

    people: float
    compute: str
    cost: Spread  # published prices
    whole: Spread
    marginal: float  # of the whole cost, for one more person a day
    broken: str  # at this size, soonest first; empty when nothing is

    @property
    def each(self) -> float:
        """The whole cost for one person a day."""
        return self.whole.likely / self.people


@dataclass(frozen=True, slots=True)
class YearRow:
    """One month of the first year."""

    month: int
    people: float
    disk_gb: float  # at its end, as shipped
    kept_gb: float  # at its end, if the maintenance worked
    compute: str
    cost: Spread  # whole
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeverRow:
    """What one lever changes, all else as planned; negative is less."""

    name: str
    value: Setting
    what: str
    cost: float  # a month, whole
    requests: float  # a day
    invocations: float  # a day
    rows: float  # a day
    disk_gb: float  # a day
    egress_gb: float  # a month
    first: str  # what breaks first then
    first_people: float  # at how many people a day
