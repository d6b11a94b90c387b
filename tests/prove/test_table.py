"""The catch table: what counts as caught, as missed, and as no answer."""

from __future__ import annotations

from typing import Any

import pytest

from harness.config.load import load_slo_file
from harness.core.slo import DatabaseLimits
from harness.prove.defects import DEFECTS, FAST, PREFLIGHT, STEADY, Defect, chosen, matches
from harness.prove.table import Healthy, Proof, Trial, healthy, markdown, tried
from harness.prove.trials import SCENARIOS
from harness.prove.verdicts import Judged, fired
from reports.assistant.meanwhile import OF_OBJECTIVES
from reports.integrity.texts import QUESTIONS
from reports.probes import _WORDS
from sandbox.switches import Switches
from tests.preflight.test_outside_defects import FAULTS

LOSS = Defect("loss", ("event_silent_loss=25",), ("I03",))
SLOW = Defect("slow", ("latency_percent=30",), ("baseline",), suite=STEADY)


def judged(code: int = 0, **parts: Any) -> Judged:
    values: dict[str, Any] = {
        "exit_code": code,
        "exit_codes": [code],
        "sentence": "said",
        "integrity": {"status": "held"},
        "facts": {"windows": [{"phase": "measure", "start_s": 5, "end_s": 17}]},
    }
    return Judged.model_validate(values | parts)


def broken(id_: str, *at: float) -> dict[str, Any]:
    return {"status": "broken", "checks": [{"id": id_, "status": "broken", "offenders": [{"at_s": s} for s in at]}]}


def test_caught_by_its_gate_with_the_first_sign() -> None:
    trial = tried(LOSS, 1, judged(11, integrity=broken("I03", 7.25, 3.5)), 11, "run")
    assert (trial.result, trial.gate, trial.exit_code, trial.seconds) == ("caught", "I03", 11, 3.5)


def test_another_gate_is_no_catch() -> None:
    trial = tried(LOSS, 1, judged(11, integrity=broken("I18", 3.5)), 11, "run")
    assert (trial.result, trial.others) == ("missed", ("I18",))


@pytest.mark.parametrize(("code", "result"), [(0, "missed"), (20, "no answer"), (30, "no answer"), (70, "no answer")])
def test_what_an_unsuspecting_run_says(code: int, result: str) -> None:
    assert tried(LOSS, 1, judged(code), code, "run").result == result


def test_a_gate_that_fires_in_an_inconclusive_run_is_no_catch() -> None:
    slo = [{"name": "Home feed, server", "status": "fail"}]
    defect = Defect("x", (), ("SLO",))
    assert tried(defect, 1, judged(20, slos=slo), 20, "run").result == "no answer"
    assert tried(defect, 1, judged(10, slos=slo), 10, "run").gate == "SLO: Home feed, server"


def test_a_limit_of_the_database_has_to_name_what_the_defect_was_put_into() -> None:
    defect = Defect("bloat", (), ("database: dead_share: public.messages",))
    rows = [
        {"id": "dead_share", "status": "over", "subject": "public.messages"},
        {"id": "lock_wait_s", "status": "told", "subject": "public.messages"},  # not asked for: no alarm
        {"id": "deadlocks", "status": "held"},
    ]
    trial = tried(defect, 1, judged(10, database={"gates": rows}), 10, "run")
    assert (trial.result, trial.gate, trial.others) == ("caught", "database: dead_share: public.messages", ())
    rows[0]["subject"] = "public.likes"
    assert tried(defect, 1, judged(10, database={"gates": rows}), 10, "run").result == "missed"


def test_no_verdict_is_no_answer() -> None:
    assert tried(LOSS, 1, None, 70, "").result == "no answer"
    assert not healthy(1, None, 70, "").answered


def test_each_kind_of_gate_fires() -> None:
    everything = judged(
        11,
        integrity=broken("I18"),
        probes=[{"id": "forged token", "status": "broken"}, {"id": "expired token", "status": "not checked"}],
        slos=[{"name": "A", "status": "fail"}, {"name": "B", "status": "inconclusive"}],
        comparison={"rows": [{"operation": "home_feed", "change": "regressed"}, {"operation": "x", "change": "ok"}]},
        drift=[{"operation": "home_feed", "drifts": True}, {"operation": "x", "drifts": False}],
        realtime={"lost": 2, "doubled": 0, "misordered": 3},
    )
    assert [one.gate for one in fired(everything)] == [
        "probe: forged token",
        "I18",
        "delivery: lost",
        "SLO: A",
        "baseline: home_feed",
        "drift: home_feed",
    ]


