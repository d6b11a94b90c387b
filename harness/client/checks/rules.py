"""All rules of reading, and which are asked of which call. (pure)"""

from __future__ import annotations

from collections.abc import Mapping

from harness.client.checks.asked_events import ASKED_EVENTS
from harness.client.checks.asked_files import ASKED_FILES
from harness.client.checks.asked_ids import ASKED_IDS
from harness.client.checks.asked_many import ASKED_MANY
from harness.client.checks.asked_same import ASKED_SAME
from harness.client.checks.asked_search import ASKED_SEARCH
from harness.client.checks.asked_suggestions import ASKED_SUGGESTIONS
from harness.client.checks.asked_variants import ASKED_VARIANTS
from harness.client.checks.assistant_state import ASSISTANT_STATE
from harness.client.checks.deck_cards import DECK_CARDS
from harness.client.checks.feed_next import FEED_NEXT
from harness.client.checks.feed_parts import FEED_PARTS
from harness.client.checks.feed_stays import FEED_STAYS
from harness.client.checks.known_rows import KNOWN_ROWS
from harness.client.checks.list_has import LIST_HAS
from harness.client.checks.list_newest import LIST_NEWEST
from harness.client.checks.list_stays import LIST_STAYS
from harness.client.checks.marker_forward import MARKER_FORWARD
from harness.client.checks.message_stays import MESSAGE_STAYS
from harness.client.checks.own_follows import OWN_FOLLOWS
from harness.client.checks.own_library import OWN_LIBRARY
from harness.client.checks.own_marker import OWN_MARKER
from harness.client.checks.own_message import OWN_MESSAGE
from harness.client.checks.own_names import OWN_NAMES
from harness.client.checks.own_reactions import OWN_REACTIONS
from harness.client.checks.own_same import OWN_SAME
from harness.client.checks.own_text import OWN_TEXT
from harness.client.checks.owner import OWNER
from harness.client.checks.page_once import PAGE_ONCE
from harness.client.checks.page_order import PAGE_ORDER
from harness.client.checks.read_rule import ReadRule
from harness.client.checks.receipts_stay import RECEIPTS_STAY
from harness.client.checks.sent_back import SENT_BACK
from harness.client.checks.statistics import STATISTICS
from harness.client.checks.title_same import TITLE_SAME

RULES: tuple[ReadRule, ...] = (
    OWNER,
    ASKED_FILES,
    ASKED_IDS,
    ASKED_MANY,
    ASKED_SEARCH,
    ASKED_EVENTS,
    ASKED_SAME,
    ASKED_VARIANTS,
    ASKED_SUGGESTIONS,
    ASSISTANT_STATE,
    FEED_PARTS,
    PAGE_ORDER,
    PAGE_ONCE,
    DECK_CARDS,
    FEED_NEXT,
    OWN_MESSAGE,
    LIST_HAS,
    LIST_NEWEST,
    OWN_LIBRARY,
    OWN_FOLLOWS,
    OWN_REACTIONS,
    OWN_MARKER,
    SENT_BACK,
    OWN_TEXT,
    OWN_NAMES,
    OWN_SAME,
    KNOWN_ROWS,
    FEED_STAYS,
    LIST_STAYS,
    MESSAGE_STAYS,
    RECEIPTS_STAY,
    MARKER_FORWARD,
    TITLE_SAME,
    STATISTICS,
)

RULES_OF_CALL: Mapping[str, tuple[ReadRule, ...]] = {
    call: tuple(rule for rule in RULES if call in rule.calls) for call in sorted({c for r in RULES for c in r.calls})
}

ONE_IN: Mapping[str, int] = {"background_deck": 4, "swipe_deck": 2, "home_deck": 2}
"""Of large replies every n-th one of a phone is looked at; of all others every one. Only of calls whose rules remember
nothing from one reply to the next."""
