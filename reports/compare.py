"""A run, or several, against earlier runs of the same load: p95 per operation and view. (pure)

The unit of replication is the run: the baseline of an operation is the median of the baseline runs' p95s, so one noisy
night does not move it. More than 15 % slower is a warning. It is a regression when it is also more than 5 ms and told
from noise: how far the runs' figures differ by themselves is learned from the runs of both groups, over all operations
together, and the chances of all operations are judged together (`reports.statistics.many`), so that a night of sixty
rows alarms as rarely as one of six. Without several runs of one build the noise is assumed to be 10 %. Every row says
its shift with an interval.

Each operation is asked by its p95 and by its median, which chance moves less: a change that moves all of it is told by
fewer runs. Where the median alone tells it, by more than 20 %, its row is the median's; the 5 ms are still those of the
p95.

An operation with fewer than 60 samples in a run has no p95 to speak of; only its median is compared. That takes three
samples, which also have to differ by the exact rank-sum test where they are few: a tenfold change needs no hundred.

Where the runs are too few for the rank-sum test to reach 1 % at all (three against seven are enough), noise that hits a
whole night cannot be seen between them, and each run has to be told from a noisy night alone:

- it would still be a warning without what the generator's delays could have added (`reports.disturbance`), and
- the median moved as well, to more than 15 % and 2 ms above that of every baseline run. Where it did not, and the tail
  alone is longer, p95 has to be twice that of every baseline run.

Where the machine itself was slower than the baseline's (`reports.environment`), a regression that it may have made is a
warning with the figure.

`benchmarks/false_alarms.py` counts, on runs of yours, how often healthy ones accuse each other and how often slower
ones are found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from harness.core.errors import UsageError
from harness.core.slo import LatencySlo, Slo
from harness.core.tables import View
from harness.record.likeness import differences
from reports import circumstances
from reports.compare_rows import ORDER, Change, CompareRow, Comparison, Differing
from reports.disturbance import moved_ms
from reports.environment import Busier, busier
from reports.frames import Frames, latency_table
from reports.intervals import bounds_us
from reports.ranks import value_at_share
from reports.shift import LEAST, chance, least_chance
from reports.shift import ratio as shift
from reports.statistics.many import Groups, Noise, alarms, more_often, noises
from reports.text import ms, plural

WARN, FASTER = 1.15, 0.85
ALONE = 1.20
"""How far a median has to move to tell alone what its p95 does not: 10 % would else be an incident now and then."""
FLOOR_MS = 5.0
BODY, BODY_FLOOR_MS = 1.15, 2.0
"""How far the median has to be above that of every baseline run."""
TAIL = 2.0
"""How far a tail has to be above that of every baseline run where the median is not."""
TAIL_SAMPLES, MIN_SAMPLES = 60, 3
"""In a run: for its p95 to be compared, and for its median."""
CHANCE = 0.01
"""With as many runs as the rank-sum test needs for it, what is noise of a whole night shows between them."""
LEVEL = 0.035
"""How often a night in which nothing changed may alarm at all."""
EXACT = 40
"""Up to so many samples together the exact rank-sum test is asked as well."""


def compare(
    run: Frames, baselines: Sequence[Frames], *, also: Sequence[Frames] = (), force: bool = False
) -> Comparison:
    """Compare the measure phases of `run`, and of further runs of the same build, with those of the baselines.

    :raises UsageError: without a baseline, or when the runs are not alike, unless `force`.
    """
    if not baselines:
        raise UsageError("no baseline given", where="harness compare", remedy="name at least one earlier run")
    notes = tuple(difference for other in (*also, *baselines) for difference in _differences(run, other))
    if notes and not force:
        raise UsageError(
            "these runs cannot be compared: " + "; ".join(notes),
            where=run.manifest.run_id,
            remedy="choose baselines of the same profile and target environment, or insist with --force",
        )
    runs = (run, *also)
    now = [_figures(one) for one in runs]
    earlier = [_figures(baseline) for baseline in baselines]
    pairs = [
        pair
        for key in sorted({key for one in (*now, *earlier) for key in one})
        for pair in _asked(
            key,
            [_Run(one, figures[key]) for one, figures in zip(runs, now, strict=True) if key in figures],
            [_Run(one, figures[key]) for one, figures in zip(baselines, earlier, strict=True) if key in figures],
        )
    ]
    machine = busier((one.manifest for one in runs), (one.manifest for one in baselines))
    named = {one for frames in (*runs, *baselines) for slo in frames.manifest.slos for one in _named(slo)}
    rows = [
        row.model_copy(update={"objective": (row.operation, row.view) in named})
        for row in (_doubted(row, machine) for row in _rows(pairs))
    ]
    rows.sort(key=lambda row: (ORDER.index(row.change), -row.effect, row.operation, row.view))
    return Comparison(
        run_id=run.manifest.run_id,
        also=tuple(one.manifest.run_id for one in also),
        baselines=tuple(baseline.manifest.run_id for baseline in baselines),
        rows=tuple(rows),
        notes=notes,
        machine=f"The machine was {machine.text}." if machine is not None else "",
        differing=tuple(
            Differing(name=name, values=values)
            for name, values in circumstances.differing([one.manifest for one in (*runs, *baselines)])
        ),
    )


def _named(slo: Slo) -> tuple[Key, ...]:
    """What an objective is about."""
    operations = (slo.operation,) if isinstance(slo, LatencySlo) else slo.operations
    return tuple((operation, str(slo.view)) for operation in operations)


def _doubted(row: CompareRow, machine: Busier | None) -> CompareRow:
    """A regression that a slower machine may have made is a warning, with the figure."""
    if machine is None or row.change != "regressed" or not machine.explains(row.ratio):
        return row
    note = f"doubtful: the machine was {machine.text}" + (f"; {row.note}" if row.note else "")
    return row.model_copy(update={"change": "slower", "note": note})


class _Figure(NamedTuple):
    """One operation in one view of one run. Milliseconds."""

    p50: float
    p95: float
    samples: int
    failed: int


class _Run(NamedTuple):
    frames: Frames
    figure: _Figure


Key = tuple[str, str]
"""operation, view"""


def _figures(frames: Frames) -> dict[Key, _Figure]:
    table = latency_table(frames)
    names = ("operation", "view", "p50", "p95", "samples", "failed")
    return {
        (str(operation), str(view)): _Figure(float(p50), float(p95), int(samples), int(failed))
        for operation, view, p50, p95, samples, failed in zip(*(table[name] for name in names), strict=True)
    }


class _Pair:
    """One operation in one view: its later and earlier runs, and what of them is compared."""

    def __init__(self, key: Key, now: Sequence[_Run], earlier: Sequence[_Run], *, medians: bool = False) -> None:
        """medians: ask by them although there are samples for the p95s."""
        self.key = key
        self.all_now, self.all_earlier = now, earlier
        self.medians = medians
        self.figure: Literal["p95", "p50"] = "p50" if medians else "p95"
        self.now, self.earlier = _with(now, TAIL_SAMPLES), _with(earlier, TAIL_SAMPLES)
        if not (self.now and self.earlier):
            self.figure = "p50"
            self.now, self.earlier = _with(now, MIN_SAMPLES), _with(earlier, MIN_SAMPLES)
        self.usable = bool(self.now and self.earlier)
        self.values = [getattr(one.figure, self.figure) for one in self.now]
        self.before = [getattr(one.figure, self.figure) for one in self.earlier]
        self.level = median(self.values) if self.values else math.nan
        self.baseline = median(self.before) if self.before else math.nan
        self.ratio = shift(self.values, self.before) if self.usable else math.nan

    @property
    def more_ms(self) -> float:
        """How much it is slower: the p95s, where they are known."""
        if not self.medians:
            return self.level - self.baseline
        return median(one.figure.p95 for one in self.now) - median(one.figure.p95 for one in self.earlier)

    @property
    def comparable(self) -> bool:
        """Whether every figure is a latency."""
        return self.usable and all(math.isfinite(value) for value in (*self.values, *self.before))

    def groups(self) -> Groups:
        errors = [sampling_error(one.frames, self.key, self.figure) for one in (*self.now, *self.earlier)]
        return Groups(_logs(self.values), _logs(self.before), median(errors))

    def chance_of_failures(self) -> float:
        """Of so many failures now."""
        return more_often(
            sum(one.figure.failed for one in self.now),
            sum(one.figure.samples for one in self.now),
            sum(one.figure.failed for one in self.earlier),
            sum(one.figure.samples for one in self.earlier),
        )

    def chance_of_ranks(self) -> float:
        """Of the samples themselves, by the exact rank-sum test; 0 where they are too many to need it."""
        if sum(one.figure.samples for one in (*self.now, *self.earlier)) > EXACT:
            return 0.0
        later, earlier = ([v for one in runs for v in _samples(one, self.key)] for runs in (self.now, self.earlier))
        return chance(later, earlier)


def _with(runs: Sequence[_Run], samples: int) -> list[_Run]:
    return [one for one in runs if one.figure.samples >= samples]


def _logs(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(math.log(max(value, LEAST)) for value in values)


def _samples(run: _Run, key: Key) -> list[float]:
    chosen = _chosen(run.frames, key)
    return np.repeat(chosen["value_us"].to_numpy(dtype="float64"), chosen["count"].to_numpy()).tolist()


def _chosen(frames: Frames, key: Key) -> pd.DataFrame:
    return frames.measured_of(key[0], key[1])


def sampling_error(frames: Frames, key: Key, figure: str) -> float:
    """How far the logarithm of one run's figure is off by chance (standard deviation), by its own samples."""
    chosen = _chosen(frames, key)
    low, high = bounds_us(frames.window, chosen, float(figure[1:]))
    finite = chosen.loc[np.isfinite(chosen["value_us"]), "value_us"]
    value = value_at_share(chosen, float(figure[1:]) / 100.0)
    if finite.empty or not math.isfinite(value):
        return 0.0
    middle, lowest = math.log(max(value, 1.0)), math.log(max(low or float(finite.min()), 1.0))
    highest = math.log(max(high, 1.0)) if high is not None else 2 * middle - lowest  # open: as far as below
    return (highest - lowest) / (2 * 1.96)


