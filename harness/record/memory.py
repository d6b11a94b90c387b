"""Memory of Arrow's tables: read, turned into something smaller, and given back. (thin shell over pyarrow)"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa


@contextmanager
def given_back() -> Iterator[None]:
    """Arrow takes memory from the system itself, for the whole process, and keeps none of it at the end.

    Its own pools keep what was freed for a while, some 100 MB after a table of ten million rows, beside all that comes
    next; what the system's allocator has in reserve, `let_go` gives back as well.
    """
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        let_go()
        pa.set_memory_pool(before)


def let_go() -> None:
    """Give back what is free now: where much was just freed, and much is about to be taken."""
    pa.default_memory_pool().release_unused()
