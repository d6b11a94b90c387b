"""Whose deployment it is, and when it may be loaded."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.load import load_profile
from harness.core.errors import TargetError
from harness.core.ownership import new_claim, refuse_outside_windows, stands, statement
from harness.core.target import Target, TargetKeys, TargetOwnership, TargetPeople, TargetWindow
from harness.run.resolved_target import target_of
from harness.run.run_request import RunRequest

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


def production(*windows: tuple[datetime, datetime], environment: str = "production") -> Target:
    made = tuple(TargetWindow(begins=begins, ends=ends) for begins, ends in windows)
    keys = TargetKeys(anon_env="A")
    return Target.model_validate(
        {"name": "p", "url": "http://127.0.0.1:1", "environment": environment, "keys": keys, "window": made}
    )


@given(
    begins=INSTANTS, lasts=st.timedeltas(timedelta(seconds=1), timedelta(days=9)), now=INSTANTS, run_s=st.floats(0, 1e6)
)
def test_production_is_loaded_within_one_window_from_beginning_to_end(
    begins: datetime, lasts: timedelta, now: datetime, run_s: float
) -> None:
    there = production((begins, begins + lasts))
    inside = begins <= now < begins + lasts and now + timedelta(seconds=run_s) <= begins + lasts
    if inside:
        refuse_outside_windows(there, now, run_s)
    else:
        with pytest.raises(TargetError, match="window"):
            refuse_outside_windows(there, now, run_s)
    refuse_outside_windows(production(environment="staging"), now, run_s)


def test_a_refusal_says_when_it_would_be_allowed() -> None:
    with pytest.raises(TargetError, match=r"it is 2026-12-01 12:00 UTC, and the target file has none"):
        refuse_outside_windows(production(), NOON)
    later = (NOON + timedelta(hours=14), NOON + timedelta(hours=17))
    with pytest.raises(TargetError, match=r"the next one begins 2026-12-02 02:00 UTC"):
        refuse_outside_windows(production(later), NOON)
    with pytest.raises(TargetError, match=r"all of the file's are over"):
        refuse_outside_windows(production((NOON - timedelta(hours=2), NOON - timedelta(hours=1))), NOON)
    here = timezone(timedelta(hours=5))
    refuse_outside_windows(production((NOON.astimezone(here), (NOON + timedelta(hours=1)).astimezone(here))), NOON)


@pytest.mark.parametrize(("wait_s", "refusal"), [(3_600.0, "its window ends"), (60.0, "the target does not answer")])
def test_a_run_that_may_wait_for_its_workers_may_end_so_much_later(
    wait_s: float, refusal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A", "sb_publishable_x")
    now = datetime.now(UTC)
    there = production((now - timedelta(minutes=1), now + timedelta(minutes=30)))
    there = there.model_copy(update={"people": TargetPeople(password_env="A")})
    request = RunRequest(
        load_profile("smoke"), "smoke", (), tmp_path, target=there, allow_production=True, master_port=5557,
        expect_workers=1, wait_s=wait_s,
    )  # fmt: skip
    with pytest.raises(TargetError, match=refusal), target_of(request, _Quiet()):
        pass


class _Quiet:
    """A watcher."""

    def stage(self, text: str) -> None: ...

    def progress(self, facts: Any) -> None: ...

    def problem(self, text: str) -> None: ...


def test_a_claim_is_a_word_of_its_own_and_stands_alone() -> None:
    claim = new_claim()
    assert claim != new_claim()
    assert len(claim) >= 40
    assert TargetOwnership(claim=claim).claim == claim
    assert f"'\"{claim}\"'" in statement(claim)
    assert stands(claim, f"{claim}\n")
    for other in ("", None, 7, claim[:-1], f"{claim} and more", f"<p>{claim}</p>", new_claim()):
        assert not stands(claim, other)


def test_a_run_against_a_host_that_shows_no_claim_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "theirs.toml"
    path.write_text(
        'name = "theirs"\nurl = "http://198.51.100.7"\nenvironment = "staging"\n[keys]\nanon_env = "PATH"\n'
        '[people]\npassword_env = "PATH"\n[limits."198.51.100.7"]\nrequests_per_second = 900\nphones = 900\n'
    )
    command = [sys.executable, "-m", "harness", "run", "smoke", "--target", str(path), "--out", str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL)
    assert done.returncode == 40, done.stderr
    assert "nothing shows that 198.51.100.7 is yours to load" in done.stderr
    assert "harness doctor --target FILE --claim" in done.stderr
    assert not (tmp_path / "runs").exists()
