"""Tables, signed in: what of somebody else's can be read, added, changed?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.preflight.outside.model import Answers, Ask, Found, Question, Relation, Send, Surface
from harness.preflight.outside.questions._parts import insert_probe, policy_remedy, reached, update_probe, where
from harness.preflight.outside.questions.anonymous_access import SHARED

CATALOGUE = ("media_item_id", "title_id", "genre_id", "tmdb_id", "imdb_id", "session_id", "request_id")
"""Columns that name no row of somebody's: what refers to nothing else is everybody's, and nobody's to change."""


def _theirs(relation: Relation, surface: Surface) -> str:
    """Rows of the other person; of conversations those alone that I am not in."""
    filters = {relation.owner: f"eq.{surface.other.user_id}"}
    if relation.is_of_conversations and (ours := [*surface.mine, *surface.shared]):
        filters["conversation_id"] = f"not.in.({','.join(ours)})"
    if relation.counterpart:
        filters[relation.counterpart] = f"neq.{surface.me.user_id}"
    return where(**filters)


def _asks(relation: Relation, surface: Surface) -> dict[str, Ask]:
    if not relation.owner:
        if not relation.nulled:
            return {}
        asks = {"insert": insert_probe(relation, "me", "")}
        if not any(name.endswith("_id") for name in relation.columns if name not in CATALOGUE):
            asks["update"] = update_probe(relation, "me", where(**{relation.nulled: "not.is.null"}))
        return asks
    asks = {}
    if relation.name not in SHARED and relation.owner != "created_by":
        path = f"/rest/v1/{relation.name}?select={relation.owner}&{_theirs(relation, surface)}&limit=1"
        asks["select"] = Ask("GET", path, "me")
    if relation.nulled:
        asks["insert"] = insert_probe(relation, "me", surface.other.user_id)
        asks["update"] = update_probe(relation, "me", where(**{relation.owner: f"eq.{surface.other.user_id}"}))
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
    "others_access",
    "high",
    "Signed in, rows of somebody else can be read or written",
    "everybody has everybody's data, or everybody's name",
    "10",
    plan,
    ask,
)
