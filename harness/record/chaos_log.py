"""Writes `chaos.jsonl` as the workers tell what began, ended and was hit."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.core.fault_record import CHAOS, FaultEvent, FaultLine, FaultWindow, Why
from harness.core.secret_filter import WORDS
from harness.record.streams import writing

Counts = Mapping[str, tuple[int, int]]


def write_lines(folder: Path, lines: Sequence[FaultLine]) -> None:
    """Append, each line whole: the supervisor of a proxy writes into the same file. :raises OSError: it cannot."""
    if not lines:
        return
    descriptor = os.open(folder / CHAOS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, WORDS.text(b"".join(line.written() for line in lines).decode()).encode())
    finally:
        os.close(descriptor)


class ChaosLog:
    """One run's, in the master."""

    def __init__(self, folder: Path, windows: Sequence[FaultWindow]) -> None:
        self._folder = folder
        self._windows = [window for window in windows if window.kind == "chaos"]
        self._by_worker: dict[int, Counts] = {}
        self._proxied = any(window.layer != "phone" for window in self._windows)
        self._read = 0  # bytes of the file, by `refused`
        self._refused: set[str] = set()
        self._written: dict[str, tuple[int, int]] = {}

    def take(self, worker: int, lines: Sequence[FaultLine], counts: Counts, at_s: float) -> None:
        """A worker's report came: its lines, then whatever changed of the sums over all workers.

        :raises HarnessError: the disk is full or failing.
        """
        if not self._windows:
            return
        self._by_worker[worker] = counts
        found = list(lines)
        for window in self._windows:
            total = self._total(window.entry)
            if total != self._written.get(window.entry, (0, 0)):
                self._written[window.entry] = total
                found.append(
                    FaultLine(
                        event=FaultEvent.COUNT,
                        entry=window.entry,
                        fault=window.fault,
                        layer=window.layer,
                        at_s=round(at_s, 4),
                        share=window.share,
                        hits=total[0],
                        seen=total[1],
                    )
                )
        with writing(self._folder):
            write_lines(self._folder, found)

    def _total(self, entry: str) -> tuple[int, int]:
        each = [counts.get(entry, (0, 0)) for counts in self._by_worker.values()]
        return sum(hits for hits, _ in each), sum(seen for _, seen in each)

    def refused(self) -> frozenset[str]:
        """Faults that the proxy refused and that are not on, as far as its lines in the file tell."""
        if self._proxied:
            with contextlib.suppress(OSError), (self._folder / CHAOS).open("rb") as file:
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read += len(line)
                    self._hear(line)
        return frozenset(self._refused)

    def _hear(self, line: bytes) -> None:
        with contextlib.suppress(ValueError):
            said = FaultLine.model_validate_json(line)
            if said.event is FaultEvent.START and said.layer != "phone":
                (self._refused.add if said.why is Why.FAILED else self._refused.discard)(said.entry)

    def standing(self, at_s: float) -> list[tuple[str, int, float]]:
        """What is under way by plan: entry, hits so far, seconds left."""
        return [
            (window.entry, self._total(window.entry)[0], round(window.end_s - at_s, 1))
            for window in self._windows
            if window.start_s <= at_s < window.end_s
        ]
