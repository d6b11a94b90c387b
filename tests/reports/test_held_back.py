"""What waited for the target's limits is the generator's doing, and the verdict says so."""

from __future__ import annotations

import pytest

from harness.client.http.wire_budget import CONNECTIONS, REQUESTS
from harness.core.tables import View
from harness.core.wire_limits import WireLimits
from reports import health, slo
from reports.frames import load
from reports.health_row import HealthRow
from tests.reports import build

LIMITS = WireLimits(requests_per_second=20, connections_per_second=20, sockets=140)


def limited() -> build.Run:
    run = build.Run(build.manifest(limits=LIMITS)).fit()
    run.spread([100.0] * 1000)
    return run


def row(run: build.Run) -> HealthRow | None:
    return {row.check: row for row in health.judge(load(run.finished()))}.get("target's limits")


def test_a_target_without_limits_has_no_such_row() -> None:
    assert row(build.Run(build.manifest()).fit()) is None


def test_nothing_held_back_is_fine() -> None:
    found = row(limited())
    assert found is not None
    assert (found.level, found.value) == ("valid", "held nothing back")


@pytest.mark.parametrize(("number", "level"), [(5, "suspect"), (10, "suspect"), (11, "invalid"), (500, "invalid")])
def test_more_than_a_hundredth_of_the_requests_is_a_veto(number: int, level: str) -> None:
    run = limited()
    run.add(30, 800.0, operation=REQUESTS, view=View.HELD, number=number - 1)
    run.add(31, 2000.0, operation=CONNECTIONS, view=View.HELD)
    found = row(run)
    assert found is not None
    assert found.level == level
    assert "20 requests/s, 20 new connections/s, 140 sockets" in found.reason
    assert f"{number:,} times for 1,000 requests" in found.reason
    assert "--scale" in found.remedy


def test_waits_in_the_warm_up_and_those_too_short_to_matter_do_not_count() -> None:
    run = limited()
    run.add(3, 800.0, operation=REQUESTS, view=View.HELD, number=900)
    run.add(30, 2.0, operation=REQUESTS, view=View.HELD, number=900)
    found = row(run)
    assert found is not None
    assert found.level == "valid"


def test_frames_on_open_sockets_are_no_requests() -> None:
    run = limited()
    run.add(30, 5.0, operation="realtime_heartbeat", number=100_000)
    run.add(30, 800.0, operation=REQUESTS, view=View.HELD, number=20)
    found = row(run)
    assert found is not None
    assert found.level == "invalid"


@pytest.mark.parametrize(("held", "status"), [(0, "fail"), (30, "inconclusive")])
def test_an_objective_that_only_the_waits_may_have_missed_is_not_answered(held: int, status: str) -> None:
    """Thirty of 300 operations are slow, and thirty waited: they may be the same."""
    objective = build.latency_slo("feed_ready", 400.0, view=View.E2E)
    run = build.Run(build.manifest([objective], limits=LIMITS)).fit()
    run.spread([900.0 if number % 10 == 0 else 100.0 for number in range(300)], operation="feed_ready", view=View.E2E)
    for second in range(build.START, build.START + held):
        run.add(second, 800.0, operation="feed_ready", view=View.HELD)
    found = slo.judge_latency(load(run.finished()), objective)
    assert found.status == status, found.note
