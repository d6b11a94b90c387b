"""Rows that I made for this: can the other person, or who is not signed in, change or delete them?

Only rows with this asking's tag are tried, by their id; I delete what is left of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.preflight.outside.model import Answers, Ask, Found, Question, Send, Surface
from harness.preflight.outside.questions._parts import MINIMAL, ONE_ROW, message, policy_remedy, reached

CALLERS = ("anonymous", "other")


@dataclass(frozen=True, slots=True)
class _Row:
    table: str
    owner: str
    make: Ask
    filters: str

    def delete(self, caller: str) -> Ask:
        return Ask("DELETE", f"/rest/v1/{self.table}?{self.filters}&select={self.owner}", caller, headers=ONE_ROW)

    def change(self, caller: str) -> Ask:
        """To what cannot be stored: it fails when it reaches the row."""
        path = f"/rest/v1/{self.table}?{self.filters}&select={self.owner}"
        return Ask("PATCH", path, caller, {"id": None}, ONE_ROW)

    @property
    def look(self) -> Ask:
        path = f"/rest/v1/{self.table}?select={self.owner}&{self.filters}"
        return Ask("GET", path, "me", times=2)


def _rows(surface: Surface) -> list[_Row]:
    me, known = surface.me.user_id, {one.name for one in surface.relations}
    rows = []
    listed = surface.id("list")
    made = Ask(
        "POST",
        "/rest/v1/lists",
        "me",
        {"id": listed, "user_id": me, "name": f"preflight {surface.tag}", "is_public": True},
        MINIMAL,
    )
    rows.append(_Row("lists", "user_id", made, f"id=eq.{listed}"))
    if surface.shared:
        said = surface.id("message to delete")
        row = message(surface, surface.shared[0], surface.id("client of that"), id=said)
        rows.append(_Row("messages", "user_id", Ask("POST", "/rest/v1/messages", "me", row, MINIMAL), f"id=eq.{said}"))
    return [row for row in rows if row.table in known]


def plan(surface: Surface) -> Sequence[Ask]:
    return [
        one
        for row in _rows(surface)
        for one in (
            row.make,
            *(ask for caller in CALLERS for ask in (row.change(caller), row.delete(caller))),
            row.look,
            row.delete("me"),
        )
    ]


async def ask(surface: Surface, send: Send) -> Answers:
    found, unasked = [], []
    for row in _rows(surface):
        made = await send(row.make)
        if not made.ok:
            unasked.append(f"{row.table}: no row could be made ({made.text})")
            continue
        for caller in CALLERS:
            changed = await send(row.change(caller))
            if reached(changed):
                remedy = policy_remedy(row.table, "update", row.owner)
                found.append(
                    Found(f"public.{row.table} update", f"{row.change(caller).text} -> {changed.text}", remedy)
                )
        for caller in CALLERS:
            reply = await send(row.delete(caller))
            if not (await send(row.look)).rows:
                found.append(
                    Found(
                        f"public.{row.table} delete",
                        f"{row.delete(caller).text} -> {reply.text}, and the row is gone",
                        policy_remedy(row.table, "delete", row.owner),
                    )
                )
                break
        await send(row.delete("me"))
    return Answers(tuple(found), tuple(unasked))


QUESTION = Question(
    "others_changes",
    "high",
    "Somebody else's rows can be changed or deleted",
    "one person with a loop rewrites or empties the table",
    "10",
    plan,
    ask,
)
