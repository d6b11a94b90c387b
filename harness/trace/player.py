"""A phone does what the person of a recording did, step by step, at the same instants of each flow."""

from __future__ import annotations

from collections.abc import Mapping

from harness.client.api.chat_shapes import Summary
from harness.client.device import Device
from harness.client.screens.app import enter, open_app, open_signed_out
from harness.client.screens.browse.home import Home
from harness.client.screens.browse.search import Chip, Search
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.chat.parts import Conversation, Inbox, conversation_list
from harness.client.screens.screen import Screen
from harness.trace.steps import PersonStep, StepKind

KEY_S = 0.05
"""Between two keys of a query."""
OWN_WORD = "the"
"""Searched for where the recording's text is not known: a cleaned one."""


CHIPS: Mapping[str, Chip] = {"all": "all", "movie": "movie", "series": "series"}


class CannotReplay(Exception):
    """The phone has no such step, or the target not what it needs."""


class Player:
    """One phone in somebody's hands. words: texts that were searched for, by their stand-in."""

    def __init__(self, phone: Device, words: Mapping[str, str]) -> None:
        self._phone = phone
        self._words = words
        self._swipe: SwipePage | None = None
        self._search: Search | None = None
        self._home: Home | None = None
        self._conversation: Conversation | None = None
        self._rows: list[Summary] = []
        self._listed = False
        self._entered = False

    # ---- before a flow ----------------------------------------------------------------------------------------

    async def prepare(self, steps: tuple[PersonStep, ...], name: str) -> bool:
        """What the person had to do between flows for this one to begin, as recordings leave it out; whether they had
        to do anything."""
        phone, first = self._phone, steps[0].kind if steps else None
        if first is StepKind.SIGN_IN:
            await open_signed_out(phone)
            return True
        if first is StepKind.LOAD:
            if phone.auth.account is None:
                await phone.auth.sign_in()
                return True
            return False
        before = (self._entered, self._swipe, self._search, self._conversation, self._listed)
        if not self._entered:
            self._entered = await open_app(phone)
            if not self._entered:
                raise CannotReplay("the person could not get into the app")
        if first in (StepKind.GESTURE, StepKind.OFFLINE) and self._swipe is None:
            await self._open_swipe()
        if first in (StepKind.QUERY, StepKind.CHIP) and self._search is None:
            self._open_search()
        conversing = first in (StepKind.SEND, StepKind.LEAVE) or (first is None and "conversation" in name)
        if conversing and self._conversation is None:
            await self._open_list()
            await self._open_conversation()
        if first is StepKind.CONVERSATION and not self._listed:
            await self._open_list()
        return before != (self._entered, self._swipe, self._search, self._conversation, self._listed)

    # ---- steps --------------------------------------------------------------------------------------------------

    async def play(self, step: PersonStep, until: float) -> None:
        """Do one step, which is due at loop time `until`; what lasts begins before it.

        :raises CannotReplay: the phone cannot.
        """
        lasting = {StepKind.GESTURE: self._gesture, StepKind.QUERY: self._query}
        if (begin := lasting.get(step.kind)) is not None:
            await begin(step.word, until)
        elif step.kind is StepKind.SEND:
            await self._send(step.seconds, until)
        elif step.kind is StepKind.CHIP:
            await self._wait(until)
            await self._chip(step.word)
        else:
            await self._wait(until)
            await self._at_once(step)

    async def _at_once(self, step: PersonStep) -> None:
        """A step that begins when it is due."""
        opened = {
            StepKind.SIGN_IN: self._sign_in,
            StepKind.SWIPE_OPEN: self._open_swipe,
            StepKind.SEARCH_OPEN: self._to_search,
            StepKind.MESSAGES: self._to_list,
            StepKind.CONVERSATION: self._open_conversation,
            StepKind.HOME: self._to_home,
        }
        phone, kind = self._phone, step.kind
        if (do := opened.get(kind)) is not None:
            await do()
        elif kind is StepKind.LOAD:
            self._forget()
            self._entered = await open_app(phone, landing=step.word == "landing")
            if not self._entered:
                raise CannotReplay("the person could not get into the app")
        elif kind is StepKind.OFFLINE:
            phone.network.lose(phone.now())
        elif kind is StepKind.ONLINE:
            phone.network.regain(phone.now())
        elif kind is StepKind.LEAVE:
            self._leave_conversation()
        elif kind is StepKind.HIDE:
            phone.network.hide()
        elif kind is StepKind.SHOW:
            phone.network.show()
        else:
            raise CannotReplay(f"the phone has no step {kind.value!r}")

    async def _wait(self, until: float) -> None:
        if (left := until - self._phone.now()) > 0:
            await self._phone.pause(left)

    # ---- screens ------------------------------------------------------------------------------------------------

    async def _sign_in(self) -> None:
        await self._phone.auth.sign_in()
        self._entered = True
        await enter(self._phone, landing=True)

    async def _to_search(self) -> None:
        self._leave()
        self._open_search()

    async def _to_list(self) -> None:
        self._leave()
        await self._open_list()

    async def _to_home(self) -> None:
        self._leave()
        self._home = Home(self._phone)
        await self._home.open()

    def _forget(self) -> None:
        """The page is gone, and with it every screen."""
        self._swipe = self._search = self._home = self._conversation = None
        self._listed = False

    def _leave(self) -> None:
        """To another tab."""
        for screen in (self._swipe, self._search, self._home):
            if isinstance(screen, Screen):
                screen.leave()
        self._leave_conversation(to_list=False)
        if self._listed:
            Inbox.of(self._phone).leave()
        self._forget()

    async def _open_swipe(self) -> None:
        self._leave()
        self._swipe = SwipePage(self._phone)
        await self._swipe.open()

    def _open_search(self) -> None:
        self._search = Search(self._phone)
        self._search.open()

    async def _gesture(self, gesture: str, until: float) -> None:
        if self._swipe is None:
            raise CannotReplay("nobody opened the swipe page before")
        card = self._swipe.card or await self._swipe.next_card()
        if card is None:
            raise CannotReplay("the target has no card left")
        await self._swipe.look_and_swipe(card, max(0.0, until - self._phone.now()), gesture)

    async def _query(self, word: str, until: float) -> None:
        if self._search is None:
            raise CannotReplay("nobody opened the search before")
        text = self._words.get(word, OWN_WORD)
        typed = KEY_S * (len(text) - 1)
        await self._wait(until - typed)
        await self._search.type(text, [KEY_S] * (len(text) - 1))

    async def _chip(self, chip: str) -> None:
        if self._search is None or chip not in CHIPS:
            raise CannotReplay(f"the phone has no chip {chip!r} to tap")
        await self._search.choose(CHIPS[chip])

    async def _open_list(self) -> None:
        self._rows = await conversation_list(self._phone)
        self._listed = True

    async def _open_conversation(self) -> None:
        row = next((row for row in self._rows if not row.is_group and row.others and row.last_message), None)
        row = row or next(iter(self._rows), None)
        if row is None:
            raise CannotReplay("the target's person has no conversation")
        self._conversation = Conversation(self._phone, row)
        await self._conversation.open()

    def _leave_conversation(self, *, to_list: bool = True) -> None:
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.leave()
            if to_list:
                Inbox.of(self._phone).show()

    async def _send(self, typed_s: float | None, until: float) -> None:
        if self._conversation is None:
            raise CannotReplay("nobody opened a conversation before")
        if typed_s is not None:
            await self._wait(until - typed_s)
            await self._conversation.types(max(0.0, until - self._phone.now()))
        else:
            await self._wait(until)
        await self._conversation.send("good evening")
