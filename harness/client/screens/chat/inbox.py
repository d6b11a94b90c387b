"""The messages screen: the list of conversations, and what a person does on it (contract 5.1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from harness.client.api import chat_calls as calls
from harness.client.api import chat_shapes as shapes
from harness.client.api.chat_shapes import Summary
from harness.client.api.classify import Reading
from harness.client.device import Device
from harness.client.screens.browse.suggestions import HintChip
from harness.client.screens.chat.receipts import ReceiptWriter
from harness.client.screens.conversation_list import ConversationList
from harness.client.screens.screen import Screen
from harness.core.actions import UserAction
from harness.core.ledger import WriteKind
from harness.core.outcome import Outcome


class _MessagesPage(Screen):
    """One mount of the messages screen. Left when the person opens something else."""

    name = "list"

    def open(self) -> None:
        """The list is read again at each mount: the app looks for preferences of older versions on the device, and
        finding none has the list read all the same (MessagesPage)."""
        self.opens()
        self.stays()
        conversations = ConversationList.of(self.phone)
        conversations.mount(self)
        conversations.changed()
        HintChip.of(self.phone).show("messages")

    def leave(self) -> None:
        super().leave()
        ConversationList.of(self.phone).unmount(self)


class Inbox:
    """The messages screen as one page knows it; use `Inbox.of(phone)`."""

    def __init__(self, phone: Device) -> None:
        self._phone = phone
        self._list = ConversationList.of(phone)
        self._page: _MessagesPage | None = None
        self._available = self._has_until = False  # what was found out of the preferences' table, once a page

    @classmethod
    def of(cls, phone: Device) -> Inbox:
        """This page's."""
        return phone.page.of(cls, lambda: cls(phone))

    @property
    def rows(self) -> list[Summary]:
        """The list as it came last."""
        return self._list.rows

    def show(self) -> None:
        """The person goes to it."""
        self._page = _MessagesPage(self._phone)
        self._page.open()

    async def ready(self) -> Outcome:
        """Wait for a fetch under way."""
        return await self._list.ready()

    def leave(self) -> None:
        """The person leaves it."""
        if self._page is not None:
            self._page.leave()
            self._page = None

    # ---- what a person does on the list ---------------------------------------------------------------------

    async def mark_read(self, row: Summary) -> Outcome:
        """By RPC; any error falls back to the receipt itself."""
        body = {"p_conversation_id": row.conversation, "p_last_message_id": row.last_message}
        with self._phone.notes.operation("mark_read") as operation:
            reading = await self._marked(row, body)
            if not reading.outcome.good and row.last_message is not None:
                reading = await ReceiptWriter.of(self._phone).read(row.conversation, row.last_message)
            operation.ends(reading.outcome)
        return reading.outcome

    async def _marked(self, row: Summary, body: dict[str, Any]) -> Reading:
        """The RPC; the server dates the marker."""
        if row.last_message is None:
            return await self._phone.api.request(calls.MARK_READ, body=body)
        write = self._phone.notes.write(WriteKind.READ, subject=row.conversation, object_=row.last_message)
        write.sent()
        reading = await self._phone.api.request(calls.MARK_READ, body=body)
        write.answered(reading)
        return reading

    async def mark_unread(self, row: Summary) -> Outcome:
        """Deletes the own receipt, which no policy allows: 204, nothing deleted, taken for success (trap T45)."""
        with self._phone.notes.operation("mark_unread") as operation:
            reading = await self._phone.api.request(calls.MARK_UNREAD, row.conversation, self._phone.user_id)
            operation.ends(reading.outcome)
        return reading.outcome

    async def set_prefs(
        self, row: Summary, *, muted: bool = False, hidden: bool = False, muted_until: datetime | None = None
    ) -> Outcome:
        """Mute, hide; with everything off the row goes. Once a page the app asks first whether there is such a table,
        and such a column; where there is not, it keeps it on the device."""
        phone = self._phone
        with phone.notes.operation("conversation_prefs") as operation:
            if not self._available:
                reading = await phone.api.request(calls.PREFS_PROBE_ID)
                self._available = reading.outcome.good
                if not operation.ends(reading.outcome):
                    return reading.outcome
            if not (muted or hidden or muted_until):
                reading = await phone.api.request(calls.PREFS_DELETE, phone.user_id, row.conversation)
            else:
                if not self._has_until:
                    self._has_until = (await phone.api.request(calls.PREFS_PROBE_MUTED)).outcome.good
                body: dict[str, Any] = {
                    "user_id": phone.user_id,
                    "conversation_id": row.conversation,
                    "muted": muted,
                    "hidden": hidden,
                }
                if self._has_until:
                    body["muted_until"] = muted_until.isoformat() if muted_until else None
                reading = await phone.api.request(calls.PREFS_WRITE, body=body)
            operation.ends(reading.outcome)
        return reading.outcome


async def conversation_list(phone: Device) -> list[Summary]:
    """Go to the list, from tapping its tab to rows on screen; empty when it did not come."""
    inbox = Inbox.of(phone)
    with phone.notes.operation("conversation_list") as operation:
        inbox.show()
        shown = operation.ends(await inbox.ready())
    return inbox.rows if shown else []


async def start_conversation(phone: Device, other: str) -> Summary | None:
    """Open or make the direct conversation with a person; the same one every time (contract 5.2)."""
    phone.notes.did(UserAction.NEW_CHAT)
    with phone.notes.operation("create_direct_conversation") as operation:
        reading = await phone.api.request(calls.CREATE_CONVERSATION, body={"targetUserId": other})
        if not operation.ends(reading.outcome):
            return None
        found = shapes.conversation_id(reading.data)
        if found is None:
            operation.ends(Outcome.SOFT_FAILURE)
            return None
    return Summary(found, False, (other,))
