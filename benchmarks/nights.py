"""Nights that remember: how often does a night accuse an innocent build, and how soon is a slower one named and dated?

    python benchmarks/nights.py [--nights 1000]          # simulated, minutes
    python benchmarks/nights.py --real 30 --out DIR      # sandbox nights on this machine, a minute each: leave it alone

Every night is judged as `harness run --baseline last-good --history` judges it: the baseline rule chooses among the
nights before (`harness.history.choose`), `reports.compare` compares it alone and then with the two nights before it,
and what is not accused becomes a baseline itself, so a slow night that nobody noticed spoils the ones after it, as it
would.

Simulated: operations with sample numbers and latencies like the smoke profile's. A night's latencies are log-normal;
the night as a whole is off by 3 %, each operation in it by 5 % (standard deviations; assumed, no measurement). One
night in ten has a neighbour that makes everything up to twice as slow, and the canary shows it.

Real: `harness run` of `benchmarks/night.toml` against a sandbox of its own, so many times; every fifth one beside a
busy core. Then, each from there on, six nights with the feed 30 % slower and three with it 10 % slower. The feed takes
40 ms more in all of them, which is what a hosted one takes: a sandbox's own five are too few for a third of them to
count, since less than 5 ms is never called a regression. What was done stands in DIR/nights.json after each night, and
the same command goes on from there. Prints what was accused, and when the feed is said to have changed.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from harness.config.load import load_profile
from harness.core.phase_window import Window
from harness.core.tables import Phase, View
from harness.history import told
from harness.history.choose import Wanted, choose
from harness.history.model import Night, OperationFigures
from harness.history.series import changes
from harness.history.store import HistoryStore
from harness.record import buckets
from harness.record.manifest import Canary, Manifest
from reports import compare as comparing
from reports.frames import Frames, latency_table
from reports.samples import KEYS

MEASURE_S = 50
OPERATIONS: dict[str, tuple[float, int]] = {
    # name: median in ms, samples a night; of a smoke run
    "home_feed": (18.0, 140),
    "swipe_deck": (90.0, 60),
    "message_send": (12.0, 110),
    "conversation_list": (9.0, 160),
    "messages_poll": (7.0, 500),
    "swipe_events": (14.0, 120),
    "background_deck": (85.0, 320),
    "app_settings": (5.0, 90),
    "experiments": (6.0, 90),
    "title_detail": (8.0, 45),
    "read_receipt": (9.0, 80),
    "presence": (6.0, 200),
    "prefs_probe": (5.5, 25),
    "sign_in": (70.0, 80),
    "library_entry": (6.0, 45),
    "suggestion_shown": (8.0, 12),
}
SPREAD = 0.4
NIGHT, OPERATION = 0.03, 0.05
NEIGHBOUR = 0.1
CANARY_MS = 30.0
BEGUN = datetime(2026, 1, 1, 3, tzinfo=UTC)
WARM_UP = 10
"""Nights before anything is counted: a history has to begin somehow."""
WITHIN = 3
"""Nights in which a slower build has to be named."""


@dataclass
class Nights:
    """A history that grows by a simulated night at a time."""

    source: random.Random
    nights: list[Night] = field(default_factory=list)
    frames: dict[str, Frames] = field(default_factory=dict)

    def fork(self, seed: int) -> Nights:
        """The same past, another future."""
        return Nights(random.Random(seed), list(self.nights), dict(self.frames))

    def night(self, slower: dict[str, float] | None = None, *, judged: bool = True) -> tuple[str, ...]:
        """One more; `slower`: factors of operations. Returns the operations that it is accused of."""
        number = len(self.nights)
        factor = self.source.lognormvariate(0, NIGHT)
        canary = CANARY_MS * self.source.lognormvariate(0, 0.05)
        if self.source.random() < NEIGHBOUR:
            busy = self.source.uniform(1.1, 2.0)
            factor, canary = factor * busy, canary * busy
        run = self._frames(number, factor, slower or {}, canary)
        wanted = Wanted("smoke", "simulated", "sandbox", "plan", canary_cpu_ms=canary)
        choice = choose(self.nights, wanted, self.frames, BEGUN + timedelta(days=number))
        accused: tuple[str, ...] = ()
        if judged and choice.nights:
            before = [self.frames[one.run_id] for one in choice.nights]
            found = comparing.compare(run, before)
            if not found.regressed and choice.also:
                also = [self.frames[one.run_id] for one in choice.also]
                found = comparing.compare(run, before, also=also)
            accused = tuple(dict.fromkeys(row.operation for row in found.regressed))
        self._remember(run, accused)
        return accused

    def _frames(self, number: int, factor: float, slower: dict[str, float], canary_ms: float) -> Frames:
        rows = []
        random_source = np.random.default_rng(self.source.getrandbits(63))
        for name, (median, samples) in OPERATIONS.items():
            level = median * factor * self.source.lognormvariate(0, OPERATION) * slower.get(name, 1.0)
            values = level * 1000 * random_source.lognormal(0.0, SPREAD, samples)
            seconds = random_source.integers(0, MEASURE_S, samples)
            placed = buckets.representative(buckets.index(values.astype("int64")))
            rows.append(
                pd.DataFrame(
                    {
                        "second": seconds.astype("int32"),
                        "phase": str(Phase.MEASURE),
                        "operation": name,
                        "view": str(View.SERVER),
                        "outcome": "ok",
                        "bucket_us": placed.astype("int64"),
                        "count": 1,
                    }
                )
            )
        samples_ = pd.concat(rows, ignore_index=True).groupby(KEYS, sort=True)["count"].sum().reset_index()
        samples_["value_us"] = samples_["bucket_us"].astype("float64")
        nothing = samples_.iloc[:0]
        manifest = MANIFEST.model_copy(
            update={
                "run_id": f"night-{number:04d}",
                "started_at": (BEGUN + timedelta(days=number)).isoformat(timespec="seconds"),
                "canary": (Canary(at="start", cpu_ms=canary_ms, loopback_us=40.0),),
            }
        )
        return Frames(manifest, True, samples_, nothing, pd.DataFrame(), pd.DataFrame(), pd.DataFrame())

    def _remember(self, run: Frames, accused: tuple[str, ...]) -> None:
        manifest = run.manifest
        table = latency_table(run)
        self.nights.append(
            Night(
                run_id=manifest.run_id,
                started_at=manifest.started_at,
                profile="smoke",
                plan_digest="plan",
                target="simulated",
                environment="sandbox",
                verdict="fail" if accused else "pass",
                exit_code=12 if accused else 0,
                canary_cpu_ms=manifest.canary[0].cpu_ms,
                operations=tuple(
                    OperationFigures(
                        operation=str(row["operation"]),
                        view=str(row["view"]),
                        samples=int(row["samples"]),
                        p50=float(row["p50"]),
                        p95=float(row["p95"]),
                        p99=float(row["p99"]),
                    )
                    for row in table.to_dict("records")
                ),
            )
        )
        self.frames[manifest.run_id] = run
        for old in sorted(self.frames)[:-40]:
            del self.frames[old]


def _manifest() -> Manifest:
    return Manifest(
        run_id="night",
        status="complete",
        started_at=BEGUN.isoformat(),
        seed=1,
        profile=load_profile("smoke"),
        slos=(),
        target_name="simulated",
        target_url="http://127.0.0.1",
        target_environment="sandbox",
        windows=(Window(phase=Phase.MEASURE, start_s=0, end_s=MEASURE_S),),
        planned_sessions=0,
        plan_digest="plan",
        workers=1,
        versions={},
    )


MANIFEST = _manifest()
_known: dict[tuple[int, tuple[str, str], str], tuple[Frames, float]] = {}


def _remembered(frames: Frames, key: tuple[str, str], figure: str) -> float:
    """A baseline's sampling error is the same each of the seven nights on which it is asked: most of the time of a
    simulated night goes there. Frames are kept with their figures, so that no other ones get their id."""
    place = (id(frames), key, figure)
    if place not in _known:
        if len(_known) > 20_000:
            _known.clear()
        _known[place] = (frames, _sampling_error(frames, key, figure))
    return _known[place][1]


_sampling_error = comparing.sampling_error


@dataclass(frozen=True)
class Result:
    """What a simulation found. accused: (night, operations)."""

    nights: int
    accused: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def share(self) -> float:
        return len(self.accused) / self.nights


def unchanged(count: int, seed: int = 1) -> Result:
    """So many nights of one build, after a warm-up that does not count."""
    nights = Nights(random.Random(seed))
    for _ in range(WARM_UP):
        nights.night()
    found = [(number, accused) for number in range(count) if (accused := nights.night())]
    return Result(count, tuple(found))


def slower(times: int, factor: float, seed: int = 2, operation: str = "home_feed") -> tuple[int, int, int]:
    """So many histories, each with three nights of a slower operation after sound ones. (named within three nights,
    nights on which anything was accused, nights on which it was accused of something else)"""
    named = accused_nights = others = 0
    base = Nights(random.Random(seed))
    for _ in range(WARM_UP):
        base.night(judged=False)
    for number in range(times):
        base.night(judged=False)
        nights = base.fork(seed * 10_000 + number)
        accused = [nights.night({operation: factor}) for _ in range(WITHIN)]
        named += any(operation in one for one in accused)
        accused_nights += sum(bool(one) for one in accused)
        others += sum(bool(set(one) - {operation}) for one in accused)
    return named, accused_nights, others


def dated(times: int, factor: float = 1.3, at: int = 15, nights_: int = 30, seed: int = 3) -> tuple[int, int]:
    """So many histories of 30 nights with a step at night 15 of one operation. (dated within two nights, histories in
    which another operation is said to have changed)"""
    right = wrong = 0
    for number in range(times):
        nights = Nights(random.Random(seed * 10_000 + number))
        for night in range(nights_):
            nights.night({"home_feed": factor} if night >= at else None, judged=False)
        found = changes(nights.nights).alone
        first = {one.first.run_id: one for one in found if one.series.operation == "home_feed"}
        right += any(f"night-{night:04d}" in first for night in range(at - 2, at + 3))
        wrong += any(one.series.operation != "home_feed" for one in found)
    return right, wrong


def simulate(count: int) -> None:
    comparing.sampling_error = _remembered
    begun = time.monotonic()
    same = unchanged(count)
    print(f"nights of one build              {same.nights:>6}   accused {len(same.accused)} ({same.share * 100:.1f} %)")
    for number, operations in same.accused[:5]:
        print(f"    night {number}: {', '.join(operations)}")
    times = max(10, count // 30)
    for factor in (1.3, 1.1):
        named, accused, others = slower(times, factor)
        what = f"+{(factor - 1) * 100:.0f} % of home_feed"
        print(
            f"{what:<32} {times * WITHIN:>6}   named within {WITHIN} nights in {named} of {times} histories; "
            f"nights accused {accused}, of something else {others}"
        )
    right, wrong = dated(times)
    print(
        f"+30 % from night 15 of 30        {times * 30:>6}   dated within two nights in {right} of {times}; "
        f"another operation dated in {wrong}"
    )
    print(f"{time.monotonic() - begun:.0f} s")


# ---- real nights -----------------------------------------------------------------------------------------------------

PROFILE = Path(__file__).with_name("night.toml")
BUSY_EACH = 5
HOSTED = "delay_feed_ms=40"
STEP = 6
"""Nights of a slower feed: three in which it has to be named, four until `harness history changes` can date it."""
NIGHT_S = 300
_SPIN = "while True: pass"
STATE, VERDICT = "nights.json", "verdict.json"


@dataclass(frozen=True)
class RealNight:
    """One that was made. kind: "same", or the switch of the slower ones."""

    kind: str
    number: int
    exit_code: int
    accused: tuple[str, ...]
    took_s: float
    compared: bool = True  # a night beside a busy core has no baseline until one like it passed


def real(count: int, out: Path) -> None:
    """Sandbox nights of one build; then of a slower feed, in copies of their history."""
    done = _done(out)
    same = [_night(out, done, "same", number, busy=number % BUSY_EACH == BUSY_EACH - 1) for number in range(count)]
    accused = [one for one in same if one.accused]
    codes = Counter(one.exit_code for one in same)
    alone = sum(not one.compared for one in same)
    print(
        f"nights of one build {count}: accused {len(accused)} {[one.accused for one in accused]}; "
        f"compared with nothing {alone}; exit codes {codes}"
    )
    for percent, nights in ((30, STEP), (10, WITHIN)):
        kind = f"feed_latency_percent={percent}"
        if not _history(out, kind).exists():
            shutil.copyfile(_history(out, "same"), _history(out, kind))
        slower_ = [_night(out, done, kind, number) for number in range(nights)]
        named = [number + 1 for number, one in enumerate(slower_) if "home_feed" in one.accused]
        others = sorted({name for one in slower_ for name in one.accused} - {"home_feed"})
        print(f"+{percent} % of home_feed, {nights} nights: named in nights {named}; accused of others {others}")
        with HistoryStore(_history(out, kind)) as store:
            complete = [night for night in store.nights() if night.complete]
        found = changes(complete)
        for line in (*map(told.named, found.alone), *map(told.of_all, found.together)):
            print(f"    {line}")


def _history(out: Path, kind: str) -> Path:
    return out / f"history-{kind.replace('=', '-')}.db"


def _done(out: Path) -> list[RealNight]:
    try:
        found = json.loads((out / STATE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [RealNight(**{**one, "accused": tuple(one["accused"])}) for one in found]


def _night(out: Path, done: list[RealNight], kind: str, number: int, *, busy: bool = False) -> RealNight:
    """Make this night, unless it was made before."""
    known = next((one for one in done if (one.kind, one.number) == (kind, number)), None)
    if known is not None:
        return known
    folder = out / "runs" / kind.replace("=", "-") / f"{number:02d}"
    command = [sys.executable, "-m", "harness", "run", str(PROFILE), "--out", str(folder), "--no-html", "--no-observe"]
    command += ["--history", str(_history(out, kind)), "--baseline", "last-good"]
    command += ["--quirk", HOSTED, *([] if kind == "same" else ["--quirk", kind])]
    begun = time.monotonic()
    with _neighbour(busy):
        ran = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=NIGHT_S)
    verdicts = sorted(folder.glob(f"*Z-*/{VERDICT}"))
    if not verdicts:
        raise SystemExit(f"{kind}, night {number}: no verdict (exit {ran.returncode}):\n{ran.stderr[-2000:]}")
    verdict = json.loads(verdicts[-1].read_text(encoding="utf-8"))
    comparison = verdict["comparison"] or {"rows": []}
    compared = bool(comparison["rows"])
    if not compared and not busy and (kind, number) != ("same", 0):
        raise SystemExit(
            f"{kind}, night {number}: compared with nothing (exit {ran.returncode}): {verdict['sentence']}"
        )
    accused = {row["operation"]: None for row in comparison["rows"] if row["change"] == "regressed"}
    night = RealNight(kind, number, ran.returncode, tuple(accused), round(time.monotonic() - begun, 1), compared)
    done.append(night)
    draft = out / f"{STATE}.new"
    draft.write_text(json.dumps([asdict(one) for one in done], indent=1) + "\n", encoding="utf-8")
    draft.replace(out / STATE)
    shutil.rmtree(folder)  # the history holds what later nights need
    busy_ = (", beside a busy core" if busy else "") + ("" if compared else ", compared with nothing")
    print(
        f"    {kind}, night {number}{busy_}: exit {night.exit_code} after {night.took_s:.0f} s {accused or ''}",
        flush=True,
    )
    return night


class _neighbour:
    """A core that somebody else keeps busy."""

    def __init__(self, busy: bool) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", _SPIN]) if busy else None

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=1000, help="simulated ones of an unchanged build")
    parser.add_argument("--real", type=int, help="so many sandbox nights instead")
    parser.add_argument("--out", type=Path, help="with --real: where their history goes, and what was done")
    options = parser.parse_args()
    if options.real is None:
        simulate(options.nights)
        return
    if options.out is None:
        parser.error("--real needs --out, a folder that an interrupted one goes on in")
    options.out.mkdir(parents=True, exist_ok=True)
    real(options.real, options.out)


if __name__ == "__main__":
    main()
