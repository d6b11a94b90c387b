"""A worker's own part of the record, on its own machine: a run directory like the master's, of this worker alone.

If the channel or the master fails, what a worker measured is still there, and `harness report` reads it. On the
master's machine it lies in the run directory (`workers/<n>`), elsewhere under HARNESS_WORKER_OUT or the temporary
folder.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.run_spec import RunSpec
from harness.core.tables import MANIFEST, WORKERS_FOLDER
from harness.record.manifest import Manifest
from harness.record.roster import WorkerRecord
from harness.record.store import RunStore, open_run

WORKER_OUT_ENV = "HARNESS_WORKER_OUT"


def share_folder(order: RunSpec, worker: int, environ: Mapping[str, str] = os.environ) -> Path:
    """Where that worker's files go."""
    run = Path(order.folder)
    if not (run / MANIFEST).is_file() or run.name != order.run_id:
        base = environ.get(WORKER_OUT_ENV) or str(Path(tempfile.gettempdir()) / "movinesta-harness")
        run = Path(base).absolute() / order.run_id
    return run / WORKERS_FOLDER / str(worker)


def open_share(order: RunSpec, worker: int, *, zero: float, tickets: int, workers: int, plan_digest: str) -> RunStore:
    """Begin that worker's files. `zero` is an epoch second. :raises HarnessError: they cannot be written."""
    manifest = Manifest(
        run_id=order.run_id,
        status="running",
        started_at=datetime.fromtimestamp(zero, UTC).isoformat(timespec="seconds"),
        seed=order.seed,
        profile=order.profile,
        slos=(),
        target_name="",
        target_url=order.url,
        target_environment="",
        windows=order.windows,
        planned_sessions=tickets,
        plan_digest=plan_digest,
        workers=workers,
        versions={},
        notes=(f"the part of worker {worker} of {workers}, as it wrote it down itself",),
    )
    return RunStore.create(share_folder(order, worker), manifest)


def close_shares(run: Path, roster: Sequence[WorkerRecord] = (), *, all_ended: bool = True) -> list[str]:
    """Compact the files of all workers in a run directory, and write the master's counters beside the worker's own.

    For a supervisor, after the workers have ended; unless `all_ended`, those that have not said so are left alone.
    Returns what could not be done, in words.
    """
    problems = []
    for folder in sorted((run / WORKERS_FOLDER).glob("*")):
        try:
            store = RunStore(folder, open_run(folder).manifest)
            if store.manifest.status == "running" and not all_ended:
                continue
            store.close()
            record = tuple(record for record in roster if str(record.worker) == folder.name)
            status = "incomplete" if store.manifest.status == "running" else store.manifest.status
            store.update(status=status, roster=record)
        except HarnessError as error:
            problems.append(str(error))
    return problems
