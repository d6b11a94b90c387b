"""Files on messages: upload, signed addresses, generated content (contract 5.5)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from harness.client.api import chat_calls as calls
from harness.client.device import Device
from harness.client.screens.chat.sending import Attachment, AttachmentKind
from harness.core.actions import UserAction
from harness.core.clock import WALL
from harness.core.outcome import Outcome

SIGNED_KEPT_S = 59 * 60.0
SIGNED_FOR_S = 3600

_HEADS = {
    AttachmentKind.IMAGE: b"\xff\xd8\xff\xe0",
    AttachmentKind.AUDIO: b"ID3\x04",
    AttachmentKind.DOCUMENT: b"%PDF-1.4",
}
_TYPES = {
    AttachmentKind.IMAGE: ("jpg", "image/jpeg"),
    AttachmentKind.AUDIO: ("mp3", "audio/mpeg"),
    AttachmentKind.DOCUMENT: ("pdf", "application/pdf"),
}


@dataclass(frozen=True, slots=True)
class File:
    """Something on the phone that can be attached."""

    kind: AttachmentKind
    content: bytes

    @classmethod
    def generated(cls, phone: Device, kind: AttachmentKind, size: int) -> File:
        """Of `size` bytes: the kind's first bytes, then the session's random numbers, which do not compress."""
        head = _HEADS[kind]
        return cls(kind, head + phone.behaviour.rng.of("file").randbytes(max(0, size - len(head))))


async def upload(phone: Device, conversation: str, file: File) -> Attachment | None:
    """Put a file beside a conversation; None when it did not get there."""
    phone.notes.did(UserAction.ATTACH, number=len(file.content))
    ending, media_type = _TYPES[file.kind]
    id_ = uuid.UUID(int=phone.behaviour.rng.of("file").getrandbits(128), version=4)
    name = f"{round(WALL.now() * 1000)}-{id_}.{ending}"
    path = f"message_attachments/{conversation}/{phone.user_id}/{name}"
    with phone.notes.operation("attachment_upload") as operation:
        reading = await phone.api.request(calls.ATTACHMENT_UPLOAD, path, raw=_form(name, media_type, file.content))
        if not operation.ends(reading.outcome):
            return None
    return Attachment(path, file.kind)


def _form(name: str, media_type: str, content: bytes) -> bytes:
    """As a browser writes storage-js's form: the cache time, then the file in a part without a name."""
    boundary = calls.FORM_BOUNDARY
    head = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="cacheControl"\r\n\r\n3600\r\n'
        f'--{boundary}\r\ncontent-disposition: form-data; name=""; filename="{name}"\r\n'
        f"content-type: {media_type}\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{boundary}--\r\n".encode()


class SignedFiles:
    """Signed addresses of attachments that this page has shown; use `SignedFiles.of(phone)`."""

    def __init__(self, phone: Device) -> None:
        self._phone = phone
        self._signed: dict[str, float] = {}

    @classmethod
    def of(cls, phone: Device) -> SignedFiles:
        """This page's addresses."""
        return phone.page.of(cls, lambda: cls(phone))

    def show(self, path: str) -> None:
        """An attachment comes into view: signed unless that was done within 59 minutes. Nobody waits for it."""
        now = self._phone.now()
        if now - self._signed.get(path, -SIGNED_KEPT_S) >= SIGNED_KEPT_S:
            self._signed[path] = now
            self._phone.notes.did(UserAction.FILES)
            self._phone.background.start(self._sign(path))

    async def _sign(self, path: str) -> None:
        reading = await self._phone.api.request(calls.ATTACHMENT_SIGN, path, body={"expiresIn": SIGNED_FOR_S})
        if reading.outcome is not Outcome.OK:
            self._signed.pop(path, None)
