"""Whom the proxy believes when it speaks TLS to an upstream: the system's authorities, and a private one's.

A private authority is named as for other programs: SSL_CERT_FILE and SSL_CERT_DIR, which OpenSSL reads itself and which
replace the system's, or one of ADDED, whose authorities count beside the others.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from chaos.proxy.log import WARNING, tell

ADDED = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


def upstream_context(environ: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Verifies certificate and name. A file that cannot be used is told and left out: less is believed, never more."""
    context = ssl.create_default_context()
    for name in ADDED:
        if named := environ.get(name):
            try:
                if Path(named).is_dir():
                    context.load_verify_locations(capath=named)
                else:
                    context.load_verify_locations(cafile=named)
            except OSError as error:
                tell(WARNING, "authorities cannot be read", variable=name, path=named, error=error.strerror or error)
    return context
