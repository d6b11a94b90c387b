"""How large, how deep, how strange may a body be? Every body is one that the function refuses after all."""

from __future__ import annotations

from collections.abc import Sequence

from harness.preflight.outside.model import Answers, Ask, Found, Question, Send, Surface
from harness.preflight.outside.questions._parts import function

FUNCTIONS = (
    "media-swipe-deck",
    "media-swipe-event",
    "media-search",
    "create-direct-conversation",
    "catalog-sync",
    "assistant-message-action",
    "assistant-tool-result",
    "assistant-suggestion-action",
)
"""Those for which `{}` is no request, so that nothing is done for it."""
SMALLEST = 64 << 10
DEPTH = 5_000
STRANGE: tuple[tuple[str, bytes], ...] = (
    ("nested so deep", b'{"deep":' + b"[" * DEPTH + b"]" * DEPTH + b"}"),
    ("a list", b"[]"),
    ("null", b"null"),
    ("a number", b"1"),
    ("a text", b'"x"'),
    ("no JSON", b"{"),
)


def _sizes(surface: Surface) -> list[int]:
    sizes = [SMALLEST]
    while sizes[-1] * 2 <= surface.largest:
        sizes.append(sizes[-1] * 2)
    return sizes


def _large(name: str, size: int) -> Ask:
    frame = b'{"preflight":""}'
    return function(name, b'{"preflight":"' + b"x" * (size - len(frame)) + b'"}', when="while smaller ones are read")


def plan(surface: Surface) -> Sequence[Ask]:
    asks = []
    for name in FUNCTIONS:
        asks.append(function(name, {}))
        asks += [_large(name, size) for size in _sizes(surface)]
        asks += [function(name, body) for _, body in STRANGE]
    return asks


async def ask(surface: Surface, send: Send) -> Answers:
    found, unasked = [], []
    for name in FUNCTIONS:
        usual = await send(function(name, {}))
        if usual.status in (0, 401, 403, 404) or usual.status >= 500:
            unasked.append(f"{name}: a small body is answered {usual.text}")
            continue
        if (one := await _uncapped(surface, send, name)) is not None:
            found.append(one)
        for what, body in STRANGE:
            reply = await send(function(name, body))
            if reply.status >= 500:
                found.append(
                    Found(
                        f"function {name}: {what}",
                        f"{function(name, body).text} -> {reply.text}",
                        "look at the body's type before its members, and answer 400",
                        "low",
                    )
                )
    return Answers(tuple(found), tuple(unasked))


async def _uncapped(surface: Surface, send: Send, name: str) -> Found | None:
    """Sizes are doubled until one is refused for its size, or the largest was read."""
    reply = None
    for size in _sizes(surface):
        reply = await send(_large(name, size))
        if reply.status == 413 or reply.status == 0 or "TOO_LARGE" in reply.code:
            return None
    assert reply is not None
    return Found(
        f"function {name}: size",
        f"{_large(name, _sizes(surface)[-1]).text} -> {reply.text}: read to its end",
        "answer 413 by content-length, and stop reading at the same size; 256 kB is ten times the app's largest batch",
    )


QUESTION = Question(
    "payload_uncapped",
    "medium",
    "A body of any size is read",
    "one caller with large bodies takes the memory of everybody's worker",
    "5.1",
    plan,
    ask,
)
