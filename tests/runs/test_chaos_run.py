"""Whole runs in which replies get lost: nothing that has an id of its own is doubled, and what is doubled is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.server import Sandbox

from .conftest import BRIEF, BRIEF_SLO, Run, finish, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def chaotic(sandbox: Sandbox, tmp_path: Path, entries: str, *arguments: str) -> Run:
    profile = tmp_path / "chaotic.toml"
    profile.write_text(f'name = "chaotic"\nextends = "{BRIEF}"\n{entries}', encoding="utf-8")
    out = tmp_path / "runs"
    return finish(start(out, profile, "--url", sandbox.url, "--slo", BRIEF_SLO, *arguments), out)


def lines(run: Run, entry: str) -> list[dict[str, object]]:
    found = map(json.loads, (run.folder / "chaos.jsonl").read_text().splitlines())
    return [line for line in found if line["entry"] == entry]


def test_event_batches_whose_replies_are_lost_are_stored_once(sandbox: Sandbox, tmp_path: Path) -> None:
    entry = '[[chaos]]\nfault = "lost_reply"\nat = 0\nfor = 10\nshare = 0.3\nwhere = { calls = ["swipe_events"] }\n'
    run = chaotic(sandbox, tmp_path, entry, "--processes", "2")
    found = lines(run, "lost_reply")
    starts = [line for line in found if line["event"] == "start"]
    assert sorted(str(line["worker"]) for line in starts) == ["0", "1"]
    assert all(abs(float(str(line["at_s"]))) < 1 for line in starts)
    assert len([line for line in found if line["event"] == "end"]) == 2
    total = [line for line in found if line["event"] == "count"][-1]
    assert 0 < int(str(total["hits"])) < int(str(total["seen"]))
    assert [window["name"] for window in run.manifest["chaos"]] == ["chaos:lost_reply"]
    assert run.code in (0, 10, 20), run.said  # not 11: nothing lost, nothing doubled
    checks = {check["id"]: check for check in run.verdict["integrity"]["checks"]}
    assert [(checks[id_]["status"], checks[id_]["count"]) for id_ in ("I01", "I03")] == [("held", 0), ("held", 0)]
    assert checks["I01"]["looked_at"] > 0


def test_messages_whose_replies_are_lost_are_found_doubled(sandbox: Sandbox, tmp_path: Path) -> None:
    entry = '[[chaos]]\nfault = "lost_reply"\nat = 0\nfor = 10\nshare = 0.5\nwhere = { calls = ["message_send"] }\n'
    taps = '[behaviour.chatter]\nretry = { dist = "constant", value = 1 }\n'
    run = chaotic(sandbox, tmp_path, entry + taps)
    assert run.code == 11, run.said
    (doubled,) = [check for check in run.verdict["integrity"]["checks"] if check["id"] == "I18"]
    assert doubled["status"] == "broken"
    assert doubled["offenders"]


def test_faults_of_the_proxy_start_one_in_front_of_the_target(sandbox: Sandbox, tmp_path: Path) -> None:
    entry = '[[chaos]]\nfault = "http_status"\nat = 2\nfor = 5\nshare = 0.2\nparameters = { status = 503 }\n'
    run = chaotic(sandbox, tmp_path, entry)
    assert "chaos proxy at" in run.said
    found = lines(run, "http_status")
    assert [line["event"] for line in found if line["event"] != "count"] == ["start", "end"]
    assert int(str(found[-1]["hits"])) > 0
    assert abs(float(str(found[0]["at_s"])) - 2) < 0.5
