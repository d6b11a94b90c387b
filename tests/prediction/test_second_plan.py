"""Every headline figure of the plan, against a second working-out of it."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.plan import CapacityPlan, PlanInputs, load_prices, make
from harness.plan.files import PRICES
from tests.prediction import second_plan

CLOSE = 0.01


def values(inputs: PlanInputs) -> SimpleNamespace:
    """The inputs' values, and nothing that they can work out."""
    found = {name: getattr(inputs, name) for name in PlanInputs.__dataclass_fields__ if name != "app"}
    return SimpleNamespace(**found, presence_s=inputs.app.presence_every_s)


@pytest.fixture(scope="module")
def plan() -> CapacityPlan:
    return make(PlanInputs(), load_prices())


@pytest.fixture(scope="module")
def second() -> dict[str, float]:
    prices = tomllib.loads(PRICES.read_text(encoding="utf-8"))
    return second_plan.figures(values(PlanInputs()), prices)


TOTALS = (
    "rows written a day",
    "edge invocations a day",
    "requests at peak",
    "of them preflights",
    "database calls at peak",
    "sockets at peak",
    "database growth a day",
    "egress a month",
    "cost a month, published prices",
    "cost a month, whole",
)
BREAKS = (
    "presence messages",
    "changes poller, busy",
    "TMDb calls",
    "sockets at once",
    "database connections",
    "disk operations",
    "database size",
    "database change messages",
)


@pytest.mark.parametrize("name", TOTALS)
def test_totals(name: str, plan: CapacityPlan, second: dict[str, float]) -> None:
    assert plan.spread(name).likely == pytest.approx(second[name], rel=CLOSE)


@pytest.mark.parametrize("name", BREAKS)
def test_people_at_which_it_breaks(name: str, plan: CapacityPlan, second: dict[str, float]) -> None:
    people = {row.name: row.people for row in plan.figures.limits}
    assert people[name] == pytest.approx(second[name], rel=CLOSE)


def test_no_total_of_the_head_is_left_out(plan: CapacityPlan, second: dict[str, float]) -> None:
    assert {one.name for one in plan.totals} == set(TOTALS)
    assert set(second) == {*TOTALS, *BREAKS}


def test_another_day_too(plan: CapacityPlan) -> None:
    """Not fitted to the default day: other habits, another curve, another mix."""
    inputs = PlanInputs(
        dau=200_000,
        session_minutes=12,
        searches_per_session=3,
        messages_on_page=20,
        live_share=0.5,
        turns_per_session=2,
        titles_per_session=2,
        mix={
            **{"swiper": 0.3, "reader": 0.2, "chatter": 0.3, "searcher": 0.1},
            **{"commuter": 0.04, "newcomer": 0.03, "assistant_user": 0.03},
        },
    )
    prices = tomllib.loads(PRICES.read_text(encoding="utf-8"))
    found = second_plan.figures(values(inputs), prices)
    made = make(inputs, load_prices())
    for name in TOTALS[:7]:
        assert made.spread(name).likely == pytest.approx(found[name], rel=2 * CLOSE), name


def test_it_is_a_second_one() -> None:
    tree = ast.parse(Path(second_plan.__file__).read_text(encoding="utf-8"))
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    assert not [name for name in names if name.startswith(("harness", "reports"))]
