"""Runs what a proof consists of: each a `harness run` of its own, with a sandbox of its own, judged by its exit code.

A fresh sandbox each time costs some seconds and keeps one defect's rows out of another one's checks. Runs whose gate
counts rows and healthy ones may go side by side; those whose gate measures time have the machine for themselves, and so
have healthy ones that are compared.
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
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from harness.config.load import load_profile
from harness.core.errors import ExitCode
from harness.load import child_process as processes
from harness.prove.defects import ASSISTANTS, PACED, SECONDS, STEADY, Defect, Suite
from harness.prove.healthy import Situation, busy_core, can_shift, own_sandbox, shifted, situations
from harness.prove.table import Healthy, Proof, Trial, healthy, tried
from harness.prove.verdicts import Judged
from harness.record.store import open_run

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
SLO_FILE = SCENARIOS / SECONDS.slo_file
FIRST_HEALTHY = 1000
"""Seed of the first healthy run."""
SPARE = 500
"""A run that cannot answer says nothing: once more, with a seed so much further on. The first may have drawn too few
people for an objective."""

Say = Callable[[str], None]
T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class Asked:
    """One run. name: of its directory. url: of a sandbox that is there already; "" for one of its own."""

    name: str
    seed: int
    switches: Sequence[str]
    baselines: Sequence[Path]
    suite: Suite
    url: str = ""


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
        """Everything; healthy runs last, each situation by turns."""
        tried = {(trial.defect, trial.seed) for trial in self.trials}
        asked = [(one, seed) for seed in self.plan.seeds for one in self.plan.defects if (one.name, seed) not in tried]
        together = [(one, seed) for one, seed in asked if not one.timed]
        with contextlib.closing(self._side_by_side([partial(self._trial, *one) for one in together])) as trials:
            for trial in trials:
                self._tried(trial)
        for one, seed in asked:
            if one.timed:
                self._tried(self._trial(one, seed))
        todo = self._healthy_ones()
        with contextlib.closing(self._side_by_side([partial(self._healthy, *one) for one in todo[False]])) as runs:
            for run in runs:
                self._ran(run)
        for seed, situation in todo[True]:
            self._ran(self._healthy(seed, situation))
        return self.proof()

    def _healthy_ones(self) -> dict[bool, list[tuple[int, Situation]]]:
        """Those to be run, by whether they measure time."""
        done = {run.seed for run in self.healthy}
        found: dict[bool, list[tuple[int, Situation]]] = {False: [], True: []}
        alone = bool(self.plan.defects) and all(one.suite in ASSISTANTS for one in self.plan.defects)
        planned = situations(self.plan.healthy, baselines=bool(self._baselines), assistant=alone)
        for number, situation in enumerate(planned):
            if FIRST_HEALTHY + number in done:
                continue
            if situation == "clocks apart" and not can_shift():
                self.plan.say("left out: a run with clocks apart, because there is no faketime on the PATH")
                continue
            found[situation == "paced"].append((FIRST_HEALTHY + number, situation))
        return found

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

    def _side_by_side(self, asked: Iterable[Callable[[], T]]) -> Generator[T, None, None]:
        """Answers as they come; whoever stops listening stops the runs."""
        with ThreadPoolExecutor(self.plan.jobs) as pool:
            trials = [pool.submit(one) for one in asked]
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
            judged, code, folder = self._run(Asked(defect.name, drawn, defect.all_switches, baselines, defect.suite))
            trial = tried(defect, seed, judged, code, folder.name)
            if trial.result != "no answer" or self._interrupted:
                break
        return trial

    def _healthy(self, seed: int, situation: Situation) -> Healthy:
        paced = situation == "paced"
        switches, suite = (PACED, STEADY) if paced else ((), SECONDS)
        if situation == "assistant":
            suite = ASSISTANTS[seed % len(ASSISTANTS)]
        for drawn in (seed, seed + SPARE):
            with contextlib.ExitStack() as around:
                if situation == "busy core":
                    around.enter_context(busy_core())
                own = situation in ("clocks apart", "same seed again")
                size = load_profile(SCENARIOS / "profiles" / f"{suite.profile}.toml").sandbox
                url = around.enter_context(own_sandbox(size)) if own else ""
                asked = Asked("healthy", drawn, switches, self._baselines if paced else (), suite, url)
                judged, code, folder = self._run(asked, apart=situation == "clocks apart")
                run = healthy(seed, judged, code, folder.name, situation=situation)
                if situation == "same seed again" and not run.alarms:
                    judged, code, folder = self._run(asked)
                    run = healthy(seed, judged, code, folder.name, situation=situation)
            if run.answered:
                break
        return run

    def _needed_baselines(self, seed: int) -> tuple[Path, ...]:
        """Healthy runs with this seed, and so with the same load; one is made when the first defect asks for it."""
        mine = [folder for folder in self._baselines if open_run(folder).manifest.seed == seed]
        if not mine:
            judged, code, folder = self._run(Asked("baseline", seed, PACED, (), STEADY))
            self.plan.say(f"baseline (seed {seed}): exit code {code}")
            mine = [folder] if judged is not None else []
            self._baselines += mine
        return tuple(mine)

    def _run(self, asked: Asked, *, apart: bool = False) -> tuple[Judged | None, int, Path]:
        """One run: its verdict, its exit code, its directory. apart: by another clock than its sandbox's."""
        suite = asked.suite
        out = self.plan.out / f"{asked.name}-{asked.seed}-{datetime.now(UTC):%H%M%S%f}"
        command = run_command(out, asked.seed, suite, asked.switches, asked.baselines, asked.url)
        command = shifted(command, asked.seed) if apart else command
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
    out: Path, seed: int, suite: Suite, switches: Sequence[str] = (), baselines: Sequence[Path] = (), url: str = ""
) -> list[str]:
    """How a run of a proof is asked for. url: of a sandbox that is there already; "" for one of its own."""
    # All of the load, whatever the defect does to what the sandbox carries: else a run and its baseline would differ.
    command = [sys.executable, "-m", "harness", "run", suite.profile, "--no-fit"]
    command += ["--slo", str(SCENARIOS / suite.slo_file), "--seed", str(seed), "--out", str(out), "--no-html"]
    command += ["--url", url] if url else []
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
