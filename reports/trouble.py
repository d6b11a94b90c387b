"""What went wrong in a run, each with what is known about it: the rows behind a verdict's reasons. (pure)

A verdict's reasons are sentences. Readers of a page want them taken apart: since when, how badly, for whom, why we
think so, what to do, and where it is shown. `troubles` finds the row that each sentence was made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from harness.core.tables import View
from reports.catch_all import CatchAllRow
from reports.compare_rows import CompareRow
from reports.drift import DriftRow
from reports.frames import Frames
from reports.integrity.model import Check
from reports.onset import since
from reports.slo import SloRow
from reports.text import count, ms, percent, plural, seconds
from reports.verdict import Verdict, missed

SHOWN_PERSONAS = 3
MOST_S = 3600.0
"""Nobody runs longer than that for one answer while a quieter machine would give it."""


@dataclass(frozen=True)
class Trouble:
    """One reason of a verdict. Empty answers are not known. `section`: where in the page it is shown.

    `operation` and `view`: of what is slow or fails; empty where the trouble is no operation's.
    """

    text: str
    section: str
    since: str = ""
    badly: str = ""
    whom: str = ""
    why: str = ""
    remedy: str = ""
    operation: str = ""
    view: str = ""
    missed: bool = True  # for certain, not in doubt


def troubles(verdict: Verdict, frames: Frames) -> tuple[Trouble, ...]:
    """One for each reason, in the verdict's order."""
    known = {
        sentence: trouble
        for part in (_objectives, _data, _generator, _rest, _changes)
        for sentence, trouble in part(verdict, frames)
    }
    return tuple(known.get(reason) or Trouble(reason, "reasons") for reason in verdict.reasons)


Known = Iterator[tuple[str, Trouble]]


def _objectives(verdict: Verdict, frames: Frames) -> Known:
    for row in verdict.slos:
        if row.status == "fail":
            yield missed(row), _slow_or_failing(row, frames)
        elif row.status == "inconclusive":
            yield f"{row.name} could not be judged: {row.note}.", _unanswered(row, frames, _suspect(verdict))


def _data(verdict: Verdict, frames: Frames) -> Known:
    for check in verdict.integrity.broken:
        yield check.sentence, _broken(check, "integrity")
    for check in verdict.probes:
        yield check.sentence, _broken(check, "probes")
    if verdict.realtime is not None:
        for sentence in verdict.realtime.reasons:
            yield sentence, Trouble(sentence, "realtime", why="both ends of each delivery are in the record")


def _generator(verdict: Verdict, frames: Frames) -> Known:
    for row in verdict.vetoes:
        why = f"{row.reason}; the bound is {row.bound}"
        trouble = Trouble(f"{_first_upper(row.check)}: {row.value}", "generator", why=why, remedy=row.remedy)
        yield f"{row.check.capitalize()} {row.value}: {row.reason}.", trouble


def _rest(verdict: Verdict, frames: Frames) -> Known:
    for access in verdict.access:
        badly = f"{count(access.bad)} of {count(access.looked_at)}"
        yield access.sentence, Trouble(access.sentence, "rest", badly=badly)
    if verdict.catch_all is not None:
        first = {row.status: row for row in reversed(verdict.catch_all.rows)}
        for sentence in verdict.catch_all.misses:
            yield sentence, _other(sentence, first.get("missed"), frames)
        for sentence in verdict.catch_all.doubts:
            yield sentence, _other(sentence, first.get("doubt"), frames)
    for rule in verdict.assistant:
        badly = f"{rule.value_text}, promised is {rule.objective}"
        yield rule.sentence, Trouble(rule.sentence, "assistant", badly=badly, why=rule.note)
    for finding in verdict.preflight.refused if verdict.preflight is not None else ():
        yield (
            finding.sentence,
            Trouble(
                finding.sentence, "preflight", badly=finding.why, why=finding.evidence, remedy=f"run: {finding.remedy}"
            ),
        )
    for gate in verdict.database.gates if verdict.database is not None else ():
        badly = f"{gate.value_text}, the limit is {gate.limit_text}"
        yield gate.sentence, Trouble(gate.sentence, "database", badly=badly, why=gate.evidence, remedy=gate.remedy)


def _changes(verdict: Verdict, frames: Frames) -> Known:
    if verdict.comparison is not None and (regressed := verdict.comparison.regressed):
        yield verdict.comparison.sentence, _regressed(verdict.comparison.sentence, regressed[0], frames)
    for row in verdict.drift:
        if row.rises:
            yield row.sentence, _drifting(row, frames)


def _regressed(sentence: str, row: CompareRow, frames: Frames) -> Trouble:
    interval = f", 95 % interval {row.interval_text}" if row.interval_text else ""
    return Trouble(
        sentence,
        "baseline",
        badly=f"{row.value_text} now, {row.baseline_text} before ({row.ratio_text}{interval})",
        whom=_personas(frames, (row.operation,)),
        why=row.note,
        remedy="see what differs between the two builds: harness compare RUN BASELINE",
        operation=row.operation,
        view=row.view,
    )


