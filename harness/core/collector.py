"""Work that makes millions of objects and no circles worth the search for them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Without Python's search for circles of objects, for the whole process; counted references free the rest as ever.

    Each search looks at everything that is alive, so that it costs most where much is kept.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
