"""Nothing that a run holds is judged by nobody: what fails, or takes long, is named, whether an SLO names it or not."""

from __future__ import annotations

import random

import pytest

from harness.core.errors import ExitCode
from harness.core.outcome import Outcome
from harness.core.slo import CatchAll, CatchAllBound, Exclusion
from harness.core.tables import View
from reports.render import html, junit, summary, terminal
from reports.verdict import Verdict, judge
from tests.reports import build

CALLS = ("delivery_receipt", "messages_poll", "presence", "swipe_events", "title_detail", "tmdb_search")
DOINGS = ("app_open", "landing", "search")


def run_of(
    catch_all: CatchAll | None = None,
    *,
    many: int = 300,
    slow: dict[str, float] | None = None,
    failing: dict[str, tuple[Outcome, float]] | None = None,
    **changes: object,
) -> build.Run:
    """A healthy minute of one operation that an SLO names and of others; `slow` in ms, `failing`: outcome and share."""
    run = build.Run(build.manifest((build.latency_slo(),), catch_all=catch_all or CatchAll(), **changes)).fit()
    run.spread([90.0] * 300)
    source = random.Random(3)
    for view, names in ((View.SERVER, CALLS), (View.E2E, DOINGS)):
        for name in names:
            outcome, share = (failing or {}).get(name, (Outcome.OK, 0.0))
            for number in range(many):
                took = (slow or {}).get(name, 80.0) * source.lognormvariate(0, 0.1)
                bad = (number * 7919 % many) < share * many
                run.add(
                    build.START + number * build.MEASURE_S // many,
                    took,
                    operation=name,
                    view=view,
                    outcome=outcome if bad else Outcome.OK,
                )
    return run.finished()


def judged(*arguments: object, **options: object) -> Verdict:
    return judge(run_of(*arguments, **options))  # type: ignore[arg-type]


def test_a_healthy_run_passes_and_says_what_it_could_not_show() -> None:
    found = judged(many=40)
    assert found.exit_code == ExitCode.PASS, found.reasons
    assert found.catch_all is not None
    row = next(row for row in found.catch_all.rows if row.name == "presence")
    assert (row.status, row.failures_text) == ("unshown", "40 of 40 good; too few to show")
    assert "Nothing else fails or is slow" in found.sentence
    assert {row.name for row in found.catch_all.rows} == {*CALLS, *DOINGS, "home_feed"}


def test_without_a_catch_all_in_its_record_a_run_is_judged_as_it_was() -> None:
    run = run_of(failing={"presence": (Outcome.SERVER_ERROR, 1.0)})
    run.manifest = run.manifest.model_copy(update={"catch_all": None})
    found = judge(run)
    assert (found.exit_code, found.catch_all, found.access, found.hidden) == (0, None, (), ())


@pytest.mark.parametrize("name", ["delivery_receipt", "presence", "landing"])
def test_what_always_fails_is_named(name: str) -> None:
    found = judged(failing={name: (Outcome.SERVER_ERROR, 1.0)})
    assert found.exit_code == ExitCode.SLO_MISSED
    assert f"{name} (" in found.sentence + " ".join(found.reasons)
    assert "300 of 300 failed (server_error)" in " ".join(found.reasons)


def test_half_of_a_call_refused_is_named() -> None:
    found = judged(failing={"title_detail": (Outcome.AUTH, 0.5)})
    assert found.exit_code == ExitCode.SLO_MISSED
    assert "title_detail (server): 150 of 300 failed (auth)" in " ".join(found.reasons)


SLOW = [("swipe_events", 3000), ("messages_poll", 5000), ("app_open", 15_000), ("landing", 15_000)]


@pytest.mark.parametrize(("name", "took_ms"), SLOW)
def test_what_is_slow_for_certain_is_named(name: str, took_ms: float) -> None:
    found = judged(slow={name: took_ms}, many=40)
    assert found.exit_code == ExitCode.SLO_MISSED
    assert f"{name} (" in found.sentence
    assert "p95" in found.sentence


def test_everything_outside_the_slos_answering_500_is_one_reason_that_names_them() -> None:
    found = judged(failing=dict.fromkeys(CALLS + DOINGS, (Outcome.SERVER_ERROR, 1.0)))
    assert found.exit_code == ExitCode.SLO_MISSED
    assert any(reason.startswith("9 calls or operations failed more often") for reason in found.reasons)


def test_two_percent_of_many_is_a_miss_and_of_few_is_told() -> None:
    many = judged(failing={"presence": (Outcome.TIMEOUT, 0.03)}, many=900)
    assert many.exit_code == ExitCode.SLO_MISSED
    few = judged(failing={"presence": (Outcome.TIMEOUT, 0.03)}, many=40)
    assert few.exit_code == ExitCode.PASS
    assert few.catch_all is not None
    row = next(row for row in few.catch_all.rows if row.name == "presence")
    assert row.failures_text == "38 of 40 good (timeout 2); too few to show"


