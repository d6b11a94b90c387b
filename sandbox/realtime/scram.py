"""The client's half of SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding, as PostgreSQL asks for it. (pure)"""

from __future__ import annotations

import base64
import hashlib
import hmac

MECHANISM = "SCRAM-SHA-256"
_HEADER = "n,,"


class Scram:
    """One exchange. nonce: printable, without commas, new for each."""

    def __init__(self, password: str, nonce: str) -> None:
        self._password = password.encode()
        self._nonce = nonce
        self._bare = f"n=,r={nonce}"
        self._server_signature = b""

    def first(self) -> bytes:
        """What opens the exchange."""
        return (_HEADER + self._bare).encode()

    def final(self, server_first: bytes) -> bytes:
        """The proof, in answer to the server's first message. :raises ValueError: that is no answer to ours."""
        fields = _fields(server_first)
        nonce, salt, rounds = fields["r"], base64.b64decode(fields["s"]), int(fields["i"])
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise ValueError("the server answers somebody else")
        without_proof = f"c={base64.b64encode(_HEADER.encode()).decode()},r={nonce}"
        said = f"{self._bare},{server_first.decode()},{without_proof}".encode()
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), said)
        self._server_signature = _hmac(_hmac(salted, b"Server Key"), said)
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def check(self, server_final: bytes) -> None:
        """:raises ValueError: the server does not know the password either."""
        if not hmac.compare_digest(base64.b64decode(_fields(server_final)["v"]), self._server_signature):
            raise ValueError("the server cannot prove that it knows the password")


def _fields(message: bytes) -> dict[str, str]:
    try:
        return dict(part.split("=", 1) for part in message.decode("ascii").split(","))
    except ValueError as error:
        raise ValueError("not a SCRAM message") from error


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
