"""From the records of both deployments to an answer: what is slower, by how much, or that nothing can be said. (pure)

Each operation is asked twice, by its median and by its 95th percentile. The chances of the questions that an
objective names are judged together (Benjamini and Hochberg), and those of all others, so that a change of nothing
alarms as rarely with a hundred questions as with one, and what nobody promised does not hide what somebody did. It is a
regression when it is no chance, more than 20 %, and more than 5 ms (2 ms of a median), also without what the head's
generator was later than the base's.

Nothing is said (exit 20) where an operation that an objective names was measured a hundred times and an increase of
30 % can neither be told nor excluded, where only one of the deployments answered it often enough, and where no round
counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.core.slo import LatencySlo
from harness.core.tables import View
from reports.ab.model import CODES, AbAnswer, RoundRuns, Word
from reports.ab.paired import Ratio, Samples, ratio
from reports.ab.rounds import Key, Round, Sides, sides
from reports.circumstances import differing
from reports.compare import BODY_FLOOR_MS, FASTER, FLOOR_MS, WARN
from reports.compare_rows import ORDER, Change, CompareRow, Differing
from reports.disturbance import LAGS
from reports.frames import MEASURED_VIEWS
from reports.statistics.many import alarms, more_often
from reports.text import ms, percent, plural

LEVEL = 0.02
"""How often a change of nothing may alarm by what an objective names, and as often by anything else."""
INCIDENT = 1.20
"""More than 15 % is shown as slower; from here on it is a regression, so that 10 % are one only now and then."""
EXCLUDED = 1.30
"""An increase that a comparison has to see, or to exclude."""
SAMPLES = {"p50": 20, "p95": 60}
"""The fewest at each deployment with which a percentile is compared."""
ANSWERED = 100
"""Samples at each deployment from which on an objective has to be answered: of fewer, chance leaves 30 % open too often
for an innocent change to be held up."""
FIGURES: tuple[Literal["p95", "p50"], ...] = ("p95", "p50")
FLOORS_MS = {"p50": BODY_FLOOR_MS, "p95": FLOOR_MS}
EXCHANGED = ("seed of the run",)
"""Circumstances that are exchanged from round to round."""


@dataclass(frozen=True)
class _Question:
    """One figure of one operation. lag_us: how much later the head's generator was than the base's, at most."""

    key: Key
    figure: Literal["p95", "p50"]
    ratio: Ratio
    chance: float
    lag_us: float

    @property
    def more_ms(self) -> float:
        return (self.ratio.head_us - self.ratio.base_us) / 1000.0

    @property
    def failing(self) -> bool:
        """More samples fail at the head than the percentile leaves out, and did not at the base."""
        return math.isinf(self.ratio.head_us) and math.isfinite(self.ratio.base_us)

    @property
    def slower(self) -> bool:
        if self.failing:
            return True
        return self.ratio.told and math.exp(self.ratio.shift) > WARN

    @property
    def large(self) -> bool:
        """Beyond the floor, and still more than 20 % without what the generator may have made."""
        if self.failing:
            return True
        without = (self.ratio.head_us - self.lag_us) / max(self.ratio.base_us, 1.0)
        return self.more_ms > FLOORS_MS[self.figure] and without > INCIDENT

    @property
    def excludes(self) -> bool:
        """Whether an increase of 30 % is excluded, with 95 % confidence."""
        return self.ratio.told and self.ratio.interval(0.90)[1] <= EXCLUDED


def answer(rounds: Sequence[Round], base: str, head: str, remarks: Sequence[str] = ()) -> AbAnswer:
    """rounds: at least one, in the order in which they were made. base, head: what was loaded, in words. remarks: what
    else is known of the runs; they change no exit code."""
    counting = [one for one in rounds if not one.problem]
    found = sides(counting)
    questions = list(_questions(found))
    named = {
        (slo.operation, str(slo.view))
        for one in rounds
        for frames in (one.base, one.head)
        for slo in frames.manifest.slos
        if isinstance(slo, LatencySlo)
    }
    told = _alarms(questions, named)
    rows = [_row(key, found, _of(key, questions), told, objective=key in named) for key in _keys(found)]
    rows.sort(key=lambda row: (ORDER.index(row.change), -row.effect, row.operation, row.view))
    open_ = tuple(_open(rows, questions, named, found)) if counting else ()
    regressed = [row for row in rows if row.change == "regressed"]
    answerable = any(one.excludes for one in questions if one.key in named)
    word: Word = "fail" if regressed else "pass" if answerable and not open_ else "inconclusive"
    reasons = (*(slower(row) for row in regressed), *open_)
    return AbAnswer(
        verdict=word,
        exit_code=int(CODES[word]),
        sentence=_sentence(word, reasons, rounds, counting),
        reasons=reasons,
        profile=rounds[0].head.manifest.profile.name,
        base=base,
        head=head,
        measured_s=sum(_length(one) for one in counting),
        slices=found.slices,
        rounds=tuple(
            RoundRuns(base=one.base.manifest.run_id, head=one.head.manifest.run_id, problem=one.problem)
            for one in rounds
        ),
        rows=tuple(rows),
        differing=_differing(rounds),
        notes=(*remarks, *_notes(rounds, rows, questions, named)),
    )


def slower(row: CompareRow) -> str:
    """One operation that is slower, in one sentence."""
    what = f"{row.operation} ({row.view})"
    if row.ratio is None:
        return f"{what} fails at the head, and did not at the base: {row.note}."
    return (
        f"{what} is {row.ratio_text} slower (95 % interval {row.interval_text}): {row.figure} "
        f"{ms(row.now)}, {ms(row.before)} at the base."
    )


def _questions(found: Sides) -> Iterator[_Question]:
    lag: Key = ("generator", str(View.LAG))
    for key in _keys(found):
        base, head = found.base.get(key), found.head.get(key)
        for figure in FIGURES:
            if base is None or head is None or min(base.number, head.number) < SAMPLES[figure]:
                continue
            percentile = float(figure[1:])
            one = ratio(base, head, found.slices, percentile)
            later = 0.0
            if lag in found.base and lag in found.head:
                lags = ratio(found.base[lag], found.head[lag], found.slices, percentile)
                later = max(0.0, lags.head_us - lags.base_us) * LAGS[View(key[1])]
            chance = one.chance
            if math.isinf(one.head_us) and math.isfinite(one.base_us):
                chance = more_often(_failed(head), head.number, _failed(base), base.number)
            yield _Question(key, figure, one, chance, later)


def _alarms(questions: Sequence[_Question], named: set[Key]) -> dict[_Question, bool]:
    told: dict[_Question, bool] = {}
    for family in (
        [one for one in questions if one.key in named],
        [one for one in questions if one.key not in named],
    ):
        told |= dict(zip(family, alarms([one.chance for one in family], LEVEL), strict=True))
    return told


def _keys(found: Sides) -> list[Key]:
    views = {str(view) for view in MEASURED_VIEWS}
    return sorted(key for key in {*found.base, *found.head} if key[1] in views)


def _of(key: Key, questions: Sequence[_Question]) -> list[_Question]:
    return [one for one in questions if one.key == key]


def _failed(samples: Samples) -> int:
    return int(samples.count[np.isinf(samples.value_us)].sum())


def _row(
    key: Key, found: Sides, asked: Sequence[_Question], told: dict[_Question, bool], *, objective: bool
) -> CompareRow:
    """The figure that alarms, the 95th percentile first; else the one that is known best."""
    numbers = [side[key].number if key in side else 0 for side in (found.head, found.base)]
    if not asked:
        return CompareRow(
            operation=key[0],
            view=key[1],
            p95=None,
            baseline_p95=None,
            ratio=None,
            samples=numbers[0],
            baseline_samples=numbers[1],
            change="not enough samples",
            note=f"{numbers[0]} at the head, {numbers[1]} at the base; at least {SAMPLES['p50']} each",
            objective=objective,
        )
    shown = next(
        (one for one in asked if _change(one, alarm=told[one])[0] == "regressed"),
        next((one for one in asked if one.excludes), min(asked, key=lambda one: one.ratio.error)),
    )
    change, note = _change(shown, alarm=told[shown])
    low, high = shown.ratio.interval() if shown.ratio.told else (None, None)
    figures = [_ms(shown.ratio.head_us), _ms(shown.ratio.base_us)]
    p95 = next((one.ratio for one in asked if one.figure == "p95"), None)
    return CompareRow(
        operation=key[0],
        view=key[1],
        p95=_ms(p95.head_us) if p95 is not None else None,
        baseline_p95=_ms(p95.base_us) if p95 is not None else None,
        ratio=math.exp(shown.ratio.shift) if shown.ratio.told else None,
        ratio_low=low,
        ratio_high=high,
        chance=shown.chance,
        figure=shown.figure,
        now=figures[0],
        before=figures[1],
        samples=numbers[0],
        baseline_samples=numbers[1],
        change=change,
        note=note,
        objective=objective,
    )


def _change(one: _Question, *, alarm: bool) -> tuple[Change, str]:
    if not one.slower:
        faster = one.ratio.told and math.exp(one.ratio.shift) < FASTER and one.ratio.interval()[1] < 1.0
        return ("faster" if faster else "ok"), ""
    much = "5 %" if one.figure == "p95" else "half"
    if not alarm:
        return "slower", f"p = {one.chance:.2g}: chance explains it"
    if one.failing:
        return "regressed", f"more than {much} of the samples fail"
    if one.large:
        return "regressed", f"p = {one.chance:.2g}"
    if one.more_ms <= FLOORS_MS[one.figure]:
        return "slower", f"under {ms(FLOORS_MS[one.figure])}"
    if math.exp(one.ratio.shift) <= INCIDENT:
        return "slower", f"p = {one.chance:.2g}; no more than {percent(INCIDENT - 1, 0)}"
    return "slower", f"the head's own generator was up to {ms(one.lag_us / 1000)} later than the base's"


def _open(rows: Sequence[CompareRow], questions: Sequence[_Question], named: set[Key], found: Sides) -> Iterator[str]:
    """Objectives that were measured and not answered."""
    for row in rows:
        key = (row.operation, row.view)
        if key not in named or row.change == "regressed":
            continue
        asked = _of(key, questions)
        many = max((side[key].number if key in side else 0) for side in (found.base, found.head))
        if not asked and many >= SAMPLES["p95"]:
            yield (
                f"{row.operation} ({row.view}) was answered {plural(row.samples, 'time')} at the head and "
                f"{plural(row.baseline_samples, 'time')} at the base: too seldom on one side to be compared."
            )
        elif asked and row.samples >= ANSWERED <= row.baseline_samples and not any(one.excludes for one in asked):
            interval = f" ({row.interval_text})" if row.interval_text else ""
            yield (
                f"{row.operation} ({row.view}): an increase of {percent(EXCLUDED - 1, 0)} can be neither told nor "
                f"excluded{interval}{f'; {row.note}' if row.note else ''}."
            )


def _sentence(word: Word, reasons: Sequence[str], rounds: Sequence[Round], counting: Sequence[Round]) -> str:
    if word == "pass":
        return f"No operation that an objective names is slower by {percent(EXCLUDED - 1, 0)}, and none regressed."
    if reasons:
        more = f" ({len(reasons) - 1} more)" if len(reasons) > 1 else ""
        return reasons[0] + more
    if not counting:
        return f"Nothing can be said: {rounds[0].problem}."
    return "Nothing can be said: no operation that an objective names was measured often enough."


def _notes(
    rounds: Sequence[Round], rows: Sequence[CompareRow], questions: Sequence[_Question], named: set[Key]
) -> Iterator[str]:
    for number, one in enumerate(rounds, start=1):
        if one.problem:
            yield f"Round {number} does not count: {one.problem}."
    few = [f"{row.operation} ({row.view})" for row in rows if row.objective and row.change == "not enough samples"]
    few += sorted(f"{name} ({view})" for name, view in named - {(row.operation, row.view) for row in rows})
    if few:
        yield f"Not compared, too few samples: {', '.join(few)}."
    known = {one.key for one in questions if one.excludes}
    open_ = [
        f"{row.operation} ({row.view})"
        for row in rows
        if row.objective
        and row.change not in ("not enough samples", "regressed")
        and (row.operation, row.view) not in known
        and min(row.samples, row.baseline_samples) < ANSWERED
    ]
    if open_:
        yield f"Too few samples to exclude {percent(EXCLUDED - 1, 0)}: {', '.join(open_)}."


def _differing(rounds: Sequence[Round]) -> tuple[Differing, ...]:
    manifests = [frames.manifest for one in rounds for frames in (one.head, one.base)]
    return tuple(Differing(name=name, values=values) for name, values in differing(manifests) if name not in EXCHANGED)


def _length(one: Round) -> float:
    span = one.span
    return span[1] - span[0] if span is not None else 0.0


def _ms(value_us: float) -> float | None:
    return value_us / 1000.0 if math.isfinite(value_us) else None
