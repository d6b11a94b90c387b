"""From people to arrivals, open phones, requests and rows. (pure)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.core.behaviour import PERSONAS
from harness.plan.calls import CALLS, DECK, CallKind, Driver, Endpoint, counts
from harness.plan.inputs import PlanInputs
from harness.plan.model import EndpointLoad, Hour, SwipeSession, TableLoad
from harness.plan.preflights import PREFLIGHT, preflights
from harness.plan.rows import WRITES, WrittenTable
from harness.plan.sessions import Amounts, amounts, mean_amounts

HOUR_S = 3600.0


@dataclass(slots=True)
class EndpointRequests:
    """Of one endpoint in one session."""

    requests: float = 0.0
    nested: float = 0.0
    items: float = 0.0

    @property
    def total(self) -> float:
        return self.requests + self.nested


def sent(units: Amounts, inputs: PlanInputs, asked: float | None = None) -> dict[Endpoint, EndpointRequests]:
    """Requests and items per endpoint of a session with these driver amounts. asked: by its browser before them; None:
    as follows from them."""
    made: dict[Endpoint, EndpointRequests] = {}
    for call in CALLS:
        times, items = counts(call, inputs)
        count = units.get(call.per, 0.0) * times
        of = made.setdefault(call.endpoint, EndpointRequests())
        if call.nested:
            of.nested += count
        else:
            of.requests += count
        of.items += count * items
    made[PREFLIGHT] = EndpointRequests(preflights(units, inputs) if asked is None else asked)
    return made


def written(units: Amounts, traffic: dict[Endpoint, EndpointRequests]) -> dict[WrittenTable, tuple[float, float]]:
    """Rows written and rows kept per table of a session."""
    made: dict[WrittenTable, tuple[float, float]] = {}
    for write in WRITES:
        if isinstance(write.cause, Driver):
            count = units.get(write.cause, 0.0)
        else:
            of = traffic[write.cause]
            count = of.items if write.per_item else of.total
        rows, kept = made.get(write.table, (0.0, 0.0))
        made[write.table] = rows + count * write.rows, kept + count * write.kept
    return made


def packed_bytes(endpoint: Endpoint, of: EndpointRequests, inputs: PlanInputs) -> float:
    """Bytes of its replies as they leave: headers, and bodies compressed; pictures cannot be."""
    share = 1.0 if endpoint.kind is CallKind.STORAGE else inputs.compressed
    return of.requests * inputs.reply_header_bytes + share * _bodies(endpoint, of)


def whole_bytes(endpoint: Endpoint, of: EndpointRequests, inputs: PlanInputs) -> float:
    """Bytes of its replies with nothing compressed."""
    return of.requests * inputs.reply_header_bytes + _bodies(endpoint, of)


def _bodies(endpoint: Endpoint, of: EndpointRequests) -> float:
    return of.requests * endpoint.size + of.items * endpoint.item_size


def concurrency(arrivals: float, seconds: float) -> float:
    """Mean number open at once: L = lambda * W (Little, A Proof for the Queuing Formula, Operations Research 9, 1961).

    It holds for any distribution of length; an hour is long enough beside a session of minutes to count as steady.
    """
    return arrivals * seconds


def hours(inputs: PlanInputs, requests_per_session: float, sockets_per_phone: float) -> tuple[Hour, ...]:
    """The day, hour by hour."""
    made = []
    for hour, share in enumerate(inputs.curve):
        arrivals = inputs.sessions * share / HOUR_S
        phones = concurrency(arrivals, inputs.session_seconds)
        made.append(
            Hour(
                hour,
                inputs.sessions * share,
                arrivals,
                phones,
                phones * sockets_per_phone,
                arrivals * requests_per_session,
            )
        )
    return tuple(made)


def busiest(day: tuple[Hour, ...]) -> Hour:
    """The first of the busiest hours."""
    return max(day, key=lambda hour: (hour.arrivals, -hour.hour))


def endpoint_loads(
    traffic: Mapping[Endpoint, EndpointRequests], inputs: PlanInputs, peak: float
) -> tuple[EndpointLoad, ...]:
    """Per endpoint of the mean session, busiest first; `peak` sessions begin per second."""
    sessions = inputs.sessions
    loads = (
        EndpointLoad(
            name=endpoint.name,
            kind=endpoint.kind,
            per_session=of.total,
            per_day=of.total * sessions,
            peak=of.total * peak,
            bytes_per_day=packed_bytes(endpoint, of, inputs) * sessions,
            nested_per_day=of.nested * sessions,
        )
        for endpoint, of in traffic.items()
    )
    return tuple(sorted((load for load in loads if load.per_day > 0), key=lambda load: (-load.per_day, load.name)))


def table_loads(
    rows: Mapping[WrittenTable, tuple[float, float]], sessions: float, peak: float
) -> tuple[TableLoad, ...]:
    """Per table, most rows first."""
    loads = (
        TableLoad(
            name=table.name,
            rows_per_day=count * sessions,
            peak=count * peak,
            index_entries_per_day=count * sessions * table.indexes,
            kept_bytes_per_day=kept * sessions * table.row_bytes,
        )
        for table, (count, kept) in rows.items()
    )
    return tuple(
        sorted((load for load in loads if load.rows_per_day > 0), key=lambda load: (-load.rows_per_day, load.name))
    )


def persona_requests(inputs: PlanInputs) -> dict[str, float]:
    """Requests per session of each persona of the mix."""
    return {
        persona: sum(of.requests for of in sent(amounts(persona, inputs), inputs).values())
        for persona in PERSONAS
        if inputs.mix.get(persona, 0.0) > 0
    }


def swipe_session(inputs: PlanInputs) -> SwipeSession:
    """One session of a swiper."""
    units = amounts("swiper", inputs)
    traffic = sent(units, inputs)
    rows = {table: count for table, (count, _) in written(units, traffic).items() if count > 0}
    decks = traffic[DECK]
    return SwipeSession(
        swipes=units[Driver.SWIPE],
        requests=sum(of.requests for of in traffic.values()),
        rows=sum(rows.values()),
        rows_of_decks=2 * decks.items + 2 * decks.total,  # impression and feature a card; request and rate limit a deck
        index_entries=sum(count * table.indexes for table, count in rows.items()),
        tables=tuple(
            (table.name, count) for table, count in sorted(rows.items(), key=lambda pair: (-pair[1], pair[0].name))
        ),
    )


def mean_session(
    inputs: PlanInputs,
) -> tuple[Amounts, dict[Endpoint, EndpointRequests], dict[WrittenTable, tuple[float, float]]]:
    """Drivers, requests and rows of the mix's mean session."""
    units = mean_amounts(inputs)
    # A session of everybody's mean does not exist, and would repeat itself more than anybody's.
    asked = sum(share * preflights(amounts(persona, inputs), inputs) for persona, share in inputs.mix.items())
    traffic = sent(units, inputs, asked)
    return units, traffic, written(units, traffic)
