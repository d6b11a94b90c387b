"""The model beside what was measured: of the shipped behaviour, and of levers. (pure)

A measured factor is what a run's phones sent, over what the model has them send with that run's own quantities. It is a
figure of the app, so it holds for another day's habits too; the plan is remade with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from harness.core.app_client import AppClient
from harness.core.profile import Profile
from harness.plan import capacity, cost, measured
from harness.plan.calls import CallKind
from harness.plan.cost import Month
from harness.plan.inputs import PlanInputs
from harness.plan.measured import MonthFigure, Share
from harness.plan.prices import Prices, Usage
from harness.plan.run_peak import units_of

APART = 0.10
"""A share by which model and measurement may differ before the page says so."""
PREFLIGHT = "OPTIONS preflight"
MATTERS = 0.01
"""Of all requests: endpoints with less are not shown one by one."""


@dataclass(frozen=True, slots=True)
class BesideRow:
    """One figure of a session, by model and as measured; low, high: of the measured one, where it has an interval."""

    name: str
    modelled: float
    measured: float
    low: float | None = None
    high: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.measured / self.modelled if self.modelled else None

    @property
    def apart(self) -> bool:
        """More than APART of the modelled figure between them."""
        return abs(self.measured - self.modelled) > APART * self.modelled


@dataclass(frozen=True, slots=True)
class Beside:
    """source: what was measured. month: the plan by model, and with the measured factors."""

    source: str
    session: tuple[BesideRow, ...]  # totals of one session
    endpoints: tuple[BesideRow, ...]  # those that matter, most requests first
    month: tuple[MonthFigure, ...]

    @property
    def parted(self) -> tuple[str, ...]:
        """Where they part."""
        rows = [row.name for row in (*self.session, *self.endpoints) if row.apart]
        return (*rows, *(row.name for row in self.month if row.ratio is not None and abs(row.ratio - 1) > APART))


def modelled_session(profile: Profile) -> dict[str, Share]:
    """The mean session of a profile's mix, by model, with its own quantities."""
    browser = profile.client is AppClient.BROWSER
    found: dict[str, Share] = {}
    for persona, share in profile.mix.items():
        units, inputs, _ = units_of(persona, profile.behaviour.get(persona, {}), browser=browser)
        for name, of in measured.shares(units, inputs).items():
            before = found.get(name, Share())
            found[name] = Share(
                before.requests + share * of.requests,
                before.rows + share * of.rows,
                before.bytes_in + share * of.bytes_in,
            )
    return found


def shipped(
    source: str,
    modelled: Mapping[str, Share],
    seen: Mapping[str, Share],
    inputs: PlanInputs,
    prices: Prices,
    *,
    rows: float | None = None,
) -> Beside:
    """The shipped behaviour. seen: requests, rows and bytes per session, by endpoint; rows: of a session, where they
    are known for all endpoints together only. Bytes of 0 are taken as not measured."""
    found = totals(modelled, seen, rows)
    all_requests = sum(of.requests for of in modelled.values())
    names = sorted({*modelled, *seen}, key=lambda name: -max(_requests(modelled, name), _requests(seen, name)))
    endpoints = tuple(
        BesideRow(name, _requests(modelled, name), _requests(seen, name))
        for name in names
        if max(_requests(modelled, name), _requests(seen, name)) > MATTERS * all_requests
    )
    grown = next((row.ratio or 1.0 for row in found if row.name == "rows written"), 1.0)
    session = _factored(modelled, seen, inputs, None if rows is None else grown)
    return Beside(source, tuple(found), endpoints, measured.month_figures(session, inputs, prices))


def totals(modelled: Mapping[str, Share], seen: Mapping[str, Share], rows: float | None = None) -> list[BesideRow]:
    """A session's totals; what was not measured is left out. rows: measured, where no endpoint has its own."""
    made = [
        _total("requests", modelled, seen, "requests", lambda name: name != PREFLIGHT),
        _total("preflights", modelled, seen, "requests", lambda name: name == PREFLIGHT),
        _total("edge invocations", modelled, seen, "requests", lambda name: name.startswith("POST functions/")),
        _total("rows written", modelled, seen, "rows", lambda _: True),
        _total("bytes received", modelled, seen, "bytes_in", lambda _: True),
    ]
    if rows is not None:
        made[3] = BesideRow("rows written", made[3].modelled, rows)
    return [row for row in made if row.measured or row.name in ("requests", "edge invocations")]


def _total(
    name: str, modelled: Mapping[str, Share], seen: Mapping[str, Share], field: str, wanted: Callable[[str], bool]
) -> BesideRow:
    both = [sum(getattr(of, field) for one, of in found.items() if wanted(one)) for found in (modelled, seen)]
    return BesideRow(name, *both)


def _requests(found: Mapping[str, Share], name: str) -> float:
    return found.get(name, Share()).requests


