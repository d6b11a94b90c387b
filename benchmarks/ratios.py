"""Has one of our own costs become worse? Short forms of the benchmarks, as ratios, held against kept figures.

    python benchmarks/ratios.py [--only NAME...]                 # what `make ratios` does, about a minute
    python benchmarks/ratios.py --looks 5                        # how far looks lie apart, nothing judged
    python benchmarks/ratios.py --keep "WHY" [--only NAME...]    # five looks, and their medians are what counts now

A ratio is ours over a reference measured by turns with it, on the same core and in the same process or right beside it:
so it says the same on a slow machine, and nearly the same on a busy one. What is more than 20 % worse than
`short/kept.toml` is measured again, and once more; worse three times running is exit code 1, with what, by how much and
where to look. What got 20 % better is told: keep it, or it may be lost again unseen.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
from short import kept as keeping
from short.judging import STEADY, WORSE, Judged, Turn, change, figure, judged, not_the_same, spread
from short.kept import Kept
from short.table import RATIOS, Ratio
from short.turns import cores, pin

ROOT = Path(__file__).resolve().parents[1]
KEPT_LOOKS = 5
LONGEST_S = 300.0
MEASURED = ("harness", "chaos", "reports", "scenarios")
BY_NAME = {one.name: one for one in RATIOS}


def look(names: Sequence[str]) -> dict[str, float]:
    """Measure these, and what comes with them. :raises SystemExit: a short form that failed itself."""
    found: dict[str, float] = {}
    for module in dict.fromkeys(BY_NAME[name].module for name in names):
        command = [sys.executable, __file__, "--module", module]
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=LONGEST_S, check=False)
        if done.returncode:
            raise SystemExit(f"benchmarks/short/{module}.py failed ({done.returncode}); what it said stands above")
        told = orjson.loads(done.stdout.splitlines()[-1])
        found |= {name: figure([Turn(*turn) for turn in turns]) for name, turns in told.items()}
    return found


def child(module: str) -> None:
    """Measure what one module measures, and print its turns."""
    pin(cores()[1])
    found: dict[str, list[Turn]] = importlib.import_module(f"short.{module}").looked()
    print(orjson.dumps({name: [dataclasses.astuple(turn) for turn in turns] for name, turns in found.items()}).decode())


def judge(names: Sequence[str], kept: Mapping[str, Kept]) -> int:
    """The table, and what is wrong."""
    begun = time.monotonic()
    found = judged({name: kept[name].ratio for name in names}, look)
    print(f"{'':22}{'kept':>9}{'now':>9}{'':>9}")
    for one in found:
        again = f"   looks: {', '.join(f'{ratio:.3g}' for ratio in one.looks)}" if len(one.looks) > 1 else ""
        print(f"{one.name:22}{one.kept:9.3g}{one.best:9.3g}{one.change:+9.1%}{again}")
    print(f"{len(found)} ratios in {time.monotonic() - begun:.0f} s")
    for one in found:
        if one.change < -WORSE:
            print(f'{one.name} is {-one.change:.0%} better than what is kept: --keep "WHY" --only "{one.name}"')
    worse = [one for one in found if one.worse]
    for one in worse:
        print(f"\n{told(one, BY_NAME[one.name], kept[one.name])}")
    return int(bool(worse))


def told(one: Judged, of: Ratio, kept: Kept) -> str:
    """What is worse, by how much, since when, and where to look."""
    lines = [
        f"{one.name} is {one.change:.0%} worse, {len(one.looks)} times running (at most {WORSE:.0%})",
        f"  {of.ours}: {one.best:.3g} times {of.reference}",
        f"  kept: {kept.ratio:.3g}, {kept.date}, commit {kept.commit}: {kept.reason}",
        f"  look at: {of.look}",
        f'  if it is worth it: python benchmarks/ratios.py --keep "WHY" --only "{one.name}"',
    ]
    if kept.python != python():
        lines.insert(3, f"  kept with Python {kept.python}, and this is {python()}: that alone may be the reason")
    return "\n".join(lines)


def looked_at(names: Sequence[str], looks: int) -> tuple[dict[str, list[float]], int]:
    """Several looks, and how many of the ratios were not steady."""
    begun = time.monotonic()
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(looks):
        for name, ratio in look(names).items():
            found.setdefault(name, []).append(ratio)
        print(f"look {number + 1} of {looks}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
    print(f"{'':22}{'median':>9}{'spread':>9}")
    for name, ratios in found.items():
        unsteady = f"   beyond {STEADY:.0%}" if spread(ratios) > STEADY else ""
        print(f"{name:22}{statistics.median(ratios):9.3g}{spread(ratios):9.1%}{unsteady}")
    return found, sum(spread(ratios) > STEADY for ratios in found.values())


def keep(names: Sequence[str], reason: str, path: Path, looks: int) -> int:
    """Write down what some looks found, and say what changed."""
    found, unsteady = looked_at(names, looks)
    kept = keeping.read(path)
    print()
    for name in names:
        ratio, was = statistics.median(found[name]), kept.get(name)
        kept[name] = Kept(ratio, spread(found[name]), datetime.now(UTC).date(), commit(), python(), reason)
        before = "kept first" if was is None else f"was {was.ratio:.3g} ({was.date}), {change(ratio, was.ratio):+.1%}"
        print(f"{name}: {ratio:.3g}, {before}: {reason}")
    keeping.write({one.name: kept[one.name] for one in RATIOS if one.name in kept}, path)
    return int(unsteady > 0)


def commit() -> str:
    """Of the checkout; "+" after it when something in what is measured is not committed."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "-uno", "--", *MEASURED)
    return git("rev-parse", "--short=8", "HEAD") + ("+" if changed else "")


def python() -> str:
    """The interpreter's minor version: another one has other costs."""
    return ".".join(platform.python_version_tuple()[:2])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=BY_NAME, metavar="NAME", help=f"of {', '.join(BY_NAME)}")
    parser.add_argument("--looks", type=int, help="measure so many times, and tell how far they lie apart")
    parser.add_argument("--keep", metavar="WHY", help=f"measure ({KEPT_LOOKS} looks), and write down what counts")
    parser.add_argument("--kept", type=Path, default=keeping.FILE, help="another file of kept figures")
    parser.add_argument("--module", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.module:
        child(options.module)
        return 0
    names = options.only or list(BY_NAME)
    if options.keep:
        return keep(names, options.keep, options.kept, options.looks or KEPT_LOOKS)
    if options.looks:
        return int(looked_at(names, options.looks)[1] > 0)
    kept = keeping.read(options.kept)
    if wrong := not_the_same(kept, BY_NAME):
        print("\n".join(wrong) + f'\n{options.kept}: --keep "WHY" writes it')
        return 1
    return judge(names, kept)


if __name__ == "__main__":
    sys.exit(main())
