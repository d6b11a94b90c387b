"""What a capacity plan says. (pure)

Rates are per second; volumes per day or per month; bytes are bytes, GB are 10^9 of them; money is in the price file's
currency; shares and head-room are fractions of 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.plan.calls import CallKind
from harness.plan.inputs import PlanInputs
from harness.plan.levers import Setting
from harness.plan.outlook import AssumedRow, Herd, LeverRow, PeakRow, SizeRow, Spread, YearRow


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of the day, in the middle of it."""

    hour: int
    sessions: float
    arrivals: float  # per s
    phones: float  # open at once
    sockets: float
    requests: float  # per s, of phones


@dataclass(frozen=True, slots=True)
class Peak:
    """The busiest hour."""

    hour: int
    arrivals: float
    phones: float
    sockets: float
    requests: float  # preflights among them
    preflights: float
    invocations: float
    rows: float
    inner_calls: float  # database and auth calls behind functions
    database_calls: float  # these, and what phones ask REST, auth and storage for
    tmdb_calls: float
    connections: float  # of the database, busy at once
    cores: float  # of the database, busy
    disk_operations: float  # per s
    disk_mb: float  # per s


@dataclass(frozen=True, slots=True)
class EndpointLoad:
    name: str
    kind: CallKind
    per_session: float  # of the mean session
    per_day: float
    peak: float
    bytes_per_day: float  # of replies as they leave
    nested_per_day: float  # of per_day: called by another function, not by a phone


@dataclass(frozen=True, slots=True)
class TableLoad:
    name: str
    rows_per_day: float
    peak: float
    index_entries_per_day: float
    kept_bytes_per_day: float


@dataclass(frozen=True, slots=True)
class SwipeSession:
    """What the plan's amplification means for one session of a swiper."""

    swipes: float
    requests: float
    rows: float
    rows_of_decks: float
    index_entries: float
    tables: tuple[tuple[str, float], ...]  # rows per session, most first

    @property
    def rows_per_swipe(self) -> float:
        return self.rows / self.swipes if self.swipes else 0.0


@dataclass(frozen=True, slots=True)
class MessageStream:
    """Realtime messages of one kind: asked for by the app, and what of them can be delivered."""

    name: str
    per_day: float
    peak: float
    limit: float  # per s
    delivered_per_day: float
    capped_per_day: float  # if each hour were merely cut at the limit


@dataclass(frozen=True, slots=True)
class RealtimeLoad:
    streams: tuple[MessageStream, ...]
    presence_sent_per_day: float  # of presence's delivered ones, those that phones sent
    joins: float  # per s at peak
    channels: float  # joined at peak
    reconnect_seconds: float  # until all are back, evenly, at the plan's joins per s
    open_conversations: float  # at peak: subscriptions on each of the four tables
    changes: float  # per s at peak, on subscribed tables
    change_ms: float  # modelled work of the one poller per change
    hearing: float  # clients that hear a change, on average
    bytes_per_day: float  # delivered
    asked_bytes_per_day: float

    @property
    def per_day(self) -> float:
        """Messages asked for."""
        return sum(stream.per_day for stream in self.streams)

    @property
    def delivered_per_day(self) -> float:
        return sum(stream.delivered_per_day for stream in self.streams)

    @property
    def poller_share(self) -> float:
        """Busy share of the one poller at peak; above 1 it never catches up."""
        return self.changes * self.change_ms / 1000


Basis = Literal["published", "announced", "assumed"]


@dataclass(frozen=True, slots=True)
class CostItem:
    """`quantity` a month of which `included` is free; `amount` of what can happen, `asked` if nothing broke.

    low, high: of a price that is not published, or no bill yet; the amount where it is.
    """

    name: str
    quantity: float
    unit: str
    included: float
    amount: float
    asked: float
    note: str = ""
    turns: bool = False  # what the assistant's language models cost
    basis: Basis = "published"
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class CostPlan:
    currency: str
    as_of: str
    title: str
    items: tuple[CostItem, ...]
    turns_priced: bool  # an extra of the price file pays for the assistant's language model

    @property
    def total(self) -> float:
        """A month at published prices, of what can happen: without what breaks."""
        return sum(item.amount for item in self.items if item.basis == "published")

    @property
    def asked(self) -> float:
        """Likewise, with all that the app asks for, as if nothing broke. Arithmetic, and no offer."""
        return sum(item.asked for item in self.items if item.basis == "published")

    @property
    def whole(self) -> float:
        """The total, with what is announced, not published, or your own choice."""
        return sum(item.amount for item in self.items)


