"""What somebody woken by a run wants to know before anything else. (pure)

What broke, since when, how badly, for whom, why we think so, what to do, how to repeat it: answered for the reason that
decides the verdict, the others named below it. A pass answers what it showed and what it did not.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from harness.record.manifest import Manifest
from reports.frames import Frames
from reports.past import Past
from reports.slo import SloRow
from reports.switches import switched_on
from reports.text import count, percent, plural, seconds
from reports.trouble import Trouble, troubles
from reports.verdict import Verdict

ALSO_SHOWN = 4


@dataclass(frozen=True)
class Answer:
    """One question and its answer. `command`: to be copied; `section`: where the page says more."""

    question: str
    text: str = ""
    command: str = ""
    section: str = ""


@dataclass(frozen=True)
class FirstScreen:
    """`headline`: what broke. `also`: further reasons, the gravest first; `more`: how many are not named here.

    `operation`, `view`: what the picture beside the answers shows; empty: there is nothing to draw.
    """

    headline: str
    answers: tuple[Answer, ...]
    also: tuple[Trouble, ...] = ()
    more: int = 0
    operation: str = ""
    view: str = ""


def first_screen(verdict: Verdict, frames: Frames, past: Past | None = None) -> FirstScreen:
    """The first screen. `past`: earlier runs, where a history is at hand. What to do is the first step of the verdict's
    playbook for this trouble, where it has one; else the row's own remedy, never a step for something else."""
    found = troubles(verdict, frames)
    if not found:
        return _passed(verdict, frames, past)
    first = found[0]
    answers = (
        Answer("Since when", _since(first, past), section="history" if past is not None else ""),
        Answer("How badly" if first.missed else "What was seen", first.badly),
        Answer("For whom", first.whom),
        Answer("Why we think so", first.why, section=first.section),
        Answer("What to do", _step(verdict) or first.remedy or _remedy(verdict, first)),
        Answer("Repeat it", command=repeat(frames.manifest)),
    )
    also = tuple(dict.fromkeys(found[1:]))
    drawn = next((one for one in found if one.operation and (one.missed or one is first)), None)
    return FirstScreen(
        headline=_sentence(first.text),
        answers=tuple(one for one in answers if one.text or one.command),
        also=also[:ALSO_SHOWN],
        more=max(0, len(also) - ALSO_SHOWN),
        operation=drawn.operation if drawn else "",
        view=drawn.view if drawn else "",
    )


def _since(first: Trouble, past: Past | None) -> str:
    nights = past.since(first.operation, first.view) if past is not None and first.operation else ""
    return "; ".join(part for part in (first.since, nights) if part)


def _step(verdict: Verdict) -> str:
    """Of the playbook: the first step that the leading reason opened. It may name several calls: one of them did."""
    reason = verdict.reasons[0]
    opened = [step for step in verdict.playbook if step.opened_by.removesuffix(".") in reason]
    return next((str(step.text) for step in opened), "")


def _remedy(verdict: Verdict, first: Trouble) -> str:
    """Where to look when nothing says what to do."""
    if first.operation and verdict.database is not None and verdict.database.statements:
        top = verdict.database.statements[0]
        return f"look at the statement that took the most time ({percent(top.share, 1)}), under Database"
    if first.operation:
        return "look at its line over time, and at what else was slow in the same seconds"
    return ""


def _passed(verdict: Verdict, frames: Frames, past: Past | None) -> FirstScreen:
    unshown = [row.name for row in verdict.slos if not row.shown]
    facts = verdict.facts
    answers = (
        Answer("Nearest to its limit", _nearest(verdict.slos), section="slos"),
        Answer(
            "How much was asked",
            f"{count(facts.operations_measured)} operations and {count(facts.attempts_measured)} attempts in "
            f"{seconds(facts.measured_s)}; {count(facts.sessions.started)} of "
            f"{plural(facts.sessions.planned, 'planned session')} started",
        ),
        Answer("Data", verdict.integrity.text, section="integrity"),
        Answer("Everything else", verdict.catch_all.brief if verdict.catch_all is not None else "", section="rest"),
        Answer("Not shown", f"too short to show: {', '.join(unshown)}" if unshown else "", section="slos"),
        Answer("Before", past.text if past is not None else "", section="history"),
        Answer("Repeat it", command=repeat(frames.manifest)),
    )
    nearest = _nearest_row(verdict.slos)
    return FirstScreen(
        headline=f"All {plural(len(verdict.slos), 'objective')} met."
        if len(verdict.slos) > 1
        else "The objective is met.",
        answers=tuple(one for one in answers if one.text or one.command),
        operation=nearest.operations[0] if nearest is not None else "",
        view=str(nearest.view) if nearest is not None else "",
    )


def _nearest_row(rows: Sequence[SloRow]) -> SloRow | None:
    known = [row for row in rows if row.margin_share is not None and row.kind == "latency"]
    return min(known, key=lambda row: row.margin_share or 0.0, default=None)


def _nearest(rows: Sequence[SloRow]) -> str:
    row = _nearest_row(rows)
    return "" if row is None else f"{row.name}: {row.value_text} of {row.limit_text}, margin {row.margin_text}"


def _sentence(words: str) -> str:
    return words if words.endswith(".") else f"{words}."


def repeat(manifest: Manifest) -> str:
    """The command that makes this run again: same profile, seed and switches. A target's file is not in the record."""
    parts = ["harness", "run", manifest.profile.name, "--seed", str(manifest.seed)]
    if manifest.target_environment != "sandbox":
        parts += ["--target", manifest.target_name]
    for name, value in switched_on(manifest.notes).items():
        parts += ["--quirk", f"{name}={value}"]
    return shlex.join(parts)
