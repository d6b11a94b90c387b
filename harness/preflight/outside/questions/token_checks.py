"""Access tokens that are over, forged, unsigned, of another project, without an end: are they refused everywhere?

By comparison: a place is asked with my own token and with one that is none. Where these two are answered alike, the
token is not looked at before the body, and nothing follows; else a bad token must not be answered as a good one.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.preflight.outside.model import Answers, Ask, Found, Question, Reply, Send, Surface
from harness.preflight.outside.questions._parts import function

NAMES = ("wrong signature", "alg none", "other project", "expired", "no exp")
SIGNED = ("expired", "no exp")
"""These take the target's own secret."""
OPEN_ENDED = "no exp"


def _places() -> dict[str, Ask]:
    functions = ("media-swipe-deck", "media-swipe-event", "create-direct-conversation", "assistant-message-action")
    return {
        "PostgREST": Ask("GET", "/rest/v1/genres?select=id&limit=1", "me"),
        "auth": Ask("GET", "/auth/v1/user", "me"),
        "storage": Ask("POST", "/storage/v1/object/sign/avatars/preflight", "me", {"expiresIn": 60}),
        **{f"function {name}": function(name, {}) for name in functions},
        "function media-search": function("media-search", {"query": "preflight", "limit": 1}),
        "function experiment-assign": function("experiment-assign", {"keys": []}),
    }


def _as(ask: Ask, caller: str) -> Ask:
    return Ask(ask.method, ask.path, caller, ask.body)


def _names(surface: Surface) -> list[str]:
    return [name for name in NAMES if surface.signs or name not in SIGNED]


def plan(surface: Surface) -> Sequence[Ask]:
    return [_as(place, caller) for place in _places().values() for caller in ("me", "garbage", *_names(surface))]


async def ask(surface: Surface, send: Send) -> Answers:
    found: list[Found] = []
    for where, place in _places().items():
        good, garbage = await send(_as(place, "me")), await send(_as(place, "garbage"))
        for name in _names(surface):
            reply = await send(_as(place, name))
            if one := _judged(where, place, name, good, garbage, reply):
                found.append(one)
    unasked = () if surface.signs else ("expired and endless tokens: they take the target's JWT secret",)
    return Answers(tuple(found), unasked)


def _judged(where: str, place: Ask, name: str, good: Reply, garbage: Reply, reply: Reply) -> Found | None:
    evidence = f"{_as(place, name).text} -> {reply.text}"
    if reply.status >= 500 > good.status:
        return Found(
            f"{where}: {name}",
            evidence,
            "refuse it with 401 where the token is verified, instead of failing",
            "low",
        )
    same = _shown(good) == _shown(garbage)
    if name == OPEN_ENDED or same or not good.status or good.status >= 500 or _shown(reply) != _shown(good):
        return None
    return Found(
        f"{where}: {name}",
        f"{evidence}, as with a good token; {garbage.text} with none",
        "verify signature, algorithm and exp before anything else: in config.toml verify_jwt = true, or getClaims with "
        "the project's keys; a secret that many know has to be rotated",
    )


def _shown(reply: Reply) -> tuple[int, str]:
    """By which two replies are alike."""
    return reply.status, reply.code


QUESTION = Question(
    "token_accepted",
    "high",
    "An access token that does not hold is taken",
    "anybody is anybody, or stays so for ever",
    "5.1",
    plan,
    ask,
)
