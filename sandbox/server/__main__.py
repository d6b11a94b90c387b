"""`python -m sandbox.server`; see `sandbox.server.command`."""

from __future__ import annotations

from sandbox.server.command import main

if __name__ == "__main__":
    raise SystemExit(main())
