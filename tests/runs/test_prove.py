"""`harness prove` against real sandboxes: a few defects and one healthy run; and lost replies on message sends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.prove.healthy import can_shift, shifted
from harness.prove.trials import SLO_FILE
from harness.prove.verdicts import Judged, fired
from harness.record.store import open_run
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.runs.conftest import BRIEF, BRIEF_SLO, Run, finish, start


@pytest.mark.slow
def test_one_run_names_every_defect_that_is_in_its_target(tmp_path: Path) -> None:
    """A proof in little: one defect of each kind of check, all at once, in seconds."""
    seeded = {
        "event_silent_loss=3": "I03",
        "message_doubled_one_in=2": "I18",
        "deck_repeat_one_in=2": "I10",
        "realtime_duplicate_one_in=2": "delivery: doubled",
        "rls_off_messages=on": "probe: others' messages",
        "forged_token_accepted=on": "probe: forged token",
    }
    quirks = [argument for switch in seeded for argument in ("--quirk", switch)]
    run = finish(start(tmp_path, BRIEF, "--slo", BRIEF_SLO, *quirks), tmp_path)
    assert run.code == 11, run.said
    gates = {one.gate for one in fired(Judged.model_validate(run.verdict))}
    assert set(seeded.values()) - gates == set(), run.said
    unasked = {gate for gate in gates - set(seeded.values()) if not gate.startswith("SLO")}
    # Without RLS these two go as well, and a repeated card is also seen in the reply that brings it.
    assert unasked <= {"probe: anonymous messages", "probe: strangers' changes", "I43 deck-cards"}, run.said


@pytest.mark.slow
@pytest.mark.skipif(not can_shift(), reason="faketime is not installed")
def test_a_healthy_run_whose_clock_is_apart_from_its_targets_does_its_sessions(tmp_path: Path) -> None:
    """All processes of the run have the other clock, and none of the target's."""
    with Sandbox(SandboxOptions(people=90, catalogue=300)) as sandbox:
        command = [sys.executable, "-m", "harness", "run", str(BRIEF), "--slo", str(BRIEF_SLO)]
        command += ["--url", sandbox.url, "--out", str(tmp_path)]
        said = subprocess.run(shifted(command, 3), capture_output=True, text=True, timeout=300, check=False)
    (folder,) = tmp_path.glob("*/")
    manifest = open_run(folder).manifest
    assert manifest.evidence is not None
    assert manifest.evidence.clock is not None
    assert manifest.evidence.clock.offset_s == pytest.approx(90, abs=5), said.stdout
    assert manifest.recorded_attempts
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict["integrity"]["status"] == "held", said.stdout
    assert 11 not in verdict["exit_codes"]


@pytest.mark.slow
@pytest.mark.timeout(520)  # four whole runs: 193 s on a quiet machine of two cores, and subprocess.run ends them at 500
def test_the_fast_proof_catches_what_it_seeds(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness", "prove", "--seeds", "1", "--healthy", "1", "--out", str(tmp_path)]
    for name in ("event_silent_loss", "message_doubled_one_in", "rls_off_messages"):
        command += ["--only", name]
    said = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    proof = json.loads((tmp_path / "prove.json").read_text())
    caught = {trial["defect"]: (trial["result"], trial["gate"], trial["exit_code"]) for trial in proof["trials"]}
    assert caught == {
        "event_silent_loss": ("caught", "I03", 11),
        "message_doubled_one_in": ("caught", "I18", 11),
        "rls_off_messages": ("caught", "probe: others' messages", 11),
    }, said.stdout + said.stderr
    (healthy,) = proof["healthy"]
    assert healthy["alarms"] == [], healthy  # a busy machine may leave it without an answer, never with an alarm
    assert (said.returncode == 0) == (healthy["exit_code"] == 0)
    assert "| event_silent_loss=8 | I03 | 11 |" in (tmp_path / "prove.md").read_text()


@pytest.mark.slow
def test_ctrl_c_ends_all_runs_of_a_proof(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness", "prove", "--jobs", "2", "--seeds", "2", "--healthy", "0"]
    command += ["--only", "event_silent_loss", "--out", str(tmp_path)]
    prover = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for _ in range(600):
            if len([*tmp_path.glob("event_silent_loss-*/*/manifest.json")]) == 2:
                break
            time.sleep(0.1)
        children = psutil.Process(prover.pid).children(recursive=True)
        assert len(children) > 2
        prover.send_signal(signal.SIGINT)
        said, _ = prover.communicate(timeout=40)
    finally:
        prover.kill()
    assert prover.returncode == 30, said
    assert "--resume" in said
    assert psutil.wait_procs(children, timeout=20)[1] == [], "nothing stays behind"


def lost_replies(out: Path, *quirks: str) -> Run:
    """A run in which every tenth message is stored and its reply lost; everybody tries again."""
    arguments = ["prove", "--slo", str(SLO_FILE), "--seed", "4", "--quirk", "message_lost_reply_one_in=10"]
    for quirk in quirks:
        arguments += ["--quirk", quirk]
    return finish(start(out, *arguments), out, patience_s=150)


@pytest.mark.slow
def test_lost_replies_on_message_sends_double_messages_as_shipped(tmp_path: Path) -> None:
    run = lost_replies(tmp_path)
    assert run.code == 11, run.said
    (doubled,) = [check for check in run.verdict["integrity"]["checks"] if check["id"] == "I18"]
    assert doubled["status"] == "broken"
    assert doubled["count"] == len(doubled["offenders"]) > 0
    assert all(offender["ids"]["client id"] and offender["ids"]["conversation"] for offender in doubled["offenders"])
    assert doubled["offenders"][0]["ids"]["client id"] in run.said


@pytest.mark.slow
def test_a_unique_client_id_keeps_lost_replies_from_doubling(tmp_path: Path) -> None:
    run = lost_replies(tmp_path, "unique_client_id=on")
    (single,) = [check for check in run.verdict["integrity"]["checks"] if check["id"] == "I18"]
    assert (single["status"], single["count"]) == ("held", 0), run.said
    assert single["looked_at"] > 50
    assert run.code != 11, run.said


@pytest.mark.slow
def test_without_service_key_and_dsn_integrity_reads_as_not_checked(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    discovery = sandbox.discovery
    monkeypatch.setenv("PROVE_ANON", discovery["anon_key"])
    monkeypatch.setenv("PROVE_PASSWORD", discovery["people"]["password"])
    tag, _, domain = discovery["people"]["email_pattern"].partition("@")
    target = tmp_path / "target.toml"
    target.write_text(
        f'name = "bare"\nurl = "{sandbox.url}"\nenvironment = "local"\n[keys]\nanon_env = "PROVE_ANON"\n'
        f'[people]\ntag = "{tag.partition("_")[0]}"\ndomain = "{domain}"\npassword_env = "PROVE_PASSWORD"\n'
    )
    out = tmp_path / "runs"
    run = finish(start(out, BRIEF, "--slo", BRIEF_SLO, "--target", target), out)
    run.assert_target_passed()
    assert run.verdict["integrity"]["status"] == "not checked"
    assert "integrity: NOT CHECKED" in run.said
    lines = " ".join(run.verdict["not_checked"])
    assert "Integrity: " in lines
    assert "needs the service key or a connection string" in lines
    assert "was not checked" in run.verdict["sentence"] or run.code == 20
    held = {check["id"] for check in run.verdict["probes"] if check["status"] == "held"}
    assert {"others' messages", "same event twice"} <= held, "what needs no key is asked all the same"
