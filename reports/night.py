"""A judged run as the history keeps it. (pure)"""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness import __version__
from harness.history.model import Night, OperationFigures
from reports.frames import Frames, latency_table
from reports.verdict import Verdict

COMMIT = ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT")
BRANCH = ("GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "BRANCH_NAME", "GIT_BRANCH")
"""Where CI systems say what they build; the first that says something."""
REQUEST = ("CI_MERGE_REQUEST_IID", "CHANGE_ID")
"""The number of a request, of systems whose `BRANCH` holds the name that its author gave the branch. GitHub's is the
request's own, `12/merge`."""
_TARGET = "pull_request_target"
"""A job for a request, in which GitHub names the branch that it is for."""


def night_of(
    frames: Frames, verdict: Verdict, environ: Mapping[str, str], *, commit: str = "", branch: str = ""
) -> Night:
    """What a run came to, with every operation's figures. `commit`, `branch`: of the app; else as CI says."""
    manifest, facts = frames.manifest, verdict.facts
    return Night(
        run_id=facts.run_id,
        started_at=facts.started_at,
        profile=facts.profile,
        plan_digest=facts.plan_digest,
        target=facts.target_name,
        environment=facts.target_environment,
        verdict=verdict.verdict,
        exit_code=verdict.exit_code,
        sentence=verdict.sentence,
        complete=facts.status == "complete",
        commit=commit or _said(environ, COMMIT),
        branch=branch or _branch(environ),
        harness=manifest.versions.get("harness", __version__),
        canary_cpu_ms=max((one.cpu_ms for one in manifest.canary), default=None),
        canary_loopback_us=max((one.loopback_us for one in manifest.canary), default=None),
        operations=_operations(frames),
    )


def _branch(environ: Mapping[str, str]) -> str:
    """What is built. Of a request never its branch's name: whoever opens one from a fork may call that `main`, and
    would move the baseline of `main`."""
    number = _said(environ, REQUEST)
    if environ.get("GITHUB_EVENT_NAME") == _TARGET:
        return f"{environ.get('GITHUB_HEAD_REF', '')}/{_TARGET}"
    if number:
        return f"{number}/merge"
    found = _said(environ, BRANCH)
    return found.removeprefix("origin/") if found == environ.get("GIT_BRANCH") else found


def _operations(frames: Frames) -> tuple[OperationFigures, ...]:
    table = latency_table(frames)
    return tuple(
        OperationFigures(
            operation=str(row["operation"]),
            view=str(row["view"]),
            samples=int(row["samples"]),
            failed=int(row["failed"]),
            p50=_finite(row["p50"]),
            p95=_finite(row["p95"]),
            p99=_finite(row["p99"]),
        )
        for row in table.to_dict("records")
    )


def _finite(value: float) -> float | None:
    return round(float(value), 3) if math.isfinite(value) else None


def _said(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
