"""Healthy runs of a proof: on a quiet machine, and in situations that look like a fault of the target and are none.

A run that raises an alarm in one of them accuses an innocent one. `clocks apart` needs `faketime` on the PATH: it moves
the generator's clock, while the sandbox keeps the machine's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from typing import Literal

from harness.core.profile import SandboxSize
from harness.load import child_process as processes
from harness.prove.mutants.sandboxes import FreshSandboxes

Situation = Literal["quiet", "busy core", "clocks apart", "same seed again", "paced", "assistant"]
SITUATIONS: tuple[Situation, ...] = ("quiet", "busy core", "clocks apart", "same seed again", "paced")
APART_S = 90
_SPIN = "while True: pass"


def situations(runs: int, *, baselines: bool, assistant: bool = False) -> tuple[Situation, ...]:
    """Of so many runs, by turns. baselines: paced runs, compared with them, are among these; quiet ones otherwise.
    assistant: nothing but its defects is proved, so healthy ones are of its profiles alone."""
    if assistant:
        return tuple("assistant" for _ in range(runs))
    found: list[Situation] = [SITUATIONS[number % len(SITUATIONS)] for number in range(runs)]
    return tuple("quiet" if one == "paced" and not baselines else one for one in found)


def shifted(command: list[str], seed: int) -> list[str]:
    """The command with another clock: 90 s ahead for even seeds, behind for odd ones."""
    tool = shutil.which("faketime")
    assert tool is not None, "asked for without it"
    sign = "+" if seed % 2 == 0 else "-"
    # A relative offset moves the wall clock alone: intervals stay what they are.
    return ["env", "FAKETIME_DONT_FAKE_MONOTONIC=1", tool, "-f", f"{sign}{APART_S}s", *command]


def can_shift() -> bool:
    """Whether there is a tool that moves a process's clock."""
    return shutil.which("faketime") is not None


@contextlib.contextmanager
def busy_core() -> Generator[None, None, None]:
    """One core does something else meanwhile."""
    process = processes.start([sys.executable, "-c", _SPIN], environ=os.environ, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        processes.end(process, patience_s=1.0)


@contextlib.contextmanager
def own_sandbox(size: SandboxSize) -> Generator[str, None, None]:
    """The address of a sandbox that outlives a run."""
    sandboxes = FreshSandboxes(size)
    sandbox = sandboxes.take()
    try:
        yield sandbox.url()
    finally:
        sandbox.end()
