"""`summary.md`: the verdict as a comment under a pull request. (pure)"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from harness.core.visible import visible
from reports.catch_all import CatchAllVerdict
from reports.compare_rows import Comparison
from reports.coverage.model import Coverage
from reports.database.model import DatabaseView, shortened
from reports.findings import Finding
from reports.realtime import SHOWN_IDS, Realtime
from reports.slo import SloRow
from reports.step import Step
from reports.switches import told
from reports.text import count, ms, percent, plural, seconds
from reports.verdict import RunFacts, Verdict

MARK = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "aborted": "⏹️"}
CHANGE_MARK = {"regressed": "❌", "slower": "⚠️", "ok": "✅", "faster": "✅", "not enough samples": "❔"}
LEVEL_MARK = {"valid": "✅", "suspect": "⚠️", "invalid": "❌"}


def render(verdict: Verdict) -> str:
    facts = verdict.facts
    blocks = [
        f"## {MARK[verdict.verdict]} {verdict.verdict.upper()}: {md(facts.profile)} on {md(facts.target_name)}",
        f"{md(verdict.sentence)} Exit code {verdict.exit_code}, {md(verdict.meaning)}.",
        _slo_table(verdict.slos),
    ]
    if verdict.catch_all is not None:
        blocks.append(_rest(verdict, verdict.catch_all))
    if any(row.status != "not asked" for row in verdict.assistant):
        blocks.append(_assistant(verdict))
    if verdict.limits:
        blocks.append("### Limits of the platform\n\n" + _list(one.text for one in verdict.limits))
    if verdict.comparison is not None:
        blocks.append(comparison(verdict.comparison))
    blocks += _disturbed(verdict)
    if verdict.database is not None:
        blocks.append(_details(f"Database: {md(verdict.database.text)}", _database(verdict.database)))
    if verdict.playbook:
        blocks.append(_details("What to do now", _playbook(verdict.playbook)))
    blocks += [_run_line(facts), f"_{md(verdict.integrity.text)}_"]
    blocks += _coverage(verdict.coverage)
    if verdict.realtime is not None:
        blocks.append(_details("Realtime", _realtime(verdict.realtime)))
    if len(verdict.reasons) > 1:
        blocks.append(_details("All reasons", _list(verdict.reasons)))
    blocks += _preflight(verdict)
    if verdict.findings:
        blocks.append(_details("Known facts of this target", _findings(verdict.findings)))
    notes = [f"{row.name}: {row.note}" for row in verdict.slos if row.note]
    notes += [
        f"{row.name}: worst {row.windows.window_s:g} s {row.windows.text}"
        + (f"; {row.windows.over_text}" if row.windows.over_text else "")
        for row in verdict.slos
        if row.windows is not None
    ]
    if notes:
        blocks.append(_details("Notes on the SLOs", _list(notes)))
    blocks += [_details("Generator health", _health(verdict)), _details("Run facts", _facts(facts))]
    return "\n\n".join(blocks) + "\n"


def _disturbed(verdict: Verdict) -> list[str]:
    """What faults did, and what many phones did in the same instant."""
    told = (("Faults", verdict.recovery), ("Herds", verdict.herds))
    return [f"### {title}\n\n{_list(found.lines)}" for title, found in told if found is not None]


def _preflight(verdict: Verdict) -> list[str]:
    if verdict.preflight is None or not verdict.preflight.open:
        return []
    found = (f"{one.severity}: {md(one.sentence)} {md(one.remedy)}" for one in verdict.preflight.open)
    return [_details(f"Preflight: {md(verdict.preflight.text)}", _list(found))]


def _coverage(found: Coverage) -> list[str]:
    """One line, what was broken, and folded what this run could have asked and did not."""
    blocks = [f"Operational manual: {md(found.text)}."]
    if broken := found.of("broken"):
        blocks.append(_list(f"broken: {row.named}: {row.seen}" for row in broken))
    remedies: dict[str, list[str]] = {}
    for row in found.of("not asked"):
        if row.way in ("run", "give"):
            remedies.setdefault(row.would_ask, []).append(row.named)
    if remedies:
        lines = _list(f"{remedy}, for {'; '.join(titles)}" for remedy, titles in remedies.items())
        blocks.append(_details("What would ask more of the manual", lines))
    return blocks


def _assistant(verdict: Verdict) -> str:
    rows = [
        (row.status, md(row.title), md(row.value_text), md(row.objective), md(row.note)) for row in verdict.assistant
    ]
    return "### The assistant\n\n" + _table(("", "rule", "found", "promised", "note"), rows, "lllll")


def _rest(verdict: Verdict, found: CatchAllVerdict) -> str:
    """What no SLO names: counts and what is wrong at once, the table and the exclusions behind a fold."""
    told = [
        f"**{row.status}**: {md(fault)}" for row in (*found.of("missed"), *found.of("doubt")) for fault in row.faults
    ]
    told += [f"**{row.status}**: {md(row.sentence)}" for row in verdict.access if row.bad]
    told += [f"told: {md(cost.text)}" for cost in verdict.hidden]
    rows = [
        (row.status, md(row.name), row.view, md(row.failures_text), md(row.latency_text), md(row.note))
        for row in found.rows
    ]
    table = _table(("", "call or operation", "view", "failures", "latency", "note"), rows, "llllll")
    people = [f"{row.status}: {row.text}" for row in verdict.access]
    folded = "\n\n".join(part for part in (table, _list(people), _list(found.excluded)) if part)
    head = f"Everything else: {md(found.text)}."
    return "\n\n".join(
        part for part in (head, "\n".join(f"- {one}" for one in told), _details("Everything else", folded)) if part
    )


def _findings(found: Sequence[Finding]) -> str:
    rows = [(one.severity, md(one.title), md(one.evidence), md(one.remedy), md(one.playbook)) for one in found]
    return _table(("severity", "finding", "evidence", "remedy", "playbook"), rows, "lllll")


def comparison(found: Comparison) -> str:
    """The comparison as a Markdown section."""
    rows = [
        (
            f"{CHANGE_MARK[row.change]} {row.change}",
            md(row.operation),
            row.view,
            row.now_text,
            row.before_text,
            row.times_text,
            row.times_interval_text,
        )
        for row in (*found.first_changes, *found.unchanged_slos)
    ]
    head = f"### Against {'the baseline' if len(found.baselines) == 1 else f'{len(found.baselines)} baselines'}"
    parts = [
        head,
        md(found.sentence),
        _table(("", "operation", "view", "now", "before", "ratio", "95 % interval"), rows, "lllrrrr"),
    ]
    if found.further_changes:
        parts.append(f"{plural(len(found.further_changes), 'further change')}, smaller: on the page.")
    if others := found.unchanged_others:
        few = sum(row.change == "not enough samples" for row in others)
        parts.append(
            f"{plural(len(others), 'other row')} unchanged"
            + (f", {count(few)} of them with too few samples." if few else ".")
        )
    if found.differing:
        what = [f"{one.name}: {', '.join(dict.fromkeys(one.values))}" for one in found.differing]
        parts.append("What differs:\n\n" + _list(what))
    if why := [row for row in found.explained if row in found.first_changes]:
        parts.append(_list(f"{row.operation} ({row.view}): {row.note}" for row in why))
    if found.notes:
        parts.append("Compared although unlike:\n\n" + _list(found.notes))
    return "\n\n".join(parts)


def md(text: str) -> str:
    """Text as literal Markdown, wherever it stands in a line: no markup, no HTML, no table cell borders, no links,
    nothing unseen; nobody is mentioned, nothing referred to, and no line begins a list or a command of GitLab's."""
    flat = visible(" ".join(text.split()))
    return _BEGIN.sub(_begun, _SIGN.sub(_literal, flat))


