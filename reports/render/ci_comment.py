"""`comment.md`: what a reviewer has to know of a run, and how to see it again. Replaces the comment before. (pure)

The first line is the marker by which the next run finds it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from harness.ci.marker import marker
from harness.core.visible import visible
from reports.compare_rows import CompareRow
from reports.render import summary
from reports.render.summary import MARK, md
from reports.text import plural
from reports.verdict import Verdict

SHOWN = 10


def render(verdict: Verdict, *, command: str = "", compare: str = "", job_url: str = "", commit: str = "") -> str:
    """command: what repeats the run. compare: what lays it beside its baselines. job_url: where its report is. commit:
    that was tested; a comment stays when a later one could not be."""
    facts = verdict.facts
    blocks = [
        f"{marker(facts.profile, facts.target_name)}\n"
        f"## {MARK[verdict.verdict]} {verdict.verdict.upper()}: {md(facts.profile)} on {md(facts.target_name)}",
        f"{md(verdict.sentence)} Exit code {verdict.exit_code}, {md(verdict.meaning)}.{of_commit(commit)}",
    ]
    if verdict.comparison is not None and verdict.comparison.regressed:
        blocks.append(_regressed(verdict.comparison.regressed))
    others = [one for one in verdict.reasons if verdict.comparison is None or one != verdict.comparison.sentence]
    if len(verdict.reasons) > 1 and others:
        blocks.append("**What broke, or is in doubt**\n\n" + _list(others))
    notes = [note for note in verdict.not_checked if note.startswith(("Compared with nothing", "The newest baseline"))]
    if notes:
        blocks.append(_list(notes))
    if command:
        blocks.append(f"**Repeat it**\n\n{as_code(command)}")
    if compare:
        blocks.append(f"**Beside its baselines**\n\n{as_code(compare)}")
    if job_url:
        blocks.append(f"[Report, record and log]({as_url(job_url)}) are among the job's artifacts.")
    blocks.append(f"<details><summary>All of it</summary>\n\n{summary.render(verdict).strip()}\n\n</details>")
    return "\n\n".join(blocks) + "\n"


def _regressed(rows: Sequence[CompareRow]) -> str:
    lines = ["| slower | view | now | baseline | change | 95 % interval |", "|---|---|---:|---:|---:|---|"]
    lines += [
        f"| **{md(row.operation)}** | {row.view} | {md(row.now_text)} | {md(row.before_text)} | "
        f"**{md(row.ratio_text)}** | {md(row.interval_text)} |"
        for row in rows[:SHOWN]
    ]
    if len(rows) > SHOWN:
        lines.append(f"| and {plural(len(rows) - SHOWN, 'more row')} | | | | | |")
    return "\n".join(lines)


def _list(lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join(f"- {md(line)}" for line in [*lines[:SHOWN], *more])


def of_commit(commit: str) -> str:
    return f" Of commit {commit[:12]}." if commit else ""


def as_code(command: str) -> str:
    """To be copied, and never markup, whatever stands in it."""
    return f"<pre>{html.escape(visible(command), quote=False).replace('@', '&#64;')}</pre>"


def as_url(url: str) -> str:
    return visible(url).replace(")", "%29").replace(" ", "%20")
