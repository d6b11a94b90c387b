"""The last words of a run in a terminal: a table where there is one, plain aligned lines of 80 columns elsewhere."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from harness.core.visible import visible
from reports.compare_rows import CompareRow, Comparison
from reports.coverage.model import Coverage
from reports.database.model import DatabaseView
from reports.integrity.model import Integrity
from reports.realtime import Realtime
from reports.recovery.model import Recovery
from reports.render.lines import WIDTH
from reports.render.lines import columns as _columns
from reports.render.lines import wrapped as _wrapped
from reports.slo import SloRow
from reports.step import Step
from reports.text import count, plural
from reports.verdict import Verdict

SHOWN_HERE = 3
"""Offenders of a check in the terminal; the report names more."""
MARK = {"pass": "✓", "fail": "✗", "inconclusive": "?", "aborted": "■"}
EXPLAINED, SHOWN_DIFFERENCES = 8, 8
"""Of a comparison: rows that say why, and circumstances."""
SHORT = {"not enough samples": "too few"}
CLOSE = " ≈"  # too close to call: the limit lies inside the interval
COLOUR = {"pass": "green", "fail": "red", "inconclusive": "yellow", "aborted": "magenta"}
DATA_COLOUR = {"held": "green", "broken": "red", "not checked": "bold yellow"}
CHANGE_COLOUR = {"regressed": "red", "slower": "yellow"}


def write(verdict: Verdict, folder: Path, stream: TextIO, *, html: bool = True) -> None:
    """Write the verdict block to `stream`; with colours and borders only when it is a terminal."""
    if stream.isatty():
        _rich(verdict, folder, Console(file=stream), html)
    else:
        stream.write("\n".join(plain(verdict, folder, html=html)) + "\n")


def plain(verdict: Verdict, folder: Path, *, html: bool = True) -> list[str]:
    """Lines of at most 80 columns, save for paths and long names."""
    lines = [visible(f"verdict: {verdict.verdict.upper()}  {verdict.facts.profile} on {verdict.facts.target_name}")]
    lines += _wrapped(verdict.sentence)
    lines += ["", *_columns(("", "SLO", "value", "limit", "samples"), map(_slo_cells, verdict.slos))]
    for row in verdict.slos if any(row.samples for row in verdict.slos) else ():
        if row.note and (row.status != "pass" or row.close or not row.shown):
            lines += _wrapped(f"{row.name}: {row.note}")
    lines += ["", *rest(verdict)] if verdict.catch_all is not None else []
    lines += assistant(verdict)
    lines += platform(verdict)
    if verdict.comparison is not None:
        lines += ["", *comparison(verdict.comparison)]
    if verdict.realtime is not None:
        lines += ["", "realtime:", *_wrapped(realtime(verdict.realtime))]
        for silence in verdict.realtime.silences:
            lines += _wrapped(f"finding: {silence.finding}")
        for warning in verdict.realtime.warnings:
            lines += _wrapped(f"warning: {warning}")
    troubled = [row for row in verdict.health if row.level != "valid"]
    if troubled:
        lines += ["", "generator:"]
        for check in troubled:
            lines += _wrapped(f"{check.level}: {check.check} {check.value} ({check.bound}); {check.remedy}")
    if verdict.integrity.broken:
        lines += ["", *integrity(verdict.integrity)]
    if verdict.recovery is not None:
        lines += ["", *recovery(verdict.recovery)]
    lines += herds(verdict)
    if verdict.database is not None:
        lines += ["", *database(verdict.database)]
    lines += playbook(verdict.playbook)
    lines += foreword(verdict)
    lines += ["", *_closing(verdict, folder, html)]
    return lines


def rest(verdict: Verdict) -> list[str]:
    """What no SLO names, who got in, and what retries hide, as plain lines."""
    found = verdict.catch_all
    if found is None:
        return []
    lines = _wrapped(f"everything else: {found.text}", indent="")
    for row in (*found.of("missed"), *found.of("doubt")):
        for fault in row.faults:
            lines += _wrapped(f"{row.status}: {fault}")
    for excluded in found.excluded:
        lines += _wrapped(f"not held against it: {excluded}")
    for access in verdict.access:
        if access.bad:
            lines += _wrapped(f"{access.status}: {access.sentence}")
    for cost in verdict.hidden:
        lines += _wrapped(f"told: {cost.text}")
    return lines


def assistant(verdict: Verdict) -> list[str]:
    """What the assistant's models took, cost and broke; nothing where nobody asked them anything."""
    rows = [row for row in verdict.assistant if row.status != "not asked"]
    told = [line for row in rows for line in _wrapped(f"{row.status}: {row.sentence}")]
    return ["", "assistant:", *told] if told else []


