"""Who is kept out, or from going on, is counted and named; a run without them is no pass."""

from __future__ import annotations

from typing import Any

from harness.core.errors import ExitCode
from harness.core.fault_record import FaultWindow
from harness.core.outcome import Outcome
from harness.core.scheduled_fault import Allow
from harness.core.slo import CatchAll, Exclusion
from harness.core.tables import View
from reports.access import AccessRow
from reports.verdict import Verdict, judge
from tests.reports import build


def visits(ends: list[str], *, persona: str = "swiper", **changes: object) -> build.Run:
    """A healthy minute in which sessions end so."""
    run = build.Run(build.manifest((build.latency_slo(),), **{"catch_all": CatchAll(), **changes})).fit()
    run.spread([90.0] * 300)
    for number, end in enumerate(ends):
        at = 1.0 + number * 60.0 / len(ends)
        run.session(at, at, at + 5.0, end=end, person=number, persona=persona)
        run.requests.append(
            {"ticket": number, "worker": 0, "call": "swipe_deck", "requests": 1, "failed": 0, "seconds": 0.1}
            | {"bytes_out": 1, "bytes_in": 1, "rows": 0}
        )
    return run


def row(found: Verdict, id_: str) -> AccessRow:
    return next(row for row in found.access if row.id == id_)


def test_everybody_in_and_done_is_a_pass() -> None:
    found = judge(visits(["finished"] * 96).finished())
    assert found.exit_code == ExitCode.PASS, found.reasons
    assert row(found, "sessions").text == "96 of 96 sessions went on until their person was done"


def test_a_sign_in_limit_is_a_finding_of_its_own() -> None:
    run = visits(["finished"] * 58 + ["limited"] * 38)
    for number in range(96):
        outcome = Outcome.RATE_LIMITED if number >= 58 else Outcome.OK
        run.add(build.START + number // 2, 30.0, operation="sign_in", view=View.E2E, outcome=outcome)
    found = judge(run.finished())
    assert found.exit_code == ExitCode.SLO_MISSED
    assert found.sentence.startswith("The target's sign-in limit, not the app, kept 38 of 96 people out")


def test_one_person_kept_out_by_a_limit_is_no_pass() -> None:
    found = judge(visits(["finished"] * 95 + ["limited"]).finished())
    assert found.exit_code == ExitCode.INCONCLUSIVE
    assert "kept 1 of 96 people out" in found.sentence


def test_a_session_that_could_not_go_on_is_not_finished() -> None:
    found = judge(visits(["finished"] * 80 + ["stopped"] * 10 + ["kept_out"] * 6).finished())
    assert found.exit_code == ExitCode.SLO_MISSED
    assert "80 of 96 sessions went on until their person was done (6 never got in, 10 swipers got no further)" in (
        found.sentence
    )
    assert (found.facts.sessions.finished, found.facts.sessions.broken_off) == (80, 16)


def test_two_of_five_that_cannot_sign_in_miss() -> None:
    run = visits(["finished"] * 96)
    for number in range(100):
        outcome = Outcome.SERVER_ERROR if number % 5 < 2 else Outcome.OK
        run.add(build.START + number // 2, 30.0, operation="sign_in", view=View.E2E, outcome=outcome)
    found = judge(run.finished())
    assert found.exit_code == ExitCode.SLO_MISSED
    assert "60 of 100 sign-ins worked (server_error 40)" in found.sentence


def test_what_was_planned_and_never_happened_is_no_pass() -> None:
    run = visits(["finished"] * 20, persona="chatter")
    found = judge(run.finished())
    assert found.exit_code == ExitCode.INCONCLUSIVE
    assert "20 of 20 chatter sessions ended without message_send" in found.sentence


def test_sessions_that_find_their_phone_busy_to_the_end_are_told() -> None:
    run = visits(["finished"] * 60)
    for number in range(20):
        run.session(50.0, None, None, person=number, late_cause="phone_busy")
    found = judge(run.finished())
    assert found.exit_code == ExitCode.INCONCLUSIVE
    assert "20 of 80 planned sessions never began" in found.sentence


def test_faults_of_the_profile_keep_nobody_out_of_the_targets_account() -> None:
    fault = FaultWindow(
        name="chaos:link",
        kind="chaos",
        entry="link",
        fault="link",
        layer="phone",
        start_s=0.0,
        end_s=100.0,
        share=1.0,
        cohort=(0.0, 1.0),
        allow=Allow(),
        judged=True,
    )
    found = judge(visits(["kept_out"] * 40, chaos=(fault,)).finished())
    assert [one for one in found.access if one.bad] == []


def sockets(opened: int, ended: int, outcome: Outcome = Outcome.NETWORK, **changes: Any) -> Verdict:
    run = visits(["finished"] * 96, **changes)
    for number in range(opened):
        run.add(build.START + number % 50, 5.0, operation="realtime_connect", view=View.SERVER)
    for number in range(ended):
        run.add(build.START + number % 50, 0.0, operation="realtime_drop", view=View.SERVER, outcome=outcome)
    return judge(run.finished())


def test_sockets_that_the_target_ends_are_a_miss_with_their_number() -> None:
    found = sockets(60, 12)
    assert found.exit_code == ExitCode.SLO_MISSED
    assert "48 of 60 Realtime sockets stayed open until their phone closed them (network 12)" in found.sentence


def test_sockets_that_phones_close_or_their_own_tunnels_end_are_nobodys_fault() -> None:
    for found in (sockets(60, 0), sockets(60, 12, Outcome.GAVE_UP)):
        assert found.exit_code == ExitCode.PASS, found.reasons
        assert row(found, "sockets").bad == 0
    assert found.catch_all is not None
    assert "realtime_drop" not in [one.name for one in found.catch_all.rows]


def open_for(each_s: int, ended_at: tuple[int, ...], opened: int = 60) -> Verdict:
    """Sixty sockets, open so many seconds each, one after the other; some ended by the target."""
    run = visits(["finished"] * 96)
    for number in range(opened):
        run.add(build.START + number % 50, 5.0, operation="realtime_connect", view=View.SERVER)
    for second in range(build.START, build.END):
        run.gauges.append({"second": second, "worker": 0, "what": "sockets", "value": opened * each_s // 60})
    for second in ended_at:
        run.add(build.START + second, 0.0, operation="realtime_drop", view=View.SERVER, outcome=Outcome.NETWORK)
    return judge(run.finished())


def test_two_ends_in_minutes_of_open_sockets_are_more_than_one_an_hour() -> None:
    found = open_for(4, (10, 40))
    assert found.exit_code == ExitCode.SLO_MISSED
    assert "58 of 60 Realtime sockets stayed open until their phone closed them (network 2)" in found.sentence


def test_two_ends_in_hours_of_open_sockets_or_of_one_moment_are_not() -> None:
    for found in (open_for(120, (10, 40)), open_for(4, (10, 11)), open_for(4, (10,))):
        assert (row(found, "sockets").status, found.exit_code) == ("unshown", ExitCode.PASS)


def test_an_slo_file_can_leave_the_ends_of_sockets_out() -> None:
    out = CatchAll(exclude=(Exclusion(name="realtime_drop", reason="the proxy of this office ends them"),))
    found = sockets(60, 12, catch_all=out)
    assert found.exit_code == ExitCode.PASS, found.reasons
    assert [one for one in found.access if one.id == "sockets"] == []
