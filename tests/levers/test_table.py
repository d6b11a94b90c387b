"""The table of levers: each is something that can be set, differs from its baseline, and is found by its name."""

from __future__ import annotations

import pytest

from harness.config.load import load_profile
from harness.core.client_settings import ClientSettings
from harness.core.errors import UsageError
from harness.levers.table import CONTROLS, GROUPS, LEVERS, Lever, chosen, combined, pulled
from sandbox.switches import Switches

PROFILE = load_profile("levers")


@pytest.mark.parametrize("lever", LEVERS, ids=lambda lever: lever.name)
def test_a_lever_can_be_pulled(lever: Lever) -> None:
    baseline, side = pulled(PROFILE, lever.group, None), pulled(PROFILE, lever.group, lever)
    assert (baseline == side) == (not lever.settings and not lever.profile)
    assert lever.control or lever.settings or lever.profile or lever.switches
    changed = {key for key in type(side).model_fields if getattr(side, key) != getattr(baseline, key)}
    assert changed <= {"settings", *lever.profile}
    Switches.parse((*lever.group.switches, *lever.switches))


@pytest.mark.parametrize("lever", LEVERS, ids=lambda lever: lever.name)
def test_a_lever_says_what_the_app_would_set(lever: Lever) -> None:
    ClientSettings(**{key: value for key, value in lever.told.items() if key not in lever.profile})
    if lever.tenfold is not None:
        for key, value in lever.settings.items():
            scaled = value * 10 if isinstance(value, float) else value
            assert lever.tenfold[key] == pytest.approx(scaled)


def test_the_time_lapse_is_a_tenth_of_the_shipped_intervals() -> None:
    shipped = ClientSettings().model_dump()
    for key, value in GROUPS["time-lapse"].settings.items():
        assert value == pytest.approx(shipped[key] / 10), key


def test_names_are_one_each_and_two_levers_do_nothing() -> None:
    assert len({lever.name for lever in LEVERS}) == len(LEVERS)
    assert len(CONTROLS) >= 2


def test_levers_come_in_the_tables_order_and_combinations_behind_them() -> None:
    found = chosen(["presence-off", "batch-25", "batch-25+broadcast", "batch-25"])
    assert [lever.name for lever in found] == ["batch-25", "presence-off", "batch-25+broadcast"]
    assert dict(found[-1].settings) == {"batch_size": 25, "batch_wait_s": 300.0, "live": "broadcast"}
    assert found[-1].people.count(";") == 1
    assert chosen([], everything=True) == LEVERS


def test_an_unknown_lever_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="batch-26"):
        chosen(["batch-26"])
    with pytest.raises(UsageError, match=r"did you mean broadcast\?"):
        chosen(["batch-25+brodcast"])


def test_what_cannot_stand_together_is_refused() -> None:
    with pytest.raises(UsageError, match="beside different things"):
        combined(["batch-25", "polls-15"])
    with pytest.raises(UsageError, match="batch_size"):
        combined(["batch-25", "batch-10"])
    assert combined(["polls-15", "presence-60"]).told == {"chat_poll_s": 15.0, "presence_every_s": 60.0}
