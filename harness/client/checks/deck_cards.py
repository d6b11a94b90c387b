"""The cards of a deck are numbered, keyed, and each of another title (I43). (pure) Contract 2.2."""

from __future__ import annotations

from harness.client.checks.asked_many import DECKS
from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, shown, text
from harness.core.read_log import ReadSeverity, ReadViolation


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    data = reply.data if type(reply.data) is dict else {}
    cards, request = data.get("cards"), data.get("recRequestId")
    if type(cards) is not list or type(request) is not str:
        return 0
    titles: set[str] = set()
    for place, card in enumerate(cards):
        title = card.get("mediaItemId") if type(card) is dict else None
        if type(title) is not str:
            continue
        if title in titles:
            found.append(ReadViolation(ReadSeverity.WRONG, title, f"title {title} is twice in deck {request}"))
        titles.add(title)
        if card.get("position") != place:
            detail = f"card {place} of deck {request} says position {shown(card.get('position'))}"
            found.append(ReadViolation(ReadSeverity.WRONG, title, detail))
        elif "dedupeKey" in card and card["dedupeKey"] != f"{request}:{place}:{title}":
            detail = f"card {place} of deck {request} has the key {text(card['dedupeKey'])}"
            found.append(ReadViolation(ReadSeverity.WRONG, title, detail))
    return len(cards)


DECK_CARDS = ReadRule("deck-cards", DECKS, _check)
