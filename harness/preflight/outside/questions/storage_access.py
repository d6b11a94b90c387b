"""Storage: a file of mine; who else may add beside it, fetch it, replace it, delete it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.preflight.outside.model import Answers, Ask, Found, Question, Send, Surface

TEXT = (("content-type", "text/plain"), ("x-upsert", "true"))
REMEDY = (
    "create policies on storage.objects by verb, each with bucket_id = '{bucket}' and the owner's id in the path: "
    "split_part(name, '/', {part}) = (select auth.uid())::text"
)


@dataclass(frozen=True, slots=True)
class _File:
    bucket: str
    folder: str
    tag: str
    part: int
    strangers: bool  # whether the other person may not even fetch it

    @property
    def name(self) -> str:
        return f"{self.folder}/preflight-{self.tag}.txt"

    def upload(self, caller: str, name: str = "") -> Ask:
        return Ask("POST", f"/storage/v1/object/{self.bucket}/{name or self.name}", caller, b"preflight", TEXT)

    def fetch(self, caller: str) -> Ask:
        return Ask("POST", f"/storage/v1/object/sign/{self.bucket}/{self.name}", caller, {"expiresIn": 60})

    def delete(self, caller: str, *names: str) -> Ask:
        return Ask("DELETE", f"/storage/v1/object/{self.bucket}", caller, {"prefixes": list(names or (self.name,))})

    def beside(self, caller: str) -> str:
        return f"{self.folder}/preflight-{self.tag}-{caller}.txt"

    def tries(self, caller: str) -> list[tuple[str, Ask]]:
        """(verb, request)"""
        tries = [("insert", self.upload(caller, self.beside(caller))), ("update", self.upload(caller))]
        if caller == "anonymous" or self.strangers:
            tries.append(("select", self.fetch(caller)))
        return [*tries, ("delete", self.delete(caller))]

    @property
    def clean(self) -> Ask:
        return self.delete("me", self.name, self.beside("anonymous"), self.beside("other"))


def _files(surface: Surface) -> list[_File]:
    me = surface.me.user_id
    files = [_File("avatars", me, surface.tag, 1, strangers=False)]
    if surface.mine:
        folder = f"message_attachments/{surface.mine[0]}/{me}"
        files.append(_File("chat-media", folder, surface.tag, 3, strangers=True))
    return files


def plan(surface: Surface) -> Sequence[Ask]:
    asks = []
    for file in _files(surface):
        asks.append(file.upload("me"))
        asks += [one for caller in ("anonymous", "other") for _, one in file.tries(caller)]
        asks.append(file.clean)
    return asks


async def ask(surface: Surface, send: Send) -> Answers:
    found, unasked = [], []
    for file in _files(surface):
        made = await send(file.upload("me"))
        if not made.ok:
            unasked.append(f"bucket {file.bucket}: a file of one's own is refused ({made.text})")
            continue
        for caller in ("anonymous", "other"):
            for verb, one in file.tries(caller):
                reply = await send(one)
                if reply.ok and (verb != "delete" or reply.json()):
                    found.append(
                        Found(
                            f"bucket {file.bucket} {verb} as {caller}",
                            f"{one.text} -> {reply.text}",
                            REMEDY.format(bucket=file.bucket, part=file.part),
                        )
                    )
        await send(file.clean)
    if not surface.mine:
        unasked.append("bucket chat-media: I am in no conversation without the other person")
    return Answers(tuple(found), tuple(unasked))


QUESTION = Question(
    "storage_open",
    "high",
    "Files of somebody else can be fetched, replaced or deleted",
    "what people send each other is everybody's",
    "10",
    plan,
    ask,
)
