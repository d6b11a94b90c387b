"""`harness prove --mutants` through whole runs against real sandboxes: some that must be killed, and a random few."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.prove.mutants.allowed import reason
from harness.prove.mutants.catalogue import drawn, mutants
from harness.prove.mutants.trials import journal, version

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500), pytest.mark.xdist_group("runs")]

KILLED = {
    "message_send/acknowledged_and_lost": "I19 lost",
    "message_send/stored_twice": "I18",
    "background_deck/repeated": "I11",
}
RANDOM = 1  # a run is a minute, and `make prove` asks many


def command(out: Path, *only: str) -> list[str]:
    asked = [sys.executable, "-m", "harness", "prove", "--mutants", "--out", str(out)]
    return asked + [argument for pattern in only for argument in ("--only", pattern)]


def test_known_mutants_are_killed_by_their_rule_and_random_ones_answer(tmp_path: Path) -> None:
    """The random ones differ from commit to commit, and stand in the message when something is wrong."""
    others = [one.name for one in mutants() if one.name not in KILLED and not reason(one)]
    few = random.Random(version()).sample(others, RANDOM)
    run = subprocess.run(command(tmp_path, *KILLED, *few), capture_output=True, text=True, timeout=1400, check=False)
    said = run.stdout + run.stderr
    trials = {one.mutant: one for one in journal(tmp_path / "mutants.jsonl")}
    assert set(trials) == {*KILLED, *few}, said
    for name, gate in KILLED.items():
        trial = trials[name]
        assert trial.fate == "killed", (trial, said)
        assert gate in trial.gates, trial
        assert 0 < trial.hits <= trial.seen
        assert trial.commit
    for name in few:
        assert trials[name].fate in ("killed", "survived", "unnamed", "no answer", "not hit")
        assert (trials[name].fate == "not hit") == (trials[name].hits == 0), trials[name]
    assert run.returncode in (0, 10), said
    assert "mutants killed (" in (tmp_path / "mutants.md").read_text()
    again = subprocess.run([*command(tmp_path, *KILLED), "--resume"], capture_output=True, timeout=400, check=False)
    assert again.returncode in (0, 10)
    assert len((tmp_path / "mutants.jsonl").read_text().splitlines()) == len(trials), "what answered is not run again"


def test_ctrl_c_leaves_a_journal_and_no_process(tmp_path: Path) -> None:
    asked = command(tmp_path, "home_feed/*")
    assert len(drawn(("home_feed/*",))) > 2
    proof = subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for _ in range(2000):
            if [*tmp_path.glob("home_feed-*/*/manifest.json")]:
                break
            time.sleep(0.1)
        children = psutil.Process(proof.pid).children(recursive=True)
        assert len(children) > 2
        proof.send_signal(signal.SIGINT)
        # A run, its proxy and two sandboxes end one after the other, each with a patience of its own: 60 s were not
        # enough beside another run on two cores.
        said, _ = proof.communicate(timeout=120)
    finally:
        proof.kill()
    assert "--resume" in said, said
    assert (tmp_path / "mutants.md").is_file()
    assert psutil.wait_procs(children, timeout=20)[1] == [], "nothing stays behind"
    assert all(one.mutant.startswith("home_feed/") for one in journal(tmp_path / "mutants.jsonl"))
