"""Client-made ids that carry their own ledger position, as well-formed UUID v4. (pure)

The real service refuses other versions (contract T34), and a v4 has 122 free bits. They hold, from the top:
32 bits run tag, 26 bits person, 32 bits sequence, 32 check bits keyed by the run tag. A stored id can therefore be
traced to who made it and when in that person's run, and a foreign id is recognised (DESIGN decision 9).
"""

from __future__ import annotations

import uuid
from hashlib import blake2s
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]

RUN_BITS, PERSON_BITS, SEQUENCE_BITS, CHECK_BITS = 32, 26, 32, 32
WORKER_SHIFT = 24
"""Sequences begin at worker number << 24, so that a person whom another worker takes over never repeats an id; 16.7
million ids per person and worker, 256 workers; a run with more is refused at its start."""
MAX_WORKERS = 1 << SEQUENCE_BITS - WORKER_SHIFT
MAX_PERSON = (1 << PERSON_BITS) - 1


class Position(NamedTuple):
    """Where an id stands in its run."""

    person: int
    sequence: int


def make(run_tag: int, person: int, sequence: int) -> str:
    """The id of a person's n-th client-made thing in the run `run_tag` (any 32-bit number)."""
    if not 0 <= person <= MAX_PERSON:
        raise ValueError(f"person {person} is outside 0..{MAX_PERSON}")
    if not 0 <= sequence < 1 << SEQUENCE_BITS:
        raise ValueError(f"sequence {sequence} is outside 32 bits")
    position = (run_tag << PERSON_BITS | person) << SEQUENCE_BITS | sequence
    free = position << CHECK_BITS | _check(run_tag, position)
    return written(_spread(free))


def raw(text: Any) -> bytes:
    """The 16 bytes of a UUID in any notation that Python knows; the usual one in a fifth of `uuid.UUID`'s time.

    :raises ValueError: it is none.
    """
    if type(text) is not str:
        raise ValueError("no text, hence no UUID")
    if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-":
        try:
            found = bytes.fromhex(text.replace("-", ""))
        except ValueError:
            found = b""
        if len(found) == 16:
            return found
    return uuid.UUID(text).bytes


def written(value: int) -> str:
    """128 bits in the usual notation."""
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def canonical(text: Any) -> str:
    """A UUID as PostgreSQL would write it. :raises ValueError: it is none."""
    return written(int.from_bytes(raw(text), "big"))


class Sequence:
    """The ids of one person, each with the next position: call it for a fresh one. sequence: the last one's."""

    __slots__ = ("_person", "_run_tag", "sequence")

    def __init__(self, run_tag: int, person: int, *, worker: int = 0) -> None:
        self._run_tag, self._person, self.sequence = run_tag, person, worker << WORKER_SHIFT

    def __call__(self) -> str:
        self.sequence += 1
        return make(self._run_tag, self._person, self.sequence)


def position(run_tag: int, text: str) -> Position | None:
    """Where the id stands in the run `run_tag`; None when this run did not make it."""
    try:
        value = int.from_bytes(raw(text), "big")
    except ValueError:
        return None
    if value >> 76 & 0xF != 4 or value >> 62 & 3 != 2:
        return None
    free = _gather(value)
    place, check = free >> CHECK_BITS, free & (1 << CHECK_BITS) - 1
    if place >> PERSON_BITS + SEQUENCE_BITS != run_tag or _check(run_tag, place) != check:
        return None
    return Position(
        person=place >> SEQUENCE_BITS & MAX_PERSON,
        sequence=place & (1 << SEQUENCE_BITS) - 1,
    )


def places(run_tag: int, high: Numbers, low: Numbers) -> tuple[npt.NDArray[np.bool_], Numbers]:
    """For many ids at once, given as the two halves of their 128 bits: which carry the run tag, and their places.

    A place is person << 32 | sequence, undefined where the first array is false. Check bits are not looked at, because
    that takes a hash per id: whoever finds a place nobody made asks `position` about that id.
    """
    top = (high >> np.uint64(16) << np.uint64(12)) | (high & np.uint64(0xFFF))  # free bits 121..62
    version_4 = (high >> np.uint64(12) & np.uint64(0xF) == 4) & (low >> np.uint64(62) == 2)
    ours = version_4 & (top >> np.uint64(28) == np.uint64(run_tag))
    place = (top & np.uint64((1 << 28) - 1)) << np.uint64(30) | (low & np.uint64((1 << 62) - 1)) >> np.uint64(32)
    return ours, place


def _check(run_tag: int, place: int) -> int:
    digest = blake2s(place.to_bytes(12, "big"), key=run_tag.to_bytes(4, "big"), digest_size=4).digest()
    return int.from_bytes(digest, "big")


# RFC 9562 section 5.4: bits 48-51 from the top are the version, bits 64-65 the variant.
_HIGH, _MIDDLE, _LOW = 48, 12, 62


def _spread(free: int) -> int:
    high = free >> _MIDDLE + _LOW
    middle = free >> _LOW & (1 << _MIDDLE) - 1
    low = free & (1 << _LOW) - 1
    return high << 80 | 4 << 76 | middle << 64 | 2 << 62 | low


def _gather(value: int) -> int:
    high = value >> 80
    middle = value >> 64 & (1 << _MIDDLE) - 1
    low = value & (1 << _LOW) - 1
    return high << _MIDDLE + _LOW | middle << _LOW | low
