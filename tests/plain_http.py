"""For the clients of tests that only speak plain HTTP."""

from __future__ import annotations

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""httpx's `verify`: without it each client, and each `httpx.get`, reads the world's certificates, 50 ms of work."""