@dataclass(frozen=True, slots=True)
class ComputeChoice:
    """The database's size: the cheapest with as much as is needed, or the one that the price file names."""

    name: str
    cores: float
    hour: float
    decided_by: str  # which need made it so large; empty for the smallest size, or one that was named
    lacks: tuple[str, ...]  # needs that even this one does not meet


@dataclass(frozen=True, slots=True)
class Headroom:
    """A figure beside what the platform, its parts or others allow."""

    name: str
    need: float
    limit: float
    unit: str
    source: str
    people: float  # a day, at which it is reached; infinite where it never is
    breaks: bool = True  # False: over it costs more, or is advised against, and nothing stops

    @property
    def over(self) -> bool:
        return self.need > self.limit

    @property
    def share(self) -> float:
        """What is left, as a share of the limit; negative when over."""
        return 1 - self.need / self.limit


@dataclass(frozen=True, slots=True)
class DiskPlan:
    """The database's growth at a constant number of people. Days are infinite where they never come."""

    gb_per_day: float
    month_gb: float  # at the end of the days that are billed
    advised_gb: float  # largest database advised for any size
    advised_days: float  # until it is that large
    largest_gb: float  # largest disk of the type that is priced
    largest_days: float
    year_gb: float  # as shipped: the maintenance fails, nothing is dropped
    year_kept_gb: float  # if the maintenance did what it is configured to do


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Elasticities: by how many percent a figure moves when the input moves by one (mean of +20 % and -20 %)."""

    name: str
    cost: float
    requests: float
    sockets: float


@dataclass(frozen=True, slots=True)
class PlanFigures:
    """The plan without its sensitivities."""

    hours: tuple[Hour, ...]
    peak: Peak
    endpoints: tuple[EndpointLoad, ...]  # busiest first
    tables: tuple[TableLoad, ...]  # most rows first
    persona_requests: Mapping[str, float]  # requests per session
    swipe_session: SwipeSession
    realtime: RealtimeLoad
    disk: DiskPlan
    compute: ComputeChoice
    cost: CostPlan
    limits: tuple[Headroom, ...]  # what is reached first, first

    @property
    def breaks(self) -> tuple[Headroom, ...]:
        """What stops working, and at how many people; soonest first."""
        return tuple(row for row in self.limits if row.breaks and math.isfinite(row.people))

    @property
    def requests_per_day(self) -> float:
        """Sent by phones."""
        return sum(load.per_day - load.nested_per_day for load in self.endpoints)

    @property
    def invocations_per_day(self) -> float:
        """Of edge functions, nested ones included."""
        return sum(load.per_day for load in self.endpoints if load.kind is CallKind.EDGE)

    @property
    def rows_per_day(self) -> float:
        return sum(load.rows_per_day for load in self.tables)

    @property
    def index_entries_per_day(self) -> float:
        return sum(load.index_entries_per_day for load in self.tables)

    @property
    def http_bytes_per_day(self) -> float:
        return sum(load.bytes_per_day for load in self.endpoints)


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    inputs: PlanInputs
    figures: PlanFigures
    sensitivity: tuple[Sensitivity, ...]  # what moves the monthly cost most first
    totals: tuple[Spread, ...]
    breaks: tuple[Spread, ...]  # people a day at which each limit is reached, soonest first
    assumed: tuple[AssumedRow, ...]  # what moves the cost most first
    peaks: tuple[PeakRow, ...]
    herd: Herd
    sizes: tuple[SizeRow, ...]
    year: tuple[YearRow, ...]
    levers: tuple[LeverRow, ...]  # what saves most first
    options: tuple[CostItem, ...]  # beside the bill, to be taken or not
    pulled: Mapping[str, Setting]  # levers that this plan was made with

    def spread(self, name: str) -> Spread:
        """The total of that name."""
        return next(total for total in self.totals if total.name == name)
