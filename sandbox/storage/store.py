"""Where uploaded bytes are kept: in memory, up to a limit, the oldest making room. (pure)"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeAlias

LIMIT_BYTES = 128 * 1024 * 1024

Key: TypeAlias = tuple[str, str]
"""(bucket, object name)"""


@dataclass(frozen=True, slots=True)
class Blob:
    """One object's bytes, and what a download says about them."""

    content: bytes
    content_type: str
    cache_control: str
    etag: str


class BlobStore:
    """Bytes by bucket and name. Beyond `limit_bytes` the oldest uploads are dropped: a soak must not eat memory."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._blobs: OrderedDict[Key, Blob] = OrderedDict()
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._blobs)

    def put(self, key: Key, blob: Blob) -> None:
        """Keep it, replacing what was there; one larger than the whole limit is not kept at all."""
        self.remove(key)
        if len(blob.content) > self._limit:
            return
        self._blobs[key] = blob
        self.held_bytes += len(blob.content)
        while self.held_bytes > self._limit:
            _, dropped = self._blobs.popitem(last=False)
            self.held_bytes -= len(dropped.content)

    def get(self, key: Key) -> Blob | None:
        """None when it was never there, removed, or dropped to make room."""
        return self._blobs.get(key)

    def remove(self, key: Key) -> None:
        """Forget it, if it is there."""
        gone = self._blobs.pop(key, None)
        if gone is not None:
            self.held_bytes -= len(gone.content)
