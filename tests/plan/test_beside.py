"""Measured beside modelled: a run's sessions, and what `harness levers` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.plan import plan as command
from harness.config.load import load_profile
from harness.core.errors import UsageError
from harness.plan import PlanInputs, Prices, beside
from harness.plan.capacity import core
from harness.plan.levers_file import read
from harness.plan.measured import Share
from tests.reports.build import Run, manifest, save

SMOKE = load_profile("smoke")
RECORDS = Path(__file__).resolve().parents[1] / "data" / "records"


def test_what_is_as_modelled_changes_nothing(prices: Prices) -> None:
    modelled = beside.modelled_session(SMOKE)
    found = beside.shipped("itself", modelled, modelled, PlanInputs(), prices)
    assert found.parted == ()
    assert all(row.ratio == pytest.approx(1) for row in found.session)
    assert all(row.ratio == pytest.approx(1, abs=0.02) for row in found.month)  # syncs that functions call are beside


def test_where_they_part_is_said(prices: Prices) -> None:
    modelled = beside.modelled_session(SMOKE)
    events = "POST functions/media-swipe-event"
    of = modelled[events]
    seen = {**modelled, events: Share(of.requests / 2, of.rows, of.bytes_in / 2)}
    found = beside.shipped("half the batches", modelled, seen, PlanInputs(), prices)
    assert events in found.parted
    assert "edge invocations" in found.parted
    assert "rows written" not in found.parted
    # the plan's own month has half of its batches, whatever the profile's share of them was
    planned = core(PlanInputs(), prices)
    batches = next(of.total for one, of in planned.session.sent.items() if one.name == events)
    fewer = 30 * PlanInputs().sessions * batches / 2
    month = {row.name: row for row in found.month}["edge invocations"]
    assert month.planned - month.measured == pytest.approx(fewer)


def test_a_call_that_the_model_does_not_have_is_new(prices: Prices) -> None:
    modelled = beside.modelled_session(SMOKE)
    seen = {**modelled, "GET something": Share(1000.0, 0.0, 1.0)}
    found = beside.shipped("more", modelled, seen, PlanInputs(), prices)
    row = next(row for row in found.endpoints if row.name == "GET something")
    assert row.ratio is None
    assert row.apart


def test_measured_factors_of_a_lever(prices: Prices) -> None:
    inputs = PlanInputs()
    base = core(inputs, prices)
    rows = {row.name: row for row in beside.levers(inputs, None, {"invocations": 0.5, "rows": 2.0}, prices)}
    assert rows["edge invocations"].measured == pytest.approx(rows["edge invocations"].shipped / 2)
    assert rows["rows written"].measured == pytest.approx(rows["rows written"].shipped * 2)
    assert rows["requests"].measured == pytest.approx(rows["requests"].shipped)
    assert rows["cost"].modelled is None
    edge, disk = (next(one.amount for one in base.cost.items if one.name == name) for name in (
        "edge invocations", "database disk"))  # fmt: skip
    assert rows["cost"].measured - rows["cost"].shipped > disk - edge  # and more disk operations


def test_factors_of_endpoints_outrank_those_of_short_sessions(prices: Prices) -> None:
    inputs = PlanInputs()
    base = core(inputs, prices)
    events = "POST functions/media-swipe-event"
    batches = next(of.total for one, of in base.session.sent.items() if one.name == events)
    found = beside.levers(inputs, None, {"invocations": 0.95}, prices, {events: 0.2})
    edge = next(row for row in found if row.name == "edge invocations")
    assert edge.shipped - edge.measured == pytest.approx(30 * inputs.sessions * batches * 0.8)


# ---- the file of `harness levers` -------------------------------------------------------------------------------


def levers(tmp_path: Path, **more: Any) -> Path:
    modelled = beside.modelled_session(SMOKE)
    effects = {
        "requests": {"shipped": 100.0, "lever": 90.0, "factor": 0.9, "low": 0.88, "high": 0.92, "shown": True},
        "invocations": {"shipped": 40.0, "lever": 22.0, "factor": 0.55, "low": 0.5, "high": 0.6, "shown": True},
        "rows": {"shipped": sum(of.rows for of in modelled.values()), "lever": None, "factor": None},
    }
    found = {
        "format": 1,
        "made_at": "2026-11-30",
        "target": "sandbox",
        "profile": "smoke",
        "seed": 1,
        "rounds": 3,
        "shipped": {
            "sessions": 60,
            "rates": {},
            "endpoints": {name: of.requests for name, of in modelled.items()},
        },
        "levers": [
            {
                "name": "batch-25",
                "settings": {"batch_size": 25},
                "switches": {},
                "verdict": "measured",
                "effects": effects,
            },
            {"name": "no-rerank", "settings": {"rerank": False}, "effects": {"rows": {"factor": 0.7}}},
            {"name": "switched", "settings": {}, "switches": {"latency": "5"}, "effects": {}},
        ],
        "something": "of a later version",
    }
    (tmp_path / "levers.json").write_text(json.dumps(found | more), encoding="utf-8")
    return tmp_path


def test_shipped_as_modelled_agrees(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--measured", str(levers(tmp_path))])
    assert done.exit_code == 0, done.output
    assert "MODEL BESIDE MEASURED" in done.output
    assert "They agree within 10% everywhere." in " ".join(done.output.split())


def test_a_lever_by_model_and_by_measurement(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--measured", str(levers(tmp_path)), "--lever", "batch_size=25", "--json"])
    assert done.exit_code == 0, done.output
    rows = {row["name"]: row for row in json.loads(done.output)["measured"]["levers"]}
    edge = rows["edge invocations"]
    assert edge["measured"] == pytest.approx(0.55 * edge["shipped"])
    assert 0.5 < edge["modelled"] / edge["shipped"] < 0.65


def test_a_lever_without_a_model_by_measurement_alone(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--measured", str(levers(tmp_path)), "--lever", "rerank=off"])
    assert done.exit_code == 0, done.output
    assert "no model" in done.output


def test_a_lever_that_was_not_measured(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--measured", str(levers(tmp_path)), "--lever", "deck_ttl_s=300"])
    assert isinstance(done.exception, UsageError)
    assert "measured are: batch-25, no-rerank" in str(done.exception)


def test_a_profile_that_is_not_here_leaves_the_levers(tmp_path: Path) -> None:
    folder = levers(tmp_path, profile="of-a-colleague")
    done = CliRunner().invoke(command, ["--measured", str(folder), "--lever", "batch_size=25"])
    assert done.exit_code == 0, done.output
    assert "Profile of-a-colleague is not here" in " ".join(done.output.split())
    assert "MODEL BESIDE MEASURED" not in done.output
    alone = CliRunner().invoke(command, ["--measured", str(folder)])
    assert isinstance(alone.exception, UsageError)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("{", "not what `harness levers` writes"), ('{"format": 1}', "not what"), ("[]", "not what")],
)
def test_files_that_are_something_else(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "levers.json").write_text(text)
    with pytest.raises(UsageError, match=complaint):
        read(tmp_path / "levers.json")
    levers(tmp_path, format=2)
    with pytest.raises(UsageError, match="format 2"):
        read(tmp_path / "levers.json")


# ---- a run's folder ---------------------------------------------------------------------------------------------


def test_a_run_beside_the_model_at_its_own_quantities(tmp_path: Path) -> None:
    run = Run(manifest())
    for persona, length in (("swiper", 20.0), ("chatter", 10.0)):
        run.session(1.0, 1.0, 1.0 + length, persona=persona)
    for ticket, call, count in ((0, "swipe_deck", 6), (1, "message_send", 5)):
        run.requests.append(
            {"ticket": ticket, "worker": 0, "call": call, "requests": count, "failed": 0, "seconds": 0.1, "rows": 100}
            | {"bytes_out": 10, "bytes_in": 1000}
        )
    folder = save(run.fit().finished(), tmp_path / "run")
    done = CliRunner().invoke(command, ["--measured", str(folder)])
    assert done.exit_code == 0, done.output
    assert "2 sessions of profile" in " ".join(done.output.split())
    assert "APART" in done.output
    assert "They part by more than 10% at" in " ".join(done.output.split())
    refused = CliRunner().invoke(command, ["--measured", str(folder), "--lever", "batch_size=25"])
    assert isinstance(refused.exception, UsageError)
    assert "a run says nothing of levers" in str(refused.exception)


def test_nothing_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--measured", str(tmp_path / "none")])
    assert isinstance(done.exception, UsageError)


def test_a_real_record_writes_as_many_rows_as_modelled_and_says_where_it_parts() -> None:
    """33 short sessions of everybody, by phones of an earlier version, which asked for less on the landing page."""
    done = CliRunner().invoke(command, ["--measured", str(RECORDS / "v1-everybody"), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)["measured"]["shipped"]
    session = {row["name"]: row for row in found["session"]}
    assert session["rows written"]["ratio"] == pytest.approx(1, abs=beside.APART)
    assert session["edge invocations"]["ratio"] == pytest.approx(1, abs=0.2)
    assert "requests" in found["parted"]
    assert "rows written" not in found["parted"]
