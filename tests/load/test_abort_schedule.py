"""While chaos runs the profile's abort rules rest, and the entry's own limits hold."""

from __future__ import annotations

import pyarrow as pa

from harness.core.fault_record import FaultWindow
from harness.core.profile import Abort
from harness.core.scheduled_fault import Allow
from harness.core.tables import LATENCY, SCHEMAS
from harness.load.abort_schedule import AbortSchedule

RULES = Abort(window_s=10, grace_s=2, min_samples=10, error_share=0.2)


def window(allow: Allow) -> FaultWindow:
    facts = {"fault": "lost_reply", "layer": "phone", "share": 0.5, "cohort": (0.0, 1.0), "judged": False}
    span = {"name": "chaos:x", "kind": "chaos", "entry": "x", "start_s": 20.0, "end_s": 40.0, "allow": allow}
    return FaultWindow.model_validate(facts | span)


def failing(second: int, share: float) -> pa.RecordBatch:
    bad = round(100 * share)
    rows = [(second, "measure", "x", "server", "server_error", 1000, bad)]
    rows.append((second, "measure", "x", "server", "ok", 1000, 100 - bad))
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), SCHEMAS[LATENCY], strict=True)],
        schema=SCHEMAS[LATENCY],
    )


def ended(rules: AbortSchedule, begin: int, share: float, until: int = 60) -> tuple[int, str]:
    for second in range(begin, until):
        rules.absorb(failing(second, share), second)
        if reason := rules.reason(second):
            return second, reason
    return until, ""


def test_the_usual_rules_rest_while_chaos_runs_and_hold_again_afterwards() -> None:
    second, _ = ended(AbortSchedule(RULES, (), ()), 21, 0.5)
    assert second < 30
    second, reason = ended(AbortSchedule(RULES, (), [window(Allow(recover_s=5.0))]), 21, 0.5)
    assert 45 <= second <= 50
    assert "worse than allowed" not in reason


def test_what_an_entry_allows_is_the_limit_meanwhile() -> None:
    windows = [window(Allow(error_share=0.4))]
    second, reason = ended(AbortSchedule(RULES, (), windows), 21, 0.5)
    assert second < 35
    assert reason.startswith("chaos:x was worse than allowed")
    assert ended(AbortSchedule(RULES, (), windows), 21, 0.3, until=40) == (40, "")
    assert ended(AbortSchedule(None, (), windows), 41, 0.9) == (60, "")


def test_what_was_wrong_before_a_rest_and_is_again_after_it_did_not_last() -> None:
    """Broken from 18 s on, a rest from 20 to 45 s: at 45 s it has been broken for no time."""
    rules = AbortSchedule(RULES.model_copy(update={"grace_s": 10}), (), [window(Allow(recover_s=5.0))])
    second, reason = ended(rules, 18, 0.5, until=80)
    assert second >= 55, reason
    assert "for 10 s without a break" in reason


def test_a_rest_that_nobody_looked_into_counts_too() -> None:
    rules = AbortSchedule(RULES.model_copy(update={"grace_s": 30, "window_s": 60}), (), [window(Allow())])
    for second in (16, 18, 41, 43):
        rules.absorb(failing(second, 0.5), second)
        assert not rules.reason(second)
    assert not rules.reason(50)


def test_a_fault_that_never_came_to_be_excuses_nothing() -> None:
    rules = AbortSchedule(RULES, (), [window(Allow(error_share=0.9, recover_s=5.0))])
    rules.refused(frozenset({"x"}))
    second, reason = ended(rules, 21, 0.95)
    assert second < 30
    assert "worse than allowed" not in reason
