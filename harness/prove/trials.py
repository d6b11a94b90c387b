"""Runs what a proof consists of: each a `harness run` of its own, with a sandbox of its own, judged by its exit code.

A fresh sandbox each time costs some seconds and keeps one defect's rows out of another one's checks. Runs whose gate
counts rows may go side by side; those whose gate measures time have the machine for themselves, and so do healthy ones.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from harness.core.errors import ExitCode
from harness.load import child_process as processes
from harness.prove.defects import PACED, SECONDS, STEADY, Defect, Suite
from harness.prove.table import Healthy, Proof, Trial, healthy, tried
from harness.prove.verdicts import Judged
from harness.record.store import open_run

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
SLO_FILE = SCENARIOS / SECONDS.slo_file
FIRST_HEALTHY = 1000
"""Seed of the first healthy run."""
PACED_ONE_IN = 5
SPARE = 500
"""A run that cannot answer says nothing: once more, with a seed so much further on. The first may have drawn too few
people for an objective."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ProofPlan:
    """What to prove. jobs: runs side by side, where that changes no answer. say: progress, one line at a time."""

    defects: tuple[Defect, ...]
    seeds: tuple[int, ...]
    healthy: int
    out: Path
    say: Say
    jobs: int = 1
    baselines: tuple[Path, ...] = ()  # healthy paced runs of an earlier proof
    earlier: Proof | None = None  # an interrupted proof, to be gone on with
    note: Callable[[Proof], None] = lambda _: None  # what is known, after each run


