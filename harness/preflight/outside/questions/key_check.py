"""Is the API key asked for, also where a bearer token comes along?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.preflight.outside.model import Answers, Ask, Found, Question, Send, Surface

WRONG = (("apikey", "wrong"),)
ASKS = (
    ("PostgREST, no key", Ask("GET", "/rest/v1/app_settings?select=key&limit=1", "nobody")),
    ("PostgREST, wrong key", Ask("GET", "/rest/v1/app_settings?select=key&limit=1", "anonymous", headers=WRONG)),
    (
        "function public-app-settings, wrong key",
        Ask("POST", "/functions/v1/public-app-settings", "anonymous", {}, WRONG),
    ),
    ("function public-app-settings, no key", Ask("POST", "/functions/v1/public-app-settings", "nobody", {})),
)


def plan(surface: Surface) -> Sequence[Ask]:
    return [one for _, one in ASKS]


async def ask(surface: Surface, send: Send) -> Answers:
    found = []
    for what, one in ASKS:
        reply = await send(one)
        if reply.ok:
            found.append(
                Found(
                    what,
                    f"{one.text} -> {reply.text}",
                    "look at the key also where a bearer token comes along (requireApiKeyHeader without allowBearer)",
                )
            )
    return Answers(tuple(found))


QUESTION = Question(
    "api_key_unchecked",
    "low",
    "A request without the right API key is served",
    "a key that was withdrawn goes on working, and who calls cannot be told by it",
    "5.1",
    plan,
    ask,
)
