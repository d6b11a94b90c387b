"""Does each kind of endpoint answer in the shape that the app reads?"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.doctor.facts import Facts, Reply
from harness.doctor.model import Answer, ok, unasked, wrong


def _object(*members: str) -> Callable[[Reply], bool]:
    def fits(reply: Reply) -> bool:
        body = reply.body
        return reply.status == 200 and isinstance(body, dict) and all(name in body for name in members)

    return fits


def _rows(reply: Reply) -> bool:
    body = reply.body
    return reply.status == 200 and isinstance(body, list) and all(isinstance(row, dict) and "id" in row for row in body)


def _refusal(reply: Reply) -> bool:
    """The event endpoint's of a body that is no event: an object with `ok`, whatever the status."""
    return isinstance(reply.body, dict) and "ok" in reply.body


SHAPES: Mapping[str, Callable[[Reply], bool]] = {
    "GET /auth/v1/user": _object("id", "email"),
    "GET /rest/v1/media_items": _rows,
    "POST public-app-settings": _object("ok", "settings"),
    "POST media-swipe-deck": _object("ok", "cards"),
    "POST media-swipe-event": _refusal,
}


def judge(facts: Facts) -> Answer:
    if not facts.endpoints:
        return unasked("nobody could be signed in to ask them")
    odd = [f"{name}: {reply.shown}" for name, reply in facts.endpoints.items() if not SHAPES[name](reply)]
    if odd:
        return wrong(
            f"{len(odd)} of {len(SHAPES)} kinds of endpoint answer in another shape than the app's: {'; '.join(odd)}",
            "supabase functions deploy, supabase db push; or is another version of the app deployed there?",
        )
    return ok(f"{len(SHAPES)} kinds of endpoint answer as the app reads them")
