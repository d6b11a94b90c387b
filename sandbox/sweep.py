"""`python -m sandbox.sweep`: remove what killed sandboxes left in the temporary folder, once their servers ended."""

from __future__ import annotations

import time

from sandbox.postgres import sweep_abandoned

LIMIT_S = 20.0


def main() -> int:
    """0 when nothing abandoned is left."""
    deadline = time.monotonic() + LIMIT_S
    while (left := sweep_abandoned()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return 1 if left else 0


if __name__ == "__main__":
    raise SystemExit(main())
