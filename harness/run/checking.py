"""Reading a run's target again, long after the run."""

from __future__ import annotations

import os
from pathlib import Path

from harness.config.load import load_target, resolve_keys
from harness.core.errors import TargetError, UsageError
from harness.core.secret import NOTHING
from harness.core.target_guard import is_loopback, permit
from harness.egress.gate import LOOPBACK, Gate, host_of
from harness.evidence.collect import NO_ACCESS, collect
from harness.load.discovery import discover
from harness.record.store import open_run
from harness.run.resolved_target import pinned


def read_again(
    folder: Path, target_file: str | None, sandbox_url: str | None, *, allow_production: bool = False
) -> None:
    """Read what the target stores of the run in `folder`; without target and sandbox, leave what was read before.

    A target is asked for the permit that a run needs: reading with a service key is no less.

    :raises UsageError: the folder is no run, or the target is another one than the run's.
    :raises TargetError: the target may not be touched, the sandbox does not answer, or a reading
        failed where an earlier one is there and is kept.
    """
    manifest, gate = open_run(folder).manifest, LOOPBACK
    if target_file is not None:
        target = load_target(target_file)
        gate = Gate(permit(target, peak_phones=0, allow_production=allow_production).reach)
        url, keys = target.url, resolve_keys(target, os.environ)
        service_key, dsn = keys.service or NOTHING, keys.dsn or NOTHING
    elif sandbox_url is not None:
        found = discover(sandbox_url)
        url, service_key, dsn = found.url, found.service_key, found.dsn
    else:
        return
    if not _same_place(url, manifest.target_url):
        raise UsageError(
            f"this run went to {manifest.target_url}, not to {url}",
            where=str(folder),
            remedy="name the target that it ran against",
        )
    if not (service_key or dsn):
        raise UsageError(
            NO_ACCESS, where=target_file or url, remedy="name keys.service_env or keys.dsn_env in the target file"
        )
    pinned(gate, url, dsn.reveal())
    read = collect(folder, url, service_key=service_key.reveal(), dsn=dsn.reveal(), gate=gate)
    before = manifest.evidence
    if read.problem and before is not None and not before.problem:
        raise TargetError(
            f"the target's data could not be read again: {read.problem}",
            where=url,
            remedy=f"what was read at {before.read_at} is kept: `harness check {folder}` judges it",
        )


def _same_place(url: str, other: str) -> bool:
    """Whether both name one target: equal, or this machine under two of its names."""
    if url == other:
        return True
    here = [one.replace(host_of(one), "loopback") for one in (url, other) if is_loopback(host_of(one))]
    return len(here) == 2 and here[0] == here[1]