def test_one_of_one_that_fails_is_a_doubt_and_no_pass() -> None:
    run = run_of()
    run.add(build.START + 5, 10.0, operation="unfollow", outcome=Outcome.REJECTED)
    found = judge(run.finished())
    assert found.exit_code == ExitCode.INCONCLUSIVE
    assert "unfollow (server): 1 of 1 failed (rejected); too few to be sure" in found.sentence


def test_an_exclusion_covers_its_outcome_alone_and_is_shown() -> None:
    excluded = Exclusion(name="presence", outcomes=(Outcome.SERVER_ERROR,), reason="fails as shipped, finding F12")
    quiet = judged(CatchAll(exclude=(excluded,)), failing={"presence": (Outcome.SERVER_ERROR, 1.0)})
    assert quiet.exit_code == ExitCode.PASS
    assert quiet.catch_all is not None
    assert quiet.catch_all.excluded == ("presence: server_error; fails as shipped, finding F12",)
    assert "F12" in "\n".join(terminal.rest(quiet))
    assert "F12" in summary.render(quiet)
    other = judged(CatchAll(exclude=(excluded,)), failing={"presence": (Outcome.REJECTED, 1.0)})
    assert other.exit_code == ExitCode.SLO_MISSED


def test_latency_can_be_excluded_and_bounded_by_name() -> None:
    slow = {"landing": 15_000.0}
    assert judged(CatchAll(exclude=(Exclusion(name="landing", latency=True, reason="ours"),)), slow=slow).exit_code == 0
    assert judged(CatchAll(bound=(CatchAllBound(name="landing", limit_ms=30_000),)), slow=slow).exit_code == 0
    tight = CatchAll(bound=(CatchAllBound(name="landing", limit_ms=50),))
    assert judged(tight).exit_code == ExitCode.SLO_MISSED


def test_a_latency_slo_keeps_its_operation_and_failures_are_judged_all_the_same() -> None:
    found = judged(slow=None)
    assert found.catch_all is not None
    row = next(row for row in found.catch_all.rows if row.name == "home_feed" and row.view == View.SERVER)
    assert (row.latency, row.limit_ms, row.note) == (None, None, "latency: its SLO")
    assert row.failures == "held"


def test_what_the_phone_gave_up_early_says_nothing_and_late_says_slow() -> None:
    early = judged(failing={"tmdb_search": (Outcome.GAVE_UP, 0.3)})
    assert early.exit_code == ExitCode.PASS
    late = judged(failing={"tmdb_search": (Outcome.GAVE_UP, 1.0)}, slow={"tmdb_search": 10_000.0})
    assert late.exit_code == ExitCode.SLO_MISSED
    assert "tmdb_search (server): p95" in late.sentence


def test_limits_hidden_by_retries_are_told_with_their_cost_and_many_are_a_miss() -> None:
    told = judged(failing={"title_detail": (Outcome.RATE_LIMITED, 0.033)}, many=900)
    assert told.exit_code == ExitCode.PASS
    (cost,) = told.hidden
    assert (cost.id, cost.times, cost.of) == ("rate limits", 30, 1800)
    assert 8 < cost.cost_s < 9
    assert "30 of 1,800 reads" in "\n".join(terminal.rest(told))
    assert judged(failing={"title_detail": (Outcome.RATE_LIMITED, 0.5)}).exit_code == ExitCode.SLO_MISSED
    written = judged(failing={"delivery_receipt": (Outcome.RATE_LIMITED, 0.05)})
    assert written.exit_code == ExitCode.SLO_MISSED, "nobody tries a write again"


def test_connections_that_close_after_each_reply_are_told_with_their_cost() -> None:
    run = run_of()
    for number in range(4000):
        run.add(build.START + number % 60, 5.0, operation="http", view=View.CONNECT)
    (cost,) = judge(run.finished()).hidden
    assert cost.id == "connections"
    assert "closes them after each reply" in cost.text
    usual = run_of()
    for number in range(400):
        usual.add(build.START + number % 60, 5.0, operation="http", view=View.CONNECT)
    assert judge(usual.finished()).hidden == ()


def test_every_page_names_what_was_missed() -> None:
    from reports.frames import load

    run = run_of(failing={"presence": (Outcome.SERVER_ERROR, 1.0)})
    found = judge(run)
    fault = "presence (server): 300 of 300 failed"
    assert fault in "\n".join(terminal.rest(found))
    assert fault in summary.render(found).replace("\\", "")
    assert fault in html.render(found, load(run))
    assert "catch-all: presence (server)" in junit.render(found)
