"""The token that a master and its workers share: who has it may take part in a run, nobody else. (pure)

Both sides derive the master's key pair for CurveZMQ from it (ZeroMQ RFC 26): a client that does not know the public key
gets no further than the first message of the handshake, and what the others say cannot be read or changed on its way.
The token itself is never sent.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.errors import UsageError

TOKEN_ENV = "HARNESS_TOKEN"
"""Where master and workers find it. Of the environment alone: a command line is for everybody to read."""
SHORTEST = 16
_SALT = b"movinesta harness, master's key, 1"


def new_token() -> str:
    """A token that nobody guesses: 192 bits."""
    import secrets

    return secrets.token_urlsafe(24)


def token_from(environ: Mapping[str, str]) -> str:
    """The token of this environment, "" where there is none.

    :raises UsageError: it is too short to keep anybody out, or cannot be typed.
    """
    token = environ.get(TOKEN_ENV, "")
    if token and (len(token) < SHORTEST or not token.isprintable() or token != token.strip()):
        raise UsageError(
            f"the token has fewer than {SHORTEST} characters, or blanks or control characters at its ends",
            where=TOKEN_ENV,
            remedy="leave it unset, and the master makes one and prints it; or: openssl rand -hex 24",
        )
    return token


def master_secret(token: str) -> bytes:
    """The 32 bytes of the master's secret key. Slow on purpose (50 ms): whoever tries tokens pays it for each."""
    import hashlib

    return hashlib.scrypt(token.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=32)
