"""A run's `chaos.jsonl`: what its lines say of each fault, and so which windows excuse anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from chaos.fault import Layer
from harness.core.fault_record import CHAOS, FaultEvent, FaultLine, FaultWindow, Why


def read(folder: Path) -> Sequence[FaultLine]:
    """The lines of a run's folder, in the order in which they became known; none for a run without faults."""
    log = folder / CHAOS
    return parsed(log.read_bytes().splitlines()) if log.is_file() else ()


def parsed(log: Iterable[bytes]) -> list[FaultLine]:
    """The lines of a `chaos.jsonl`; what a dying writer left half-written is ignored."""
    found = []
    for line in log:
        try:
            found.append(FaultLine.model_validate_json(line))
        except ValidationError:
            continue
    return found


def as_they_were(planned: Sequence[FaultWindow], log: Sequence[FaultLine]) -> tuple[FaultWindow, ...]:
    """The planned windows; those of faults that were not on are judged, so that they excuse nothing.

    Without any log the plan is believed.
    """
    lines = {window.entry: [line for line in log if line.entry == window.entry] for window in planned}
    absent = {entry for entry, known in lines.items() if log and (not known or missing(known))}
    return tuple(window.model_copy(update={"judged": True}) if window.entry in absent else window for window in planned)


def begun(lines: Sequence[FaultLine]) -> list[FaultLine]:
    """Of one fault's lines those that tell of a beginning that took place."""
    return [line for line in lines if line.event is FaultEvent.START and line.why is not Why.FAILED]


def missing(lines: Sequence[FaultLine]) -> str:
    """Why the fault was not on, by its lines; '' when it was, or when they do not say."""
    if not lines:
        return ""
    if not begun(lines):
        texts = (line.text for line in lines if line.why is Why.FAILED and line.text)
        said = "".join(sign if sign.isprintable() else " " for sign in next(texts, ""))
        return f"the fault was not on: the proxy refused it{': ' if said else ''}{said}"
    over = any(line.event is FaultEvent.END for line in lines)
    return "the fault was not on: it hit nothing" if over and hits(lines) == 0 else ""


def hits(lines: Sequence[FaultLine]) -> int | None:
    """The last count of all workers together; without one, the sum of what each worker said last. None where nobody
    counts: a run that broke off, or a real Toxiproxy, whose toxics have no counts."""
    if counts := [line.hits for line in lines if line.event is FaultEvent.COUNT]:
        return counts[-1]
    last = {line.worker: line.hits for line in lines if line.event is FaultEvent.END}
    total = sum(last.values())
    return total if total or (last and any(line.layer == Layer.PHONE for line in lines)) else None