def _drifting(row: DriftRow, frames: Frames) -> Trouble:
    return Trouble(
        row.sentence,
        "drift",
        f"{seconds(row.step.at_s)} into the run" if row.step else "slowly, over the measure phase",
        f"from {ms(round(row.begin_ms, 1))}, {row.rise_ms:+,.1f} ms",
        _personas(frames, (row.operation,)),
        operation=row.operation,
        view=str(View.SERVER),
        missed=row.drifts,
    )


def _first_upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _slow_or_failing(row: SloRow, frames: Frames) -> Trouble:
    over = count(round(row.samples * (1 - row.share_under))) if row.share_under is not None else count(row.failed)
    if row.kind == "latency":
        text = f"{row.name}: {row.objective.split()[0]} is {row.value_text}, the limit is {row.limit_text}"
        what = f"{over} of {plural(row.samples, 'sample')} over the limit"
        ratio = f"{row.value / row.limit:,.1f} times the limit; " if row.value is not None and row.limit else ""
        badly = ratio + what
    else:
        text = f"{row.name}: {row.value_text}, the limit is {row.limit_text}"
        badly = f"{count(row.failed)} of {count(row.samples)} ended badly"
    interval = f"95 % interval {row.interval_text}, {plural(row.samples, 'sample')}" if row.interval else row.note
    return Trouble(
        text,
        "slos",
        since(row, frames),
        badly,
        _personas(frames, row.operations),
        f"{interval}; the generator kept up" if _kept_up(frames, row) else interval,
        operation=row.operations[0],
        view=str(row.view),
    )


def _kept_up(frames: Frames, row: SloRow) -> bool:
    return row.moved is not None and row.moved <= 0.01 * row.limit and not frames.health.empty


def _suspect(verdict: Verdict) -> str:
    """What to change about a generator, or its machine, that is in doubt."""
    return next((row.remedy for row in verdict.health if row.level != "valid" and row.remedy), "")


def _unanswered(row: SloRow, frames: Frames, suspect: str) -> Trouble:
    """What would answer it: a quieter machine where that is in doubt and an hour would not do, else the length."""
    long = row.needed_s is None or row.needed_s > MOST_S
    length = "" if row.needed_s is None else f"a measure phase of {seconds(row.needed_s)} at this rate would answer it"
    return Trouble(
        f"{row.name} could not be judged",
        "slos",
        badly=f"{row.value_text}, the limit is {row.limit_text}; {plural(row.samples, 'sample')}",
        whom=_personas(frames, row.operations),
        why=row.note,
        remedy=suspect if suspect and long else length,
        operation=row.operations[0],
        view=str(row.view),
        missed=False,
    )


def _broken(check: Check, section: str) -> Trouble:
    at = [one.at_s for one in check.offenders if one.at_s is not None]
    people = {id_ for one in check.offenders for what, id_ in one.ids.items() if what in ("person", "user_id", "user")}
    first = check.offenders[0] if check.offenders else None
    named = ", ".join(f"{what} {id_}" for what, id_ in first.ids.items()) if first else ""
    return Trouble(
        check.finding,
        section,
        f"first {seconds(min(at))} into the run, last {seconds(max(at))}" if at else "",
        f"{count(check.count)} of {count(check.looked_at)} ({percent(check.count / max(check.looked_at, 1))})"
        + (f": {check.note}" if check.note else ""),
        (f"{plural(len(people), 'person', 'people')}. " if people else "") + check.meaning,
        f"the target's own rows say so; the first: {named}" if named else "the target's own rows say so",
        f"look at {check.look_at}" if check.look_at else "",
    )


def _other(sentence: str, row: CatchAllRow | None, frames: Frames) -> Trouble:
    if row is None:
        return Trouble(sentence, "rest")
    return Trouble(
        sentence,
        "rest",
        badly=f"{row.failures_text}{'; ' + row.latency_text if row.latency_text else ''}",
        whom=_personas(frames, (row.name,)),
        why=f"at most {percent(row.allowed_share)} may fail; {plural(row.samples, 'sample')}",
        operation="" if row.value_ms is None and row.failures == "missed" else row.name,  # nothing to draw
        view=str(row.view),
    )


def _personas(frames: Frames, operations: tuple[str, ...]) -> str:
    """Who makes these calls, with how many of their sessions; empty where the record does not say."""
    if frames.traffic.empty or frames.arrivals.empty:
        return ""
    tickets = frames.traffic.loc[frames.traffic["call"].isin(_calls(operations)), "ticket"].unique()
    started = frames.arrivals[frames.arrivals["started_us"].notna()]
    theirs = started[started["ticket"].isin(tickets)]
    if theirs.empty:
        return ""
    sessions: pd.Series[int] = theirs.groupby("persona").size().sort_values(ascending=False)
    named = [f"{persona}s ({count(int(number))})" for persona, number in sessions.items()]
    more = f" and {len(named) - SHOWN_PERSONAS} more" if len(named) > SHOWN_PERSONAS else ""
    who = ", ".join(named[:SHOWN_PERSONAS]) + more
    return f"{count(len(theirs))} of {plural(len(started), 'session')} made this call: {who}"


def _calls(operations: tuple[str, ...]) -> list[str]:
    """Operations and the calls that they are made of where those have other names."""
    return [*operations, *(call for operation in operations for call in MADE_OF.get(operation, ()))]


MADE_OF = {
    "swipe_batch": ("swipe_events",),
    "conversation_open": ("messages_poll",),
    "message_delivery": ("message_send",),
}
