"""Runs mutants: each a whole `harness run` of a few seconds, through a proxy that spoils one call in one way, or calls
of several areas (`areas`) in one way each. What such a run does not name is run again alone, and so is a sample of what
it names.

First comes a healthy run through a proxy that surveys: it must raise no alarm, and says which mutants have something to
spoil. Where it cannot answer (a busy machine), the proof goes on and does not hold.
Every run has a fresh sandbox (`sandboxes`). Trials may go side by side where cores allow it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson
from pydantic import ValidationError

from harness import __version__
from harness.config.load import load_profile
from harness.core.counted import counted
from harness.core.errors import HarnessError
from harness.core.profile import Profile
from harness.load import child_process as processes
from harness.prove.mutants.allowed import reason
from harness.prove.mutants.areas import dealt, groups
from harness.prove.mutants.catalogue import Mutant
from harness.prove.mutants.sandboxes import FreshSandboxes, LineProcess
from harness.prove.mutants.table import MutantTrial, tried, tried_beside
from harness.prove.mutants.tally import Tally
from harness.prove.verdicts import ALARMS, Judged, warned

ROOT = Path(__file__).resolve().parents[3]
PROFILE = ROOT / "scenarios" / "profiles" / "prove-mutants.toml"
SLO_FILE = ROOT / "scenarios" / "slo-prove-mutants.toml"
LIMIT_S = 240.0
"""After that a run is stuck."""
SPARE_SEED = 500
"""A run without an answer is made once more, with a seed so much further on."""
CONTROL = "healthy"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ThroughProxy:
    """One run: its verdict (None without one), exit code, directory, and what the proxy counted. out: where it went; of
    this run alone, and there even when the run left no directory."""

    judged: Judged | None
    code: int
    folder: Path
    out: Path
    tally: Tally
    seconds: float


@dataclass(frozen=True, slots=True)
class MutationPlan:
    """What to run. seed: of the changed fields; runs have the profile's, so that all have the load that was surveyed.

    earlier: trials that need not be run again. note: each trial, as it ends. sample: so many of those that have
    something to spoil and may not live, from all places by turns; None: all. together: mutants in one run, at most.
    confirmed: of those that a run with others killed, so many are run alone as well, and what that says counts.
    """

    mutants: tuple[Mutant, ...]
    out: Path
    say: Say
    note: Callable[[MutantTrial], None]
    seed: int = 1
    jobs: int = 1
    controls: int = 1
    earlier: tuple[MutantTrial, ...] = ()
    sample: int | None = None
    together: int = 1
    confirmed: int = 0


@dataclass
class MutationRun:
    """Does a plan. `trials` has what is known at any moment. asked_alone: how many that a run with others killed were
    run alone as well; killed_alone: how many of these that killed too."""

    plan: MutationPlan
    trials: list[MutantTrial] = field(default_factory=list)
    controls: list[ThroughProxy] = field(default_factory=list)
    commit: str = field(default_factory=lambda: version())
    profile: Profile = field(default_factory=lambda: load_profile(PROFILE))
    asked_alone: int = 0
    killed_alone: int = 0
    unreached: tuple[str, ...] = ()  # places none of whose mutants has anything to spoil
    _usual: set[str] = field(default_factory=set)  # warnings of healthy runs
    _running: set[subprocess.Popen[str]] = field(default_factory=set)
    _stopped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> list[MutantTrial]:
        """Everything.

        :raises HarnessError: the healthy run through the proxy leaves no verdict or an alarm.
        """
        plan = self.plan
        self.trials = [one for one in plan.earlier if one.fate != "no answer"]
        done = {one.mutant for one in self.trials}
        reached = self._control()
        places = {one.place.name for one in plan.mutants if one.name in reached}
        self.unreached = tuple(sorted({one.place.name for one in plan.mutants} - places))
        chosen = plan.mutants
        if plan.sample is not None:
            chosen = dealt([one for one in chosen if one.name in reached and not reason(one)], plan.sample, plan.seed)
        left = [one for one in chosen if one.name not in done]
        for one in left:
            if one.name not in reached:
                self._ended(self._stamped(MutantTrial(mutant=one.name, fate="not hit"), self.profile.seed))
        self._side_by_side(groups([one for one in left if one.name in reached], plan.together))
        ended = {one.mutant for one in self.trials}
        self._side_by_side([(one,) for one in left if one.name not in ended])
        self._confirm(chosen)
        return self.trials

    def _confirm(self, chosen: Sequence[Mutant]) -> None:
        """Some of those that a run with others killed, alone: the later trial counts."""
        beside = [trial for trial in self.trials if trial.beside and trial.fate == "killed"]
        asked = random.Random(self.plan.seed).sample(beside, min(self.plan.confirmed, len(beside)))
        names = {trial.mutant for trial in asked}
        self.trials = [trial for trial in self.trials if trial.mutant not in names]
        self._side_by_side([(one,) for one in chosen if one.name in names])
        again = [trial for trial in self.trials if trial.mutant in names]
        self.asked_alone, self.killed_alone = len(again), sum(trial.fate == "killed" for trial in again)

    def _side_by_side(self, companies: Sequence[tuple[Mutant, ...]]) -> None:
        """Each a run; whoever is interrupted stops them all."""
        todo: queue.SimpleQueue[tuple[Mutant, ...]] = queue.SimpleQueue()
        for company in companies:
            todo.put(company)
        with ThreadPoolExecutor(self.plan.jobs) as pool:
            workers = [pool.submit(self._work, todo) for _ in range(min(self.plan.jobs, len(companies)))]
            try:
                for worker in workers:
                    worker.result()
            except BaseException:
                self._stopped = True
                for process in tuple(self._running):
                    processes.end(process, patience_s=5.0)
                raise

    @property
    def controls_passed(self) -> bool:
        """Every healthy run of this time ended with 0."""
        return all(run.code == 0 for run in self.controls)

    def _control(self) -> set[str]:
        reached: set[str] = set()
        sandboxes = self._sandboxes()
        try:
            for number in range(max(1, self.plan.controls)):
                seed = self.profile.seed + number
                run = self._through(sandboxes.take(), (), seed)
                self.controls.append(run)
                told = run.judged.sentence if run.judged is not None else "no verdict"
                self.plan.say(f"healthy (seed {seed}): exit code {run.code} in {run.seconds:.0f} s; {told}")
                if run.judged is not None:
                    self._usual |= {*warned(run.judged)}
                if run.judged is None or run.code in ALARMS:
                    raise HarnessError(
                        f"a healthy run through the proxy ends with exit code {run.code}: {told}",
                        where=str(run.folder),
                        remedy="give it a quieter machine; no mutant can be told from that",
                    )
                if number == 0:
                    reached = set(run.tally.reached)
                    self.plan.say(f"{counted(len(reached), 'mutant has', 'mutants have')} something to spoil in it")
        finally:
            sandboxes.close()
        return reached

    def _sandboxes(self) -> FreshSandboxes:
        """For the thread that asks."""
        return FreshSandboxes(self.profile.sandbox)

    def _work(self, todo: queue.SimpleQueue[tuple[Mutant, ...]]) -> None:
        sandboxes = self._sandboxes()
        try:
            while not self._stopped:
                try:
                    company = todo.get_nowait()
                except queue.Empty:
                    return
                if len(company) > 1:
                    self._company(company, sandboxes, more=not todo.empty())
                else:
                    self._ended(self._trial(company[0], sandboxes, more=not todo.empty()))
        finally:
            sandboxes.close()

    def _company(self, company: tuple[Mutant, ...], sandboxes: FreshSandboxes, *, more: bool) -> None:
        """One run with several; those whom it does not kill by name have no trial afterwards."""
        sandbox = sandboxes.take()
        if more:
            sandboxes.ahead()
        try:
            run = self._through(sandbox, company, self.profile.seed)
        except HarnessError:
            return
        names = tuple(one.name for one in company)
        for one in company:
            trial = tried_beside(one, run.judged, run.code, run.tally.of(one.name))
            if trial is not None:
                others = tuple(name for name in names if name != one.name)
                trial = trial.model_copy(update={"beside": others})
                self._ended(self._stamped(trial, self.profile.seed, run))
        shutil.rmtree(run.out, ignore_errors=True)

    def _trial(self, one: Mutant, sandboxes: FreshSandboxes, *, more: bool) -> MutantTrial:
        trial = MutantTrial(mutant=one.name, fate="no answer")
        for seed in (self.profile.seed, self.profile.seed + SPARE_SEED):
            sandbox = sandboxes.take()
            if more:
                sandboxes.ahead()
            try:
                run = self._through(sandbox, (one,), seed)
            except HarnessError as error:  # sandbox or proxy died: that says nothing of the verdict
                trial = self._stamped(trial.model_copy(update={"sentence": str(error)}), seed)
                if self._stopped:
                    break
                continue
            trial = self._stamped(tried(one, run.judged, run.code, run.tally.of(one.name), self._usual), seed, run)
            if trial.fate in ("killed", "not hit"):
                shutil.rmtree(run.out, ignore_errors=True)
            if trial.fate != "no answer" or self._stopped:
                break
        return trial

    def _stamped(self, trial: MutantTrial, seed: int, run: ThroughProxy | None = None) -> MutantTrial:
        facts = {
            "seed": seed,
            "field_seed": self.plan.seed,
            "commit": self.commit,
            "made_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        }
        if run is not None:
            facts |= {"seconds": round(run.seconds, 1), "run": str(run.folder)}
        return trial.model_copy(update=facts)

    def _ended(self, trial: MutantTrial) -> None:
        with self._lock:
            if self._stopped:
                return  # ended by us, not by itself
            self.trials.append(trial)
            self.plan.note(trial)
            if trial.fate != "not hit" or trial.seconds:
                why = trial.gate or ", ".join(trial.gates) or trial.sentence
                asked = self.plan.sample or len(self.plan.mutants)
                self.plan.say(
                    f"{len(self.trials)} of {asked}: {trial.mutant} {trial.fate} ({trial.hits} of {trial.seen}) {why}"
                )

    def _through(self, sandbox: LineProcess, company: tuple[Mutant, ...], seed: int) -> ThroughProxy:
        """One run, from the sandbox that it uses up; without mutants, of a proxy that surveys."""
        began = time.monotonic()
        name = "+".join(one.name.replace("/", "-").replace(":", "-") for one in company[:2]) or CONTROL
        out = self.plan.out / f"{name}-{datetime.now(UTC):%H%M%S%f}"
        command = [sys.executable, "-m", "harness.prove.mutants.proxy", "--upstream"]
        proxy: LineProcess | None = None
        try:
            command += [sandbox.url(), "--seed", str(self.plan.seed)]
            command += [part for one in company for part in ("--mutant", one.name)] or ["--survey"]
            proxy = LineProcess(command)
            code = self._harness_run(proxy.url(), out, seed)
            proxy.ask_to_end()
            tally = Tally.model_validate(proxy.line(20.0))
        finally:
            if proxy is not None:
                proxy.end()
            sandbox.end()
        folder = next(iter(sorted(out.glob("*/"))), out)
        return ThroughProxy(_judged(folder), code, folder, out, tally, time.monotonic() - began)

    def _harness_run(self, url: str, out: Path, seed: int) -> int:
        command = [sys.executable, "-m", "harness", "run", str(PROFILE), "--url", url, "--slo", str(SLO_FILE)]
        command += ["--seed", str(seed), "--out", str(out), "--no-html"]
        process = processes.start(command, environ=os.environ, stderr=subprocess.DEVNULL)
        self._running.add(process)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=0 if self._stopped else LIMIT_S)
        finally:
            processes.end(process, patience_s=5.0)
            self._running.discard(process)
        return int(process.returncode)


def journal(path: Path) -> tuple[MutantTrial, ...]:
    """Trials of an interrupted run, the last of each mutant; a line that was cut short is left out."""
    found: dict[str, MutantTrial] = {}
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        with contextlib.suppress(ValidationError):
            trial = MutantTrial.model_validate_json(line)
            found[trial.mutant] = trial
    return tuple(found.values())


def append(path: Path, trial: MutantTrial) -> None:
    """One line of JSON."""
    with path.open("ab") as file:
        file.write(orjson.dumps(trial.model_dump()) + b"\n")


def version() -> str:
    """The commit of this checkout, "+" behind it when files differ from it; the package's version without one."""
    try:
        said = [
            subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True).stdout
            for arguments in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        ]
    except (OSError, subprocess.SubprocessError):
        return __version__
    return said[0].strip() + ("+" if said[1].strip() else "")


def _judged(folder: Path) -> Judged | None:
    try:
        return Judged.model_validate_json((folder / "verdict.json").read_bytes())
    except (OSError, ValidationError):
        return None


def known(mutants: Sequence[Mutant]) -> dict[str, Mutant]:
    """By name."""
    return {one.name: one for one in mutants}
