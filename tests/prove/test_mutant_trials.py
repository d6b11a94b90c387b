"""In which order mutants are run, what is run again, and what ends it all; the runs themselves are left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.prove.mutants.catalogue import Mutant, mutant, mutants
from harness.prove.mutants.sandboxes import FreshSandboxes, LineProcess
from harness.prove.mutants.table import MutantTrial
from harness.prove.mutants.tally import MutantTally, Tally
from harness.prove.mutants.trials import CONTROL, SPARE_SEED, MutationPlan, MutationRun, ThroughProxy
from tests.prove.test_table import broken, judged

NAMES = ("home_feed/foreign", "home_feed/empty", "home_feed/stale")
Answer = Callable[[str, int], ThroughProxy]


class NoSandboxes(FreshSandboxes):
    def take(self) -> Any:
        return None

    def ahead(self) -> None:
        """None needed."""


def through(
    folder: Path, code: int = 0, *, hits: int = 3, reached: tuple[str, ...] = NAMES, **parts: Any
) -> ThroughProxy:
    tally = Tally(mutants=tuple(MutantTally(mutant=one, seen=9, hits=hits) for one in reached), reached=reached)
    return ThroughProxy(judged(code, **parts), code, folder / "run" / "one", folder / "run", tally, 1.0)


@dataclass
class DryRun(MutationRun):
    answer: Answer = lambda name, seed: through(Path())
    ran: list[tuple[str, int]] = field(default_factory=list)

    def _sandboxes(self) -> FreshSandboxes:
        return NoSandboxes(self.profile.sandbox)

    def _through(self, sandbox: LineProcess, company: tuple[Mutant, ...], seed: int) -> ThroughProxy:
        name = "+".join(sorted(one.name for one in company)) or CONTROL
        more = seed - self.profile.seed
        self.ran.append((name, more))
        return self.answer(name, more)


def planned(out: Path, noted: list[MutantTrial], **more: Any) -> MutationPlan:
    return MutationPlan(tuple(map(mutant, NAMES)), out, lambda _: None, noted.append, **more)


def test_a_healthy_run_first_then_what_has_something_to_spoil(tmp_path: Path) -> None:
    noted: list[MutantTrial] = []
    run = DryRun(planned(tmp_path, noted), answer=lambda name, _: through(tmp_path, reached=NAMES[1:]))
    run.run()
    assert run.ran == [(CONTROL, 0), (NAMES[1], 0), (NAMES[2], 0)]
    assert [(one.mutant, one.fate) for one in noted] == [
        (NAMES[0], "not hit"),
        (NAMES[1], "survived"),
        (NAMES[2], "survived"),
    ]
    assert all(one.commit and one.made_at for one in noted)
    assert run.controls_passed


def test_what_answered_is_not_run_again(tmp_path: Path) -> None:
    earlier = (MutantTrial(mutant=NAMES[0], fate="killed"), MutantTrial(mutant=NAMES[1], fate="no answer"))
    noted: list[MutantTrial] = []
    run = DryRun(planned(tmp_path, noted, earlier=earlier), answer=lambda name, _: through(tmp_path))
    found = run.run()
    assert [name for name, _ in run.ran] == [CONTROL, NAMES[1], NAMES[2]]
    assert sorted(one.mutant for one in found) == sorted(NAMES)


def test_a_run_without_an_answer_is_made_again_with_another_seed(tmp_path: Path) -> None:
    def answer(name: str, more: int) -> ThroughProxy:
        if name == CONTROL:
            return through(tmp_path)
        if name == NAMES[0] and more:
            raise HarnessError("gone", where="x", remedy="y")
        return through(tmp_path, 20 if name == NAMES[0] or (name == NAMES[1] and not more) else 0)

    noted: list[MutantTrial] = []
    run = DryRun(planned(tmp_path, noted), answer=answer)
    run.run()
    twice = [(name, more) for name in NAMES[:2] for more in (0, SPARE_SEED)]
    assert run.ran == [(CONTROL, 0), *twice, (NAMES[2], 0)]
    assert [one.fate for one in noted] == ["no answer", "survived", "survived"]
    assert "gone" in noted[0].sentence


def test_an_alarm_of_the_healthy_run_ends_it_and_a_doubt_does_not_hold(tmp_path: Path) -> None:
    alarm = DryRun(planned(tmp_path, []), answer=lambda *_: through(tmp_path, 11, integrity=broken("I27", 1.0)))
    with pytest.raises(HarnessError, match="exit code 11"):
        alarm.run()
    assert [name for name, _ in alarm.ran] == [CONTROL]
    doubt = DryRun(planned(tmp_path, []), answer=lambda name, _: through(tmp_path, 20 if name == CONTROL else 0))
    doubt.run()
    assert len(doubt.ran) == 4
    assert not doubt.controls_passed


def test_what_a_healthy_run_warns_of_too_is_no_sign(tmp_path: Path) -> None:
    name = "realtime:typing/dropped"
    lost: dict[str, Any] = {"realtime": {"warnings": ["22 of 101 typing signals never reached a chat that was open."]}}
    for control, fate in ((lost, "survived"), ({}, "warned")):
        parts: dict[str, dict[str, Any]] = {CONTROL: control, name: lost}
        plan = MutationPlan((mutant(name),), tmp_path, lambda _: None, lambda _: None)

        def answer(who: str, _: int, parts: dict[str, dict[str, Any]] = parts) -> ThroughProxy:
            return through(tmp_path, reached=(name,), **parts[who])

        run = DryRun(plan, answer=answer)
        assert [one.fate for one in run.run()] == [fate]


def test_directories_of_killed_mutants_are_removed_and_those_of_survivors_kept(tmp_path: Path) -> None:
    def answer(name: str, seed: int) -> ThroughProxy:
        folder = tmp_path / name.partition("/")[2]
        (folder / "run" / "one").mkdir(parents=True)
        if name == NAMES[0]:
            return through(folder, 11, integrity=broken("I40", 1.0))
        return through(folder)

    DryRun(planned(tmp_path, []), answer=answer).run()
    assert not (tmp_path / "foreign" / "run").exists()
    assert (tmp_path / "empty" / "run" / "one").exists()


def test_a_run_that_left_no_directory_takes_nothing_else_along(tmp_path: Path) -> None:
    """Once, that was the folder of the whole proof."""
    (tmp_path / "mutants.jsonl").write_text("kept")
    (tmp_path / "own").mkdir()

    def answer(name: str, seed: int) -> ThroughProxy:
        tally = Tally(reached=NAMES)
        return ThroughProxy(None if name != CONTROL else judged(0), 70, tmp_path / "own", tmp_path / "own", tally, 1.0)

    noted: list[MutantTrial] = []
    DryRun(planned(tmp_path, noted), answer=answer).run()
    assert (tmp_path / "mutants.jsonl").read_text() == "kept"
    assert {one.fate for one in noted} == {"no answer"}, "a run that died says nothing, not even that nothing was hit"


def test_side_by_side_runs_each_once(tmp_path: Path) -> None:
    names = tuple(one.name for one in mutants()[:20])
    noted: list[MutantTrial] = []
    plan = MutationPlan(tuple(map(mutant, names)), tmp_path, lambda _: None, noted.append, jobs=4)
    DryRun(plan, answer=lambda *_: through(tmp_path, reached=names)).run()
    assert sorted(one.mutant for one in noted) == sorted(names)


def test_a_process_that_says_nothing_is_an_error() -> None:
    silent = LineProcess(["/bin/sh", "-c", "exit 3"])
    try:
        with pytest.raises(HarnessError, match="said nothing"):
            silent.url()
    finally:
        silent.end()


BESIDE = ("follow/server_error", "home_feed/empty", "swipe_deck/empty", "tmdb_search/empty")


def missed(*names: str) -> dict[str, Any]:
    return {"catch_all": {"rows": [{"name": name, "view": "server", "failures": "missed"} for name in names]}}


def test_what_a_run_with_others_does_not_name_is_run_alone_and_a_sample_of_the_rest_too(tmp_path: Path) -> None:
    """`swipe_deck` is only killed beside others here, so the run alone corrects it."""

    def answer(name: str, seed: int) -> ThroughProxy:
        if name in (CONTROL, "swipe_deck/empty"):
            return through(tmp_path, reached=BESIDE)
        killed = [one.partition("/")[0] for one in name.split("+") if one != "home_feed/empty" or "+" not in name]
        return through(tmp_path, 10, reached=BESIDE, **missed(*killed))

    noted: list[MutantTrial] = []
    plan = MutationPlan(
        tuple(map(mutant, BESIDE)), tmp_path, lambda _: None, noted.append, together=3, confirmed=3, sample=4
    )
    run = DryRun(plan, answer=answer)
    found = {one.mutant: one for one in run.run()}
    first = [name for name, _ in run.ran if "+" in name]
    assert first, run.ran
    assert all(name.count("+") <= 2 for name in first)
    assert {name: one.fate for name, one in found.items()} == dict.fromkeys(BESIDE, "killed") | {
        "swipe_deck/empty": "survived"
    }
    beside = {one.mutant for one in noted if one.beside}
    assert "swipe_deck/empty" in beside
    assert (run.asked_alone, run.killed_alone) == (len(beside), len(beside) - 1)


def test_a_sample_has_something_to_spoil_and_may_not_live(tmp_path: Path) -> None:
    names = ("home_feed/empty", "home_feed/wrong_content_type", "follow/server_error", "follow/client_error")
    plan = MutationPlan(tuple(map(mutant, names)), tmp_path, lambda _: None, lambda _: None, sample=10)
    run = DryRun(plan, answer=lambda *_: through(tmp_path, reached=names[:3]))
    assert sorted(one.mutant for one in run.run()) == ["follow/server_error", "home_feed/empty"]