def herds(verdict: Verdict) -> list[str]:
    """What many phones did in the same instant, and the jitter that mends it; nothing for a run without such."""
    told = verdict.herds.lines if verdict.herds is not None else ()
    return ["", "herds:", *(line for one in told for line in _wrapped(one))] if told else []


def platform(verdict: Verdict) -> list[str]:
    """Which limits of the platform were met; nothing when none was."""
    told = [line for one in verdict.limits for line in _wrapped(one.text)]
    return ["", "limits of the platform:", *told] if told else []


def comparison(found: Comparison) -> list[str]:
    """The comparison as plain aligned lines."""
    told = (*found.first_changes, *found.unchanged_slos)
    cells = [
        (SHORT.get(row.change, row.change), f"{row.operation} ({row.view})", row.now_text, row.before_text, _times(row))
        for row in told
    ]
    lines = _wrapped(found.sentence, indent="")
    for note in found.notes:
        lines += _wrapped(f"compared although {note}")
    for one in found.differing[:SHOWN_DIFFERENCES]:
        lines += _wrapped(f"differs: {one.name}: {', '.join(dict.fromkeys(one.values))}")
    if (more := len(found.differing) - SHOWN_DIFFERENCES) > 0:
        lines += _wrapped(f"and {count(more)} more that differ")
    if told:
        lines += _columns(("", "operation", "now", "before", "ratio"), cells)
    rest = [f"{count(len(found.further_changes))} more changed"] if found.further_changes else []
    few = sum(row.change == "not enough samples" for row in found.unchanged_others)
    unchanged = len(found.unchanged_others) - few
    rest += [plural(unchanged, "other unchanged", "others unchanged")] if unchanged else []
    rest += [f"{count(few)} with too few samples"] if few else []
    lines += _wrapped(f"{', '.join(rest)} (the page names them all)", indent="") if rest else []
    for row in [one for one in found.explained if one in told[:EXPLAINED]]:
        lines += _wrapped(f"{row.operation} ({row.view}): {row.note}")
    return lines


def _times(row: CompareRow) -> str:
    interval = row.times_interval_text.replace(" ", "")
    return f"{row.times_text} ({interval})" if interval else row.times_text


def realtime(found: Realtime) -> str:
    """Realtime in one sentence."""
    members = [row for row in found.members if row.what == "messages to others"]
    expected, delivered = sum(row.expected for row in members), sum(row.delivered for row in members)
    return (
        f"{count(found.messages)} messages; {count(delivered)} of {count(expected)} expected deliveries came; "
        f"{count(found.lost)} lost, {count(found.doubled)} duplicated, "
        f"{count(found.misdelivered)} leaked to non-members, {count(found.misordered)} out of order; "
        f"sockets at most {count(found.peaks.get('sockets', 0))}"
    )


