"""Reading a run's target again, long after the run."""

from __future__ import annotations

import os
from pathlib import Path

from harness.config.load import load_target, resolve_keys
from harness.core.errors import TargetError, UsageError
from harness.core.secret import NOTHING
from harness.evidence.collect import NO_ACCESS, collect
from harness.load.discovery import discover
from harness.record.store import open_run


def read_again(folder: Path, target_file: str | None, sandbox_url: str | None) -> None:
    """Read what the target stores of the run in `folder`; without target and sandbox, leave what was read before.

    :raises UsageError: the folder is no run, or the target is another one than the run's.
    :raises TargetError: the sandbox does not answer, or a reading failed where an earlier one is there and is kept.
    """
    manifest = open_run(folder).manifest
    if target_file is not None:
        target = load_target(target_file)
        url, keys = target.url, resolve_keys(target, os.environ)
        service_key, dsn = keys.service or NOTHING, keys.dsn or NOTHING
    elif sandbox_url is not None:
        found = discover(sandbox_url)
        url, service_key, dsn = found.url, found.service_key, found.dsn
    else:
        return
    if url != manifest.target_url:
        raise UsageError(
            f"this run went to {manifest.target_url}, not to {url}",
            where=str(folder),
            remedy="name the target that it ran against",
        )
    if not (service_key or dsn):
        raise UsageError(
            NO_ACCESS, where=target_file or url, remedy="name keys.service_env or keys.dsn_env in the target file"
        )
    read, before = collect(folder, url, service_key=service_key.reveal(), dsn=dsn.reveal()), manifest.evidence
    if read.problem and before is not None and not before.problem:
        raise TargetError(
            f"the target's data could not be read again: {read.problem}",
            where=url,
            remedy=f"what was read at {before.read_at} is kept: `harness check {folder}` judges it",
        )
