"""Which faults are on, by what the run's own `chaos.jsonl` says: begun, changed, hit, ended."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.core.fault_record import BY_HAND, CHAOS, FaultEvent, FaultLine, FaultWindow, Why
from harness.live.snapshot import ActiveFault


@dataclass(slots=True)
class _Entry:
    began: FaultLine
    on: set[int | None] = field(default_factory=set)  # whose phones; None: the proxy's
    share: float = 0.0
    hits: int = 0


class FaultBoard:
    """One run's. windows: what is planned, for how long each has left."""

    def __init__(self, folder: Path, windows: Sequence[FaultWindow] = ()) -> None:
        self._file = folder / CHAOS
        self._ends = {window.entry: window.end_s for window in windows if window.kind == "chaos"}
        self._read = 0
        self._entries: dict[str, _Entry] = {}

    def expect(self, entry: str, end_s: float) -> None:
        """Somebody asked for this fault by hand, until then."""
        self._ends[entry] = end_s

    def look(self, at_s: float) -> tuple[ActiveFault, ...]:
        """What is on at `at_s`; reads what was written since the last look."""
        with contextlib.suppress(OSError), self._file.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                with contextlib.suppress(ValueError):
                    self._hear(FaultLine.model_validate_json(line))
        return tuple(self._active(name, entry, at_s) for name, entry in self._entries.items() if entry.on)

    def _hear(self, line: FaultLine) -> None:
        entry = self._entries.setdefault(line.entry, _Entry(line))
        if line.event is FaultEvent.START and line.why is not Why.FAILED:
            if not entry.on:
                entry.began = line
            entry.on.add(line.worker)
            entry.share = line.share
        elif line.event is FaultEvent.CHANGE:
            entry.share = line.share
        elif line.event is FaultEvent.COUNT:
            entry.hits = line.hits
        elif line.event is FaultEvent.END:
            entry.on.discard(line.worker)

    def _active(self, name: str, entry: _Entry, at_s: float) -> ActiveFault:
        end = self._ends.get(name)
        return ActiveFault(
            entry=name,
            fault=entry.began.fault,
            layer=entry.began.layer,
            since_s=entry.began.at_s,
            left_s=None if end is None else round(max(0.0, end - at_s), 1),
            share=entry.share,
            hits=entry.hits,
            by_hand=name.startswith(BY_HAND),
        )
