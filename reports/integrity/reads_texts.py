"""The rules of reading in words: what each asks, what a violation means, where to look first. (pure)

One line a rule of `harness.client.checks`, in the order in which reports list them; a test keeps both lists alike.
"""

from __future__ import annotations

from reports.integrity.model import FOREIGN
from reports.integrity.texts import Question

OWN, TEXT, STAYS, EMPTY = "I44", "I45", "I46", "I47"

RULES: dict[str, Question] = {
    rule: Question(f"{invariant} {rule}", title, "broken", meaning, look_at)
    for rule, invariant, title, meaning, look_at in (
        (
            "owner",
            FOREIGN,
            "Nobody is shown what belongs to somebody else",
            "People see other people's data.",
            "row-level security of the table; caches between app and database that ignore the bearer",
        ),
        (
            "asked-files",
            FOREIGN,
            "A signed address, an upload or a removal is of the file that was asked for",
            "People see other people's files.",
            "storage: the path of sign requests; caches of its replies",
        ),
        (
            "feed-stays",
            "I46",
            "Two looks at one feed agree about its past",
            "The feed loses rows, or shows those of people whom nobody there follows.",
            "get_home_feed_v2 and its auth.uid(); caches of its replies",
        ),
        (
            "sent-back",
            TEXT,
            "The row that answers a message is the message that was sent",
            "A message is stored as another one, with another text, or for somebody else.",
            "triggers on messages (sender, payload), and the encoding of connections",
        ),
        (
            "own-text",
            TEXT,
            "A message comes back as it was written",
            "Texts are cut or mangled.",
            "type and encoding of messages.text and body; whatever stands between and rewrites replies",
        ),
        (
            "own-names",
            TEXT,
            "A name that was set is shown",
            "People are called something else.",
            "PATCH profiles after the sign-up, and the trigger on auth.users",
        ),
        (
            "own-message",
            OWN,
            "An acknowledged message is in the page of its time",
            "Somebody's own message disappears from their screen.",
            "transactions that roll back after the reply; replicas or caches that lag behind",
        ),
        (
            "list-has",
            OWN,
            "The conversation list has every conversation that was just opened",
            "Somebody opened a conversation and does not find it again.",
            "get_conversation_summaries_v2 and conversation_participants; caches of its replies",
        ),
        (
            "list-newest",
            OWN,
            "The conversation list knows the message sent last",
            "The list shows an older message than the conversation.",
            "get_conversation_summaries_v2; caches of its replies",
        ),
        (
            "own-library",
            OWN,
            "Library entry and rating are as last acknowledged",
            "A title that was saved is shown as not saved, or the other way round.",
            "the upsert of library_entries, and whoever else writes the table",
        ),
        (
            "own-follows",
            OWN,
            "Who was followed is shown as followed, and the other way round",
            "Buttons tell the opposite of what was pressed.",
            "inserts and deletes of follows that answer before they are done, or do nothing",
        ),
        (
            "own-reactions",
            OWN,
            "Own reactions are as last acknowledged",
            "A reaction disappears, or cannot be taken off.",
            "message_reactions: policies for insert and delete; caches",
        ),
        (
            "own-marker",
            OWN,
            "The own read marker is not behind the one acknowledged last",
            "What was read is unread again.",
            "the upsert of message_read_receipts",
        ),
        (
            "message-stays",
            STAYS,
            "A message that was shown is shown again",
            "Messages come and go.",
            "caches and replicas; deletes of messages",
        ),
        (
            "list-stays",
            STAYS,
            "The conversation list keeps what it showed",
            "Conversations come and go, or their order does.",
            "get_conversation_summaries_v2; caches and replicas",
        ),
        (
            "receipts-stay",
            STAYS,
            "What was delivered stays delivered",
            "Ticks come and go.",
            "caches and replicas of message_delivery_receipts",
        ),
        (
            "own-same",
            STAYS,
            "One's own profile and account are what they were",
            "People are called something else, see somebody else's picture, or are sent through the welcome again.",
            "whoever else writes profiles or auth.users; caches that answer for somebody else",
        ),
        (
            "title-same",
            STAYS,
            "What is said of a title is the same on every screen",
            "A title has one rating here and another one there.",
            "media_items: caches and replicas, columns that a function makes up; the deck's cards",
        ),
        (
            "marker-forward",
            STAYS,
            "Read markers move forward only",
            "Ticks come and go.",
            "caches and replicas of message_read_receipts",
        ),
        (
            "known-rows",
            EMPTY,
            "Nothing is empty where there is something to show",
            "People see an empty screen.",
            "policies that hide one's own rows; caches that answer for somebody else",
        ),
        (
            "asked-ids",
            "I42",
            "Rows are those whose ids were asked for",
            "A screen shows something else than was tapped.",
            "filters that are ignored; caches whose keys leave out the query",
        ),
        (
            "feed-parts",
            "I42",
            "A feed row's person and title are the ones that it names",
            "Somebody seems to have watched what somebody else has.",
            "the joins of get_home_feed_v2",
        ),
        (
            "asked-many",
            "I42",
            "No more rows than were asked for",
            "Pages are longer than the app expects; cursors skip the rest.",
            "limits that are ignored",
        ),
        (
            "asked-search",
            "I42",
            "A search answers its own query",
            "Results of another query, or of another page.",
            "media-search and caches of its replies",
        ),
        (
            "asked-events",
            "I42",
            "The event endpoint speaks of events that were sent",
            "The app drops events as accepted that never were, or sends them for ever.",
            "media-swipe-event: the ids of its reply",
        ),
        (
            "asked-same",
            "I42",
            "A conversation with the same person is the same one",
            "Messages to one person lie in two conversations.",
            "create_direct_conversation_v1 and the unique index on the pair",
        ),
        (
            "asked-variants",
            "I42",
            "Variants are of the experiments that were asked for",
            "People are in experiments that the app does not know, or in none at all.",
            "experiment-assign: keys of its reply",
        ),
        (
            "asked-suggestions",
            "I42",
            "Suggestions are for the screen that asked",
            "Somebody is shown hints about another screen, title or conversation than the one before them.",
            "assistant-orchestrator: its context key; caches of its replies whose keys leave out the body",
        ),
        (
            "page-order",
            "I43",
            "Pages are in their order, without repeats, behind their cursor",
            "Rows come twice or are never reached.",
            "ORDER BY and cursor of the query: (created_at, id)",
        ),
        (
            "page-once",
            "I43",
            "A list holds each row once",
            "Rows come twice on screen.",
            "joins that multiply rows",
        ),
        (
            "feed-next",
            "I43",
            "The next page of the feed goes on where the last one ended",
            "Rows of the feed are never reached.",
            "the cursor of get_home_feed_v2",
        ),
        (
            "deck-cards",
            "I43",
            "The cards of a deck are numbered, keyed, and each of another title",
            "A card comes twice, or a gesture counts for another card.",
            "media-swipe-deck: position and dedupeKey",
        ),
        (
            "statistics",
            "I48",
            "Figures agree with each other and with what was written",
            "The diary counts wrongly.",
            "get_diary_stats, get_title_rating_summary_v1",
        ),
        (
            "assistant-state",
            "I48",
            "The assistant types when there is an answer to be made",
            "The app shows the assistant typing for ever, or not at all.",
            "assistant_reply_status_v1; caches of its replies",
        ),
    )
}
