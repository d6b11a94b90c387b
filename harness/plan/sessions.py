"""How much of each driver one session of a persona has. (pure)"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from harness.plan.calls import BACKGROUND_DECKS, Driver
from harness.plan.inputs import PlanInputs

Amounts = dict[Driver, float]

REFILL_BELOW = 12
"""Cards left when the swipe page asks for more (contract 2.6)."""
OVERLAP = 6
"""Cards of a further deck that were there already: the next one comes after 54 swipes of 60 cards, the middle of the
contract's 48-60 (10.3)."""
DAY_S = 86_400.0
BUFFER_SECONDS = 1.0
"""From the first buffered event to its request (contract 3.8)."""
CHUNK = 25
"""Events in a request of the offline queue, at most (contract 3.8)."""
EVENTS_PER_SWIPE = 2.0
"""The gesture and the next card's impression. A look becomes a dwell event only when the page is left for another one,
and then only if nothing has moved on it for 1.2 s (observed: 2 in 51 swipes)."""
QUANTILES = 101


def amounts(persona: str, inputs: PlanInputs) -> Amounts:
    """Units per session of `persona`."""
    made = _common(inputs)
    for driver, units in _PERSONAS[persona](inputs).items():
        made[driver] = made.get(driver, 0.0) + units
    return made


def mean_amounts(inputs: PlanInputs) -> Amounts:
    """Units per mean session of the mix."""
    total = dict.fromkeys(Driver, 0.0)
    for persona, share in inputs.mix.items():
        for driver, units in amounts(persona, inputs).items():
            total[driver] += share * units
    return total


def refills(inputs: PlanInputs, share: float = 1.0) -> float:
    """Expected refills of a swipe page on which `share` of a session's swipes happen.

    The first comes when fewer than 12 of 72 cards are left, the next each 48-60 swipes (contract 2.6, 10.3). Swipes
    are evenly spread over their range, so this is a mean over its quantiles. Smaller decks last for fewer swipes.
    """
    low, high = inputs.swipes_per_session.low * share, inputs.swipes_per_session.high * share
    before_first, lasts = inputs.app.deck_first - REFILL_BELOW, max(1.0, inputs.app.deck_refill - OVERLAP)
    total = 0.0
    for index in range(QUANTILES):
        over = low + (high - low) * (index + 0.5) / QUANTILES - before_first
        total += 0.0 if over <= 0 else 1 + math.floor(over / lasts)
    return total / QUANTILES


def posts_per_swipe(seconds_per_card: float, batch_size: int | None = None, wait_s: float | None = None) -> float:
    """Event requests per swipe of somebody online.

    A swipe's events leave `wait_s` after the first of them, one second as shipped (contract 3.8); what is swiped within
    that time goes along. At human pace that is one request a swipe: gesture and the next card's impression together.
    With a `batch_size` they leave when so many are there, or the time is over where both are set.
    """
    if seconds_per_card <= 0:
        return 0.0
    waited = 1.0 / (1 + math.floor((BUFFER_SECONDS if wait_s is None else wait_s) / seconds_per_card))
    if batch_size is None:
        return waited
    full = EVENTS_PER_SWIPE / batch_size
    return full if wait_s is None else max(full, waited)


def kept_decks(inputs: PlanInputs) -> float:
    """Share of page loads that find their decks still kept: people come at random, so it is the chance that a load
    follows another one within the time."""
    loads_per_s = inputs.sessions_per_day * inputs.page_loads_per_session / DAY_S
    return -math.expm1(-inputs.app.deck_ttl_s * loads_per_s)


def gathered(count: float, seconds: float, every_s: float) -> float:
    """Requests for `count` things in `seconds` of which those of `every_s` go together."""
    if every_s <= 0 or count <= 0:
        return count
    return count / max(1.0, every_s * count / max(seconds, every_s))


def _common(inputs: PlanInputs) -> Amounts:
    loads = inputs.page_loads_per_session
    asked = loads * (1 - kept_decks(inputs))
    return {
        Driver.REFRESH: 1.0,
        Driver.LOAD: loads,
        Driver.LANDING: asked,
        Driver.BACKGROUND: asked * inputs.app.background_decks / len(BACKGROUND_DECKS),
        Driver.MINUTE: max(0.0, inputs.session_seconds - 60) / inputs.app.last_seen_every_s,
        Driver.LIBRARY: inputs.library_writes_per_session,
    }


