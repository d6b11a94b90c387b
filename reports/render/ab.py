"""A comparison of two deployments as a terminal, a summary, a comment, JUnit and remarks show it. (pure)"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.ci.annotations import Annotation, Level
from harness.ci.marker import COMPARED, marker
from harness.core.visible import visible
from reports.ab.judge import slower
from reports.ab.model import AbAnswer
from reports.compare_rows import CompareRow
from reports.render.ci_comment import as_code, as_url, of_commit
from reports.render.junit import clean
from reports.render.lines import columns, wrapped
from reports.render.summary import CHANGE_MARK, MARK, md
from reports.text import DASH, plural, seconds

SHOWN = 12
OTHERS = 6
"""In a terminal, of what may have changed and has no objective."""
UNCHANGED = "no slower"
WORDS = {"regressed": "REGRESSED", "ok": UNCHANGED, "not enough samples": "too few"}
MEANING = {
    "pass": "no regression",
    "fail": "slower than the base",
    "inconclusive": "too little to say",
}


def terminal(found: AbAnswer) -> list[str]:
    """Plain aligned lines."""
    lines = wrapped(f"verdict: {found.verdict.upper()}  {found.sentence}", indent="")
    lines += wrapped(_measured(found), indent="")
    told = [row for row in found.shown if row.change == "regressed" or row.objective]
    told += [row for row in found.shown if row not in told][:OTHERS]
    if told:
        cells = [
            (_word(row), f"{row.operation} ({row.view})", row.now_text, row.before_text, _times(row)) for row in told
        ]
        lines += columns(("", "operation", "head", "base", "ratio"), cells)
        more = len(found.shown) - len(told)
        lines += wrapped(f"and {plural(more, 'other')} that may have changed, in summary.md") if more else []
    for reason in found.reasons[1:]:
        lines += wrapped(reason)
    for note in found.notes:
        lines += wrapped(note)
    for one in found.differing:
        lines += wrapped(f"differs: {one.name}: {', '.join(dict.fromkeys(one.values))} (head first)")
    return [*lines, visible(f"exit code: {found.exit_code} ({MEANING[found.verdict]})")]


def summary(found: AbAnswer) -> str:
    """Markdown for a step's page."""
    blocks = [
        f"## {MARK[found.verdict]} {found.verdict.upper()}: {md(found.head)} against {md(found.base)}",
        f"{md(found.sentence)} Exit code {found.exit_code}, {MEANING[found.verdict]}.",
    ]
    if found.shown:
        blocks.append(_table(found.shown))
    if len(found.reasons) > 1:
        blocks.append(_list(found.reasons))
    blocks.append(md(_measured(found)))
    if found.notes:
        blocks.append(_list(found.notes))
    if found.differing:
        told = (f"{one.name}: {', '.join(dict.fromkeys(one.values))}" for one in found.differing)
        blocks.append("What else differs, the head's first:\n\n" + _list(tuple(told)))
    rest = [row for row in found.rows if row not in found.shown and row.change != "not enough samples"]
    if rest:
        blocks.append(f"<details><summary>Everything else</summary>\n\n{_table(rest, len(rest))}\n\n</details>")
    return "\n\n".join(blocks) + "\n"


def comment(found: AbAnswer, *, command: str = "", job_url: str = "", commit: str = "") -> str:
    """Beside a change; its first line is the marker by which the next one finds it. command: what repeats it. commit:
    the head's."""
    title, sentence, *rest = summary(found).strip().split("\n\n")
    blocks = [f"{marker(f'{COMPARED} {found.profile}', found.head)}\n{title}", f"{sentence}{of_commit(commit)}"]
    regressed = found.regressed
    if regressed:
        blocks.append(_table(regressed))
    if command:
        blocks.append(f"**Repeat it**\n\n{as_code(command)}")
    if job_url:
        blocks.append(f"[Records and logs of all runs]({as_url(job_url)}) are among the job's artifacts.")
    more = "\n\n".join(rest)
    blocks.append(f"<details><summary>All of it</summary>\n\n{more}\n\n</details>")
    return "\n\n".join(blocks) + "\n"


