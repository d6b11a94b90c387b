"""Chats: opens a conversation, reads, writes, answers."""

from __future__ import annotations

from harness.client.api.chat_shapes import Summary
from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.chat.parts import (
    Attachment,
    AttachmentKind,
    Conversation,
    File,
    conversation_list,
    start_conversation,
    upload,
)
from harness.load.locust_adapter import PhoneUser
from scenarios import texts

EMOJI = ("❤️", "😂", "👍", "🔥", "😮")


class Chatter(PhoneUser):
    """Opens one of the own conversations and writes some messages there."""

    weight = 3

    async def session(self, phone: Device) -> None:
        if not await open_app(phone):
            return
        conversations = await conversation_list(phone)
        if not conversations:
            phone.notes.could_not_go_on("conversation_list")
            return
        await phone.pause(phone.behaviour.draws("chatter", "read_s"))
        summary = phone.behaviour.pick("conversation", conversations)
        if happens(phone, "in_largest"):
            summary = largest(conversations)
        elif summary.others and happens(phone, "new_chat"):
            summary = await start_conversation(phone, phone.behaviour.pick("other", summary.others)) or summary
        if happens(phone, "overhears"):
            overhear(phone)
        conversation = Conversation(phone, summary)
        if await conversation.open():
            if happens(phone, "scrolls_up"):
                await conversation.load_older()
            for _ in range(round(phone.behaviour.draws("chatter", "messages"))):
                await one_message(phone, conversation)
        else:
            phone.notes.could_not_go_on("conversation_open")
        conversation.leave()


def largest(conversations: list[Summary]) -> Summary:
    """The one with the most members: where people meet, because all of its members find the same one."""
    return max(conversations, key=lambda summary: (len(summary.others), summary.conversation))


def overhear(phone: Device) -> None:
    """Listen, until the session ends, to a conversation somebody else has open: nothing may come."""
    if phone.kit.sockets is not None and (foreign := phone.kit.sockets.foreign(phone.user_id)) is not None:
        phone.page.realtime.overhear(foreign)


async def one_message(phone: Device, conversation: Conversation) -> None:
    """Write, send, and what may follow: try again, edit, delete, react; then read."""
    await conversation.types(phone.behaviour.draws("chatter", "typing_s"))
    bubble = await conversation.send(text(phone), await attachment(phone, conversation))
    await phone.pause(phone.behaviour.draws("chatter", "read_s"))
    if bubble.failed and happens(phone, "retry"):
        await conversation.try_again(bubble)
    if happens(phone, "edit"):
        await conversation.edit(bubble, text(phone))
    if happens(phone, "delete"):
        await conversation.delete(bubble)
    if happens(phone, "react") and conversation.messages:
        await reaction(phone, conversation)


async def reaction(phone: Device, conversation: Conversation) -> None:
    """An emoji on one of the latest messages; who thinks better of it taps it once more, which takes it off."""
    message = phone.behaviour.pick("message", conversation.messages[:10])
    emoji = phone.behaviour.pick("emoji", EMOJI)
    await conversation.react(message, emoji)
    if happens(phone, "takes_back"):
        await phone.pause(phone.behaviour.draws("chatter", "read_s"))
        await conversation.react(message, emoji)


def text(phone: Device) -> str:
    """What somebody writes next: a plain sentence, or something in another script in its place."""
    return texts.text(phone.behaviour.rng.of("script"), phone.behaviour.pick("phrase", texts.PHRASES))


async def attachment(phone: Device, conversation: Conversation) -> Attachment | None:
    """Sometimes a picture comes with it."""
    if not happens(phone, "attach"):
        return None
    size = round(phone.behaviour.draws("chatter", "attachment_bytes"))
    file = File.generated(phone, AttachmentKind.IMAGE, size)
    return await upload(phone, conversation.summary.conversation, file)


def happens(phone: Device, quantity: str) -> bool:
    """Whether something with this chance happens; never where the profile does not name it."""
    return phone.behaviour.chance("chatter", quantity)
