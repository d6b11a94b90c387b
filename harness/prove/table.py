"""The catch table: which defect was caught by which gate, and how often healthy runs raised an alarm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from harness.core.counted import counted
from harness.core.frozen_model import FrozenModel
from harness.prove.defects import Defect, matches
from harness.prove.healthy import Situation
from harness.prove.verdicts import ALARMS, BEFORE, Judged, fired

Result = Literal["caught", "missed", "no answer"]
"""no answer: the run was inconclusive, aborted, or died; neither a catch nor a miss."""


class Trial(FrozenModel):
    """One run with one defect. seconds: of the run until the gate's first sign."""

    defect: str
    seed: int
    result: Result
    gate: str = ""
    exit_code: int
    seconds: float | None = None
    others: tuple[str, ...] = ()  # further gates that fired
    note: str = ""
    run: str = ""


class Healthy(FrozenModel):
    """One run without any defect."""

    seed: int
    paced: bool
    exit_code: int
    situation: str = "quiet"
    alarms: tuple[str, ...] = ()
    note: str = ""
    run: str = ""

    @property
    def answered(self) -> bool:
        return self.exit_code == 0 or bool(self.alarms)


class Proof(FrozenModel):
    """Everything that was run."""

    made_at: str
    trials: tuple[Trial, ...] = ()
    healthy: tuple[Healthy, ...] = ()
    not_run: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()  # directories of the healthy paced runs

    def answers(self) -> Proof:
        """What need not be run again: whatever answered."""
        return self.model_copy(
            update={
                "trials": tuple(one for one in self.trials if one.result != "no answer"),
                "healthy": tuple(run for run in self.healthy if run.answered),
            }
        )

    @property
    def holds(self) -> bool:
        """Every defect caught in every trial, every healthy run answered, no false alarm."""
        quiet = all(run.answered and not run.alarms for run in self.healthy)
        ran = bool(self.trials or self.healthy)
        return ran and all(one.result == "caught" for one in self.trials) and quiet and not self.not_run


def tried(defect: Defect, seed: int, judged: Judged | None, code: int, run: str) -> Trial:
    """What one run says of one defect. judged: None when the run left no verdict."""
    if judged is None:
        return Trial(defect=defect.name, seed=seed, result="no answer", exit_code=code, note="no verdict", run=run)
    all_fired = fired(judged)
    right = [one for one in all_fired if any(matches(gate, one.gate) for gate in defect.gates)]
    others = tuple(one.gate for one in all_fired if one not in right[:1])
    before = any(one.gate.startswith(BEFORE) for one in right)
    if right and (judged.exit_code in ALARMS or before):
        first = min(right, key=lambda one: one.at_s)
        others = tuple(one.gate for one in all_fired if one is not first)
        return Trial(
            defect=defect.name,
            seed=seed,
            result="caught",
            gate=first.gate,
            exit_code=judged.exit_code,
            seconds=round(first.at_s, 1),
            others=others,
            run=run,
        )
    answered = judged.exit_code == 0 or judged.exit_code in ALARMS or judged.preflight is not None
    return Trial(
        defect=defect.name,
        seed=seed,
        result="missed" if answered else "no answer",
        exit_code=judged.exit_code,
        others=others,
        note=judged.sentence,
        run=run,
    )


def healthy(seed: int, judged: Judged | None, code: int, run: str, *, situation: Situation = "quiet") -> Healthy:
    """What one run without a defect says."""
    paced = situation == "paced"
    if judged is None:
        return Healthy(seed=seed, paced=paced, situation=situation, exit_code=code, note="no verdict", run=run)
    alarms = tuple(one.gate for one in fired(judged)) if judged.exit_code in ALARMS else ()
    return Healthy(
        seed=seed,
        paced=paced,
        situation=situation,
        exit_code=judged.exit_code,
        alarms=alarms,
        note="" if judged.exit_code == 0 else judged.sentence,
        run=run,
    )


def markdown(proof: Proof, defects: Sequence[Defect]) -> str:
    """The table as a section for a document."""
    lines = ["| defect | caught by | exit code | after | seeds |", "|---|---|---|---|---|"]
    for defect in defects:
        trials = [one for one in proof.trials if one.defect == defect.name]
        if trials:
            lines.append(_line(defect, trials))
    lines += [f"| {name} | not run | | | |" for name in proof.not_run]
    caught = sum(all(t.result == "caught" for t in proof.trials if t.defect == name) for name in _names(proof.trials))
    false = sum(bool(run.alarms) for run in proof.healthy)
    silent = sum(not run.answered for run in proof.healthy)
    lines += [
        "",
        f"{caught} of {len(_names(proof.trials))} defects caught in every trial ({counted(len(proof.trials), 'run')}); "
        f"{false} false alarms and {silent} without an answer in {len(proof.healthy)} healthy runs. {proof.made_at}.",
    ]
    if proof.healthy:
        lines += ["", "| healthy runs | runs | false alarms | without an answer |", "|---|---|---|---|"]
    for situation in dict.fromkeys(run.situation for run in proof.healthy):
        runs = [run for run in proof.healthy if run.situation == situation]
        alarms, silent = sum(bool(run.alarms) for run in runs), sum(not run.answered for run in runs)
        lines.append(f"| {situation} | {len(runs)} | {alarms} | {silent} |")
    return "\n".join(lines) + "\n"


def _names(trials: Iterable[Trial]) -> list[str]:
    return list(dict.fromkeys(trial.defect for trial in trials))


def _line(defect: Defect, trials: Sequence[Trial]) -> str:
    caught = [trial for trial in trials if trial.result == "caught"]
    gates = ", ".join(dict.fromkeys(trial.gate for trial in caught)) or f"**{trials[0].result}**"
    codes = ", ".join(dict.fromkeys(str(trial.exit_code) for trial in trials))
    seconds = [trial.seconds for trial in caught if trial.seconds is not None]
    after = f"{max(seconds):g} s" if seconds else ""
    return f"| {' '.join(defect.switches)} | {gates} | {codes} | {after} | {len(caught)} of {len(trials)} |"
