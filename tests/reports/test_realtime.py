"""Realtime's part of the verdict, from known facts."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.delivery_facts import ChannelState, ChannelTopic, DeliveryFact, FactKind
from harness.core.errors import ExitCode
from harness.core.tables import View
from harness.plan.files import load_prices
from harness.prove.verdicts import Judged, warned
from harness.record.clocks import ClockOffset
from reports.frames import load
from reports.render import html as render_html
from reports.render import junit, summary, terminal, verdict_json
from reports.verdict import Verdict, judge, judge_frames
from tests.reports import build

ROOM = "5b0c7d2e-8f14-4c1b-9a63-2d7e90f4a111"
S = 1_000_000
T = (build.START + 5) * S


def opened(person: int, worker: int = 0, at: int = T - 2 * S) -> list[DeliveryFact]:
    states = (ChannelState.JOINING, ChannelState.JOINED, ChannelState.LISTENING)
    return [
        DeliveryFact(at + n, worker, FactKind.CHANNEL, person, ROOM, str(ChannelTopic.CHANGES), str(state))
        for n, state in enumerate(states)
    ]


def left(person: int, worker: int = 0, heard_us: int | None = None) -> DeliveryFact:
    return DeliveryFact(
        T + 50 * S, worker, FactKind.CHANNEL, person, ROOM, str(ChannelTopic.CHANGES), str(ChannelState.LEFT), heard_us
    )


def sent(number: int, worker: int = 0) -> list[DeliveryFact]:
    at = T + number * 100_000
    return [
        DeliveryFact(at, worker, FactKind.SENT, 1, ROOM, f"m{number}"),
        DeliveryFact(at + 20_000, worker, FactKind.STORED, 1, ROOM, f"m{number}", f"row{number}", at),
    ]


def heard(number: int, person: int, ms: int, worker: int = 0) -> DeliveryFact:
    at = T + number * 100_000 + ms * 1000
    return DeliveryFact(at, worker, FactKind.HEARD, person, ROOM, f"m{number}", f"row{number}", at)


def chat(
    messages: int = 100, missing: tuple[int, ...] = (), *, unreturned: tuple[int, ...] = (), worker: int = 0
) -> build.Run:
    """Person 1 writes to person 2, whose frames come after 200 ms; the `missing` ones never, nor the `unreturned` ones
    to person 1."""
    run = build.Run(build.manifest([build.latency_slo("message_delivery", 1000.0, view=View.DELIVERY)])).fit()
    run.facts += opened(1) + opened(2, worker)
    for number in range(messages):
        run.facts += sent(number)
        if number not in unreturned:
            run.facts.append(heard(number, 1, 210))
        if number not in missing:
            run.facts.append(heard(number, 2, 200, worker))
    run.facts += [left(1), left(2, worker)]
    run.gauges += [
        {"second": second, "worker": 0, "what": what, "value": value}
        for second in range(build.END)
        for what, value in (
            ("sockets", 2), ("channels", 6), ("conversations", 2),
            ("frames postgres_changes", 40), ("changes messages", 20),
        )
    ]  # fmt: skip
    return run


def verdict(run: build.Run) -> Verdict:
    return judge_frames(load(run), plans=load_prices().plans)


def test_delivery_has_its_own_objective() -> None:
    found = verdict(chat())
    assert (found.exit_code, found.verdict) == (ExitCode.PASS, "pass")
    row = found.slos[0]
    assert (row.view, row.samples, row.status) == (View.DELIVERY, 100, "pass")
    assert row.value is not None
    assert abs(row.value - 200) <= 1
    assert found.realtime is not None
    assert {one.what: (one.expected, one.delivered, one.lost) for one in found.realtime.members} == {
        "messages to others": (100, 100, 0),
        "messages to their sender's own socket": (100, 100, 0),
    }
    assert found.realtime.members_per_message == 2.0
    assert found.realtime.peaks == {"sockets": 2, "channels": 6, "conversations": 2}
    assert all(audit.ok for audit in found.realtime.audits)


def test_a_lost_message_is_a_failure_on_data_and_named() -> None:
    found = verdict(chat(missing=(7,)))
    assert found.exit_code == ExitCode.DATA
    assert "m7" in found.sentence
    assert found.slos[0].status == "pass", "one of a hundred is within the percentile"
    assert found.slos[0].failed == 1
    assert found.realtime is not None
    assert [(one.what, one.key, one.person) for one in found.realtime.wrong] == [("lost", "m7", 2)]


def test_a_message_that_does_not_come_back_to_its_sender_is_lost_as_well() -> None:
    found = verdict(chat(unreturned=(3, 4)))
    assert found.exit_code == ExitCode.DATA
    assert "lost 2 stored messages on channels that stayed up, 2 on the way back to their sender: m3, m4" in (
        found.sentence
    )


def test_doubled_and_misdelivered_are_failures_on_data() -> None:
    for kind, what in (
        (FactKind.DOUBLED, "doubled"),
        (FactKind.STRANGE, "misdelivered"),
        (FactKind.MISDATED, "misdated"),
        (FactKind.UNTOLD, "untold"),
        (FactKind.CONTRADICTED, "contradicted"),
    ):
        run = chat()
        run.facts.append(DeliveryFact(T, 0, kind, 2, ROOM, "row7", "messages INSERT"))
        found = verdict(run)
        assert found.exit_code == ExitCode.DATA
        assert "row7" in found.sentence
        assert found.realtime is not None
        assert [one.what for one in found.realtime.wrong] == [what]
        for text in (
            summary.render(found),
            junit.render(found),
            render_html.render(found, load(run)),
            "\n".join(terminal.plain(found, build_folder())),
        ):
            assert what in text or "row7" in text


def test_what_a_channel_passed_over_is_named_by_its_table() -> None:
    run = chat()
    for key, how in (("row7", "message_reactions written"), ("row8", "message_read_receipts polled")):
        run.facts.append(DeliveryFact(T, 0, FactKind.UNTOLD, 2, ROOM, key, how))
    run.facts.append(DeliveryFact(T, 0, FactKind.CONTRADICTED, 2, ROOM, "row9", "message_reactions -18,000.0 s"))
    found = verdict(run)
    assert found.realtime is not None
    assert (found.realtime.untold, found.realtime.contradicted) == (2, 1)
    assert found.realtime.reasons == (
        "Realtime never told of 2 receipts and reactions that were stored, on channels that brought later changes "
        "(1 of message_reactions; 1 of message_read_receipts; 1 first seen by a poll): row7, row8.",
        "Polls and answers show 1 row otherwise than the change that told of it "
        "(message_reactions by -18,000.0 s): row9.",
    )


def test_a_message_that_is_told_of_under_another_id_than_its_sender_was_answered() -> None:
    run = chat(missing=(3, 4))
    for number in (3, 4):
        run.facts.append(heard(number, 2, 200)._replace(detail=f"other{number}"))
    run.facts.append(heard(5, 2, 300)._replace(key="m-unknown", detail="other5"))  # of nobody whose answer is known
    found = verdict(run)
    assert found.exit_code == ExitCode.DATA
    assert found.realtime is not None
    assert (found.realtime.lost, found.realtime.contradicted) == (0, 2)
    assert found.realtime.reasons == (
        "Polls and answers show 2 rows otherwise than the change that told of them "
        "(messages under another id): m3, m4.",
    )


@pytest.mark.parametrize("tells", [True, False])
def test_a_receipt_written_once_more_is_missed_only_where_the_target_tells_of_such(tells: bool) -> None:
    run = chat()
    run.facts.append(DeliveryFact(T, 0, FactKind.UNTOLD, 2, ROOM, "row7", "message_delivery_receipts rewritten"))
    if tells:
        run.facts.append(DeliveryFact(T, 0, FactKind.AGAIN, 1, ROOM, "message_delivery_receipts"))
    found = verdict(run)
    assert found.exit_code == (ExitCode.DATA if tells else ExitCode.PASS)
    assert found.realtime is not None
    assert found.realtime.untold == int(tells)


def test_an_outage_misses_the_objective_but_loses_no_data() -> None:
    run = chat(messages=10)
    run.facts.append(
        DeliveryFact(T + 2 * S, 0, FactKind.CHANNEL, 2, ROOM, str(ChannelTopic.CHANGES), str(ChannelState.DOWN))
    )
    for number in range(30, 40):
        run.facts += [*sent(number), heard(number, 1, 210)]
        at = T + number * 100_000 + 1_500_000
        run.facts.append(DeliveryFact(at, 0, FactKind.POLLED, 2, ROOM, f"m{number}"))
    found = verdict(run)
    assert found.exit_code == ExitCode.SLO_MISSED
    assert found.realtime is not None
    row = next(one for one in found.realtime.members if one.what == "messages to others")
    assert (row.delivered, row.reconnecting, row.lost) == (10, 10, 0)
    assert (found.realtime.polled, found.realtime.polled_p95_ms) == (10, 1500.0)


def test_clocks_of_two_machines() -> None:
    """Worker 1 is three seconds slow; corrected, its frames came 200 ms after the send."""
    run = chat(worker=1)
    run.facts = [fact._replace(at_us=fact.at_us - 3 * S) if fact.worker == 1 else fact for fact in run.facts]
    clocks = (
        ClockOffset(worker=0, offset_us=0, uncertainty_us=1_500, rounds=9),
        ClockOffset(worker=1, offset_us=3 * S, uncertainty_us=2_500, rounds=9),
    )
    run.manifest = run.manifest.model_copy(update={"clocks": clocks})
    found = verdict(run)
    assert found.slos[0].value is not None
    assert abs(found.slos[0].value - 200) <= 1
    assert found.realtime is not None
    assert (found.realtime.across_workers, found.realtime.clock_uncertainty_ms) == (100, 4.0)


def test_audits_find_leaks_and_second_channels_and_stored_signals() -> None:
    run = chat(messages=1)
    run.facts += opened(2, at=T + S)
    run.facts.append(DeliveryFact(T + 60 * S, 0, FactKind.LEAKED, 2, ROOM, str(ChannelTopic.CHANGES)))
    run.gauges.append({"second": 1, "worker": 0, "what": "changes typing_signals", "value": 1})
    found = verdict(run)
    assert found.realtime is not None
    assert [audit.ok for audit in found.realtime.audits] == [False, False, False]


def test_a_run_without_realtime_says_nothing_of_it() -> None:
    found = judge(build.realistic(seed=1))
    assert found.realtime is None
    assert "Realtime" not in summary.render(found)


def test_limits_and_cost_stand_beside_the_measured() -> None:
    run = chat()
    run.add(build.START, 30, operation="message_send", number=100)
    found = verdict(run).realtime
    assert found is not None
    limits = {row.what: row for row in found.limits}
    assert limits["sockets at once"].measured == 2
    assert limits["sockets at once"].limits["Free"] == 200
    cost = {row.table: row for row in found.cost}
    assert (cost["messages"].writes, cost["messages"].subscriptions) == (100, 2)
    assert cost["messages"].busy_share > 0


def build_folder() -> Path:

    return Path("runs/x")


def test_a_channel_that_falls_silent_in_short_chats_is_exit_11_and_says_how_it_was_seen() -> None:
    """As planted in the field: silent a few seconds after the join, the socket up, polls bring everything, and every
    chat closes long before thirty seconds."""
    run = build.Run(build.manifest([build.latency_slo("message_delivery", 1000.0, view=View.DELIVERY)])).fit()
    run.facts += opened(1) + opened(2)
    for number in range(20):
        run.facts += [*sent(number), heard(number, 1, 210)]
        if number < 15:
            run.facts.append(heard(number, 2, 200))
        else:
            poll = T + 5 * S
            run.facts.append(DeliveryFact(poll, 0, FactKind.POLLED, 2, ROOM, f"m{number}", f"row{number}"))
    closed = str(ChannelTopic.CHANGES), str(ChannelState.LEFT)
    run.facts += [DeliveryFact(T + 9 * S, 0, FactKind.CHANNEL, person, ROOM, *closed) for person in (1, 2)]
    found = verdict(run)
    assert found.exit_code == ExitCode.DATA
    assert "lost 5 stored messages on channels that stayed up, 5 of them first seen by a poll" in found.sentence
    assert found.realtime is not None
    assert found.realtime.wrong[0].detail == "a poll brought it after 3.5 s while the channel was up"


def test_typing_and_presence_that_go_missing_are_warned_of_and_change_no_exit_code() -> None:
    run = chat()
    assert (found := verdict(run).realtime) is not None
    assert found.warnings == ()
    typing = str(ChannelTopic.TYPING)
    for person in (1, 2):
        run.facts.append(DeliveryFact(T, 0, FactKind.CHANNEL, person, ROOM, typing, str(ChannelState.JOINED)))
    run.facts += [DeliveryFact(T + n * S, 0, FactKind.SAID, 1, ROOM, f"1.1.{n}", "socket") for n in range(1, 5)]
    run.spread([50.0] * 10, operation="realtime_join_presence")
    judged = verdict(run)
    assert judged.exit_code == ExitCode.PASS
    assert judged.realtime is not None
    assert judged.realtime.warnings == (
        "4 of 4 typing signals never reached a chat that was open.",
        "10 of 10 presence channels joined and never heard who is there.",
        "10 presence channels joined and nobody heard anybody come or go.",
    )
    assert "warning: 4 of 4 typing signals" in "\n".join(terminal.plain(judged, Path("runs/x")))
    assert "warning: 4 of 4 typing signals" in summary.render(judged)
    as_proved = Judged.model_validate_json(verdict_json.render(judged))
    assert warned(as_proved) == ("warning: typing", "warning: presence"), "a proof reads them by these words"


@pytest.mark.parametrize(("heard", "told"), [(7, True), (10, False)])
def test_presence_channels_that_hear_nothing_are_counted_by_channel_and_not_by_frame(heard: int, told: bool) -> None:
    """A server may tell one channel twice: one list of three that is dropped is still more frames than channels."""
    run = chat()
    run.spread([50.0] * 10, operation="realtime_join_presence")
    run.spread([5.0] * heard, operation="realtime_presence")
    for what in ("frames presence_state", "frames presence_diff"):
        run.gauges.append({"second": build.START + 1, "worker": 0, "what": what, "value": 15})
    found = verdict(run).realtime
    assert found is not None
    wanted = ("3 of 10 presence channels joined and never heard who is there.",) if told else ()
    assert found.warnings == wanted


def test_rates_of_an_aborted_run_divide_by_what_was_measured() -> None:
    def rate(*, complete: bool) -> float:
        run = chat()
        run.add(build.START, 30.0, operation="message_send", number=100)
        run.complete = complete
        found = verdict(run).realtime
        assert found is not None
        return next(row.changes_per_s for row in found.cost if row.table == "messages")

    whole, broken = rate(complete=True), rate(complete=False)
    assert whole == 100 / build.END
    assert broken > 2 * whole
