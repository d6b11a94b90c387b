"""Chats: opens a conversation, reads, writes, answers."""

from __future__ import annotations

from faker import Faker

from harness.phone.operations.app import open_app
from harness.phone.operations.chat import Conversation, conversation_list
from harness.phone.phone import Phone
from harness.shell import PhoneUser

_fake = Faker("en_US", use_weighting=False)
_fake.seed_instance(0)
PHRASES = tuple(_fake.sentences(nb=400))
"""What people write; made once, because making text costs more than sending it."""


class Chatter(PhoneUser):
    """Opens one of the own conversations and writes some messages there."""

    weight = 3

    async def session(self, phone: Phone) -> None:
        if not await open_app(phone):
            return
        conversations = await conversation_list(phone)
        if not conversations:
            return
        await phone.pause(phone.draws("chatter", "read_s"))
        conversation = Conversation(phone, phone.dice.choice(conversations))
        if not await conversation.open():
            return
        for _ in range(round(phone.draws("chatter", "messages"))):
            await phone.pause(phone.draws("chatter", "typing_s"))
            await conversation.send(phone.dice.choice(PHRASES))
            await phone.pause(phone.draws("chatter", "read_s"))
        conversation.leave()
