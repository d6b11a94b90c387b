"""The names that an SLO file may judge, per view of the record, as plain data. (pure)

Operations are named where screens measure them; a test checks that each name in their code stands here and that each
name here is used. The server view's calls stand in `harness.core.call_names`; beside them it has what browsers
ask before calls, and the answers of Realtime, whose names end in the topic's label.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.call_names import CALL_NAMES, PREFLIGHT
from harness.core.tables import View

_OPERATIONS = """
app_open assistant_reply attachment_upload conversation_list conversation_open conversation_prefs
create_direct_conversation diary_open follow home_deck home_feed landing library_write mark_read mark_unread
message_delete message_edit message_react message_send messages_older onboarding_deck onboarding_finish people_search
rating_write review_write search sign_in sign_up swipe_batch swipe_deck title_like title_open watchlist_add
watchlist_remove
"""
OPERATION_NAMES: frozenset[str] = frozenset(_OPERATIONS.split())
"""The e2e view: things that a person does."""

_REALTIME = """
realtime_channel realtime_connect realtime_drop realtime_frame realtime_half_open realtime_heartbeat realtime_join
realtime_postgres realtime_presence realtime_read_receipt realtime_delivery_receipt realtime_reaction
"""
_LABELLED = ("realtime_channel", "realtime_join", "realtime_postgres")
_LABELS = ("conversation", "typing", "presence", "eavesdropper")
REALTIME_NAMES: frozenset[str] = frozenset(_REALTIME.split()) | {
    f"{name}_{label}" for name in _LABELLED for label in _LABELS
}

DELIVERY_NAMES: frozenset[str] = frozenset({"message_delivery", "typing_delivery", "self_delivery"})

NAMES_OF_VIEW: Mapping[View, frozenset[str]] = {
    View.SERVER: CALL_NAMES | REALTIME_NAMES | {PREFLIGHT},
    View.E2E: OPERATION_NAMES,
    View.DELIVERY: DELIVERY_NAMES,
}
"""Views that an SLO can judge, and what each can hold."""
