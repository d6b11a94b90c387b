"""The command without a run: its list, and a defect that does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.prove.command import prove
from harness.prove.defects import DEFECTS
from harness.prove.trials import SLO_FILE, Plan, Prover


def asked(only: tuple[str, ...], out: Path) -> list[str]:
    said: list[str] = []
    code = prove(seeds=1, healthy=0, only=only, fast=False, baselines=(), out=out, listed=True, say=said.append)
    assert code == 0
    return said


def test_the_list_names_each_defect_with_switches_and_gates(tmp_path: Path) -> None:
    said = asked((), tmp_path / "out")
    assert len(said) == len(DEFECTS)
    assert "event_silent_loss: event_silent_loss=8 -> I03" in said
    assert not (tmp_path / "out").exists(), "a list runs and writes nothing"


def test_an_unknown_defect_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        asked(("nothing_like_it",), tmp_path)
    assert "nothing_like_it" in str(caught.value)
    assert "lock_wait_ms" in str(caught.value)


def test_a_proof_that_did_nothing_says_so_and_does_not_hold(tmp_path: Path) -> None:
    proof = Prover(Plan(DEFECTS, (1,), 0, tmp_path, print)).proof()
    assert proof.not_run == tuple(defect.name for defect in DEFECTS)
    assert not proof.holds


def test_the_shipped_objectives_are_there() -> None:
    assert SLO_FILE.is_file()