@dataclass
class Prover:
    """Does a plan. `proof()` says what is known at any moment, so that an interrupted one still has its table."""

    plan: ProofPlan
    trials: list[Trial] = field(default_factory=list)
    healthy: list[Healthy] = field(default_factory=list)
    _baselines: list[Path] = field(init=False)
    _running: set[subprocess.Popen[str]] = field(default_factory=set)
    _interrupted: bool = False

    def __post_init__(self) -> None:
        self._baselines = list(self.plan.baselines)
        if self.plan.earlier is not None:
            known = self.plan.earlier.answers()
            self.trials, self.healthy = list(known.trials), list(known.healthy)
            kept = [Path(folder) for folder in known.baselines if Path(folder).is_dir()]
            self._baselines = self._baselines or kept

    def run(self) -> Proof:
        """Everything; healthy runs last, every fifth one paced and compared where baselines were made."""
        tried = {(trial.defect, trial.seed) for trial in self.trials}
        asked = [(one, seed) for seed in self.plan.seeds for one in self.plan.defects if (one.name, seed) not in tried]
        together = [(one, seed) for one, seed in asked if not one.timed]
        with contextlib.closing(self._side_by_side(together)) as trials:
            for trial in trials:
                self._tried(trial)
        for one, seed in asked:
            if one.timed:
                self._tried(self._trial(one, seed))
        done = {run.seed for run in self.healthy}
        for number in range(self.plan.healthy):
            if FIRST_HEALTHY + number not in done:
                paced = bool(self._baselines) and number % PACED_ONE_IN == PACED_ONE_IN - 1
                self._ran(self._healthy(FIRST_HEALTHY + number, paced))
        return self.proof()

    def proof(self) -> Proof:
        """What was run so far."""
        done = {trial.defect for trial in self.trials}
        return Proof(
            made_at=f"{datetime.now(UTC):%Y-%m-%d}",
            trials=tuple(self.trials),
            healthy=tuple(self.healthy),
            not_run=tuple(defect.name for defect in self.plan.defects if defect.name not in done),
            baselines=tuple(str(folder) for folder in self._baselines),
        )

    def _tried(self, trial: Trial) -> None:
        self.trials.append(trial)
        self._told(f"{trial.defect} (seed {trial.seed}): {trial.result} {trial.gate} {trial.note}")

    def _ran(self, run: Healthy) -> None:
        self.healthy.append(run)
        self._told(f"healthy (seed {run.seed}): exit code {run.exit_code} {', '.join(run.alarms)} {run.note}")

    def _told(self, text: str) -> None:
        plan = self.plan
        plan.note(self.proof())
        number = len(self.trials) + len(self.healthy)
        plan.say(f"{number} of {len(plan.defects) * len(plan.seeds) + plan.healthy}: {text}".rstrip())

    def _side_by_side(self, asked: Iterable[tuple[Defect, int]]) -> Generator[Trial, None, None]:
        """Trials as they end; whoever stops listening stops the runs."""
        with ThreadPoolExecutor(self.plan.jobs) as pool:
            trials = [pool.submit(self._trial, defect, seed) for defect, seed in asked]
            try:
                for trial in as_completed(trials):
                    yield trial.result()
            except BaseException:
                self._interrupted = True
                pool.shutdown(wait=False, cancel_futures=True)
                for process in tuple(self._running):
                    processes.end(process, patience_s=5.0)
                raise

    def _trial(self, defect: Defect, seed: int) -> Trial:
        for drawn in (seed, seed + SPARE):
            baselines = self._needed_baselines(drawn) if defect.paced else ()
            if defect.paced and not baselines:
                trial = tried(defect, seed, None, int(ExitCode.INTERNAL), "")
                continue
            judged, code, folder = self._run(defect.name, drawn, defect.all_switches, baselines, defect.suite)
            trial = tried(defect, seed, judged, code, folder.name)
            if trial.result != "no answer" or self._interrupted:
                break
        return trial

    def _healthy(self, seed: int, paced: bool) -> Healthy:
        switches, suite = (PACED, STEADY) if paced else ((), SECONDS)
        for drawn in (seed, seed + SPARE):
            judged, code, folder = self._run("healthy", drawn, switches, self._baselines if paced else (), suite)
            run = healthy(seed, judged, code, folder.name, paced=paced)
            if run.answered:
                break
        return run

    def _needed_baselines(self, seed: int) -> tuple[Path, ...]:
        """Healthy runs with this seed, and so with the same load; one is made when the first defect asks for it."""
        mine = [folder for folder in self._baselines if open_run(folder).manifest.seed == seed]
        if not mine:
            judged, code, folder = self._run("baseline", seed, PACED, (), STEADY)
            self.plan.say(f"baseline (seed {seed}): exit code {code}")
            mine = [folder] if judged is not None else []
            self._baselines += mine
        return tuple(mine)

    def _run(
        self, name: str, seed: int, switches: Sequence[str], baselines: Sequence[Path], suite: Suite
    ) -> tuple[Judged | None, int, Path]:
        """One run: its verdict, its exit code, its directory."""
        out = self.plan.out / f"{name}-{seed}-{datetime.now(UTC):%H%M%S%f}"
        command = run_command(out, seed, suite, switches, baselines)
        process = processes.start(command, environ=os.environ, stderr=subprocess.DEVNULL)
        self._running.add(process)
        limit_s = 0 if self._interrupted else suite.limit_s  # started while the others were being ended
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=limit_s)
        finally:
            processes.end(process, patience_s=5.0)
            self._running.discard(process)
        folder = next(iter(sorted(out.glob("*/"))), out)
        return _judged(folder), int(process.returncode), folder


def run_command(
    out: Path, seed: int, suite: Suite, switches: Sequence[str] = (), baselines: Sequence[Path] = ()
) -> list[str]:
    """How a run of a proof is asked for."""
    command = [sys.executable, "-m", "harness", "run", suite.profile]
    command += ["--slo", str(SCENARIOS / suite.slo_file), "--seed", str(seed), "--out", str(out), "--no-html"]
    for switch in switches:
        command += ["--quirk", switch]
    for baseline in baselines:
        command += ["--baseline", str(baseline)]
    return command


def _judged(folder: Path) -> Judged | None:
    try:
        return Judged.model_validate_json((folder / "verdict.json").read_bytes())
    except (OSError, ValidationError):
        return None
