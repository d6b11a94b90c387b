"""Two deployments at the same time (`harness ab`): how often does it accuse an innocent change, and find a slower feed?

    python benchmarks/ab.py [--times 200] [--only "the feed +30 %"]   # simulated, minutes
    python benchmarks/ab.py --real 3 [--out DIR]       # two sandboxes on this machine, three minutes each

Simulated: operations with the sample numbers of one deployment in the profile `pull-request`, log-normal latencies.
What both deployments meet alike: a level that wanders from second to second (autoregressive, 0.9 a second, standard
deviation 15 %), and a neighbour that comes and goes, there one second in ten, and makes all of it up to twice as slow.
What each operation of each deployment has of its own: a level that wanders as slowly (5 %), and one that stays (2 %).
Requests come in bursts, as sessions make them. All of it is assumed.

Real: as the pull request's job does it, with the feed so many percent slower at one of the two: 0, 10, 30. Prints exit
code, seconds and what was said.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from harness.config.load import load_profile, load_slo_file
from harness.core.phase_window import Window
from harness.core.tables import Phase, View
from harness.record import buckets
from harness.record.manifest import Manifest
from reports.ab.judge import answer
from reports.ab.rounds import Round
from reports.frames import Frames
from reports.samples import KEYS

MEASURE_S, ROUNDS = 60, 2
OPERATIONS: dict[tuple[str, str], tuple[float, int]] = {
    # name and view: median in ms, samples of one deployment in one round of the profile
    ("home_feed", "server"): (18.0, 370),
    ("home_feed", "e2e"): (30.0, 370),
    ("swipe_deck", "server"): (60.0, 110),
    ("swipe_deck", "e2e"): (75.0, 110),
    ("message_send", "server"): (12.0, 200),
    ("message_send", "e2e"): (15.0, 200),
    ("conversation_list", "server"): (9.0, 60),
    ("messages_poll", "server"): (7.0, 150),
    ("swipe_events", "server"): (14.0, 40),
    ("background_deck", "server"): (65.0, 160),
    ("app_settings", "server"): (5.0, 40),
    ("experiments", "server"): (6.0, 40),
    ("title_detail", "server"): (8.0, 60),
    ("read_receipt", "server"): (9.0, 60),
    ("presence", "server"): (6.0, 80),
    ("sign_in", "server"): (70.0, 12),
    **{(f"call_{number}", "server"): (6.0 + number, 15 + 8 * number) for number in range(16)},
}
SPREAD = 0.4
COMMON, OWN, LASTING, FOLLOWS = 0.15, 0.05, 0.02, 0.9
NEIGHBOUR, STAYS_S = 0.1, 20.0
BURSTS = 2.0
"""Shape of the gamma distribution of a second's requests: the smaller, the more they come at once."""


def wandering(source: np.random.Generator, seconds: int, deviation: float) -> np.ndarray:
    """Logarithm of a level, second by second."""
    steps = source.normal(0.0, deviation * np.sqrt(1 - FOLLOWS**2), seconds)
    level = np.empty(seconds)
    value = source.normal(0.0, deviation)
    for second in range(seconds):
        value = FOLLOWS * value + steps[second]
        level[second] = value
    return level


def neighbours(source: np.random.Generator, seconds: int) -> np.ndarray:
    """Logarithm of what a neighbour makes of every latency, second by second."""
    found, there, much = np.zeros(seconds), source.random() < NEIGHBOUR, source.uniform(0.1, 0.7)
    for second in range(seconds):
        found[second] = much if there else 0.0
        leaves = 1 / STAYS_S if there else NEIGHBOUR / (1 - NEIGHBOUR) / STAYS_S
        if source.random() < leaves:
            there, much = not there, source.uniform(0.1, 0.7)
    return found


def frames(
    source: np.random.Generator, common: np.ndarray, lasting: dict[tuple[str, str], float], number: int
) -> Frames:
    """One deployment in one round."""
    rows = []
    for key, (median, samples) in OPERATIONS.items():
        rate = source.gamma(BURSTS, 1 / BURSTS, MEASURE_S)
        seconds = source.choice(MEASURE_S, source.poisson(samples), p=rate / rate.sum())
        level = np.log(median) + common + wandering(source, MEASURE_S, OWN) + lasting[key]
        values = 1000 * np.exp(level[seconds] + source.normal(0.0, SPREAD, len(seconds)))
        placed = buckets.representative(buckets.index(values.astype("int64")))
        rows.append(
            pd.DataFrame(
                {
                    "second": seconds.astype("int32"),
                    "phase": str(Phase.MEASURE),
                    "operation": key[0],
                    "view": key[1],
                    "outcome": "ok",
                    "bucket_us": placed.astype("int64"),
                    "count": 1,
                }
            )
        )
    found = pd.concat(rows, ignore_index=True).groupby(KEYS, sort=True)["count"].sum().reset_index()
    found["value_us"] = found["bucket_us"].astype("float64")
    empty = pd.DataFrame()
    manifest = MANIFEST.model_copy(update={"zero_epoch_s": 1e9 + number * 100})
    return Frames(manifest, True, found, found.iloc[:0], empty, empty, empty)


