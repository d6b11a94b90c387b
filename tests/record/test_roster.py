"""Sequence numbers, counters and silences: what the master knows about its workers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.core.outcome import Outcome
from harness.core.phase_window import Window
from harness.core.tables import LATENCY, Phase, View
from harness.record.recorder import Recorder
from harness.record.roster import LOST_S, MAX_GAPS, Counters, ReportSequence, Roster


@given(st.lists(st.integers(1, 30), max_size=60))
def test_a_sequence_knows_what_came_twice_and_what_never_came(numbers: list[int]) -> None:
    sequence, seen = ReportSequence(), set[int]()
    for number in numbers:
        assert sequence.add(number) == (number not in seen)
        seen.add(number)
    assert sequence.highest == max(numbers, default=0)
    assert sequence.missing == sequence.highest - len(seen)
    assert sequence.repeated == len(numbers) - len(seen)


def test_a_sequence_stays_small_whatever_comes() -> None:
    sequence = ReportSequence()
    for number in range(2, 10 * MAX_GAPS, 2):
        assert sequence.add(number)
    assert sequence.missing == 5 * MAX_GAPS - 1
    assert len(sequence._gaps) == MAX_GAPS
    assert sequence.add(10**15)
    assert sequence.missing == 10**15 - 5 * MAX_GAPS


def hear(roster: Roster, worker: int, number: int, now_s: float, **facts: object) -> bool:
    return roster.hears(worker, number, now_s, sent=Counters(), final=bool(facts.get("final")))


def test_silence_makes_a_worker_lost_and_a_word_brings_it_back() -> None:
    roster = Roster([5, 5], -3.0)
    lost: dict[float, list[int]] = {}
    for second in range(-3, 20):
        now = float(second)
        if second >= 0:
            hear(roster, 0, second + 1, now)
        if 0 <= second <= 4 or second >= 15:
            hear(roster, 1, second + 1, now)
        if found := roster.check(now):
            lost[now] = found
    assert lost == {10.0: [1]}  # last heard at 4
    record = roster.records(20.0)[1]
    assert record.lost_at_s == 10.0
    assert record.longest_silence_s == 11.0
    assert record.missing == 10
    assert roster.present == [0, 1]
    assert not roster.all_final


def test_who_never_reports_is_lost_counted_from_zero() -> None:
    roster = Roster([3], -3.0)
    found = [now for now in range(-3, 9) if roster.check(float(now))]
    assert found == [LOST_S + 1]
    record = roster.records(9.0)[0]
    assert (record.reports, record.first_report_s, record.last_report_s) == (0, None, None)
    assert record.longest_silence_s == 9.0
    assert roster.all_final
    assert roster.present == []


def test_a_farewell_ends_the_watch() -> None:
    roster = Roster([1], 0.0)
    hear(roster, 0, 1, 1.0, final=True)
    assert [now for now in range(2, 60) if roster.check(float(now))] == []
    assert roster.records(60.0)[0].longest_silence_s == 1.0


def test_a_master_that_slept_blames_nobody() -> None:
    roster = Roster([1], 0.0)
    hear(roster, 0, 1, 1.0)
    roster.check(1.0)
    assert roster.check(31.0) == []  # its mail is still unread
    hear(roster, 0, 2, 31.1)
    assert roster.check(32.0) == []
    assert roster.records(32.0)[0].longest_silence_s < LOST_S


def test_counters_count_samples_and_not_rows() -> None:
    recorder = Recorder((Window(phase=Phase.MEASURE, start_s=0, end_s=9),))
    for _ in range(7):
        recorder.sample(View.SERVER, "home_feed", Outcome.OK, 1.0, 0.05)
    for _ in range(3):
        recorder.sample(View.E2E, "home_feed", Outcome.OK, 1.0, 0.05)
    (batch,) = [taken.batch() for taken in recorder.take()]
    assert batch.num_rows == 2
    assert Counters.of(LATENCY, batch) == Counters(attempts=7, samples=10)
    assert Counters.total([(LATENCY, batch), (LATENCY, batch)]) == Counters(attempts=14, samples=20)
    assert Counters.of(LATENCY, batch.slice(0, 0)) == Counters()


def test_only_those_serve_who_were_never_lost_and_are_not_done() -> None:
    """Who comes back after a silence has given its tickets up and would not serve others' either."""
    roster = Roster([5, 5, 5], 0.0)
    hear(roster, 0, 1, 1.0)
    hear(roster, 1, 1, 1.0, final=True)
    for second in range(1, 8):
        hear(roster, 2, second, float(second))
        roster.check(float(second))
    assert roster.present == [1, 2]
    hear(roster, 0, 2, 7.5)
    assert roster.present == [0, 1, 2]
    assert roster.serving == [2]
