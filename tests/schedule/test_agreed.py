"""Every process of a run draws the schedule that was planned, or takes no part."""

from __future__ import annotations

import numpy as np
import pytest

from harness.config.load import load_profile
from harness.core.errors import ExitCode
from harness.core.run_spec import RunSpec, windows_of
from harness.schedule.agreed import ScheduleMismatch, drawn, planned

PROFILE = load_profile("smoke")


def spec(digest: str) -> RunSpec:
    return RunSpec(
        run_id="t",
        run_tag=1,
        folder="",
        url="http://127.0.0.1:1",
        seed=1,
        profile=PROFILE,
        email_pattern="p{index}@x.test",
        windows=windows_of(PROFILE),
        plan_digest=digest,
    )


def test_the_planned_schedule_is_the_one_that_is_drawn() -> None:
    schedule = drawn(spec(""))
    assert planned(spec(schedule.digest)).digest == schedule.digest


@pytest.mark.parametrize("digest", ["0" * 64, ""])
def test_another_digest_is_refused_and_both_are_named(digest: str) -> None:
    ours = drawn(spec("")).digest
    with pytest.raises(ScheduleMismatch) as caught:
        planned(spec(digest))
    assert caught.value.exit_code is ExitCode.TARGET
    assert ours in caught.value.what
    assert (digest or "missing") in caught.value.what
    assert f"numpy {np.__version__}" in caught.value.what
    assert "requirements.lock" in caught.value.remedy


def test_another_numpy_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose generators draw other numbers from the same seed."""
    ours = drawn(spec("")).digest
    generator, bits = np.random.Generator, np.random.MT19937
    monkeypatch.setattr(np.random, "default_rng", lambda seed: generator(bits(seed)))
    with pytest.raises(ScheduleMismatch, match=ours):
        planned(spec(ours))
