"""How often do healthy runs accuse each other, and how often is a slower one found?

    python benchmarks/false_alarms.py [--healthy RUN RUN RUN... [--slower RUN...]] [--baselines 2]

Without runs of yours it makes five healthy ones and one 30 % slower, two minutes and a half each, all of one seed and
so of one load. Compares each healthy run with every choice of so many others as baselines, and each slower one with
every choice of healthy ones, as `harness compare` would. Prints how many of the comparisons end in a regression, and
which operations do. The comparisons share runs, so a share of them says less than its number seems to.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

from harness.prove.defects import PACED, STEADY
from harness.prove.trials import run_command
from harness.record.store import open_run
from reports.compare import compare
from reports.frames import Frames, load

MADE = 5
"""Healthy runs, where none are given."""

SEED = 1
"""Of every run made: who comes, when, and what they do."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--healthy", type=Path, nargs="*", default=[], help="runs of one unchanged target")
    parser.add_argument("--slower", type=Path, nargs="*", default=[], help="runs of a target made slower")
    parser.add_argument("--baselines", type=int, default=2)
    options = parser.parse_args()
    if options.healthy:
        if len(options.healthy) <= options.baselines:
            parser.error(f"--healthy: {options.baselines} baselines need at least {options.baselines + 1} runs")
        count(options.healthy, options.slower, options.baselines)
        return
    with tempfile.TemporaryDirectory() as name:
        healthy = [made(Path(name) / f"healthy-{number}") for number in range(1, MADE + 1)]
        count(healthy, [made(Path(name) / "latency_percent=30", "latency_percent=30")], options.baselines)


def made(out: Path, *switches: str) -> Path:
    """A run like those that `harness prove` compares."""
    command = run_command(out, SEED, STEADY, (*PACED, *switches))
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=STEADY.limit_s, check=False)
    return next(out.glob("*/"))


def count(healthy_paths: Sequence[Path], slower: Sequence[Path], baselines: int) -> None:
    healthy = [load(open_run(path)) for path in healthy_paths]
    print(f"{f'{baselines} baselines':<28} compared  regressed  operations")
    tell("healthy", pairs(healthy, healthy, baselines))
    for path in slower:
        tell(path.parent.name, pairs([load(open_run(path))], healthy, baselines))


def pairs(runs: Sequence[Frames], healthy: Sequence[Frames], size: int) -> Iterable[tuple[Frames, Sequence[Frames]]]:
    """Each run with every choice of baselines that it is not one of."""
    for run in runs:
        for chosen in combinations([one for one in healthy if one is not run], size):
            yield run, chosen


def tell(name: str, asked: Iterable[tuple[Frames, Sequence[Frames]]]) -> None:
    compared = regressed = 0
    operations: Counter[str] = Counter()
    for run, baselines in asked:
        found = {row.operation for row in compare(run, baselines, force=True).regressed}
        compared, regressed = compared + 1, regressed + bool(found)
        operations.update(found)
    often = ", ".join(f"{operation} {number}" for operation, number in operations.most_common(6))
    print(f"{name:<28} {compared:>8} {regressed:>10}  {often}", flush=True)


if __name__ == "__main__":
    main()