NOTHING = "&#8203;"
"""A space without width. GitHub and GitLab look for names and numbers after entities and backslashes are resolved: only
what stands between sign and name keeps them apart."""
_SIGN = re.compile(r"://|www\.|GH-(?=[0-9])|[&<>@$\\`*_\[\]|~#]|[!%](?=[0-9])")
_ENTITY = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "@": f"&#64;{NOTHING}",
    "$": "<span>$</span>",
    "://": ":&#47;&#47;",
    "www.": "www&#46;",
}
_REFERS = ("#", "!", "$", "%", "&", "~", "GH-")
"""Before a number: an issue, a request, a snippet, a milestone, an epic, a label."""
_BEGIN = re.compile(r"^(?:/|[-+](?=[ -]|$)|=(?==*$)|([0-9]{1,9})([.)])(?= |$))")


def _literal(found: re.Match[str]) -> str:
    sign = found[0]
    shown = _ENTITY.get(sign) or (f"\\{sign}" if sign in "\\`*_[]|~#" else sign)
    return shown + (NOTHING if sign in _REFERS and found.string[found.end() : found.end() + 1].isdigit() else "")


def _begun(found: re.Match[str]) -> str:
    if found[0] == "/":
        return "&#47;"
    return f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[0]}"


def _slo_table(rows: Sequence[SloRow]) -> str:
    if not rows:
        return "No SLO was given."
    cells = [
        (
            f"{MARK[row.status]} {row.status}{' ≈ too close to call' if row.close else ''}",
            md(row.name),
            row.view,
            md(row.objective),
            f"**{md(row.value_text)}**",
            md(row.margin_text),
            count(row.samples),
            md(row.interval_text),
            md(row.proof_text),
        )
        for row in rows
    ]
    head = ("", "SLO", "view", "objective", "value", "margin", "samples", "95 % interval", "proof")
    return _table(head, cells, "llllrrrrl")


