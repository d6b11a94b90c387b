"""The command without a run: its list, and a defect that does not exist."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from threading import Barrier
from typing import ClassVar

import pytest

from harness.core.errors import UsageError
from harness.prove.command import prove
from harness.prove.defects import DEFECTS, SECONDS, Defect
from harness.prove.healthy import SITUATIONS, Situation, can_shift, shifted, situations
from harness.prove.table import Healthy, Proof, Trial
from harness.prove.trials import FIRST_HEALTHY, SLO_FILE, SPARE, Asked, ProofPlan, Prover
from harness.prove.verdicts import Judged
from tests.prove.test_table import judged
from tests.reports import build


def asked(only: tuple[str, ...], out: Path) -> list[str]:
    said: list[str] = []
    code = prove(seeds=1, healthy=0, only=only, fast=False, baselines=(), out=out, listed=True, say=said.append)
    assert code == 0
    return said


def test_the_list_names_each_defect_with_switches_and_gates(tmp_path: Path) -> None:
    said = asked((), tmp_path / "out")
    assert len(said) == len(DEFECTS)
    assert "event_silent_loss: event_silent_loss=8 -> I03" in said
    assert not (tmp_path / "out").exists(), "a list runs and writes nothing"


def test_an_unknown_defect_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        asked(("nothing_like_it",), tmp_path)
    assert "nothing_like_it" in str(caught.value)
    assert "lock_wait_ms" in str(caught.value)


def test_a_proof_that_did_nothing_says_so_and_does_not_hold(tmp_path: Path) -> None:
    proof = Prover(ProofPlan(DEFECTS, (1,), 0, tmp_path, print)).proof()
    assert proof.not_run == tuple(defect.name for defect in DEFECTS)
    assert not proof.holds


def test_the_shipped_objectives_are_there() -> None:
    assert SLO_FILE.is_file()


def test_a_proof_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    """What answered stays; what did not, and what is missing, is run. The runs themselves are not what is tested."""
    first, second = DEFECTS[:2]
    answered = Trial(defect=first.name, seed=1, result="caught", gate=first.gates[0], exit_code=11)
    silent = Trial(defect=second.name, seed=1, result="no answer", exit_code=20)
    late = Healthy(seed=FIRST_HEALTHY, paced=False, exit_code=20)
    well = Healthy(seed=FIRST_HEALTHY + 1, paced=False, exit_code=0)
    earlier = Proof(made_at="2026-11-27", trials=(answered, silent), healthy=(late, well), baselines=(str(tmp_path),))

    class Dry(Prover):
        ran: ClassVar[list[object]] = []

        def _trial(self, defect: Defect, seed: int) -> Trial:
            self.ran.append((defect.name, seed))
            return Trial(defect=defect.name, seed=seed, result="caught", exit_code=11)

        def _healthy(self, seed: int, situation: Situation) -> Healthy:
            self.ran.append((seed, situation))
            return Healthy(seed=seed, paced=situation == "paced", situation=situation, exit_code=0)

    noted: list[Proof] = []
    plan = ProofPlan((first, second), (1, 2), 5, tmp_path, lambda _: None, earlier=earlier, note=noted.append)
    proof = Dry(plan).run()
    healthy = [(FIRST_HEALTHY, "quiet"), (FIRST_HEALTHY + 3, "same seed again"), (FIRST_HEALTHY + 4, "paced")]
    if can_shift():
        healthy.insert(1, (FIRST_HEALTHY + 2, "clocks apart"))
    assert Dry.ran == [(second.name, 1), (first.name, 2), (second.name, 2), *healthy]
    assert len(noted) == len(Dry.ran)
    assert proof.holds
    assert proof.baselines == (str(tmp_path),)
    assert Proof.model_validate_json(proof.model_dump_json()) == proof


def test_runs_that_count_go_side_by_side_and_runs_that_time_go_alone(tmp_path: Path) -> None:
    counting = [defect for defect in DEFECTS if not defect.timed][:2]
    timed = [defect for defect in DEFECTS if defect.timed][:2]
    both = Barrier(2)
    order: list[str] = []

    class Dry(Prover):
        def _trial(self, defect: Defect, seed: int) -> Trial:
            if not defect.timed:
                both.wait(timeout=20)  # broken unless the other one is there
            order.append(defect.name)
            return Trial(defect=defect.name, seed=seed, result="caught", exit_code=11)

    said: list[str] = []
    plan = ProofPlan((timed[0], counting[0], timed[1], counting[1]), (1,), 0, tmp_path, said.append, jobs=2)
    assert Dry(plan).run().holds
    assert set(order[:2]) == {defect.name for defect in counting}
    assert order[2:] == [defect.name for defect in timed]
    assert said[-1].startswith(f"4 of 4: {timed[1].name} (seed 1): caught")


def test_a_run_that_starts_while_the_others_are_ended_ends_too(tmp_path: Path) -> None:
    class Interrupted(Prover):
        def one(self) -> tuple[int, Path]:
            self._interrupted = True
            _, code, folder = self._run(Asked("healthy", 1, (), (), SECONDS))
            return code, folder

    code, folder = Interrupted(ProofPlan(DEFECTS, (1,), 0, tmp_path, print)).one()
    assert code < 0, "ended by a signal, not by its own verdict"
    assert not (folder / "verdict.json").exists()


def test_a_run_without_an_answer_is_made_again_with_another_seed(tmp_path: Path) -> None:
    class Silent(Prover):
        ran: ClassVar[list[tuple[str, int]]] = []

        def _run(self, asked: Asked, *, apart: bool = False) -> tuple[None, int, Path]:
            self.ran.append((asked.name, asked.seed))
            return None, 20, tmp_path

    proof = Silent(ProofPlan(DEFECTS[:1], (1,), 1, tmp_path, lambda _: None)).run()
    name, healthy = DEFECTS[0].name, FIRST_HEALTHY
    assert Silent.ran == [(name, 1), (name, 1 + SPARE), ("healthy", healthy), ("healthy", healthy + SPARE)]
    assert [trial.seed for trial in proof.trials] == [1]
    assert [run.seed for run in proof.healthy] == [healthy]
    assert not proof.holds


def test_what_takes_longer_is_compared_with_a_run_of_the_same_seed(tmp_path: Path) -> None:
    class Recorded(Prover):
        ran: ClassVar[list[tuple[str, int, list[str]]]] = []

        def _run(self, asked: Asked, *, apart: bool = False) -> tuple[Judged | None, int, Path]:
            name, seed, baselines = asked.name, asked.seed, asked.baselines
            folder = tmp_path / f"{name}-{seed}-{len(self.ran)}"
            folder.mkdir()
            (folder / "manifest.json").write_text(build.manifest(seed=seed).model_dump_json())
            self.ran.append((name, seed, [baseline.name for baseline in baselines]))
            return (judged(0) if seed != 2 else None), 0, folder

    paced = tuple(defect for defect in DEFECTS if defect.paced)[:2]
    first, second = (defect.name for defect in paced)
    proof = Recorded(ProofPlan(paced, (1, 2), 0, tmp_path, lambda _: None)).run()
    other = 2 + SPARE
    assert Recorded.ran[:3] == [("baseline", 1, []), (first, 1, ["baseline-1-0"]), (second, 1, ["baseline-1-0"])]
    assert Recorded.ran[3:6] == [("baseline", 2, []), ("baseline", other, []), (first, other, [f"baseline-{other}-4"])]
    assert [Path(folder).name for folder in proof.baselines] == ["baseline-1-0", f"baseline-{other}-4"]


def test_nothing_to_go_on_with_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        prove(seeds=1, healthy=0, only=(), fast=True, baselines=(), out=tmp_path, listed=False, say=print, resume=True)
    assert "no proof to go on with" in str(caught.value)


def test_situations_come_by_turns() -> None:
    assert situations(50, baselines=True).count("paced") == 10
    for one in SITUATIONS[1:4]:
        assert situations(50, baselines=False).count(one) == 10
    assert set(situations(4, baselines=False)) == {*SITUATIONS} - {"paced"}


@pytest.mark.skipif(not can_shift(), reason="faketime is not installed")
@pytest.mark.parametrize("seed", [2, 3])
def test_another_clock_moves_time_of_day_and_no_interval(seed: int) -> None:
    code = "import time; a = time.monotonic(); print(time.time(), a)"
    command = shifted([sys.executable, "-c", code], seed)
    before, running = time.time(), time.monotonic()
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    moved, steady = map(float, told.split())
    assert moved - before == pytest.approx(90 if seed == 2 else -90, abs=30)
    assert steady - running == pytest.approx(0, abs=30)
