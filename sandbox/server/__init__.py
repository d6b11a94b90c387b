"""A whole sandbox: `instance` starts and stops it, `command` makes it a process (`python -m sandbox.server`).

The top of the sandbox: it imports every other part, and no other part imports it.
"""

from __future__ import annotations

from sandbox.options import OptionError, SandboxOptions
from sandbox.server.instance import AddressInUse, Sandbox

__all__ = ["AddressInUse", "OptionError", "Sandbox", "SandboxOptions"]