def _run_line(facts: RunFacts) -> str:
    sessions = facts.sessions
    return (
        f"{count(facts.attempts_measured)} attempts and {count(facts.operations_measured)} operations in "
        f"{seconds(facts.measured_s)} ({facts.attempts_per_s:,.1f} attempts/s); "
        f"{count(sessions.started)} of {plural(sessions.planned, 'planned session')} started; seed {facts.seed}."
    )


def _database(found: DatabaseView) -> str:
    statements = [
        (percent(row.share, 1), count(row.calls), f"{row.mean_ms:,.2f} ms", _code(shortened(row.text, 100)))
        for row in found.statements
    ]
    gates = [
        f"{row.status}: {row.name}: {row.value_text}, the limit is {row.limit_text}"
        + (f": {row.evidence}; {row.remedy}" if row.evidence else "")
        for row in found.gates
    ]
    blocks = [_table(("share", "calls", "a call", "statement"), statements, "rrrl")] if statements else []
    return "\n\n".join([*blocks, _list([*gates, *_plans(found), *(f"not seen: {what}" for what in found.missing)])])


def _playbook(steps: Sequence[Step]) -> str:
    blocks = []
    for play, found in groupby(steps, key=lambda step: (step.play, step.opened_by)):
        lines = (f"{step.number}. {md(step.text)} ({step.manual})" for step in found)
        blocks.append(f"**{md(play[0])}**: {md(play[1])}\n\n" + "\n".join(lines))
    return "\n\n".join(blocks)


def _plans(found: DatabaseView) -> list[str]:
    """What is wrong with a plan, or changed."""
    told = [f"{row.title}: this statement changed its plan" for row in found.plans if row.changed]
    return told + [f"{row.title}: {remark}" for row in found.plans for remark in row.remarks]


def _code(text: str) -> str:
    """A statement within a table's cell: between backticks no escape keeps `|` from ending it in every case."""
    return f"<code>{md(text)}</code>"


def _health(verdict: Verdict) -> str:
    rows = [
        (f"{LEVEL_MARK[row.level]} {row.level}", row.check, md(row.value), md(row.bound), md(row.reason))
        for row in verdict.health
    ]
    return _table(("", "check", "value", "bound", "reason"), rows, "lllll")


def _realtime(found: Realtime) -> str:
    head = (
        "",
        "expected",
        "delivered",
        "lost",
        "disconnected unnoticed",
        "reconnecting",
        "before subscription",
        "left early",
    )
    members = [
        (
            md(row.what),
            *map(count, (row.expected, row.delivered, row.lost, row.deaf, row.reconnecting)),
            *map(count, (row.before_notice, row.left)),
        )
        for row in found.members
    ]
    times = [(md(row.operation), row.view, ms(row.p50), ms(row.p95), count(row.samples)) for row in found.latencies]
    wrong = [f"{one.what}: {one.key} in {one.conversation}, person {one.person}" for one in found.wrong[:SHOWN_IDS]]
    audits = [f"{'ok' if row.ok else 'FAILED'}: {row.name}: {row.text}" for row in found.audits]
    blocks = [_table(head, members, "lrrrrrrr")] if members else []
    if times:
        blocks.append(_table(("operation", "view", "p50", "p95", "samples"), times, "llrrr"))
    warnings = [f"warning: {warning}" for warning in found.warnings]
    silent = [f"finding: {silence.finding}" for silence in found.silences]
    return "\n\n".join([*blocks, _list([*silent, *wrong, *warnings, *audits])])


def _facts(facts: RunFacts) -> str:
    entries = {
        "run": facts.run_id,
        "target": f"{facts.target_url} ({facts.target_environment})",
        "started": facts.started_at,
        "status": facts.status,
        "plan digest": facts.plan_digest,
        "workers": str(facts.workers),
        "sessions never started": count(facts.sessions.never_started),
        **{
            f"machine, {row.at} of the run": f"fixed work on all cores {ms(row.cpu_ms)}, "
            f"loopback round trip {ms(row.loopback_us / 1000)}"
            for row in facts.machine
        },
        **facts.versions,
    }
    lines = [f"{name}: {value}" for name, value in entries.items()]
    return _list([*lines, *told(facts.notes)])


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {md(item)}" for item in items)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> str:
    lines = [head, [{"l": "---", "r": "--:"}[side] for side in align], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _details(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"
