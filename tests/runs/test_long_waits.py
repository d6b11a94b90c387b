"""A master that waits long for its workers is not taken for one that does not leave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.load import load_profile
from harness.core.resolved_target import ResolvedTarget
from harness.core.run_spec import RunSpec, windows_of
from harness.core.secret import NOTHING
from harness.run.locust_process import LocustProcess
from harness.run.run_request import RunRequest


class Quiet:
    """A watcher."""

    def stage(self, text: str) -> None: ...

    def progress(self, facts: Any) -> None: ...

    def problem(self, text: str) -> None: ...


@pytest.mark.parametrize("wait_s", [60.0, 3_600.0, 86_400.0])
def test_the_longest_wait_and_the_whole_load_fit_into_its_time(wait_s: float, tmp_path: Path) -> None:
    """Nodes may have to be made first. Workers that come after an hour keep their load."""
    profile = load_profile("smoke")
    spec = RunSpec(
        run_id="t", run_tag=1, folder="", url="http://127.0.0.1:1", seed=1, profile=profile,
        email_pattern="p{index}@x.test", windows=windows_of(profile),
    )  # fmt: skip
    access = ResolvedTarget(
        name="t", url=spec.url, environment="sandbox", anon_key=NOTHING, password=NOTHING, email_pattern=""
    )
    request = RunRequest(profile, "smoke", (), tmp_path, master_port=5557, expect_workers=2, wait_s=wait_s)
    process = LocustProcess(request, access, spec, tmp_path, Quiet())
    assert process._limit_s >= wait_s + spec.end_s + spec.grace_s