def _asked(key: Key, now: Sequence[_Run], earlier: Sequence[_Run]) -> Iterator[_Pair]:
    """One operation by its p95s, and by its medians, which chance moves less."""
    first = _Pair(key, now, earlier)
    yield first
    if first.usable and first.figure == "p95":
        yield _Pair(key, now, earlier, medians=True)


def _rows(pairs: Sequence[_Pair]) -> list[CompareRow]:
    """A row for each operation, the chances of all of them judged together."""
    noise: dict[_Pair, tuple[Noise, Groups]] = {}
    for medians in (False, True):
        comparable = [pair for pair in pairs if pair.comparable and pair.medians == medians]
        groups = [pair.groups() for pair in comparable]
        noise |= {pair: (one, group) for pair, one, group in zip(comparable, noises(groups), groups, strict=True)}
    asked = [pair for pair in pairs if pair.usable and (pair in noise or math.isinf(pair.level))]
    chances = [
        max(noise[pair][0].chance(noise[pair][1].shift), pair.chance_of_ranks() if pair.figure == "p50" else 0.0)
        if pair in noise
        else pair.chance_of_failures()
        for pair in asked
    ]
    told = {pair: (p, alarm) for pair, p, alarm in zip(asked, chances, alarms(chances, LEVEL), strict=True)}
    rows: dict[Key, CompareRow] = {}
    for pair in pairs:
        row = _row(pair, noise[pair][0] if pair in noise else None, told.get(pair))
        if pair.key not in rows or (row.change == "regressed" and rows[pair.key].change != "regressed"):
            rows[pair.key] = row
    return list(rows.values())


