"""An open conversation: its pages, its pollers, its receipts (contract 5.3, 5.6, 10.2).

While it is open it asks for every loaded page, the read receipts, the reactions and the delivery receipts of the last
own message each 5 s, each 1.5 s while its channel is not SUBSCRIBED; for the list and, in direct chats, for when the
other was last active each 60 s. A direct chat also asks on opening whether either has blocked the other. The pollers
are the app's own safety net and never stop while the screen is visible: most of a chat's traffic is theirs (trap T42).
What the channel brings is merged at once, before the next poll.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from harness.client.api import chat_calls as calls
from harness.client.api import chat_shapes as shapes
from harness.client.api.call import Call
from harness.client.api.calls import DELIVERY_RECEIPTS_POLL, MESSAGES_POLL, REACTIONS_POLL, READ_RECEIPTS_POLL
from harness.client.api.chat_shapes import ChatMessage, Summary
from harness.client.device import Device
from harness.client.realtime.client import Sent
from harness.client.realtime.conversation_channel import CHANGES, TOLD_EVENT, ConversationChannel
from harness.client.realtime.told_keys import DELIVERY_RECEIPTS, REACTIONS, READ_RECEIPTS
from harness.client.screens.browse.suggestions import HintChip
from harness.client.screens.chat.attachments import SignedFiles
from harness.client.screens.chat.keyboard import Keyboard
from harness.client.screens.chat.other_person import OtherPerson
from harness.client.screens.chat.receipts import Receipts
from harness.client.screens.chat.sending import Attachment, Bubble, Sender
from harness.client.screens.chat.timeline import MessageTimeline
from harness.client.screens.conversation_list import ConversationList
from harness.client.screens.screen import goes_on
from harness.client.screens.screen_query import STALE_S, Fetch, ScreenQuery
from harness.core import ids
from harness.core.actions import UserAction
from harness.core.delivery_facts import FactKind
from harness.core.outcome import Outcome

PAGE = 40
POLL_UNSUBSCRIBED_S = 1.5
"""Poll interval while the channel is not SUBSCRIBED, unless polls are more frequent in any case."""
MESSAGES_STALE_S = 5.0
LIVE_COPIES = 2
"""Delivery receipts of a message that arrives on a joined channel: the callback's and the list effect's."""


class Conversation:
    """One conversation on screen.

    joined: fixed, for phones without Realtime, where it is True unless given; otherwise the status of its channel, that
    lives as long as the screen. The poll interval, the receipts of live messages and the way of typing signals follow
    it. poll_s overrides the interval. clock: the phone's wall clock as ISO text.
    """

    def __init__(
        self,
        phone: Device,
        summary: Summary,
        *,
        joined: bool | None = None,
        poll_s: float | None = None,
        clock: Callable[[], str] | None = None,
    ) -> None:
        self.phone = phone
        self.summary = summary
        self.failed: list[Bubble] = []
        self._fixed = joined
        self._channel: ConversationChannel | None = None
        self._poll_s = poll_s
        self._on_screen = False
        self._live = False  # the first page is there: what comes from now on comes live
        self._pages: list[list[ChatMessage]] = []
        self._timeline = MessageTimeline(phone.user_id)
        self._last_own: str | None = None  # whose delivery receipts are asked for
        self._polling_s = phone.settings.chat_poll_s
        self._receipts = Receipts(phone, summary.conversation, clock)
        self._files = SignedFiles.of(phone)
        self._sender = Sender(phone, summary, self._tell)
        self._keyboard = Keyboard(
            phone, summary.conversation, self._own_name, lambda: self.joined, lambda: self._channel
        )
        self._messages = self._polled(self._load_pages, MESSAGES_STALE_S)
        self._read_receipts = self._polled(lambda: self._get(READ_RECEIPTS_POLL, READ_RECEIPTS))
        self._reactions = self._polled(lambda: self._get(REACTIONS_POLL, REACTIONS))
        self._always = (self._messages, self._read_receipts, self._reactions)
        self._delivery_receipts = self._polled(self._load_delivery_receipts)
        self._other = OtherPerson(phone, summary.others[0]) if self._kind == "direct" else None

    def _polled(self, fetch: Fetch, stale_s: float = STALE_S) -> ScreenQuery:
        return ScreenQuery(self.phone, fetch, every_s=lambda: self.poll_s, stale_s=stale_s)

    # ---- the screen -----------------------------------------------------------------------------------------

    @property
    def poll_s(self) -> float:
        """Seconds between two rounds of polls."""
        if self._poll_s is not None:
            return self._poll_s
        every_s = self.phone.settings.chat_poll_s
        return every_s if self.joined else min(every_s, POLL_UNSUBSCRIBED_S)

    @property
    def joined(self) -> bool:
        """Whether the channel is SUBSCRIBED."""
        if self._fixed is not None or self._channel is None:
            return self._fixed is not False
        return self._channel.joined

    @joined.setter
    def joined(self, joined: bool) -> None:
        if joined != self.joined:
            self._fixed = joined
            self.status_changed()

    def status_changed(self) -> None:
        """The channel's status is another one: the interval of the polls follows it."""
        if self._polling_s != self.poll_s:
            self._polling_s = self.poll_s
            self.phone.notes.did(UserAction.CHANNEL, number=int(self.joined))
            for query in (self._messages, self._read_receipts, self._reactions, self._delivery_receipts):
                query.restart_polling()

    async def open(self) -> bool:
        """From tapping the row to messages on screen. The pollers run until `leave`, whatever came."""
        with self.phone.notes.operation("conversation_open") as operation:
            self._on_screen = True
            if self._fixed is None:
                self._channel = self.phone.page.realtime.enter(self.summary, self)
            self._polling_s = self.poll_s
            self.phone.notes.did(UserAction.CHAT, self._kind, int(self.joined))
            goes_on(self.phone)
            ConversationList.of(self.phone).mount(self)
            for query in self._always:
                query.mount()
            if self._other is not None:
                self._other.mount()
            HintChip.of(self.phone).show("messages", {"conversationId": self.summary.conversation})
            return operation.ends(await self._messages.ready())

    def leave(self) -> None:
        """Back to the list: the pollers stop, requests under way go on."""
        self._keyboard.cleared()
        was_on_screen, self._on_screen = self._on_screen, False
        if was_on_screen:
            self.phone.notes.did(UserAction.CHAT_LEAVE)
        channel, self._channel = self._channel, None
        if channel is not None:
            self.phone.page.realtime.leave(channel, self)
        for query in (*self._always, self._delivery_receipts):
            query.unmount()
        if was_on_screen:
            ConversationList.of(self.phone).unmount(self)
            if self._other is not None:
                self._other.unmount()

    @property
    def _kind(self) -> str:
        return "direct" if not self.summary.is_group and self.summary.others else "group"

    def _own_name(self) -> str:
        listed = (row for row in ConversationList.of(self.phone).rows if row.conversation == self.summary.conversation)
        return next(listed, self.summary).own_name

    # ---- reading --------------------------------------------------------------------------------------------

    @property
    def messages(self) -> list[ChatMessage]:
        """What is loaded, newest first, each once."""
        return self._timeline.messages()

    @property
    def has_more(self) -> bool:
        """Whether the app offers older messages: the oldest page is full."""
        return bool(self._pages) and len(self._pages[-1]) >= PAGE

    async def load_older(self) -> bool:
        """Scroll up to the next older page; every poll carries it from then on. False when there is none."""
        if not self.has_more:
            return False
        self.phone.notes.did(UserAction.OLDER)
        with self.phone.notes.operation("messages_older") as operation:
            page, outcome = await self._page(self._pages[-1][-1])
            if not operation.ends(outcome):
                return False
            self._pages.append(page)
            self.phone.notes.did(UserAction.PAGES, number=len(self._pages))
            self._arrived(page, copies=1)
        return bool(page)

    async def _load_pages(self) -> Outcome:
        """All loaded pages, one after another, each starting where the fresh one before it ends."""
        fresh: list[list[ChatMessage]] = []
        loaded = len(self._pages)
        while len(fresh) < max(1, loaded) and (not fresh or len(fresh[-1]) >= PAGE):
            page, outcome = await self._page(fresh[-1][-1] if fresh else None)
            if not outcome.good:
                return outcome
            fresh.append(page)
        self._pages = fresh + self._pages[loaded:]  # a page that was loaded meanwhile stays
        # without a channel's callback a joined screen's second receipt goes out with the poll that stands in for it
        copies = LIVE_COPIES if self._live and self._channel is None and self.joined else 1
        messages = [message for page in fresh for message in page]
        if self._live and self._channel is not None:
            self._note_polled(messages)
        self._live = True
        self._arrived(messages, copies)
        return Outcome.OK

    async def _page(self, before: ChatMessage | None) -> tuple[list[ChatMessage], Outcome]:
        id_ = self.summary.conversation
        if before is None:
            reading = await self.phone.api.request(MESSAGES_POLL, id_)
        else:
            since = quote(before.created_at, safe="")
            reading = await self.phone.api.request(calls.OLDER_MESSAGES, id_, since, before.id)
        if not reading.outcome.good:
            return [], reading.outcome
        page = shapes.messages(reading.data)
        return (page, Outcome.OK) if page is not None else ([], Outcome.SOFT_FAILURE)

    def _note_polled(self, messages: list[ChatMessage]) -> None:
        """A poll brought what no frame has: messages of this run, sent while the screen was open."""
        phone = self.phone
        for message in messages:
            if message.client_id is None or message.sender == phone.user_id or self._timeline.knows(message.id):
                continue
            if ids.position(phone.kit.run_tag, message.client_id) is not None:
                phone.notes.saw(FactKind.POLLED, self.summary.conversation, message.client_id, message.id)

    # ---- what the channel brings ----------------------------------------------------------------------------

    def inserted(self, message: ChatMessage) -> None:
        """A new message, perhaps the row of an own bubble before its request is answered: merged by id."""
        self._messages.written()
        ConversationList.of(self.phone).written()
        self._receipts.live(message)
        for bubble in self.failed:
            if bubble.client_id == message.client_id:
                bubble.message = message
        self._arrived([message], copies=1, live=True)

    def updated(self, message: ChatMessage) -> None:
        """Replaces what is there; a message that is not stays away until a poll brings it."""
        self._messages.written()
        if self._timeline.knows(message.id):
            self._arrived([message], copies=1)

    def noted(self, table: str, message: str) -> None:
        """The channel brought a receipt or a reaction, of that message: it stands in what the screen holds."""
        if table == READ_RECEIPTS:
            self._read_receipts.written()
        elif table == REACTIONS:
            self._reactions.written()
        elif table == DELIVERY_RECEIPTS and message == self._last_own:
            self._delivery_receipts.written()

    def _arrived(self, messages: list[ChatMessage], copies: int, *, live: bool = False) -> None:
        """Messages are in the cache; the screen, if still there, writes receipts and shows files. live: the channel's
        callback has written a receipt of its own."""
        newest, own_before = self._timeline.newest, self._timeline.newest_own
        self._timeline.merge(messages)
        if not self._on_screen:
            return
        self._note(newest, own_before)
        if foreign := self._receipts.arrived(messages, copies):
            self.phone.notes.did(UserAction.FOREIGN, "live" if live or copies == LIVE_COPIES else "loaded", foreign)
        for message in messages:
            if message.attachment is not None:
                self._files.show(message.attachment)
        if self._timeline.newest is not None:
            self._receipts.newest(self._timeline.newest.id)
        own = self._timeline.newest_own
        self._follow(own.id if own is not None else None)

    def _note(self, newest: ChatMessage | None, own: ChatMessage | None) -> None:
        """What is new at the end of the conversation."""
        now = self._timeline
        if now.newest is not None and (newest is None or newest.id != now.newest.id):
            self.phone.notes.did(UserAction.NEWEST)
        if now.newest_own is not None and (own is None or own.id != now.newest_own.id):
            self.phone.notes.did(UserAction.OWN)

    def _follow(self, own: str | None) -> None:
        """Delivery receipts are asked for the last own message: another one is another query, fetched at once."""
        if own == self._last_own:
            return
        self._last_own = own
        self._delivery_receipts.unmount()
        self._delivery_receipts = self._polled(self._load_delivery_receipts)
        if own is not None:
            self._delivery_receipts.mount()

    async def _load_delivery_receipts(self) -> Outcome:
        own = self._last_own or ""
        return await self._get(DELIVERY_RECEIPTS_POLL, DELIVERY_RECEIPTS, own)

    async def _get(self, call: Call, table: str, *of: str) -> Outcome:
        """of: the message it is about. What the poll brings, the channel has to have told of."""
        begun = self.phone.now()
        reading = await self.phone.api.request(call, self.summary.conversation, *of)
        told = None if self._channel is None else self._channel.told
        if reading.outcome.good and told is not None:
            told.polled(table, reading.data, begun, *of)
        return reading.outcome

    # ---- writing --------------------------------------------------------------------------------------------

    async def types(self, seconds: float) -> None:
        """Write a text for that long; the others see it."""
        self.phone.notes.did(UserAction.TYPE, seconds=seconds)
        await self._keyboard.types(seconds)

    async def send(self, text: str, attachment: Attachment | None = None) -> Bubble:
        """Press send. The bubble stays in `failed` until a later try succeeds."""
        bubble = Bubble(self.phone.new_id(), text, attachment)
        await self.try_again(bubble)
        return bubble

    async def try_again(self, bubble: Bubble) -> None:
        """Post a bubble, for the first time or again with the same client id."""
        self.phone.notes.did(UserAction.SEND, self._kind)
        self._keyboard.cleared()
        if bubble not in self.failed:
            self.failed.append(bubble)
        self._messages.written()  # the bubble stands in the list before anything is sent
        await self._sender.post(bubble)
        self._messages.written()
        if bubble.message is not None:
            ConversationList.of(self.phone).written()
            self.failed.remove(bubble)
            self._arrived([bubble.message], copies=1)  # the answer shows before any poll brings it

    async def edit(self, bubble: Bubble, text: str) -> Outcome:
        """Change an own message."""
        self.phone.notes.did(UserAction.EDIT, number=int(bubble.message is not None and bubble.attachment is None))
        return self._changed(bubble, await self._sender.edit(bubble, text))

    async def delete(self, bubble: Bubble) -> Outcome:
        """Delete an own message for everybody."""
        self.phone.notes.did(UserAction.DELETE, "sent" if bubble.message else "", int(bubble.attachment is not None))
        return self._changed(bubble, await self._sender.delete(bubble))

    def _changed(self, bubble: Bubble, outcome: Outcome) -> Outcome:
        if outcome.good and bubble.message is not None:
            self._messages.written()
            self._arrived([bubble.message], copies=1)
        return outcome

    async def react(self, message: ChatMessage, emoji: str) -> Outcome:
        """Put an emoji on a message or take it off; then all reactions are read again."""
        self.phone.notes.did(UserAction.REACT)
        self._reactions.written()
        outcome = await self._sender.react(message, emoji)
        self.phone.background.start(self._read_reactions())
        return outcome

    def _tell(self, payload: Mapping[str, Any]) -> None:
        """The others hear of a message from whoever wrote it, where the app's settings are so."""
        if self.phone.settings.live == "changes" or self._channel is None:
            return
        if self._channel.tell(payload) is Sent.REST:
            self.phone.background.start(self._post_told(payload))

    async def _post_told(self, payload: Mapping[str, Any]) -> None:
        topic = CHANGES + self.summary.conversation
        message = {"topic": topic, "event": TOLD_EVENT, "payload": payload, "private": False}
        await self.phone.api.request(calls.TYPING_BROADCAST, body={"messages": [message]})

    async def _read_reactions(self) -> None:
        await self._reactions.refetch()