def integrity(found: Integrity) -> list[str]:
    """What became of the data, as plain lines: the answer, then every check that found something."""
    lines = _wrapped(f"integrity: {found.status}: {found.text}", indent="")
    for check in found.checks:
        if not check.count:
            continue
        lines += _wrapped(f"{check.status}: {check.finding} ({check.id})")
        lines += _wrapped(check.note, indent="    ") if check.note else []
        lines += _wrapped(check.meaning, indent="    ")
        for offender in check.offenders[:SHOWN_HERE]:
            named = ", ".join(f"{what} {id_}" for what, id_ in offender.ids.items())
            lines.append(visible(f"    {named}{f' ({offender.text})' if offender.text else ''}"))
        if check.count > SHOWN_HERE:
            lines.append(f"    and {count(check.count - SHOWN_HERE)} more")
    return lines


def coverage(found: Coverage) -> list[str]:
    """How much of the manual was asked, and what of it was broken, by name."""
    names = found.broken_names
    more = f" and {len(names) - SHOWN_HERE} more" if len(names) > SHOWN_HERE else ""
    text = found.text + (f"; broken: {', '.join(names[:SHOWN_HERE])}{more}" if names else "")
    text = visible(text)
    return textwrap.wrap(text, WIDTH, initial_indent="manual:    ", subsequent_indent=" " * 11, break_long_words=False)


def recovery(found: Recovery) -> list[str]:
    """What the faults did, as plain lines: one sentence a fault."""
    return ["faults:", *(line for sentence in found.lines for line in _wrapped(sentence))]


def database(found: DatabaseView) -> list[str]:
    """What the database said of itself: a line, and what is beyond a limit."""
    lines = _wrapped(f"database:  {found.text}", indent="")
    for row in found.gates:
        if row.status in ("over", "told"):
            status = "missed" if row.status == "over" else "told"
            lines += _wrapped(f"{status}: {row.sentence} {row.remedy}.")
    for what in found.missing:
        lines += _wrapped(f"not seen: {what}")
    return lines


def playbook(steps: Sequence[Step]) -> list[str]:
    """Which plays were opened, each with the steps that this run has figures for, the first few."""
    lines: list[str] = []
    for play, found in groupby(steps, key=lambda step: step.play):
        told = [step for step in found if step.seen][:SHOWN_HERE]
        lines.append(f"  {visible(play)}:")
        lines += [line for step in told for line in _wrapped(f"{step.number}. {step.text}", indent="    ")]
    return ["", "what to do now (all steps are in the report):", *lines] if lines else []


def foreword(verdict: Verdict) -> list[str]:
    """What was found before the load, and what got slower during it; nothing when there is nothing to say."""
    lines = []
    for check in verdict.probes:
        if check.count:
            lines += _wrapped(f"broken: {check.title}: {check.offenders[0].text if check.offenders else ''}")
    if verdict.preflight is not None:
        lines += _wrapped(f"preflight: {verdict.preflight.text}", indent="")
        lines += [line for one in verdict.preflight.refused for line in _wrapped(f"{one.sentence} {one.remedy}")]
    for row in verdict.drift:
        if row.rises:
            judged = "" if row.drifts else "in doubt: " if row.excuse else "not judged: "
            lines += _wrapped(judged + row.sentence)
    if verdict.findings:
        lines += ["", "known facts of this target (no part of the verdict):"]
        grave = [finding for finding in verdict.findings if finding.severity == "high"]
        for finding in grave:
            lines += _wrapped(f"{finding.title} [{finding.evidence}]")
        if len(grave) < len(verdict.findings):
            lines.append(f"  and {len(verdict.findings) - len(grave)} lesser ones in the report")
    return ["", *lines] if lines and lines[0] else lines


def _closing(verdict: Verdict, folder: Path, html: bool) -> list[str]:
    codes = ", ".join(str(code) for code in verdict.exit_codes[1:])
    also = f"; also applies: {codes}" if codes else ""
    return [
        *integrity_line(verdict.integrity),
        *coverage(verdict.coverage),
        visible(f"report:    {folder / 'report.html'}" if html else f"report:    harness report {folder}"),
        f"exit code: {verdict.exit_code} ({verdict.meaning}{also})",
    ]


