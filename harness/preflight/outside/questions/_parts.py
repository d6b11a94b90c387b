"""What several questions share. (pure)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from harness.preflight.outside.model import Ask, Relation, Reply, Surface

MINIMAL = (("prefer", "return=minimal"),)
ONE_ROW = (("accept", "application/vnd.pgrst.object+json"), ("prefer", "return=representation"))
"""PostgREST takes back what changed no row, or more than one: triggers of the statement leave nothing either."""
DENIED = ("42501", "PGRST301", "PGRST302", "PGRST303", "PGRST205", "PGRST202")
REACHED = ("23502", "23503", "23505", "23514")
"""A constraint that was violated: rows are looked at by the policies first."""


def function(name: str, body: Any, caller: str = "me", **about: Any) -> Ask:
    """A call of an edge function."""
    return Ask("POST", f"/functions/v1/{name}", caller, body, **about)


def where(**filters: str) -> str:
    """A query string of PostgREST."""
    return "&".join(f"{name}={quote(text, safe='.,:()-')}" for name, text in filters.items())


def insert_probe(relation: Relation, caller: str, owner: str) -> Ask:
    """A row that cannot be stored, because its key is null: Postgres asks the policies before it says so."""
    row: dict[str, Any] = {relation.nulled: None} if relation.nulled else {}
    if relation.owner:
        row[relation.owner] = owner
    return Ask("POST", f"/rest/v1/{relation.name}", caller, row, MINIMAL)


def update_probe(relation: Relation, caller: str, filters: str) -> Ask:
    """A change that cannot be made, for the same reason: it fails when it reaches a row, and when it reaches none."""
    path = f"/rest/v1/{relation.name}?{filters}&select={relation.nulled}"
    return Ask("PATCH", path, caller, {relation.nulled: None}, ONE_ROW)


def reached(reply: Reply) -> bool:
    """Whether a probe got past rights and policies."""
    return reply.code in REACHED


def message(surface: Surface, conversation: str, client_id: str, **more: Any) -> Mapping[str, Any]:
    """A message as the app sends one."""
    body = {"type": "text", "text": f"preflight {surface.tag}", "clientId": client_id}
    me = surface.me.user_id
    return {
        "conversation_id": conversation,
        "user_id": me,
        "sender_id": me,
        "body": body,
        "meta": body,
        "message_type": "text",
        "text": body["text"],
        "client_id": client_id,
        **more,
    }


def policy_remedy(name: str, verb: str, owner: str) -> str:
    """SQL that keeps a table's rows to their owners."""
    check = f"{owner} = (select auth.uid())" if owner else "false"
    clause = {
        "select": f"using ({check})",
        "insert": f"with check ({check})",
        "update": f"using ({check}) with check ({check})",
        "delete": f"using ({check})",
    }[verb]
    return (
        f"alter table public.{name} enable row level security; -- and instead of the policy that lets this through: "
        f"create policy own_{verb} on public.{name} for {verb} to authenticated {clause};"
    )