def _swiping(inputs: PlanInputs, *, share: float = 1.0, offline: float = 0.0) -> Amounts:
    swipes, pace = inputs.swipes_per_session.mean * share, inputs.seconds_per_card
    events, app = swipes * EVENTS_PER_SWIPE, inputs.app
    online, queued = swipes * (1 - offline), events * offline
    return {
        Driver.SWIPE_PAGE: 1.0,
        Driver.REFILL: refills(inputs, share),
        Driver.SWIPE: swipes,
        Driver.AHEAD: swipes if inputs.app.read_ahead else 0.0,
        Driver.EVENT_ROW: events,
        Driver.EVENT_POST: online * posts_per_swipe(pace, app.batch_size, app.batch_wait_s) + queued / CHUNK,
        Driver.BUSY_MINUTE: inputs.session_minutes * share,
        Driver.LIST_READ: inputs.session_seconds * share / app.list_poll_s,  # its sheet for sharing polls it
    }


def _swiper(inputs: PlanInputs) -> Amounts:
    return _swiping(inputs) | {Driver.TITLE: inputs.titles_per_session}


def _commuter(inputs: PlanInputs) -> Amounts:
    return _swiping(inputs, offline=inputs.offline_share) | {Driver.TITLE: inputs.titles_per_session}


def _newcomer(inputs: PlanInputs) -> Amounts:
    """Signs up, finds no deck (contract 1.2, quirk B), reloads, and has half a session of swiping left.

    `onboarding-initial-likes` is refused by the browser's own preflight (contract 6.5) and never arrives.
    """
    return _swiping(inputs, share=0.5) | {
        Driver.SIGN_UP: 1.0,
        Driver.FRESH_LOAD: 1.0,
        Driver.REFRESH: -1.0,  # sign-up brought the token that everybody else has to refresh
        Driver.TITLE: inputs.titles_per_session,
    }


def _reader(inputs: PlanInputs) -> Amounts:
    return {
        Driver.HOME: 1.0,
        Driver.FEED_PAGE: max(0.0, inputs.feed_pages_per_session - 1),
        Driver.HOME_MINUTE: inputs.session_minutes,
        Driver.TITLE: inputs.titles_per_session,
    }


def _searcher(inputs: PlanInputs) -> Amounts:
    return {
        Driver.QUERY: inputs.searches_per_session,
        Driver.BUSY_MINUTE: inputs.session_minutes,
        Driver.TITLE: inputs.titles_per_session,
    }


def _chatter(inputs: PlanInputs) -> Amounts:
    """Receipts are counted with the one who caused them: a message carries those of its readers."""
    messages, opened = inputs.messages_per_session, inputs.conversations_per_session
    others = other_members(inputs)
    burst = opened * inputs.messages_on_page * foreign_share(inputs)
    missed = min(messages * others * (1 - inputs.live_share), burst)
    seconds, every = inputs.session_seconds * inputs.conversation_share, inputs.app.receipts_every_s
    live, read = messages * others * inputs.live_share, messages * (1 + others * inputs.live_share) + opened
    return {
        Driver.BUSY_MINUTE: inputs.session_minutes,
        Driver.LIST_READ: inputs.session_seconds / inputs.app.list_poll_s,
        Driver.OPEN: opened,
        Driver.POLL: seconds / inputs.app.chat_poll_s,
        Driver.CHAT_SECOND: seconds,
        Driver.MESSAGE: messages,
        Driver.DIRECT_MESSAGE: messages * (1 - inputs.group_share),
        Driver.LIVE_COPY: live,
        Driver.FIRST_COPY: missed,
        Driver.SEEN_COPY: burst - missed,
        Driver.RECEIPT_POST: gathered(2 * live, seconds, every) + (min(burst, opened) if every else burst),
        Driver.READ: read,
        Driver.READ_POST: gathered(read, seconds, every),
    }


def _assistant_user(inputs: PlanInputs) -> Amounts:
    seconds = inputs.session_seconds * inputs.conversation_share
    return {
        Driver.BUSY_MINUTE: inputs.session_minutes,
        Driver.LIST_READ: inputs.session_seconds / inputs.app.list_poll_s,
        Driver.OPEN: 1.0,
        Driver.POLL: seconds / inputs.app.chat_poll_s,
        Driver.CHAT_SECOND: seconds,
        Driver.TURN: inputs.turns_per_session,
    }


def other_members(inputs: PlanInputs) -> float:
    """Members of a message's conversation besides its writer, on average."""
    return (1 - inputs.group_share) + inputs.group_share * (inputs.group_size - 1)


def foreign_share(inputs: PlanInputs) -> float:
    """Share of a conversation's messages that others wrote, everybody writing alike."""
    return (1 - inputs.group_share) / 2 + inputs.group_share * (1 - 1 / inputs.group_size)


_PERSONAS: Mapping[str, Callable[[PlanInputs], Amounts]] = {
    "swiper": _swiper,
    "reader": _reader,
    "chatter": _chatter,
    "searcher": _searcher,
    "commuter": _commuter,
    "newcomer": _newcomer,
    "assistant_user": _assistant_user,
}
