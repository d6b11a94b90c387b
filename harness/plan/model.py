"""What a capacity plan says. (pure)

Rates are per second; volumes per day or per month; bytes are bytes, GB are 10^9 of them; money is in the price file's
currency; shares and head-room are fractions of 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.plan.calls import CallKind
from harness.plan.inputs import PlanInputs


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
    requests: float
    invocations: float
    rows: float
    inner_calls: float  # behind the two swipe functions: database and auth calls per s


@dataclass(frozen=True, slots=True)
class EndpointLoad:
    name: str
    kind: CallKind
    per_session: float  # of the mean session
    per_day: float
    peak: float
    bytes_per_day: float
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
    """Realtime messages of one kind: asked for by the app, and at most delivered under the plan's limit."""

    name: str
    per_day: float
    peak: float
    limit: float  # per s
    delivered_per_day: float


@dataclass(frozen=True, slots=True)
class RealtimeLoad:
    streams: tuple[MessageStream, ...]
    joins: float  # per s at peak
    channels: float  # joined at peak
    reconnect_joins: float  # all of those at once, after an outage
    reconnect_seconds: float  # until all are back at the plan's joins per s
    open_conversations: float  # at peak: subscriptions on each of the four tables
    changes: float  # per s at peak, on subscribed tables
    change_ms: float  # modelled work of the one poller per change
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


@dataclass(frozen=True, slots=True)
class CostItem:
    """`quantity` a month of which `included` is free; `amount` as billed, `asked` if no limit held anything back."""

    name: str
    quantity: float
    unit: str
    included: float
    amount: float
    asked: float
    note: str = ""
    turns: bool = False  # what the assistant's language models cost


@dataclass(frozen=True, slots=True)
class CostPlan:
    currency: str
    as_of: str
    title: str
    items: tuple[CostItem, ...]
    turns_priced: bool  # an extra of the price file pays for the assistant's language model

    @property
    def total(self) -> float:
        """A month, with Realtime held to the plan's limits."""
        return sum(item.amount for item in self.items)

    @property
    def asked(self) -> float:
        """A month at list price, if the limits were lifted."""
        return sum(item.asked for item in self.items)


@dataclass(frozen=True, slots=True)
class Headroom:
    """A figure beside what the plan allows."""

    name: str
    need: float
    limit: float
    unit: str
    source: str

    @property
    def over(self) -> bool:
        return self.need > self.limit

    @property
    def share(self) -> float:
        """What is left, as a share of the limit; negative when over."""
        return 1 - self.need / self.limit


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
    cost: CostPlan
    limits: tuple[Headroom, ...]

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
