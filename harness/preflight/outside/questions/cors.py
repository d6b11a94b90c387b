"""Does a page of any origin get to read replies, with the browser's credentials?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.preflight.outside.model import Answers, Ask, Found, Question, Send, Surface

ORIGIN = "https://preflight.example"
PLACES = (
    ("PostgREST", "GET", "/rest/v1/genres"),
    ("function media-swipe-deck", "POST", "/functions/v1/media-swipe-deck"),
    ("function media-swipe-event", "POST", "/functions/v1/media-swipe-event"),
    ("function public-app-settings", "POST", "/functions/v1/public-app-settings"),
    ("function create-direct-conversation", "POST", "/functions/v1/create-direct-conversation"),
)


def _asks() -> list[tuple[str, Ask]]:
    asks = []
    for where, method, path in PLACES:
        wanted = (
            ("origin", ORIGIN),
            ("access-control-request-method", method),
            ("access-control-request-headers", "authorization,content-type"),
        )
        asks.append((where, Ask("OPTIONS", path, "nobody", headers=wanted)))
    return asks


def plan(surface: Surface) -> Sequence[Ask]:
    return [one for _, one in _asks()]


async def ask(surface: Surface, send: Send) -> Answers:
    found = []
    for where, one in _asks():
        reply = await send(one)
        allowed = reply.headers.get("access-control-allow-origin", "")
        credentials = reply.headers.get("access-control-allow-credentials", "").lower() == "true"
        if allowed == ORIGIN or (allowed == "*" and credentials):
            found.append(
                Found(
                    where,
                    f"{one.text} -> {reply.status}, access-control-allow-origin: {allowed}"
                    + (", with credentials" if credentials else ""),
                    "answer with an origin of the app's own list, or with none; never with the caller's",
                    "high" if credentials and allowed != "*" else "medium",
                )
            )
    return Answers(tuple(found))


QUESTION = Question(
    "cors_any_origin",
    "medium",
    "Pages of any origin may read replies",
    "a page that somebody is lured to acts with what their browser holds",
    "5.1",
    plan,
    ask,
)
