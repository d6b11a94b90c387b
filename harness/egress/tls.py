"""The one TLS context that every connection of a process shares.

A context of its own costs each phone 48 ms and 871 kB (it reads the CA bundle); a shared one costs 2 ms and 37 kB
per connection. Verification is always on: a rehearsal against a host we cannot identify is a rehearsal of nothing.

A private authority is named by one of the usual variables: SSL_CERT_FILE and SSL_CERT_DIR, which replace the system's
(OpenSSL reads them itself), or `ADDED`, whose authorities count beside the others.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path

from harness.core.errors import UsageError

ADDED = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", *ADDED)
"""What a child process needs in order to trust whom we trust."""


@cache
def shared_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """The process's context: the usual authorities, plus those in `ca_file` (PEM), host names checked, HTTP/1.1 only.

    Raises UsageError when a file of certificates cannot be read or holds none.
    """
    context = ssl.create_default_context()
    _load_named(context)
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        _load(context, ca_file, "")
    return context


def authorities(context: ssl.SSLContext) -> None:
    """Have a client's context trust whom the machine and the variables say. :raises UsageError: a variable is wrong."""
    context.load_default_certs()
    _load_named(context)


def _load_named(context: ssl.SSLContext) -> None:
    for name in ("SSL_CERT_FILE", *ADDED):
        if named := os.environ.get(name):
            _load(context, Path(named), name)


def _load(context: ssl.SSLContext, path: Path, variable: str) -> None:
    try:
        if path.is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except OSError as error:  # ssl.SSLError is one: a file without a certificate in it
        raise UsageError(
            f"The CA file cannot be used: {error.strerror or error}.",
            where=f"{variable}={path}" if variable else str(path),
            remedy="Name a readable file with one or more certificates in PEM form.",
        ) from error
