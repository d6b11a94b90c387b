"""The assistant's hints in the shell and on each screen (contract 6.6, 10.2). Chatting with it: `screens/chat`."""

from __future__ import annotations

from collections.abc import Mapping

from harness.client.api import shapes
from harness.client.api.calls import ASSISTANT_CONVERSATION, ASSISTANT_SUGGESTIONS, SUGGESTION_SHOWN
from harness.client.api.chat_shapes import Summary, assistant_id, conversation_id
from harness.client.cache.local_storage import ASSISTANT, ASSISTANT_S
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import Rules
from harness.client.device import Device
from harness.client.screens.screen import Screen
from harness.core.actions import UserAction
from harness.core.outcome import Outcome

LIMIT = 3
EVERY_S: Mapping[str, float] = {
    "swipe": 120.0,
    "search": 120.0,
    "messages": 120.0,
    "title": 300.0,
    "home": 420.0,
    "diary": 600.0,
}
"""Poll interval by surface, at proactivity level 1, the default."""


async def find_assistant(phone: Device, reason: str) -> Summary | None:
    """Which conversation is the assistant's, asked at most every six hours per device, whoever on it wants to know;
    None when it did not come."""
    known: Summary | None = phone.local.young(ASSISTANT, ASSISTANT_S, phone.now())
    if known is not None:
        return known
    reading = await phone.api.request(ASSISTANT_CONVERSATION, body={"reason": reason})
    found = conversation_id(reading.data) if reading.outcome.good else None
    if found is None:
        return None
    assistant = assistant_id(reading.data)
    summary = Summary(found, False, (assistant,) if assistant else ())
    phone.local.put(ASSISTANT, summary, phone.now())
    return summary


def show_suggestions(screen: Screen, surface: str) -> None:
    """The hint chip of a screen: read when stale, polled while it is shown."""
    every_s = EVERY_S[surface]
    phone = screen.phone
    screen.mount(
        CachedQuery(("suggestions", surface), lambda: _suggestions(phone, surface), Rules(stale_s=every_s)),
        every_s=every_s,
    )


async def _suggestions(phone: Device, surface: str) -> Fetched[list[str]]:
    reading = await phone.api.request(ASSISTANT_SUGGESTIONS, body={"surface": surface, "context": {}, "limit": LIMIT})
    if not reading.outcome.good:
        return Fetched(reading.outcome)
    found = shapes.suggestion_ids(reading.data)
    if found is None:
        return Fetched(Outcome.SOFT_FAILURE)
    if found:
        phone.notes.did(UserAction.HINT, found[0])
    if found and found[0] not in phone.page.shown:
        phone.page.shown.add(found[0])
        phone.background.start(_report_shown(phone, found[0]))
    return Fetched(Outcome.OK, found)


async def _report_shown(phone: Device, suggestion: str) -> None:
    await phone.api.request(SUGGESTION_SHOWN, body={"suggestionId": suggestion, "kind": "shown"})