def remarks(found: AbAnswer) -> list[Annotation]:
    """What is slower as errors, what could not be said as warnings, what may be slower as notices."""
    said: list[Annotation] = [
        Annotation("error", f"{row.operation} is slower than at the base", visible(slower(row)))
        for row in found.regressed
    ]
    told = {slower(row) for row in found.regressed}
    level: Level = "warning"
    said += [Annotation(level, "too little to say", visible(one)) for one in found.reasons if one not in told]
    if found.verdict == "inconclusive" and not found.reasons:
        said.append(Annotation(level, "too little to say", visible(found.sentence)))
    said += [
        Annotation("notice", f"{row.operation} may be slower", visible(f"{slower(row)} No regression: {row.note}."))
        for row in found.rows
        if row.change == "slower" and row.ratio is not None
    ]
    return said


def junit(found: AbAnswer) -> str:
    """A case for each operation that an objective names, and for each that is slower; red where the exit code is."""
    root = Element("testsuites", name=clean(f"harness ab {found.profile}"))
    suite = SubElement(root, "testsuite", name="ab", time=f"{found.measured_s:.3f}", hostname="harness")
    failures = errors = 0
    open_ = [one for one in found.reasons if one not in {slower(row) for row in found.regressed}]
    for row in found.shown:
        name = f"{row.operation} ({row.view})"
        case = SubElement(suite, "testcase", classname="ab", name=clean(name), time="0")
        doubts = [one for one in open_ if one.startswith(f"{name} ") or one.startswith(f"{name}:")]
        if row.change == "regressed":
            failures += 1
            SubElement(case, "failure", type="regression", message=clean(slower(row))).text = clean(row.note)
        elif doubts:
            errors += 1
            SubElement(case, "error", type="inconclusive", message=clean(doubts[0])).text = clean(row.note)
        else:
            told = f"{_word(row)}: {row.now_text}, {row.before_text} at the base, {_change(row)}; {row.note}"
            SubElement(case, "system-out").text = clean(told)
    case = SubElement(suite, "testcase", classname="ab", name="answer", time="0")
    if found.verdict == "inconclusive" and not errors:
        errors += 1
        SubElement(case, "error", type="inconclusive", message=clean(found.sentence)).text = clean(found.sentence)
    else:
        SubElement(case, "system-out").text = clean(found.sentence)
    for element in (root, suite):
        for key, number in (("tests", len(suite.findall("testcase"))), ("failures", failures), ("errors", errors)):
            element.set(key, str(number))
    indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + tostring(root, encoding="unicode") + "\n"


def _measured(found: AbAnswer) -> str:
    return (
        f"{found.profile} on both at the same time, {seconds(found.measured_s)} measured in "
        f"{plural(sum(not one.problem for one in found.rounds), 'round')}; base: {found.base}; head: {found.head}."
    )


def _word(row: CompareRow) -> str:
    return WORDS.get(row.change, row.change)


def _change(row: CompareRow) -> str:
    return f"{row.ratio_text} ({row.interval_text})" if row.interval_text else row.ratio_text


def _times(row: CompareRow) -> str:
    interval = row.times_interval_text.replace(" ", "")
    return f"{row.times_text} ({interval})" if interval else row.times_text


def _table(rows: Sequence[CompareRow], most: int = SHOWN) -> str:
    lines = ["| | operation | view | head | base | change | 95 % interval |", "|---|---|---|---:|---:|---:|---|"]
    lines += [
        f"| {CHANGE_MARK[row.change]} {_word(row)} | **{md(row.operation)}** | {row.view} | {md(row.now_text)} | "
        f"{md(row.before_text)} | **{md(row.ratio_text)}** | {md(row.interval_text or DASH)} |"
        for row in rows[:most]
    ]
    if len(rows) > most:
        lines.append(f"| | and {plural(len(rows) - most, 'more row')} | | | | | |")
    return "\n".join(lines)


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {md(line)}" for line in lines)
