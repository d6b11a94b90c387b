"""Functions of the database: which answer the public key with something?

None is called that could do harm: only those that Postgres itself declares STABLE or IMMUTABLE, and these by GET, for
which PostgREST opens a read-only transaction. The others are named by the catalogue's `definer_function_for_anyone`.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from harness.preflight.outside.model import Answers, Ask, Found, Question, Reply, Rpc, Send, Surface

PERSON = ("user", "uid", "profile", "owner", "viewer", "creator", "target")
NEUTRAL = {
    "uuid": "00000000-0000-4000-8000-000000000000",
    "integer": "1",
    "bigint": "1",
    "smallint": "1",
    "numeric": "1",
    "double precision": "1",
    "real": "1",
    "boolean": "false",
    "text": "preflight",
    "jsonb": "{}",
    "json": "{}",
    "text[]": "{}",
    "uuid[]": "{}",
    "timestamp with time zone": "2000-01-01T00:00:00Z",
    "date": "2000-01-01",
}


def _asks(surface: Surface) -> list[tuple[Rpc, Ask, bool]]:
    """(function, its call, whether it was given somebody's id)"""
    asks = []
    for one in surface.functions:
        if not one.reads or any(type_ not in NEUTRAL for _, type_ in one.arguments):
            continue
        given = {name: NEUTRAL[type_] for name, type_ in one.arguments}
        people = [name for name, type_ in one.arguments if type_ == "uuid" and any(p in name.lower() for p in PERSON)]
        given |= dict.fromkeys(people, surface.other.user_id)
        query = "&".join(f"{name}={quote(text, safe='')}" for name, text in given.items())
        asks.append((one, Ask("GET", f"/rest/v1/rpc/{one.name}{'?' if query else ''}{query}"), bool(people)))
    return asks


def plan(surface: Surface) -> Sequence[Ask]:
    return [one for _, one, _ in _asks(surface)]


async def ask(surface: Surface, send: Send) -> Answers:
    asks = _asks(surface)
    replies = await send.at_once([one for _, one, _ in asks])
    found: dict[str, Found] = {}
    for (rpc, one, of_somebody), reply in zip(asks, replies, strict=True):
        if _tells(reply):
            found.setdefault(
                rpc.name,
                Found(
                    f"public.{rpc.name}",
                    f"{one.text} -> {reply.text}, {len(reply.content):,} bytes"
                    + (", SECURITY DEFINER" if rpc.definer else ""),
                    f"revoke execute on function public.{rpc.name} from public, anon; -- with its argument types",
                    "medium" if of_somebody else "low",
                ),
            )
    left = sum(not one.reads for one in surface.functions)
    return Answers(tuple(found.values()), (f"{left} functions that may write were not called",) if left else ())


def _tells(reply: Reply) -> bool:
    """Whether there is something in it: no yes or no, and not nothing but null, false and zeros."""
    found = reply.json() if reply.ok else None
    return not isinstance(found, bool) and _something(found)


def _something(value: object) -> bool:
    if isinstance(value, dict):
        return any(_something(one) for one in value.values())
    if isinstance(value, list):
        return any(_something(one) for one in value)
    return bool(value)


QUESTION = Question(
    "anonymous_functions",
    "medium",
    "Without signing in, a function of the database answers",
    "whoever has the app has its public key, and may ask as often as they like",
    "10",
    plan,
    ask,
)
