"""`harness prove`: from its options to a table, two files and an exit code."""

from __future__ import annotations

from pathlib import Path

from harness.core.errors import ExitCode, UsageError
from harness.prove.defects import DEFECTS, chosen
from harness.prove.table import Proof, markdown
from harness.prove.trials import ProofPlan, Prover, Say
from harness.record.streams import replacing
from harness.run.resumed_state import read_state

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
    resume: bool = False,
    jobs: int = 1,
) -> int:
    """Prove, print the table, write both files. An interrupted proof leaves what it has, for `resume` to go on with.

    :raises UsageError: for a defect that does not exist, or when there is nothing to resume.
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
    earlier = _earlier(out / DATA) if resume else None
    out.mkdir(parents=True, exist_ok=True)

    def note(proof: Proof) -> None:
        for name, text in ((TABLE, markdown(proof, defects)), (DATA, proof.model_dump_json(indent=1) + "\n")):
            with replacing(out / name) as draft:
                draft.write_text(text, encoding="utf-8")

    numbers = tuple(range(1, seeds + 1))
    asked = ProofPlan(defects, numbers, healthy, out, say, jobs, baselines=baselines, earlier=earlier, note=note)
    prover = Prover(asked)
    try:
        proof = prover.run()
    except KeyboardInterrupt:
        done = prover.proof()
        say(f"{markdown(done, defects)}\nGo on with: harness prove --resume --out {out}, and the same options.")
        raise
    note(proof)
    say(markdown(proof, defects))
    return int(ExitCode.PASS if proof.holds else ExitCode.SLO_MISSED)


def _earlier(path: Path) -> Proof:
    """The proof that was interrupted."""
    return read_state(
        Proof,
        path,
        absent=UsageError(
            "there is no proof to go on with",
            where=str(path),
            remedy="leave --resume out, or name the interrupted proof's folder with --out",
        ),
        broken="this proof",
        remedy="go on with the version of the harness that wrote it, or prove anew in another folder",
    )