def test_a_healthy_run_that_accuses_is_a_false_alarm() -> None:
    slower = {"rows": [{"operation": "x", "change": "regressed"}]}
    run = healthy(7, judged(12, comparison=slower), 12, "", situation="paced")
    assert run.alarms == ("baseline: x",)
    assert healthy(7, judged(0), 0, "").answered
    assert not healthy(7, judged(20), 20, "").answered


def trial(result: str = "caught", defect: str = "loss") -> Trial:
    return Trial.model_validate(
        {"defect": defect, "seed": 1, "result": result, "gate": "I03", "exit_code": 11, "seconds": 3.5}
    )


def test_a_proof_holds_only_when_all_was_caught_and_nothing_cried_wolf() -> None:
    quiet = Healthy(seed=1, paced=False, exit_code=0)
    assert Proof(made_at="d", trials=(trial(),), healthy=(quiet,)).holds
    assert not Proof(made_at="d").holds
    assert not Proof(made_at="d", trials=(trial(), trial("missed"))).holds
    assert not Proof(made_at="d", trials=(trial(),), not_run=("slow",)).holds
    wolf = Healthy(seed=1, paced=False, exit_code=10, alarms=("SLO: A",))
    assert not Proof(made_at="d", trials=(trial(),), healthy=(quiet, wolf)).holds
    mute = Healthy(seed=1, paced=False, exit_code=20)
    assert not Proof(made_at="d", trials=(trial(),), healthy=(mute,)).holds


def test_the_table_says_what_was_not_run_and_what_was_missed() -> None:
    proof = Proof(made_at="2026-11-27", trials=(trial(), trial("missed"), trial("missed", "slow")), not_run=("leak",))
    text = markdown(proof, (LOSS, SLOW))
    assert "| event_silent_loss=25 | I03 | 11 | 3.5 s | 1 of 2 |" in text
    assert "| latency_percent=30 | **missed** |" in text
    assert "| leak | not run |" in text
    assert "0 of 2 defects caught in every trial (3 runs); 0 false alarms" in text


def test_every_defect_is_a_set_of_switches_the_sandbox_has_and_a_gate_that_exists() -> None:
    names = [defect.name for defect in DEFECTS]
    assert len(names) == len(set(names)) >= 35
    fixed = {"SLO", "baseline", "drift"}
    for defect in DEFECTS:
        assert Switches.parse(defect.all_switches) != Switches()
        for gate in defect.gates:
            kind, _, rest = gate.partition(": ")
            limit = kind == "database" and rest.partition(": ")[0] in DatabaseLimits.model_fields
            rules = load_slo_file(SCENARIOS / defect.suite.slo_file).assistant
            known = (
                kind in fixed
                or limit
                or (kind == "preflight" and defect.suite == PREFLIGHT and tuple(rest.split(": ", 1)) in named(defect))
                or gate in QUESTIONS
                or (kind == "assistant" and rest.removesuffix(OF_OBJECTIVES) in {rule.name for rule in rules})
                or kind == "delivery"
                or (kind == "probe" and rest in _WORDS)
            )
            assert known, (defect.name, gate)


def named(defect: Defect) -> set[tuple[str, ...]]:
    """What preflight's own test says that its questions name of a defect's switches, one sandbox for all of them."""
    return {wanted for switch in defect.switches for wanted in FAULTS.get(switch.partition("=")[0], ())}


def test_choosing() -> None:
    assert {defect.name for defect in chosen((), fast=True)} == set(FAST)
    assert [defect.name for defect in chosen(("lock_wait_ms",), fast=True)] == ["lock_wait_ms"]
    assert chosen((), fast=False) == DEFECTS
    with pytest.raises(KeyError, match="nothing"):
        chosen(("nothing",), fast=False)


def test_a_gate_is_matched_whole_or_by_its_kind() -> None:
    assert matches("baseline", "baseline: home_feed")
    assert matches("SLO: A", "SLO: A")
    assert not matches("I1", "I18")


def test_what_is_found_before_the_load_is_a_catch_whatever_the_exit_code() -> None:
    defect = next(one for one in DEFECTS if one.name == "policy_open_select")
    lint, object_ = defect.gates[0].removeprefix("preflight: ").split(": ", 1)
    finding = {"lint": lint, "object": object_}
    for code, findings, result in (
        (0, [finding], "caught"),
        (20, [finding], "caught"),
        (40, [finding], "caught"),
        (20, [], "missed"),
        (0, [{**finding, "accepted": "known"}], "missed"),
    ):
        told = judged(code, preflight={"findings": findings})
        assert tried(defect, 1, told, code, "run").result == result, (code, findings)