def _row(pair: _Pair, noise: Noise | None, told: tuple[float, bool] | None) -> CompareRow:
    now, earlier = pair.now or pair.all_now, pair.earlier or pair.all_earlier
    p95 = median(one.figure.p95 for one in now) if now else math.nan
    baseline = median(one.figure.p95 for one in earlier) if earlier else math.nan
    samples, baseline_samples = (sum(one.figure.samples for one in runs) for runs in (now, earlier))
    if not pair.usable:
        change: Change = "not enough samples"
        note = f"{samples} now, {baseline_samples} before; at least {MIN_SAMPLES} each"
    else:
        change, note = _change(pair, noise, told)
    ratio = pair.ratio if math.isfinite(pair.level) and math.isfinite(pair.baseline) else None
    half = math.exp(noise.half()) if noise is not None and ratio is not None else None
    return CompareRow(
        operation=pair.key[0],
        view=pair.key[1],
        p95=p95 if math.isfinite(p95) else None,
        baseline_p95=baseline if math.isfinite(baseline) else None,
        ratio=ratio,
        ratio_low=None if half is None or ratio is None else ratio / half,
        ratio_high=None if half is None or ratio is None else ratio * half,
        chance=None if told is None else told[0],
        figure=pair.figure,
        now=pair.level if pair.usable and math.isfinite(pair.level) else None,
        before=pair.baseline if pair.usable and math.isfinite(pair.baseline) else None,
        samples=samples,
        baseline_samples=baseline_samples,
        change=change,
        note=note,
    )


