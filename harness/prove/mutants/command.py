"""`harness prove --mutants`: from its options to a table, a journal and an exit code."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from harness.core.errors import ExitCode, UsageError
from harness.prove.mutants.allowed import reason
from harness.prove.mutants.catalogue import drawn, mutants
from harness.prove.mutants.table import TARGET, MutantTrial, markdown, score
from harness.prove.mutants.trials import MutationPlan, MutationRun, Say, append, journal, known
from harness.record.streams import replacing

TABLE, JOURNAL = "mutants.md", "mutants.jsonl"


def prove_mutants(
    *,
    only: tuple[str, ...],
    sample: int | None,
    seed: int,
    controls: int,
    out: Path,
    listed: bool,
    say: Say,
    resume: bool = False,
    jobs: int = 1,
    together: int = 1,
    confirmed: int = 0,
) -> int:
    """Run them, print the table. An interrupted run leaves its journal, for `resume` to go on with.

    :raises UsageError: for a pattern that fits no mutant, or a journal that is there and is not to be gone on with.
    :raises HarnessError: when a healthy run through the proxy raises an alarm.
    """
    try:
        chosen = drawn(only)
    except KeyError as error:
        raise UsageError(
            f"no mutant fits {error}", where="--only", remedy="see all with `harness prove --mutants --list`"
        ) from None
    if listed:
        for one in chosen:
            say(f"{one.name}{f'  (may live: {why})' if (why := reason(one)) else ''}")
        return int(ExitCode.PASS)
    path = out / JOURNAL
    if path.is_file() and not resume:
        raise UsageError(
            "there are trials already", where=str(path), remedy="go on with --resume, or name another folder with --out"
        )
    out.mkdir(parents=True, exist_ok=True)
    names = {one.name for one in chosen}
    earlier = tuple(one for one in journal(path) if one.mutant in names) if resume else ()
    everybody = known(mutants())
    plan = MutationPlan(
        chosen,
        out,
        say,
        lambda trial: append(path, trial),
        seed=seed,
        jobs=jobs,
        controls=controls,
        earlier=earlier,
        sample=sample,
        together=together,
        confirmed=confirmed,
    )
    run = MutationRun(plan)

    def table(trials: list[MutantTrial]) -> str:
        text = markdown(trials, everybody, f"{datetime.now(UTC):%Y-%m-%d}", _beside(run))
        with replacing(out / TABLE) as draft:
            draft.write_text(text, encoding="utf-8")
        return text

    try:
        run.run()
    except KeyboardInterrupt:
        say(f"{table(run.trials)}\nGo on with: harness prove --mutants --resume --out {out}, and the same options.")
        raise
    say(table(run.trials))
    found = score(run.trials, everybody)
    return int(ExitCode.PASS if found.share >= TARGET and run.controls_passed else ExitCode.SLO_MISSED)


def _beside(run: MutationRun) -> str:
    """What was judged in company, and what this profile does not do."""
    beside = sum(bool(trial.beside) for trial in run.trials)
    told = []
    if beside or run.asked_alone:
        told.append(
            f"{beside} were killed by name in runs that held mutants of other parts of the app too; of "
            f"{run.asked_alone} of those run again alone, {run.killed_alone} were killed alone as well."
        )
    if run.unreached:
        told.append(f"Nothing to spoil in this profile: {', '.join(run.unreached)}.")
    return " ".join(told)
