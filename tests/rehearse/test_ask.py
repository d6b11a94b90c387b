"""What a rehearsal says that it will do."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.core.target import Target, TargetKeys
from harness.plan import PlanInputs, load_prices, make
from harness.rehearse.ask import announcement, people_of, steps_of
from harness.rehearse.state import FILE, AskedRehearsal, RehearsalState, resumed, save

TARGET = Target(name="staging", url="https://staging.example.com", environment="staging", keys=TargetKeys(anon_env="A"))


def asked(**changes: object) -> AskedRehearsal:
    values = {
        "target": "staging",
        "dau": 500_000.0,
        "sessions_per_day": 1.5,
        "session_minutes": 8.0,
        "hold_minutes": 15.0,
        "scale": 1.0,
        "shares": (0.01, 0.1, 1.0),
        "seed": 1,
    }
    return AskedRehearsal.model_validate(values | changes)


def inputs_of(one: AskedRehearsal) -> PlanInputs:
    return PlanInputs().changed(dau=one.dau, session_minutes=one.session_minutes)


def test_half_a_million_people_are_rehearsed_in_three_steps(tmp_path: Path) -> None:
    ask, inputs = asked(), inputs_of(asked())
    made = make(inputs, load_prices())
    steps = steps_of(ask, made, inputs, tmp_path)
    assert [step.share for step in steps] == [0.01, 0.1, 1.0]
    assert steps[-1].rate == pytest.approx(made.figures.peak.arrivals, rel=1e-3)
    assert people_of(steps) == pytest.approx(31_300, rel=0.02), "the plan's"
    assert steps[1].rate == pytest.approx(steps[2].rate / 10, rel=1e-2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["peak-1.toml", "peak-10.toml", "peak-100.toml"]
    said = "\n".join(announcement(TARGET, ask, steps, Path("runs/it")))
    for step in steps:
        assert f"{step.sessions:,} sessions" in said
    assert f"POST /auth/v1/admin/users {people_of(steps):,} times at most" in said
    assert "rec_impressions" in said
    assert "rehearsal.json" in said


def test_a_step_with_hardly_a_session_is_left_out_and_said(tmp_path: Path) -> None:
    ask = asked(dau=5_000.0)
    inputs = inputs_of(ask)
    steps = steps_of(ask, make(inputs, load_prices()), inputs, tmp_path)
    assert [step.share for step in steps] == [0.1, 1.0]
    assert "step 0.01: left out" in "\n".join(announcement(TARGET, ask, steps, Path("x")))
    assert not (tmp_path / "peak-1.toml").exists()


@pytest.mark.parametrize("shares", [(), (0.1, 0.01), (0.0, 1.0), (2.0,)])
def test_steps_that_do_not_rise_are_refused(shares: tuple[float, ...], tmp_path: Path) -> None:
    ask = asked(shares=shares)
    inputs = inputs_of(ask)
    with pytest.raises(UsageError, match="the steps must rise"):
        steps_of(ask, make(inputs, load_prices()), inputs, tmp_path)


def test_a_state_is_of_one_rehearsal_alone(tmp_path: Path) -> None:
    state = RehearsalState(asked=asked())
    save(tmp_path, state)
    assert resumed(tmp_path, asked()) == state
    with pytest.raises(UsageError, match=r"dau was 500000.0, now 5.0"):
        resumed(tmp_path, asked(dau=5.0))


def test_a_rehearsal_goes_on_against_the_same_deployment_and_people_alone(tmp_path: Path) -> None:
    """Of a target file that was changed meanwhile only the name would be the same: the steps that are done would count
    for another deployment, and the people that were made would stay in the first one for good."""
    before = asked(url="https://one.example.com", people="a-{index}@example.com, tag a")
    save(tmp_path, RehearsalState(asked=before, provisioned="all are there"))
    with pytest.raises(UsageError, match=r"url was https://one.example.com, now https://two.example.com"):
        resumed(tmp_path, before.model_copy(update={"url": "https://two.example.com"}))
    with pytest.raises(UsageError, match=r"people was .* tag a, now .* tag b"):
        resumed(tmp_path, before.model_copy(update={"people": "b-{index}@example.com, tag b"}))


def test_a_state_of_an_earlier_harness_is_gone_on_with(tmp_path: Path) -> None:
    save(tmp_path, RehearsalState(asked=asked()))
    text = (tmp_path / FILE).read_text(encoding="utf-8")
    assert '"url": ""' in text
    (tmp_path / FILE).write_text(text.replace('"url": "",', "").replace('"people": "",', ""), encoding="utf-8")
    assert resumed(tmp_path, asked(url="https://one.example.com", people="a")).asked.url == ""


@pytest.mark.parametrize("text", ["", '{"version": 1, "asked"', '{"version": 2}', "[]", '{"version": 1, "asked": {}}'])
def test_a_state_that_cannot_be_read_is_not_said_to_be_none(text: str, tmp_path: Path) -> None:
    """Its people may be there: to rehearse anew is no advice."""
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="this rehearsal cannot be gone on with") as caught:
        resumed(tmp_path, asked())
    assert "harness rehearse --clean-up" in caught.value.remedy
    with pytest.raises(UsageError, match="there is no rehearsal"):
        resumed(tmp_path / "elsewhere", asked())
