"""The plan beside measured sessions: one that is the plan changes nothing, and what changes moves its figure."""

from __future__ import annotations

import pytest

from harness.client.api.endpoints import ENDPOINTS
from harness.plan import PlanInputs, load_prices
from harness.plan.measured import MonthFigure, Share, month_figures, planned_session
from harness.plan.traffic import persona_requests

INPUTS, PRICES = PlanInputs(), load_prices()


def mean_session() -> dict[str, Share]:
    found: dict[str, Share] = {}
    for persona, share in INPUTS.mix.items():
        for name, of in planned_session(persona, INPUTS).items():
            before = found.get(name, Share())
            found[name] = Share(
                before.requests + share * of.requests,
                before.rows + share * of.rows,
                before.bytes_in + share * of.bytes_in,
            )
    return found


def figures(session: dict[str, Share]) -> dict[str, MonthFigure]:
    return {row.name: row for row in month_figures(session, INPUTS, PRICES)}


def test_sessions_as_planned_make_the_month_as_planned() -> None:
    rows = figures(mean_session())
    assert rows.keys() == {"requests", "edge invocations", "rows written", "egress", "cost"}
    for name, row in rows.items():
        # Rows of functions that functions call, five catalogue syncs a search, are the plan's alone.
        assert row.ratio == pytest.approx(1.0, rel=0.02 if name in ("rows written", "cost") else 1e-9), name


def test_twice_the_requests_are_twice_the_month_and_dearer() -> None:
    twice = {name: Share(2 * of.requests, 2 * of.rows, 2 * of.bytes_in) for name, of in mean_session().items()}
    rows = figures(twice)
    assert rows["requests"].ratio == pytest.approx(2.0)
    assert rows["edge invocations"].ratio == pytest.approx(2.0)
    assert 1.0 < (rows["cost"].ratio or 0.0) < 2.0  # the subscription and Realtime stay


def test_a_planned_session_has_the_plans_requests() -> None:
    for persona, requests in persona_requests(INPUTS).items():
        assert sum(of.requests for of in planned_session(persona, INPUTS).values()) == pytest.approx(requests)


def test_the_plan_and_the_phones_call_endpoints_alike() -> None:
    """But for the pictures, which a browser loads and phones do not."""
    planned = {name for persona in INPUTS.mix for name in planned_session(persona, INPUTS)}
    assert planned - set(ENDPOINTS.values()) == {"GET storage/avatars"}
