"""The calls of conversations and of the assistant, beyond those in `calls`. (pure)

Paths, headers and patience: contract 0.1, 5.1-5.6, 6.6, 6.7; the broadcast also realtime contract 1.9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.client.api.assistant_reading import read_reply, read_status
from harness.client.api.call import (
    FUNCTION_TIMEOUT_S,
    MAYBE_ONE,
    SINGLE,
    Call,
    Caller,
    Service,
    function,
    rpc,
    table,
    upsert,
    write,
)
from harness.client.api.calls import CONVERSATION_LIST, DELIVERY_RECEIPT, MESSAGE_SEND, MESSAGES_POLL, READ_RECEIPT
from harness.client.api.classify import Reading, read

Reader = Callable[[Service, int, bytes], Reading]

CREATE_CONVERSATION_TIMEOUT_S = 25.0
BROADCAST_TIMEOUT_S = 10.0  # realtime-js's own
UPLOAD_TIMEOUT_S = 120.0
"""storage-js sets none; two minutes is our bound."""

FORM_BOUNDARY = "----WebKitFormBoundaryMoviNestaPhone0"


@dataclass(frozen=True, slots=True)
class SpecialCall(Call):
    """A call outside the common header profiles, or whose reply is read in a way of its own.

    bare: key, bearer and `headers` only, as storage, broadcast and the app's raw fetch send them.
    client_info: whether a bare call says which client library it comes from.
    """

    bare: bool = True
    client_info: bool = True
    reader: Reader = read


_JSON = b"content-type: application/json\r\n"
_COLUMNS = MESSAGE_SEND.path.partition("select=")[2]

# ---- the list (5.1) ---------------------------------------------------------------------------------------------

LIST_V2 = replace(CONVERSATION_LIST, caller=Caller.PLAIN)
"""The second try of react-query goes around v2 and v1 together."""
LIST_V1 = rpc("conversation_list_v1", "get_conversation_summaries", Caller.PLAIN)
PROFILES_PUBLIC = table(
    "profiles_public",
    "profiles_public?select=id,is_verified,verified_type,verified_label,verified_at,verified_by_org&id=in.({})",
    caller=Caller.PLAIN,
)
AVATAR_SIGN = SpecialCall(
    "avatar_sign", "POST", "/storage/v1/object/sign/avatars/{}", Service.REST, Caller.PLAIN, headers=_JSON
)
PREFS_PROBE_ID = table("prefs_probe", "conversation_prefs?select=conversation_id&limit=1", caller=Caller.PLAIN)
PREFS_PROBE_MUTED = table("prefs_probe", "conversation_prefs?select=muted_until&limit=1", caller=Caller.PLAIN)
PREFS_WRITE = upsert("prefs_write", "conversation_prefs", "user_id,conversation_id", Caller.PLAIN)
PREFS_DELETE = write(
    "prefs_delete", "DELETE", "conversation_prefs?user_id=eq.{}&conversation_id=eq.{}", caller=Caller.PLAIN
)
MARK_READ = rpc("mark_read", "mark_conversation_read", Caller.PLAIN)
MARK_UNREAD = write(
    "mark_unread", "DELETE", "message_read_receipts?conversation_id=eq.{}&user_id=eq.{}", caller=Caller.PLAIN
)
CREATE_CONVERSATION = function(
    "create_direct_conversation", "create-direct-conversation", CREATE_CONVERSATION_TIMEOUT_S, Caller.PLAIN
)

# ---- an open conversation (5.3-5.6) -----------------------------------------------------------------------------

OLDER_MESSAGES = replace(
    MESSAGES_POLL,
    name="messages_older",
    path=MESSAGES_POLL.path.replace(
        "&order=", "&or=(created_at.lt.%22{1}%22,and(created_at.eq.%22{1}%22,id.lt.{2}))&order="
    ).replace("conversation_id=eq.{}", "conversation_id=eq.{0}"),
)
"""Arguments: conversation, `created_at` of the oldest row (percent-encoded), its id."""
LAST_ACTIVE = table("last_active", "profiles_public?select=id,last_seen_at,updated_at&id=eq.{}", headers=MAYBE_ONE)
MESSAGE_EDIT = write(
    "message_edit",
    "PATCH",
    "messages?id=eq.{}&conversation_id=eq.{}&user_id=eq.{}&select=" + _COLUMNS,
    headers=SINGLE,
)
MESSAGE_DELETE = replace(MESSAGE_EDIT, name="message_delete")
REACT = write("react", "POST", "message_reactions")
UNREACT = write("unreact", "DELETE", "message_reactions?message_id=eq.{}&user_id=eq.{}&emoji=eq.{}")
DELIVERY_RECEIPT_INSERT = replace(DELIVERY_RECEIPT, path=DELIVERY_RECEIPT.path.partition("?")[0], headers=b"")
READ_RECEIPT_INSERT = replace(READ_RECEIPT, path=READ_RECEIPT.path.partition("?")[0], headers=b"")

TYPING_BROADCAST = SpecialCall(
    "typing_broadcast",
    "POST",
    "/realtime/v1/api/broadcast",
    Service.REST,
    Caller.PLAIN,
    BROADCAST_TIMEOUT_S,
    headers=_JSON,
    client_info=False,
)

ATTACHMENT_UPLOAD = SpecialCall(
    "attachment_upload",
    "POST",
    "/storage/v1/object/chat-media/{}",
    Service.REST,
    Caller.PLAIN,
    UPLOAD_TIMEOUT_S,
    headers=f"x-upsert: false\r\ncontent-type: multipart/form-data; boundary={FORM_BOUNDARY}\r\n".encode(),
)
ATTACHMENT_SIGN = SpecialCall(
    "attachment_sign", "POST", "/storage/v1/object/sign/chat-media/{}", Service.REST, Caller.PLAIN, headers=_JSON
)
ATTACHMENT_REMOVE = SpecialCall(
    "attachment_remove", "DELETE", "/storage/v1/object/chat-media", Service.REST, Caller.PLAIN, headers=_JSON
)

# ---- the assistant (6.6) ----------------------------------------------------------------------------------------

ASSISTANT_REPLY = SpecialCall(
    "assistant_reply",
    "POST",
    "/functions/v1/assistant-chat-reply",
    Service.FUNCTION,
    Caller.PLAIN,
    FUNCTION_TIMEOUT_S,
    headers=_JSON + b"accept: text/event-stream\r\n",
    client_info=False,
    reader=read_reply,
)
"""The 20 s are for the reply's headers, but those come only after the whole completion."""
ASSISTANT_STATUS = SpecialCall(
    "assistant_status",
    "POST",
    "/rest/v1/rpc/assistant_reply_status_v1",
    Service.REST,
    Caller.QUERY,
    bare=False,
    reader=read_status,
)
