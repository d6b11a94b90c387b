"""The baselines of a run, opened before anything is sent: a wrong one is refused while it costs nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.profile import Profile
from harness.record.likeness import differences
from harness.record.store import open_run

LAST_GOOD = "last-good"
VERDICT = "verdict.json"


def checked(named: Sequence[Path], out: Path, profile: Profile, environment: str) -> tuple[Path, ...]:
    """The folders of the baselines, each a whole run of that profile and environment.

    `last-good` is the newest run in `out` that is alike and passed; none where there is no such run yet.

    :raises UsageError: one is no run, or not alike.
    """
    found: list[Path] = []
    for path in named:
        if str(path) == LAST_GOOD:
            found += _last_good(out, profile, environment)
            continue
        run = open_run(path)
        if unlike := differences(profile, environment, run.manifest, complete=run.complete):
            raise UsageError(
                f"this is no baseline for the run: {'; '.join(unlike)}",
                where=str(path),
                remedy="name an earlier run of the same profile and environment, or leave --baseline out; "
                "nothing was sent",
            )
        found.append(path)
    return tuple(dict.fromkeys(found))


def _last_good(out: Path, profile: Profile, environment: str) -> list[Path]:
    for folder in sorted((one for one in out.glob("*Z-*") if one.is_dir()), reverse=True):
        try:
            if json.loads((folder / VERDICT).read_text(encoding="utf-8"))["exit_code"] != 0:
                continue
            run = open_run(folder)
        except (OSError, ValueError, LookupError, TypeError, HarnessError):
            continue  # no run, or none that was judged
        if not differences(profile, environment, run.manifest, complete=run.complete):
            return [folder]
    return []
