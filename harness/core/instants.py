"""Instants as they stand in JSON. (pure)"""

from __future__ import annotations

from datetime import datetime


def epoch_us(text: str | None) -> int | None:
    """Microseconds of an ISO instant with its offset; None for anything else."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if instant.tzinfo is None else round(instant.timestamp() * 1_000_000)