def compared(source: np.random.Generator, slower: dict[str, float]) -> tuple[str, set[str]]:
    """One comparison. slower: factors of the head's operations. Its verdict, and the operations that it accuses."""
    lasting = [{key: source.normal(0.0, LASTING) for key in OPERATIONS} for _ in range(2)]
    for key in OPERATIONS:
        lasting[1][key] += np.log(slower.get(key[0], 1.0))
    rounds = []
    for number in range(ROUNDS):
        common = wandering(source, MEASURE_S, COMMON) + neighbours(source, MEASURE_S)
        base, head = (frames(source, common, own, number) for own in lasting)
        rounds.append(Round(base, head))
    found = answer(rounds, "base", "head")
    return found.verdict, {row.operation for row in found.regressed}


def _manifest() -> Manifest:
    return Manifest(
        run_id="run",
        status="complete",
        started_at=datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
        seed=1,
        profile=load_profile("smoke"),
        slos=load_slo_file().slo,
        target_name="simulated",
        target_url="http://127.0.0.1",
        target_environment="sandbox",
        windows=(Window(phase=Phase.MEASURE, start_s=0, end_s=MEASURE_S),),
        planned_sessions=0,
        plan_digest="plan",
        workers=1,
        versions={},
        zero_epoch_s=1e9,
    )


MANIFEST = _manifest()
assert {view for _, view in OPERATIONS} <= {str(View.SERVER), str(View.E2E)}

CASES: tuple[tuple[str, dict[str, float]], ...] = (
    ("no change", {}),
    ("the feed +30 %", {"home_feed": 1.3}),
    ("the feed +20 %", {"home_feed": 1.2}),
    ("the feed +10 %", {"home_feed": 1.1}),
    ("decks +30 %", {"swipe_deck": 1.3, "background_deck": 1.3}),
    ("messages +30 %", {"message_send": 1.3}),
    ("everything +30 %", {key[0]: 1.3 for key in OPERATIONS}),
)


def simulate(times: int, only: str | None, seed: int = 1) -> None:
    begun = time.process_time()
    for number, (name, slower) in enumerate(CASES):
        if only is not None and name != only:
            continue
        source = np.random.default_rng((seed, number))
        answers = [compared(source, slower) for _ in range(times)]
        verdicts = Counter(verdict for verdict, _ in answers)
        named = sum(bool(accused & set(slower)) for _, accused in answers)
        others = sum(bool(accused - set(slower)) for _, accused in answers)
        said = ", ".join(f"{word} {count / times:.1%}" for word, count in verdicts.most_common())
        print(
            f"{name:<18} {times:>5}   {said}; named {named / times:.1%}, another accused {others / times:.1%}",
            flush=True,
        )
    print(f"{time.process_time() - begun:.0f} s of CPU")


# ---- real ------------------------------------------------------------------------------------------------------------


HOSTED = "delay_feed_ms=40"
"""A feed as long as a hosted one's: a third of a sandbox's own five milliseconds is never called slower."""


def real(times: int, out: Path) -> None:
    for percent in (0, 10, 30):
        for number in range(times):
            folder = out / f"{percent}-{number}"
            command = [sys.executable, "-m", "harness", "ab", "--out", str(folder), "--seed", str(100 + number)]
            command += ["--base-quirk", HOSTED, "--head-quirk", HOSTED]
            command += ["--head-quirk", f"feed_latency_percent={percent}"] if percent else []
            begun = time.monotonic()
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=600)
            took = time.monotonic() - begun
            found = sorted(folder.glob("ab-*/answer.json"))
            said = json.loads(found[-1].read_text())["sentence"] if found else done.stderr[-500:]
            print(f"feed +{percent} %: exit {done.returncode} after {took:.0f} s: {said}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200, help="comparisons to simulate of each kind")
    parser.add_argument("--only", choices=[name for name, _ in CASES], help="simulate this one")
    parser.add_argument("--real", type=int, help="so many comparisons of two sandboxes of each kind, instead")
    parser.add_argument("--out", type=Path, help="where their runs go; else a temporary folder")
    options = parser.parse_args()
    if options.real is None:
        simulate(options.times, options.only)
        return
    with tempfile.TemporaryDirectory() as name:
        real(options.real, options.out or Path(name))


if __name__ == "__main__":
    main()
