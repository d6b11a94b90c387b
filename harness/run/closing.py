"""Whatever cuts a run short, its record is closed and says what it lacks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.interrupts import INTERRUPTS, Interrupted
from harness.record.store import RunStore, open_run


@dataclass(slots=True)
class Stage:
    """What a run is doing, in words that complete "interrupted by SIGTERM ..."."""

    now: str = "before the load began"


@contextlib.contextmanager
def closing_record(folder: Path) -> Iterator[Stage]:
    """A signal or an error within the block ends in a record that is closed as aborted, with the reason."""
    stage = Stage()
    try:
        yield stage
    except Interrupted as error:
        error.while_(stage.now, record=str(folder), remedy=f"`harness report {folder}` shows what the record holds")
        with INTERRUPTS.held():
            cut_short(folder, f"interrupted by {error.signal} {error.stage}")
        raise
    except KeyboardInterrupt:  # of a program that calls us without our handlers
        cut_short(folder, f"interrupted {stage.now}")
        raise
    except HarnessError as error:
        cut_short(folder, error.what)
        raise
    except Exception as error:
        cut_short(folder, f"a fault of the harness itself {stage.now}: {type(error).__name__}")
        raise


def cut_short(folder: Path, reason: str) -> None:
    """Close the record of a run that did not come to its end. What is known to have gone wrong before stays."""
    with contextlib.suppress(HarnessError):  # the disk may be what failed; streams render, too
        manifest = open_run(folder).manifest
        changes: dict[str, str] = {}
        if manifest.status in ("running", "complete"):
            changes = {"status": "aborted", "abort_reason": reason}
        if manifest.finished_at is None:
            changes["finished_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        store = RunStore(folder, manifest)
        if changes:
            store.update(**changes)
        store.close()
