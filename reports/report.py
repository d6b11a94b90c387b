"""From a run directory to a verdict and its files: what `harness report` and `harness compare` call.

Works from the record alone, so also for a run that was killed (its streams are read) and for one without any sample.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.core.collector import paused
from harness.core.errors import HarnessError, UsageError
from harness.core.secret_filter import WORDS
from harness.history.store import HistoryStore
from harness.observe.keep import kept
from harness.observe.tables import SCHEMAS
from harness.plan import load_prices
from harness.plan.capacity import figures as plan_figures
from harness.plan.inputs import PlanInputs
from harness.plan.prices import Prices
from harness.plan.rows import EVENTS
from harness.record.memory import given_back, let_go
from harness.record.store import RunFiles, open_run
from harness.record.streams import replacing
from reports.assistant.judge import assistant
from reports.chaos_log import read
from reports.compare import compare
from reports.compare_rows import Comparison
from reports.database.before import Earlier
from reports.database.compute import beside
from reports.database.figures import earlier_of
from reports.database.figures import view as database_of
from reports.database.stretch import Observation
from reports.frames import Frames, load
from reports.herds.report import herds
from reports.integrity.check import integrity
from reports.judged_before import judged_before
from reports.night import night_of
from reports.past import Past, past_of
from reports.playbook.steps import steps_for
from reports.recovery.model import Recovery
from reports.recovery.report import recover
from reports.render import html as render_html
from reports.render import junit, summary, verdict_json
from reports.side_by_side import Entrant, SideBySidePage, lay
from reports.traffic import measure
from reports.verdict import Verdict, judge_frames

HISTORY = "history.db"
VERDICT, REPORT, JUNIT, SUMMARY = "verdict.json", "report.html", "junit.xml", "summary.md"


class NotWritten(HarnessError):
    """A run was judged, and a file of its report could not be written: what the disk said, and the verdict."""

    def __init__(self, verdict: Verdict, error: HarnessError) -> None:
        super().__init__(error.what, where=error.where, remedy=error.remedy)
        self.verdict, self.exit_code = verdict, error.exit_code


@paused()
def report(
    folder: Path,
    baselines: Sequence[Path] = (),
    *,
    also: Sequence[Path] = (),
    force: bool = False,
    html: bool = True,
    uncompared: str = "",
    remarks: Sequence[str] = (),
    history: Path | None = None,
) -> Verdict:
    """Judge the run in `folder`, against `baselines` when given, and write its four files, or all but the page.

    also: the nights before, that stand with this run. uncompared: why a baseline that was asked for is missing.
    remarks: on the baselines, for "not checked". history: of earlier runs, for the page; by default the one in
    HARNESS_HISTORY, or beside the run directory.

    A run that was made is always judged: a baseline that cannot be read, or is not alike (see `reports.compare`), is a
    doubt (exit 20) and said. Raises UsageError when `folder` holds no run, NotWritten with the verdict where a file
    could not be written; the others are.
    """
    frames, verdict = _judged(folder, baselines, also, force=force, uncompared=uncompared)
    if remarks:
        verdict = verdict.model_copy(update={"not_checked": (*verdict.not_checked, *remarks)})
    past = earlier(folder, frames, verdict, history) if html else None
    try:
        write_all(folder, verdict, frames, html=html, past=past)
    except HarnessError as error:
        raise NotWritten(verdict, error) from error
    return verdict


@paused()
def rendered(folder: Path) -> str:
    """The page of the run in `folder`, from its record; nothing is written. :raises UsageError: it holds no run."""
    frames, verdict = _judged(folder, (), force=False)
    return render_html.render(verdict, frames, earlier(folder, frames, verdict))


def earlier(folder: Path, frames: Frames, verdict: Verdict, history: Path | None = None) -> Past | None:
    """Earlier runs like this one, from a history; None without one. A history that cannot be read costs no report."""
    file = history or Path(os.environ.get("HARNESS_HISTORY") or folder.parent / HISTORY)
    if not file.is_file():
        return None
    this = night_of(frames, verdict, os.environ)
    try:
        with HistoryStore(file, make=False) as store:
            return past_of(store.nights(this.profile, this.target), this)
    except HarnessError:
        return None


@paused()
def judged(folder: Path) -> Verdict:
    """The verdict of the run in `folder`, from its record, against what it was judged with before, where that is still
    there; nothing is written. :raises UsageError: it holds no run."""
    before = judged_before(folder)
    return _judged(folder, before.folders, before.also, force=False)[1]


@given_back()
def _judged(
    folder: Path, baselines: Sequence[Path], also: Sequence[Path] = (), *, force: bool, uncompared: str = ""
) -> tuple[Frames, Verdict]:
    run = open_run(folder).checked()
    frames = load(run)
    found, why_not, alone = _compared(frames, baselines, also, force=force)
    prices = load_prices()
    faults = recovery(run, frames)
    database = database_of(
        frames,
        observation(run),
        frames.manifest.database,
        planned_calls(prices),
        planned_events(prices),
        _earlier(baselines) if found is not None else (),
    )
    if database is not None:
        database = database.model_copy(update={"compute": beside(database.planned_cores, prices)})
    traffic = measure(frames, prices)
    let_go()
    verdict = judge_frames(
        frames,
        found,
        traffic,
        integrity(run),
        prices.plans,
        faults,
        database,
        uncompared="; ".join(filter(None, (uncompared, why_not))),
        assistant=assistant(run, frames),
    )
    crowds = herds(frames, read(run.folder))
    more = {"playbook": steps_for(verdict), "herds": crowds, "not_checked": (*verdict.not_checked, *alone)}
    return frames, verdict.model_copy(update=more)


def _compared(
    frames: Frames, baselines: Sequence[Path], also: Sequence[Path], *, force: bool
) -> tuple[Comparison | None, str, tuple[str, ...]]:
    """The comparison, or why there is none although it was asked for; and remarks on it. The run is asked alone, and
    where that shows nothing together with the nights before it: a large change shows at once, a smaller one by the
    third night."""
    if not baselines:
        return None, "", ()
    try:
        before = [load(open_run(one)) for one in baselines]
        alone = compare(frames, before, force=force)
    except HarnessError as error:
        return None, f"{error.what} ({error.where})" if error.where else error.what, ()
    if alone.regressed or not also:
        return alone, "", ()
    try:
        together = compare(frames, before, also=[load(open_run(one)) for one in also], force=force)
    except HarnessError as error:  # nobody named those
        return alone, "", (f"Compared without the nights before it: {error.what}.",)
    return (together if together.regressed else alone), "", ()


def _earlier(baselines: Sequence[Path]) -> tuple[Earlier, ...]:
    """The database in those runs of the baseline in which it was observed."""
    runs = [open_run(one).checked() for one in baselines]
    found = (earlier_of(run.manifest, observation(run)) for run in runs)
    return tuple(one for one in found if one is not None)


def observation(run: RunFiles) -> Observation:
    """What the target's database said of itself while the run went on; damaged parts are named elsewhere."""
    return Observation({name: kept(run.folder, name) for name in SCHEMAS if name not in run.left_out})


