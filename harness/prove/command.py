"""`harness prove`: from its options to a table, two files and an exit code."""

from __future__ import annotations

from pathlib import Path

from harness.errors import ExitCode, UsageError
from harness.prove.defects import DEFECTS, chosen
from harness.prove.table import markdown
from harness.prove.trials import Plan, Prover, Say

TABLE, DATA = "prove.md", "prove.json"


def prove(
    *,
    seeds: int,
    healthy: int,
    only: tuple[str, ...],
    fast: bool,
    baselines: tuple[Path, ...],
    out: Path,
    listed: bool,
    say: Say,
) -> int:
    """Prove, print the table, write both files. An interrupted proof leaves what it has.

    :raises UsageError: for a defect that does not exist.
    """
    try:
        defects = chosen(only, fast=fast)
    except KeyError as error:
        names = ", ".join(defect.name for defect in DEFECTS)
        raise UsageError(f"there is no defect {error}", where="--only", remedy=f"choose from {names}") from None
    if listed:
        for defect in defects:
            say(f"{defect.name}: {' '.join(defect.all_switches)} -> {', '.join(defect.gates)}")
        return int(ExitCode.PASS)
    out.mkdir(parents=True, exist_ok=True)
    prover = Prover(Plan(defects, tuple(range(1, seeds + 1)), healthy, out, say, baselines=baselines))
    try:
        prover.run()
    finally:
        proof = prover.proof()
        table = markdown(proof, defects)
        (out / TABLE).write_text(table, encoding="utf-8")
        (out / DATA).write_text(proof.model_dump_json(indent=1) + "\n", encoding="utf-8")
    say(table)
    return int(ExitCode.PASS if proof.holds else ExitCode.SLO_MISSED)
