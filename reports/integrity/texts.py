"""The questions in words: what is asked, what it means when the answer is bad, where to look first. (pure)

Ids are those of the contract, section 8.3, where it has one.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.integrity.model import Check, CheckStatus, Offender


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `bad`: what an offender makes of it."""

    id: str
    title: str
    bad: CheckStatus
    meaning: str
    look_at: str

    def answered(self, looked_at: int, count: int, offenders: tuple[Offender, ...], note: str = "") -> Check:
        """The check that comes of it. `note`: what differs how often, or what could not be compared."""
        return Check(
            id=self.id,
            title=self.title,
            status=self.bad if count else "held",
            looked_at=looked_at,
            count=count,
            offenders=offenders,
            meaning=self.meaning,
            look_at=self.look_at,
            note=note,
        )


QUESTIONS = {
    question.id: question
    for question in (
        Question(
            "I01",
            "No event is stored twice on one day",
            "broken",
            "Somebody's swipe counts twice: recommendations learn from gestures that nobody made.",
            "the unique index media_events_user_dedupe_uq on every partition, and the conflict target of the upsert",
        ),
        Question(
            "I02",
            "No event is stored again after UTC midnight",
            "noted",
            "A batch that was sent again on the next UTC day is two rows: the day is part of the key as shipped.",
            "event_day in the dedupe key; the client's queue that replays what was already accepted",
        ),
        Question(
            "event day",
            "Events are stored under the day on which they were made",
            "broken",
            "Counts by day are wrong, and a replay on the right day is stored a second time.",
            "event_day: the clock of whoever sets it, against created_at of the database",
        ),
        Question(
            "I03",
            "Every acknowledged event is stored",
            "broken",
            "The app removed the swipe from its queue because the server said yes, and the server does not have it.",
            "the issues in the replies of media-swipe-event, its early accepts, the REST tier in between",
        ),
        Question(
            "I04",
            "No rejected event is stored",
            "broken",
            "The server refused an event for good and kept it all the same.",
            "media-swipe-event after an exception in the middle of a batch",
        ),
        Question(
            "I05",
            "No event was dropped by the app itself",
            "noted",
            "Swipes were evicted from the full queue of 200, or lost with a killed app. Nobody will send them again.",
            "the length of outages against the queue's size; the buffer's one-second timer",
        ),
        Question(
            "left offline",
            "No event was lost by leaving the app without a network",
            "noted",
            "Swipes that the app held back without a network were forgotten when its page went: so does the shipped "
            "client. No request ever carried them: nobody was promised them, and the target has not lost them.",
            "the app's drain on leaving: it stores what is buffered or in flight, not the mutations that wait",
        ),
        Question(
            "I06",
            "No event is stored that nobody made",
            "broken",
            "Rows carry ids of this run that no phone ever used.",
            "whoever writes to media_events beside the edge function",
        ),
        Question(
            "I18",
            "No message is stored twice",
            "broken",
            "Everybody in the conversation reads it twice: its reply was lost, and the sender tried again.",
            "a unique index on messages (conversation_id, user_id, client_id), and 409 read as success by the client",
        ),
        Question(
            "I19 lost",
            "Every acknowledged message is stored",
            "broken",
            "The sender saw it delivered and nobody will ever read it.",
            "triggers on messages, and whatever answers 201 before the commit",
        ),
        Question(
            "I19 refused",
            "No refused message is stored",
            "broken",
            "The sender was told that it failed, and the others read it.",
            "policies on messages: an insert that may write but not read back is refused after the fact",
        ),
        Question(
            "order",
            "Messages of one sender stay in order",
            "broken",
            "What was said second stands first for everybody who loads the conversation.",
            "created_at: clocks of several database hosts, or a queue between API and table",
        ),
        Question(
            "unknown messages",
            "No message is stored that nobody sent",
            "broken",
            "Rows carry client ids of this run that no phone ever used.",
            "whoever writes to messages beside PostgREST",
        ),
        Question(
            "I51",
            "Stored events hold what was sent",
            "broken",
            "A like is stored as a dislike, for another title or person: recommendations learn what nobody did.",
            "what lies between the request of media-swipe-event and its upsert, field by field",
        ),
        Question(
            "I52",
            "Stored messages hold what was sent",
            "broken",
            "People read another text than was written, or from somebody else: cut, mangled, misattributed.",
            "triggers on messages, encodings between API and table, column sizes",
        ),
        Question(
            "I53",
            "Events are dated when they were made",
            "broken",
            "They are stored, and under a time at which nobody made them: histories and counts by hour are wrong.",
            "created_at: whose clock sets it, and in which time zone",
        ),
        Question(
            "I54",
            "Messages are dated when they were sent",
            "broken",
            "They are stored, and under a time at which nobody sent them: they stand at the wrong place.",
            "created_at: whose clock sets it, and in which time zone",
        ),
        Question(
            "stored earlier",
            "No event was already stored by an earlier run",
            "noted",
            "Another run of the same people did the same on the same UTC day; one row stands for both, as designed.",
            "dedupe_key, which holds the device's session and no run; a seed of its own for each run (--seed)",
        ),
        Question(
            "I63",
            "No event of the run's people is there that no phone made",
            "broken",
            "Somebody's history holds swipes that they did not make, or one of theirs once more under a new id.",
            "whoever writes to media_events beside the edge function, and triggers on it",
        ),
        Question(
            "I64",
            "No message of the run's people is there that no phone sent",
            "broken",
            "People read messages that their sender never wrote.",
            "whoever writes to messages beside PostgREST, and triggers on it",
        ),
        Question(
            "I09",
            "No impression is stored twice",
            "broken",
            "A card counts as shown twice: what people see too often is held back from them.",
            "the insert of rec_impressions, which nothing makes unique",
        ),
        Question(
            "I10",
            "Decks have every position once and no title twice",
            "broken",
            "Somebody swipes the same title twice in one deck, or learns nothing from a place that was never shown.",
            "media_swipe_deck_v3 and what mixes its sources",
        ),
        Question(
            "I11",
            "As many impressions as cards",
            "broken",
            "What was shown and what is remembered as shown differ; the deck's reply hides it.",
            "the impressions insert of media-swipe-deck, whose errors are swallowed",
        ),
        Question(
            "I12",
            "Every deck has its request",
            "broken",
            "Swipes on this deck cannot be joined to what was asked.",
            "the rec_requests upsert of media-swipe-deck, whose errors are swallowed",
        ),
        Question(
            "foreign decks",
            "Nobody is served another person's deck",
            "broken",
            "People see what was chosen for somebody else, and their swipes teach the wrong profile.",
            "caches in front of media-swipe-deck: what is in their key",
        ),
        Question(
            "I13",
            "Every impression has its training features",
            "broken",
            "The model learns from a part of what was shown.",
            "the media_rank_feature_items_v2 upsert of media-swipe-deck, whose errors are swallowed",
        ),
        Question(
            "I20",
            "Senders are members, and are who they say",
            "broken",
            "Somebody wrote into a conversation that is not theirs.",
            "the INSERT policy on messages, which as shipped asks only for user_id = auth.uid()",
        ),
        Question(
            "I21",
            "Conversations are as new as their newest message",
            "broken",
            "The conversation does not move up in people's lists.",
            "trigger trg_bump_conversation_updated_at",
        ),
        Question(
            "I22",
            "Direct conversations belong to exactly their pair",
            "broken",
            "Two people have two conversations, or a third one is in it.",
            "canonicalize_direct_participant_ids and the unique index on the pair",
        ),
        Question(
            "I23",
            "One delivery receipt per message and person",
            "broken",
            "Ticks are counted twice.",
            "the unique constraint on message_delivery_receipts",
        ),
        Question(
            "I24",
            "Delivery receipts make sense",
            "broken",
            "A receipt of another conversation, of an own message, from before it was sent, or by a stranger.",
            "the INSERT policy on message_delivery_receipts",
        ),
        Question(
            "I25",
            "Read markers point into their own conversation",
            "broken",
            "Unread counts are wrong for good.",
            "message_read_receipts: no key ties the message to the conversation",
        ),
        Question(
            "I26",
            "Read markers have plausible times",
            "noted",
            "Phones date their own read markers; these clocks are off.",
            "last_read_at, which the client writes",
        ),
        Question(
            "I27",
            "Read markers never go back",
            "broken",
            "Messages that somebody has read are unread again.",
            "the upsert of message_read_receipts, which overwrites whatever is there",
        ),
        Question(
            "I27 overtaken",
            "No read marker was overtaken by an older one",
            "noted",
            "Messages that somebody has read are unread again: the target took longer than the 3 s after which the app"
            " sends the next marker, and of two that are under way at once either may be stored last, as shipped.",
            "how long upserts of message_read_receipts took; an upsert that keeps the newer of both",
        ),
        Question(
            "I28",
            "One reaction per message, person and emoji",
            "broken",
            "Reactions are counted twice.",
            "the unique constraints on message_reactions",
        ),
        Question(
            "I55",
            "Every acknowledged delivery receipt is stored",
            "broken",
            "The sender never sees that the message has arrived.",
            "what answers the upsert on message_delivery_receipts before it commits",
        ),
        Question(
            "I56",
            "Read markers hold what a phone wrote",
            "broken",
            "Unread counts follow a message or a time that nobody marked.",
            "triggers on message_read_receipts, and whoever else writes there",
        ),
        Question(
            "I57",
            "Reactions are there, or gone, as was last acknowledged",
            "broken",
            "A reaction was shown as set or taken off, and for everybody else it is not.",
            "insert and delete on message_reactions, and what answers them before they commit",
        ),
        Question(
            "I58",
            "Edited and deleted messages are what was last acknowledged",
            "broken",
            "What somebody took back or corrected is still there for everybody else.",
            "UPDATE on messages: its policy, its triggers, what answers it before it commits",
        ),
        Question(
            "I29",
            "One library entry per person and title",
            "broken",
            "A title stands twice in somebody's diary.",
            "the unique constraint on library_entries",
        ),
        Question(
            "I30",
            "The library is what was last acknowledged",
            "broken",
            "The app showed a title as saved, and it is not, or as something else.",
            "background work of media-swipe-event, which writes the same table late and swallows its errors",
        ),
        Question(
            "I62",
            "Library entries hold the kind of title that was sent",
            "broken",
            "A film stands in the diary as a series, or the other way round.",
            "content_type of library_entries: the upsert, and background work of media-swipe-event",
        ),
        Question(
            "I59",
            "Follows are there, or gone, as was last acknowledged",
            "broken",
            "Somebody follows a person according to the app, and their feed says otherwise.",
            "insert and delete on follows, and what answers them before they commit",
        ),
        Question(
            "I59 dated",
            "Follows are dated as they were made",
            "broken",
            "Somebody is told of a new follower at another time, and lists of followers have another order.",
            "created_at of follows, which the phone sends: triggers and defaults on the table, time zones in between",
        ),
        Question(
            "last seen",
            "Nobody was seen last before their phone said that they were there",
            "broken",
            "Others see somebody as long gone who is there now.",
            "the UPDATE of profiles.last_seen_at: its policy, what answers it before it commits, time zones in between",
        ),
        Question(
            "I60",
            "Every acknowledged review is stored as it was written",
            "broken",
            "The review is gone, or says something else.",
            "the insert into reviews, whose row nobody can read back as shipped",
        ),
        Question(
            "I66",
            "No review is there that nobody wrote",
            "broken",
            "A review stands twice, or under somebody's name who did not write it.",
            "the insert into reviews, which nothing makes unique",
        ),
        Question(
            "I61",
            "Ratings are what was last acknowledged",
            "broken",
            "Averages and recommendations count another rating than was given.",
            "the upsert of ratings, and background work of media-swipe-event",
        ),
        Question(
            "I65",
            "No receipt, reaction or library entry is there that nobody made",
            "broken",
            "The run's people have rows in the run's time that no phone wrote.",
            "whoever writes to these tables beside PostgREST, and their triggers",
        ),
        Question(
            "I67",
            "Nobody is shown people, conversations or entries that are not theirs",
            "broken",
            "People see what others did whom they do not follow, or others' conversations or libraries.",
            "auth.uid() in get_home_feed_v2 and get_conversation_summaries_v2; the policy of library_entries;"
            " caches whose keys leave out the person",
        ),
        Question(
            "I68",
            "A feed holds all that its people did",
            "broken",
            "The feed is empty, or leaves out what people did whom somebody follows.",
            "get_home_feed_v2: its join with follows and user_preferences; caches and replicas",
        ),
        Question(
            "I69",
            "The conversation list holds every own conversation",
            "broken",
            "Somebody's conversation is not in their list: they will never open it.",
            "get_conversation_summaries_v2; caches and replicas; policies on conversation_participants",
        ),
        Question(
            "I70",
            "A page of a conversation holds every message that was acknowledged before",
            "broken",
            "The sender saw it delivered, and the others do not see it when they look.",
            "replicas and caches in front of messages; the SELECT policy on messages; ORDER BY and cursor of the page",
        ),
        Question(
            "I71",
            "The diary counts the rows that are there",
            "broken",
            "Somebody's diary counts wrongly.",
            "get_diary_stats, its filters on user and status; caches of its replies",
        ),
        Question(
            "I72",
            "Library entries, ratings and follows are shown as they are stored",
            "broken",
            "A title or a person is shown as saved or followed, and is not, or the other way round.",
            "filters of library_entries, ratings and follows; caches whose keys leave out the query or the person",
        ),
        Question(
            "I73",
            "The conversation list is as new as what was acknowledged before",
            "broken",
            "The list shows old messages as the last ones: nobody sees that somebody wrote.",
            "get_conversation_summaries_v2; caches and replicas in front of it",
        ),
        Question(
            "I74",
            "The figures under one's own name are those of one's own row",
            "broken",
            "Somebody is shown how many people somebody else follows.",
            "caches of user_stats whose keys leave out the query or the person; whatever else writes user_stats",
        ),
        Question(
            "I75",
            "Suggestions that the assistant made are in its answer",
            "broken",
            "Suggestions are made, paid for and counted against the day's limit, and nobody sees them.",
            "assistant-orchestrator: what it answers after its insert; caches of its replies",
        ),
        Question(
            "assistant typing",
            "The assistant types when an answer is to come",
            "broken",
            "Somebody waits for an answer that nobody makes.",
            "assistant_reply_status_v1: caches and replicas in front of it; jobs that are not closed",
        ),
        Question(
            "I76",
            "Public settings of one version are the same for everybody",
            "broken",
            "Some apps run on other settings than were set.",
            "public-app-settings: its cache by instance, and caches in front of it; app_settings_meta.version",
        ),
        Question(
            "I77",
            "A file whose removal was acknowledged is gone",
            "broken",
            "A picture behind a deleted message stays, and whoever has its address can see it.",
            "storage: remove requests and its policies on DELETE; the backend behind storage.objects",
        ),
        Question(
            "I78",
            "Messages are shown under the time that is stored",
            "broken",
            "Pages begin and end elsewhere, and people see when something was said that was said at another time.",
            "created_at in the select of messages; time zones of views, caches and proxies in front of messages",
        ),
        Question(
            "I79",
            "Lists and their titles are shown as they are stored",
            "broken",
            "Stories and public lists are without covers, or not there, and nothing says that anything failed.",
            "policies of lists and list_items; caches in front of them; a join or filter that lost rows",
        ),
        Question(
            "I80",
            "What is shown under load is what the target says at rest",
            "broken",
            "People see other titles, names and lists than there are, for as long as many use the app.",
            "caches and whatever else answers before the tables do; replicas that lag; replies that were mixed up",
        ),
        Question(
            "I81",
            "Read markers are shown as new as was acknowledged before",
            "broken",
            "Senders do not see that a message was read, or when, and unread counts come back.",
            "last_read_at in the select of message_read_receipts; time zones of views; caches in front of it",
        ),
    )
}
ORDER = {id_: place for place, id_ in enumerate(QUESTIONS)}
"""How checks are listed."""
