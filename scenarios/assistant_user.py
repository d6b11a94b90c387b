"""Asks the assistant: a few questions, each waited for."""

from __future__ import annotations

from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.chat.assistant import AssistantChat, assistant_conversation
from harness.client.screens.chat.parts import Conversation, conversation_list
from harness.load.locust_adapter import PhoneUser

QUESTIONS = (
    "What should we watch tonight?",
    "Something funny under two hours, please.",
    "Which of these has my partner not seen yet?",
    "Find me a thriller like the last one I liked.",
    "Put that on my watchlist.",
    "Anything new with the same director?",
    "Explain in detail what makes each of them worth it.",
)


class AssistantUser(PhoneUser):
    """Opens the assistant's conversation and talks for a while."""

    weight = 1

    async def session(self, phone: Device) -> None:
        if not await open_app(phone):
            return
        await conversation_list(phone)
        summary = await assistant_conversation(phone)
        if summary is None:
            phone.notes.could_not_go_on("conversation_list")
            return
        conversation = Conversation(phone, summary)
        chat = AssistantChat(phone, conversation)
        if await conversation.open():
            for _ in range(round(phone.behaviour.draws("assistant_user", "questions"))):
                await conversation.types(phone.behaviour.draws("assistant_user", "typing_s"))
                await chat.say(phone.behaviour.pick("question", QUESTIONS))
                await phone.pause(phone.behaviour.draws("assistant_user", "read_s"))
        else:
            phone.notes.could_not_go_on("conversation_open")
        chat.leave()
