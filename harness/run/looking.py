"""Something that is looked at again and again while a run goes on, on a thread of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

Seen = TypeVar("Seen")
MOST_KEPT = 100_000
"""A day of seconds, and some."""


@contextlib.contextmanager
def looking(look: Callable[[], Seen | None], every_s: float, name: str) -> Iterator[list[Seen]]:
    """What `look` says from here on, as it comes; None is nothing. An OSError or ValueError of its ends it: what is
    looked at is gone, or cannot be read. name: of the thread."""
    seen, over = list[Seen](), threading.Event()

    def work() -> None:
        with contextlib.suppress(OSError, ValueError):
            while not over.wait(every_s) and len(seen) < MOST_KEPT:
                if (one := look()) is not None:
                    seen.append(one)

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(2 * every_s)
