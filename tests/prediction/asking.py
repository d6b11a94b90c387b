"""What a browser asks before the requests of a session: contract 0.1, the fetch standard, and Chromium. (pure)

The other rules say how often each call is made; this one how many URLs those had between them, and for functions, which
do not say how long their answer holds, how many came more than five seconds after a question.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.prediction.base import Counts
from tests.prediction.chatting import chat_spans
from tests.prediction.endpoints import ENDPOINTS
from tests.prediction.story import Page, Story
from tests.prediction.swiping import card_tops

FORGOTTEN_S = 5.0

PER_REQUEST = frozenset(
    (
        *("title_detail", "title_preview", "messages_older", "people_search", "people_stats", "library_delete"),
        *("unfollow", "unreact", "message_edit", "message_delete", "attachment_upload", "attachment_sign"),
        *("avatar_sign", "search_titles"),
    )
)
"""Calls whose URL names what they are about, hardly ever the same twice in a session."""
PER_TITLE_PAGE = frozenset(("title_page", "title_reviews", "title_feedback"))
PER_CARD = frozenset(("library_entry", "own_rating"))
PER_CHAT = frozenset(("messages_poll", "read_receipts_poll", "reactions_poll"))
PER_DIRECT_CHAT = frozenset(("last_active", "blocked_check"))
AT_ONCE = frozenset(("background_deck", "landing_deck"))
"""Function calls of a page load, which leave side by side."""


def questions(story: Story, made: Counts, batches: Iterable[float]) -> int:
    """OPTIONS requests of a session that makes these calls; batches: when those of swipe events left."""
    urls: dict[str, int] = {}
    for call, number in made.items():
        endpoint = ENDPOINTS.get(call, call)
        if number > 0 and not endpoint.startswith("POST functions/"):
            once = not endpoint.startswith("GET ") and call not in PER_REQUEST
            # What is written, or asked of an RPC, stands in the body: one URL for all calls of an endpoint.
            urls[endpoint if once else call] = 1 if once else different(story, call, number)
    return sum(urls.values()) + of_functions(story, made, batches)


def different(story: Story, call: str, number: int) -> int:
    """URLs of a read that is made `number` times."""
    pages = story.pages
    if call in PER_REQUEST:
        return number
    if call in PER_TITLE_PAGE:
        return min(number, len({line.subject for page in pages for line in page.of("title")}))
    if call in PER_CARD:
        titles = {line.subject for page in pages for line in page.of("title")}
        titles |= {title for page in pages for tops, _ in card_tops(page) for _, _, title in tops}
        return min(number, len(titles))
    chats = [direct for page in pages for _, _, direct in chat_spans(page)]
    if call in PER_CHAT:
        return min(number, len(chats))
    if call in PER_DIRECT_CHAT:
        return min(number, sum(chats))
    if call == "delivery_receipts_poll":  # of the last own message
        return min(number, sum(len(page.of("own")) for page in pages))
    return min(number, 2 if call == "prefs_probe" else 1)


def of_functions(story: Story, made: Counts, batches: Iterable[float]) -> int:
    """Questions before function calls."""
    pages = story.pages
    events = [*batches, *(at for page in pages for span in page.visits("title") for at in span)]
    events += [line.at for page in pages for line in page.of("heart", "watchlist", "review")]
    queries = [line.at for page in pages for line in page.of("query")]
    timed = {"swipe_events": asked(events), "title_event": 0, "tmdb_external_ids": 0}
    timed |= {call: asked(queries) for call in ("media_search", "tmdb_search", "catalog_sync_batch")}
    total = 0
    for call, number in made.items():
        if not ENDPOINTS.get(call, call).startswith("POST functions/"):
            continue
        total += min(number, timed[call]) if call in timed else number
    return total + sum(refused(page) for page in pages)


def refused(page: Page) -> int:
    """What is asked for and never sent: as shipped the answer leaves out a header (6.5)."""
    return len(page.of("liked"))


def asked(times: Iterable[float]) -> int:
    """How many of these come after the answer to the last question has been forgotten."""
    total, until = 0, -1.0
    for at in sorted(times):
        if at >= until:
            total, until = total + 1, at + FORGOTTEN_S
    return total