def integrity_line(found: Integrity) -> list[str]:
    """Whether the data was checked, in a line of its own; what was not checked says why."""
    if found.status != "not checked":
        return [f"integrity: {found.status}"]
    return _wrapped(f"integrity: NOT CHECKED: {found.text}", indent="")


def _slo_cells(row: SloRow) -> tuple[str, ...]:
    status = f"{MARK[row.status]} {row.status}{CLOSE if row.close else ''}"
    return (status, row.name, row.value_text, row.limit_text, count(row.samples))


def _text(words: str, style: str = "") -> Text:
    return Text(visible(words), style=style)


def _rich(verdict: Verdict, folder: Path, console: Console, html: bool) -> None:
    colour = COLOUR[verdict.verdict]
    facts = verdict.facts
    title = _text(f" {MARK[verdict.verdict]} {verdict.verdict.upper()} ", style=f"bold reverse {colour}")
    title.append(visible(f" {facts.profile} on {facts.target_name} "), style="not reverse bold")
    console.print(Panel(_text(verdict.sentence), title=title, title_align="left", border_style=colour))
    console.print(_slo_table(verdict.slos))
    for line in rest(verdict):
        console.print(_text(line, style="red" if line.startswith("  missed") else ""))
    for line in platform(verdict):
        console.print(_text(line))
    if verdict.comparison is not None:
        console.print()
        for line in comparison(verdict.comparison):
            console.print(_text(line, style=CHANGE_COLOUR.get(line.split(" ", 1)[0], "")))
    _rich_warnings(verdict, console)
    for line in integrity(verdict.integrity) if verdict.integrity.broken else ():
        console.print(_text(line, style="red" if line.startswith("  broken") else ""), soft_wrap=True)
    if verdict.recovery is not None:
        console.print()
        for line in recovery(verdict.recovery):
            console.print(_text(line))
    if verdict.database is not None:
        console.print()
        for line in database(verdict.database):
            console.print(_text(line, style="red" if line.startswith("  missed") else ""))
    for line in (*playbook(verdict.playbook), *foreword(verdict)):
        console.print(_text(line, style="red" if line.startswith("  broken") else ""), soft_wrap=True)
    console.print()
    aside = len(integrity_line(verdict.integrity))
    for place, line in enumerate(_closing(verdict, folder, html)):
        style = DATA_COLOUR[verdict.integrity.status] if place < aside else ""
        console.print(_text(line, style=style), soft_wrap=True)


def _rich_warnings(verdict: Verdict, console: Console) -> None:
    """Realtime in a line with what it warns of, and what ails the generator."""
    if verdict.realtime is not None:
        console.print(_text(f"realtime: {realtime(verdict.realtime)}"))
        for silence in verdict.realtime.silences:
            console.print(_text(f"finding: {silence.finding}", "red"))
        for warning in verdict.realtime.warnings:
            console.print(_text(f"warning: {warning}", "yellow"))
    for check in verdict.health:
        if check.level != "valid":
            style = "red" if check.level == "invalid" else "yellow"
            text = f"{check.level}: {check.check} {check.value}: {check.reason}; {check.remedy}"
            console.print(_text(text, style=style))


def _slo_table(rows: Iterable[SloRow]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head, side in (("", "left"), ("SLO", "left"), ("view", "left"), ("value", "right"), ("limit", "right")):
        table.add_column(head, justify=side)  # type: ignore[arg-type]
    table.add_column("95 % interval", justify="right")
    table.add_column("samples", justify="right")
    table.add_column("proof", justify="left")
    for row in rows:
        status = _text(f"{MARK[row.status]} {row.status}{CLOSE if row.close else ''}", style=COLOUR[row.status])
        name = _text(row.name)
        if row.note:
            name.append(f"\n{visible(row.note)}", style="dim")
        cells = (row.view, row.value_text, row.limit_text, row.interval_text, count(row.samples), row.proof_text)
        table.add_row(status, name, *map(_text, cells))
    return table