def _change(pair: _Pair, noise: Noise | None, told: tuple[float, bool] | None) -> tuple[Change, str]:
    p, alarm = told or (1.0, False)
    if math.isinf(pair.baseline):
        return ("ok", "failed before, too") if math.isinf(pair.level) else ("faster", "failed before")
    if math.isinf(pair.level):
        much = "5 %" if pair.figure == "p95" else "half"
        return ("regressed" if alarm else "slower"), f"more than {much} of the samples fail now"
    if pair.ratio < FASTER:
        return "faster", ""
    if pair.ratio <= WARN:
        return "ok", ""
    few = "" if pair.medians else ", too few samples for p95s"
    by = f" by the medians{few};" if pair.figure == "p50" else ""
    size = f"{by} p = {p:.2g} in {len(pair.now)} against {plural(len(pair.earlier), 'run')}".strip()
    if pair.medians and pair.ratio <= ALONE:
        return "slower", size
    if pair.more_ms <= FLOOR_MS:
        return "slower", f"{size}; under {ms(FLOOR_MS)}"
    if not alarm:
        return "slower", f"{size}: chance explains it{_more_runs(pair, noise)}"
    doubt = _generator(pair) or _night(pair)
    return ("slower", doubt) if doubt else ("regressed", size)


def _more_runs(pair: _Pair, noise: Noise | None) -> str:
    """How many runs of each build would tell a shift of this size in four cases of five."""
    if noise is None or pair.ratio <= 1.0:
        return ""
    variance = noise.error**2 / (1 / len(pair.now) + 1 / len(pair.earlier))
    runs = math.ceil(2 * variance * (3.0 + 0.84) ** 2 / math.log(pair.ratio) ** 2)
    return f"; {max(runs, 3)} runs of each would tell it" if runs > len(pair.now) else ""


def _generator(pair: _Pair) -> str:
    """Why the generator may have made it; empty when it cannot have."""
    percentile = float(pair.figure[1:])
    moved = [
        moved_ms(one.frames, _chosen(one.frames, pair.key), View(pair.key[1]), percentile, value * 1000)
        for one, value in zip(pair.now, pair.values, strict=True)
    ]
    if shift([value - by for value, by in zip(pair.values, moved, strict=True)], pair.before) > WARN:
        return ""
    return f"the generator's own delays could have added {ms(median(moved))}"


def _night(pair: _Pair) -> str:
    """Why so few runs cannot tell this from a noisy night; empty when they can."""
    if least_chance(len(pair.now), len(pair.earlier)) < CHANCE:
        return ""
    body = max(one.figure.p50 for one in pair.earlier)
    tail = max(one.figure.p95 for one in pair.earlier)
    for one in pair.now:
        p50 = one.figure.p50
        if not (p50 > BODY * body and p50 - body > BODY_FLOOR_MS) and one.figure.p95 <= TAIL * tail:
            return f"a longer tail alone, the median is {ms(p50)}, {ms(body)} before: more runs can tell"
    return ""


def _differences(run: Frames, baseline: Frames) -> list[str]:
    """What makes a baseline unlike the run, in words."""
    mine = run.manifest
    return differences(
        mine.profile, mine.target_environment, baseline.manifest, complete=baseline.complete, run_id=mine.run_id
    )
