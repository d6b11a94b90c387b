"""A sandbox of another checkout: its code runs, not that beside the harness."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.config.load import load_profile
from harness.core.errors import TargetError, UsageError
from harness.run.resolved_target import target_of
from harness.run.run_request import RunRequest
from tests.runs.test_provider_conductor import Silent

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def started(code: Path) -> Iterator[str]:
    request = RunRequest(profile=load_profile("smoke"), source="smoke", slos=(), out=Path(), sandbox_code=code)
    with target_of(request, Silent()) as access:
        yield access.url


@pytest.mark.parametrize("inside", [True, False], ids=["in a checkout", "elsewhere"])
def test_the_other_checkouts_code_is_what_runs(inside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "sandbox", tmp_path / "other" / "sandbox")
    main = tmp_path / "other" / "sandbox" / "server" / "__main__.py"
    main.write_text('import sandbox\nraise SystemExit(f"this is {sandbox.__file__}")\n', encoding="utf-8")
    monkeypatch.chdir(ROOT if inside else tmp_path)
    with pytest.raises(TargetError, match=f"this is {tmp_path}/other/sandbox/__init__.py"), started(tmp_path / "other"):
        pass


def test_a_folder_without_a_sandbox_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no sandbox"), started(tmp_path):
        pass