def planned_calls(prices: Prices) -> dict[str, float]:
    """Calls a second of each endpoint at the peak of the plan for 500,000 people a day."""
    return {load.name: load.peak for load in plan_figures(PlanInputs(), prices).endpoints}


def planned_events(prices: Prices) -> float:
    """Rows of swipe events that a session of the plan leaves."""
    inputs = PlanInputs()
    rows = sum(table.rows_per_day for table in plan_figures(inputs, prices).tables if table.name == EVENTS.name)
    return rows / inputs.sessions


def side_by_side(folders: Sequence[Path], path: Path, *, also: int = 0) -> SideBySidePage:
    """Lay runs side by side, in the order given, and write the page to `path`. `also`: how many after the first are
    of its build."""
    runs = [open_run(folder) for folder in folders]
    page = lay([Entrant(frames := load(run), recovery(run, frames)) for run in runs], also=also)
    _write(path, render_html.side_by_side(page))
    return page


def recovery(run: RunFiles, frames: Frames) -> Recovery | None:
    """What the faults of a run did, from its record; None for a run without any."""
    return recover(frames, run.rows, read(run.folder))


def write_all(
    folder: Path, verdict: Verdict, frames: Frames, *, html: bool = True, past: Past | None = None
) -> list[Path]:
    """Write verdict.json, junit.xml, summary.md and report.html; each appears whole or not at all, and one that cannot
    be written keeps no other back. :raises HarnessError: of the first of those."""
    texts: list[tuple[str, Callable[[], str]]] = [
        (VERDICT, lambda: verdict_json.render(verdict)),
        (JUNIT, lambda: junit.render(verdict)),
        (SUMMARY, lambda: summary.render(verdict)),
    ]
    if html:
        texts.append((REPORT, lambda: render_html.render(verdict, frames, past)))
    written, failed = [], []
    for name, text in texts:
        try:
            written.append(_write(folder / name, text()))
        except HarnessError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return written


def _write(path: Path, text: str) -> Path:
    try:
        with replacing(path) as draft:
            draft.write_text(WORDS.known(text), encoding="utf-8")
    except OSError as error:
        closed = error.errno in (errno.EROFS, errno.EACCES, errno.EPERM)
        raise (UsageError if closed else HarnessError)(
            f"cannot write {path.name}: {error.strerror or error}",
            where=str(path),
            remedy="copy the run to a folder that may be written, and render it there; `harness check` only reads"
            if closed
            else "free some space or choose another folder, then render again with `harness report RUN`",
        ) from error
    return path
