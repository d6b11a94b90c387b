"""Edge functions for debugging and tests, by the names that they usually have: are they there, and open?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.preflight.outside.model import Answers, Ask, Found, Question, Send, Surface

NAMES = (
    "debug",
    "debug-auth",
    "debug-env",
    "debug-headers",
    "debug-jwt",
    "echo",
    "env",
    "health-debug",
    "hello",
    "hello-world",
    "ping",
    "playground",
    "sandbox",
    "seed",
    "test",
    "test-auth",
    "test-function",
    "tmp",
    "whoami",
)
"""Of functions that show something; a GET of theirs changes nothing by the rules of HTTP."""
ABSENT_OR_CLOSED = (0, 401, 403, 404)


def _asks() -> list[tuple[str, Ask]]:
    return [(name, Ask("GET", f"/functions/v1/{name}")) for name in NAMES]


def plan(surface: Surface) -> Sequence[Ask]:
    return [one for _, one in _asks()]


async def ask(surface: Surface, send: Send) -> Answers:
    replies = await send.at_once([one for _, one in _asks()])
    return Answers(
        tuple(
            Found(
                f"function {name}",
                f"{one.text} -> {reply.text}",
                f"supabase functions delete {name}; or ask for an internal token in it, and answer 401 without",
            )
            for (name, one), reply in zip(_asks(), replies, strict=True)
            if reply.status not in ABSENT_OR_CLOSED
        )
    )


QUESTION = Question(
    "debug_function_reachable",
    "medium",
    "A function for debugging answers the public key",
    "it shows what attackers look for first, and nobody watches it",
    "10",
    plan,
    ask,
)
