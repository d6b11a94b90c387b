"""The two ends of the channel between master and workers: their CurveZMQ keys from the run's token, and the messages.

Without Locust and gevent, for whoever only asks a master whether a worker is welcome.
"""

from __future__ import annotations

from typing import Any

import msgpack
import zmq
from zmq.utils import z85

from harness.core.run_token import master_secret


class ChannelKeys:
    """The master's key pair, which both ends derive from the token."""

    def __init__(self, token: str) -> None:
        self._secret = z85.encode(master_secret(token))
        self._public = zmq.curve_public(self._secret)

    def serve(self, socket: Any) -> None:
        """Have this socket let in only who knows the master's public key."""
        socket.curve_server = True
        socket.curve_secretkey = self._secret

    def connect(self, socket: Any) -> None:
        """Have this socket talk to the master of our token, and to no other."""
        socket.curve_serverkey = self._public
        socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()


def packed(kind: str, data: Any, name: str) -> bytes:
    """A message as Locust writes it."""
    return bytes(msgpack.packb((kind, data, name)))


def unpacked(data: bytes) -> Any:
    """What those bytes hold: kind, data and the sender's name, if they are a message. May raise anything."""
    return msgpack.unpackb(data, raw=False, strict_map_key=False)
