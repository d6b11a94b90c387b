"""What a join asks for: its configuration, read as far as possible, and its Postgres bindings. (pure)

Source: realtime contract, 1.4. An invalid part never fails a join; it counts as absent.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import orjson

_EVENTS = frozenset({"INSERT", "UPDATE", "DELETE"})
_ID_MASK = 2**27 - 1


@dataclass(frozen=True, slots=True)
class ChangeBinding:
    """One `postgres_changes` entry.

    event: INSERT, UPDATE, DELETE or *. table: None means every table of the schema.
    echo: the entry as it came, which the client compares with what it sent.
    """

    id: int
    event: str
    schema: str
    table: str | None
    filter: str | None
    echo: dict[str, Any]

    def answer(self) -> dict[str, Any]:
        """As the join's reply lists it."""
        return {**self.echo, "id": self.id}


@dataclass(frozen=True, slots=True)
class JoinConfig:
    """A join's `config` with its defaults. presence_key: None lets the server choose one."""

    ack: bool = False
    self_broadcast: bool = False
    replay: Any = None
    replication_ready: bool = False
    presence_key: str | None = None
    presence_enabled: bool = False
    private: bool = False
    bindings: tuple[ChangeBinding, ...] = ()


def join_config(payload: Any) -> JoinConfig:
    """From the payload of `phx_join`."""
    config = _mapping(_mapping(payload).get("config"))
    broadcast, presence = _mapping(config.get("broadcast")), _mapping(config.get("presence"))
    wanted = config.get("postgres_changes")
    key = presence.get("key")
    return JoinConfig(
        ack=truth(broadcast.get("ack")),
        self_broadcast=truth(broadcast.get("self")),
        replay=broadcast.get("replay"),
        replication_ready=truth(broadcast.get("replication_ready")),
        presence_key=key if isinstance(key, str) and key else None,
        presence_enabled=truth(presence.get("enabled")),
        private=truth(config.get("private")),
        bindings=tuple(_binding(one) for one in wanted if isinstance(one, dict)) if isinstance(wanted, list) else (),
    )


def join_token(payload: Any) -> str | None:
    """The token a join brings; None when the URL's key is to be used."""
    given = _mapping(payload)
    for name in ("user_token", "access_token"):
        token = given.get(name)
        if isinstance(token, str) and token and not token.startswith("sb_"):
            return token
    return None


def truth(value: Any) -> bool:
    """A boolean, or `true` in any case as text."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _binding(given: dict[str, Any]) -> ChangeBinding:
    event = str(given.get("event", "*")).upper()
    table = given.get("table")
    condition = given.get("filter")
    return ChangeBinding(
        id=_id(given),
        event=event if event in _EVENTS else "*",
        schema=str(given.get("schema") or "public"),
        table=None if table in (None, "*") else str(table),
        filter=None if condition is None else str(condition),
        echo=given,
    )


def _id(given: dict[str, Any]) -> int:
    """The same for the same entry, and never 0: that is falsy in the client, which would match nothing by it."""
    return zlib.crc32(orjson.dumps(given, option=orjson.OPT_SORT_KEYS)) & _ID_MASK or 1


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
