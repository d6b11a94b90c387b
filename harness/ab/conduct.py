"""Loads two deployments at the same time, round after round, each by a `harness run` of its own.

At the same time: whatever the machine, the network or a neighbour does, it does to both. In each round the two have
schedules of different seeds, so that neither always comes right behind the other; in the next one they are exchanged.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import ExitCode, HarnessError, TargetError, UsageError
from harness.load import child_process as processes
from harness.run.ended_by_hand import refuse_to_go_on
from harness.run.resolved_target import target_of
from harness.run.run_request import RunRequest, Watcher

SIDES = ("base", "head")
REFUSALS: dict[int, type[HarnessError]] = {ExitCode.USAGE: UsageError, ExitCode.TARGET: TargetError}
BEYOND_S = 180.0
"""After the planned end of its load, until a run is given up."""
END_S = 40.0
"""For a run that is asked to end, to close its record."""
SAID_LINES = 12


@dataclass(frozen=True)
class Pair:
    """What to load. sides: a request for each of SIDES, from which a sandbox is started where it names no deployment.

    options: of `harness run`, for both. where: of each side, `--target FILE`; empty for a sandbox. environ: for runs.
    """

    sides: Mapping[str, RunRequest]
    where: Mapping[str, Sequence[str]]
    profile: str
    options: Sequence[str]
    environ: Mapping[str, str]
    rounds: int
    seed: int
    folder: Path
    watcher: Callable[[], contextlib.AbstractContextManager[Watcher]]


def conduct(pair: Pair) -> list[dict[str, Path]]:
    """Make all rounds. Returns the run directories of each, by side.

    :raises HarnessError: a run was refused, or left no record; what was made stays in the folder.
    :raises Interrupted: a run was, or by hand (`EndedByHand`): no further round is made.
    """
    pair.folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        watcher = stack.enter_context(pair.watcher())
        where = {side: tuple(stack.enter_context(_standing(pair, side, watcher))) for side in SIDES}
        rounds = []
        for number in range(pair.rounds):
            watcher.stage(f"round {number + 1} of {pair.rounds}: base and head are loaded at the same time")
            rounds.append(_round(pair, where, number))
            for folder in rounds[-1].values():
                refuse_to_go_on(folder)
        return rounds


@contextlib.contextmanager
def _standing(pair: Pair, side: str, watcher: Watcher) -> Iterator[Sequence[str]]:
    """Options of `harness run` that name a side's deployment; a sandbox started for it lasts for all rounds."""
    if pair.where[side]:
        yield pair.where[side]
        return
    watcher.stage(f"the {side}:")
    with target_of(pair.sides[side], watcher) as access:
        yield ("--url", access.url)


def _round(pair: Pair, where: Mapping[str, Sequence[str]], number: int) -> dict[str, Path]:
    seeds = (pair.seed + number // 2 * 2, pair.seed + number // 2 * 2 + 1)
    seeds = seeds if number % 2 == 0 else (seeds[1], seeds[0])
    outs = {side: pair.folder / f"round-{number + 1}" / side for side in SIDES}
    started: dict[str, subprocess.Popen[str]] = {}
    with contextlib.ExitStack() as stack:
        for side, seed in zip(SIDES, seeds, strict=True):
            outs[side].mkdir(parents=True, exist_ok=True)
            log = stack.enter_context((outs[side] / "said.txt").open("w", encoding="utf-8"))
            command = [sys.executable, "-m", "harness", "run", pair.profile, *pair.options, *where[side]]
            command += ["--seed", str(seed), "--out", str(outs[side])]
            started[side] = processes.start(command, environ=pair.environ, stdout=log, stderr=log)
            stack.callback(processes.end, started[side], patience_s=END_S)
        _wait(started, pair.sides["base"].profile.phases.end_s + pair.sides["base"].profile.phases.drain_s + BEYOND_S)
    return {side: _record(side, outs[side], started[side].returncode) for side in SIDES}


def _wait(started: Mapping[str, subprocess.Popen[str]], limit_s: float) -> None:
    """Until both have left; where one is refused, the other has no business going on."""
    deadline = time.monotonic() + limit_s
    while any(process.poll() is None for process in started.values()):
        if any(process.returncode in REFUSALS for process in started.values()) or time.monotonic() > deadline:
            return
        time.sleep(0.2)


def _record(side: str, out: Path, code: int) -> Path:
    """The run directory in `out`. :raises HarnessError: there is none, with what the run said."""
    found = [one.parent for one in out.glob("[0-9]*Z-*/manifest.json")]
    if code not in REFUSALS and len(found) == 1:
        return found[0]
    said = (out / "said.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-SAID_LINES:]
    raise REFUSALS.get(code, HarnessError)(
        f"the {side}'s run came to nothing (exit {code}):\n" + "\n".join(said),
        where=str(out),
        remedy="what it says above has to be put right first; nothing was compared",
    )
