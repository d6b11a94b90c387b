"""Conversations, for personas: the list, an open conversation, files (contract section 5). The parts stand beside."""

from __future__ import annotations

from harness.client.screens.chat.attachments import File, upload
from harness.client.screens.chat.conversation import POLL_UNSUBSCRIBED_S, Conversation
from harness.client.screens.chat.inbox import Inbox, conversation_list, start_conversation
from harness.client.screens.chat.sending import Attachment, AttachmentKind, Bubble

__all__ = [
    "POLL_UNSUBSCRIBED_S",
    "Attachment",
    "AttachmentKind",
    "Bubble",
    "Conversation",
    "File",
    "Inbox",
    "conversation_list",
    "start_conversation",
    "upload",
]
