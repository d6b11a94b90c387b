"""What was written, in 16 bytes: whether a stored row holds all that was sent, and if not, which field differs. (pure)

The ledger would be many times its size with every text in it. It notes two numbers instead, which the stored side makes
of its own columns in the same way:

    whole   64 bits over all fields and every code point of them: equal, or the row is not what was sent
    parts   8 bits a field, for up to eight of them: names the field, and leaves one difference in 256 unnamed

Fields are texts, or None for what is not there; an empty text is something else than none.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import pack
from typing import NamedTuple
from zlib import crc32

FIELDS = 8
"""So many fields of a write can be named."""
NOT_NOTED = 0
"""`whole` of a write whose content nobody noted."""


_ABSENT = b"\xff"  # no UTF-8


class Content(NamedTuple):
    """Two unsigned 64-bit numbers; see the module."""

    whole: int
    parts: int


UNKNOWN = Content(NOT_NOTED, 0)


def content_of(*fields: str | None) -> Content:
    """The content of a write. Those behind the eighth count in `whole` alone.

    Lone surrogates, which JavaScript knows and no database takes, are content like all else.
    """
    try:
        raw = [_ABSENT if field is None else field.encode() for field in fields]
    except UnicodeEncodeError:
        raw = [_ABSENT if field is None else field.encode("utf-8", "surrogatepass") for field in fields]
    lengths = pack(f">{len(raw)}I", *map(len, raw))  # so that nothing can move from one field into the next
    whole = int.from_bytes(blake2b(b"".join((lengths, *raw)), digest_size=8).digest(), "big")
    return Content(whole or 1, int.from_bytes(bytes([crc32(one) & 0xFF for one in raw[:FIELDS]]), "little"))


def differing(names: tuple[str, ...], one: int, other: int) -> list[str]:
    """Which of the fields `names` are not alike in two numbers `parts`."""
    return [name for place, name in enumerate(names[:FIELDS]) if (one ^ other) >> 8 * place & 0xFF]
