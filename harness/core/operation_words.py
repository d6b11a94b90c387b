"""What each operation of a record is, in words for whoever writes an SLO. (pure)

`scripts/operations_page.py` makes the lists of docs/slo.md from it; a test holds it complete.
"""

from __future__ import annotations

from collections.abc import Mapping

OPERATIONS: Mapping[str, str] = {
    "app_open": "the app is opened, until the page load's own requests are answered",
    "assistant_reply": "a question to the assistant, until its answer is there",
    "attachment_upload": "a picture is uploaded for a message",
    "conversation_list": "the list of conversations",
    "conversation_open": "a conversation, until its messages are there",
    "conversation_prefs": "a conversation is muted or hidden, or neither any more",
    "create_direct_conversation": "a direct conversation with somebody is asked for",
    "diary_open": "the person's own diary",
    "follow": "somebody is followed or unfollowed",
    "home_deck": "the deck on the home screen",
    "home_feed": "a page of the home feed, 40 entries",
    "landing": "the landing page, until trending titles and what friends watch are there",
    "library_write": "a title's status in the library is set or taken away",
    "mark_read": "a conversation is marked as read by hand",
    "mark_unread": "a conversation is marked as unread",
    "message_delete": "a message is deleted for everybody",
    "message_edit": "a message is corrected",
    "message_react": "an emoji on a message",
    "message_send": "a message, from the tap until the answer holds its row",
    "messages_older": "an older page of a conversation",
    "onboarding_deck": "the deck of the taste page, for newcomers",
    "onboarding_finish": "the end of onboarding",
    "people_search": "people are searched for",
    "rating_write": "stars for a title",
    "review_write": "a review",
    "search": "a search with everything that it fans out into",
    "sign_in": "sign-in, until a token is there",
    "sign_up": "a new account",
    "swipe_batch": "a batch of swipes, from the first gesture in it until all are confirmed",
    "swipe_deck": "a deck of cards on the swipe page",
    "title_like": "a heart on a title's page",
    "title_open": "a title's page, until its details are there",
    "watchlist_add": "a title is put on the watchlist",
    "watchlist_remove": "a title is taken off the watchlist",
}
"""The view `e2e`: things that a person does."""

DELIVERIES: Mapping[str, str] = {
    "message_delivery": "a message, from the intent to send it until another member's socket read it",
    "typing_delivery": "a typing signal, until another member's socket read it",
    "self_delivery": "the sender's own message, until the sender's socket read it",
}
"""The view `delivery`: things that Realtime brings."""

REALTIME: Mapping[str, str] = {
    "realtime_connect": "a WebSocket, until it is open",
    "realtime_join": "a channel is joined, until the server took it",
    "realtime_postgres": "a channel's subscription to the database, until it exists",
    "realtime_presence": "a presence channel that joined, until the list of who is there came",
    "realtime_read_receipt": "a read marker of the phone's own, from the answer until its channel brought the change",
    "realtime_delivery_receipt": "the same of a delivery receipt",
    "realtime_reaction": "the same of a reaction",
    "realtime_heartbeat": "a heartbeat, until its answer",
    "realtime_channel": "the server ended a channel, or its process crashed",
    "realtime_frame": "a frame that could not be read",
    "realtime_half_open": "the peer answered neither heartbeat nor close; lasts until that is noticed",
    "realtime_drop": "a socket ended; no latency",
}
"""The view `server`, beside the calls. Some come with a topic behind them, as `realtime_join_conversation`."""