def _factored(
    modelled: Mapping[str, Share], seen: Mapping[str, Share], inputs: PlanInputs, rows: float | None
) -> dict[str, Share]:
    """The plan's mean session with each endpoint's measured factor. An endpoint that the run's model does not have, or
    that only pictures ask, stays as planned."""
    made: dict[str, Share] = {}
    for name, of in measured.mean_session(inputs).items():
        model, found = modelled.get(name, Share()), seen.get(name, Share())
        if not model.requests or (not found.requests and name in measured.NOT_OF_PHONES):
            made[name] = of
            continue
        sent = found.requests / model.requests
        each = sent if not model.bytes_in or not found.bytes_in else found.bytes_in / model.bytes_in
        written = rows if rows is not None else (found.rows / model.rows if model.rows else sent)
        made[name] = Share(of.requests * sent, of.rows * written, of.bytes_in * each)
    return made


# ---- levers -----------------------------------------------------------------------------------------------------


MEASURES = ("requests", "preflights", "invocations", "rows", "realtime_messages", "bytes_in")


@dataclass(frozen=True, slots=True)
class LeverFigure:
    """One figure of the plan's month: as shipped, with the levers by model (None: no model), with measured factors."""

    name: str
    unit: str
    shipped: float
    modelled: float | None
    measured: float


def levers(
    inputs: PlanInputs,
    moved: PlanInputs | None,
    factors: Mapping[str, float],
    prices: Prices,
    by_endpoint: Mapping[str, float] | None = None,
) -> tuple[LeverFigure, ...]:
    """inputs: without the levers; moved: with them, where they have a model. factors: measured ones, by MEASURES.

    by_endpoint: of each endpoint's requests. They outrank the factors of a whole session, which is another one where
    sessions are short and their page load is most of them.
    """
    base = capacity.core(inputs, prices)
    if by_endpoint:
        factors = {**factors, **session_factors(base, by_endpoint)}
    other = capacity.core(moved, prices) if moved is not None else None
    month = scaled(base, factors)
    bill = cost.monthly(month, base.compute, prices)
    rows = []
    for name, unit, of in FIGURES:
        model = of(other.month) if other is not None else None
        rows.append(LeverFigure(name, unit, of(base.month), model, of(month)))
    after = other.cost.total if other is not None else None
    return (*rows, LeverFigure("cost", prices.currency, base.cost.total, after, bill.total))


def session_factors(base: capacity.Core, by_endpoint: Mapping[str, float]) -> dict[str, float]:
    """What factors of endpoints make of the plan's own session. Calls between functions stay."""
    before, after = dict.fromkeys(SENT, 0.0), dict.fromkeys(SENT, 0.0)
    for endpoint, of in base.session.sent.items():
        factor = by_endpoint.get(" ".join(endpoint.name.split()[:2]), 1.0)
        kinds = ["preflights" if endpoint.name == PREFLIGHT else "requests"]
        kinds += ["invocations"] if endpoint.kind is CallKind.EDGE else []
        for kind in kinds:
            nested = of.nested if kind == "invocations" else 0.0
            before[kind] += of.requests + nested
            after[kind] += of.requests * factor + nested
    return {kind: after[kind] / before[kind] for kind in SENT if before[kind]}


SENT = ("requests", "preflights", "invocations")
FIGURES: tuple[tuple[str, str, Callable[[Month], float]], ...] = (
    ("requests", "", lambda month: month.counted["requests"]),
    ("edge invocations", "", lambda month: month.asked["edge_invocations"]),
    ("rows written", "", lambda month: month.counted["rows"]),
    ("realtime messages", "", lambda month: month.delivered["realtime_messages"]),
    ("egress", "GB", lambda month: month.delivered["egress_gb"]),
)


def scaled(base: capacity.Core, factors: Mapping[str, float]) -> Month:
    """A month with measured factors; what was not measured stays."""
    month, session = base.month, base.session
    rows, edge = factors.get("rows", 1.0), factors.get("invocations", 1.0)
    plain = session.requests - session.preflights
    sent = plain * factors.get("requests", 1.0) + session.preflights * factors.get("preflights", 1.0)
    ratio = sent / session.requests if session.requests else 1.0

    def moved(before: Mapping[Usage, float]) -> dict[Usage, float]:
        return {
            **before,
            "edge_invocations": before["edge_invocations"] * edge,
            "realtime_messages": before["realtime_messages"] * factors.get("realtime_messages", 1.0),
            "egress_gb": before["egress_gb"] * factors.get("bytes_in", 1.0),
            "disk_gb": before["disk_gb"] * rows,
            "disk_operations": before["disk_operations"] * rows,
            "disk_mb": before["disk_mb"] * rows,
        }

    counted = month.counted
    return replace(
        month,
        delivered=moved(month.delivered),
        asked=moved(month.asked),
        counted={
            **counted,
            "requests": counted["requests"] * ratio,
            "log_events": counted["log_events"] * ratio,
            "rows": counted["rows"] * rows,
        },
    )
