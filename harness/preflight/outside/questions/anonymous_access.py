"""Tables, with the public key alone: what can be read, added, changed? (deletions: `others_changes`)"""

from __future__ import annotations

from collections.abc import Sequence

from harness.preflight.outside.model import Answers, Ask, Found, Question, Relation, Send, Surface
from harness.preflight.outside.questions._parts import insert_probe, policy_remedy, reached, update_probe, where

SHARED = frozenset({"lists", "list_items", "user_stats", "profiles_public", "reviews", "ratings", "comments"})
"""Meant to be seen: by their own rules they hold what people show to others."""


def read_ask(relation: Relation) -> Ask:
    return Ask("GET", f"/rest/v1/{relation.name}?{where(select=relation.owner or '*', limit='1')}")


def _asks(relation: Relation, surface: Surface) -> dict[str, Ask]:
    asks = {}
    if relation.owner and relation.name not in SHARED:
        asks["select"] = read_ask(relation)
    if relation.nulled:
        asks["insert"] = insert_probe(relation, "anonymous", surface.other.user_id)
        filters = where(
            **{relation.owner or relation.nulled: f"eq.{surface.other.user_id}" if relation.owner else "not.is.null"}
        )
        asks["update"] = update_probe(relation, "anonymous", filters)
    return asks


def plan(surface: Surface) -> Sequence[Ask]:
    return [ask for relation in surface.relations for ask in _asks(relation, surface).values()]


async def ask(surface: Surface, send: Send) -> Answers:
    found = []
    for relation in surface.relations:
        asks = _asks(relation, surface)
        for (verb, one), reply in zip(asks.items(), await send.at_once(list(asks.values())), strict=True):
            if reply.rows if verb == "select" else reached(reply):
                found.append(
                    Found(
                        f"public.{relation.name} {verb}",
                        f"{one.text} -> {reply.text}",
                        policy_remedy(relation.name, verb, relation.owner),
                    )
                )
    return Answers(tuple(found))


QUESTION = Question(
    "anonymous_access",
    "high",
    "Without signing in, rows can be read or written",
    "whoever has the app has its public key",
    "10",
    plan,
    ask,
)
