"""Which headers a call carries: the profiles of contract section 0.1. (pure)"""

from __future__ import annotations

from collections.abc import Callable

from harness import __version__
from harness.client.api.call import Call, Service
from harness.client.api.chat_calls import SpecialCall

CLIENT_INFO = b"x-client-info: supabase-js-web/2.90.1\r\n"
CLIENT = CLIENT_INFO + b"user-agent: movinesta-harness/" + __version__.encode() + b"\r\n"


class HeaderProfiles:
    """One device's. request_id: makes the ids that edge calls carry."""

    __slots__ = ("_apikey", "_request_id", "_signed_out")

    def __init__(self, anon_key: str, request_id: Callable[[], str]) -> None:
        self._apikey = b"apikey: " + anon_key.encode() + b"\r\n"
        self._signed_out = self._apikey + b"authorization: Bearer " + anon_key.encode() + b"\r\n" + CLIENT
        self._request_id = request_id

    def block(self, call: Call, authorization: bytes | None) -> bytes:
        """All header lines of a call. authorization: its own line; None: the anon key's."""
        block = self._signed_out if authorization is None else self._apikey + authorization + CLIENT
        if isinstance(call, SpecialCall) and call.bare:
            return (block if call.client_info else block.replace(CLIENT_INFO, b"")) + call.headers
        if call.service is Service.REST:
            if call.method in ("GET", "HEAD"):
                block += b"accept-profile: public\r\n"
            else:
                block += b"content-profile: public\r\ncontent-type: application/json\r\n"
            if b"accept:" not in call.headers:
                block += b"accept: */*\r\n"
        elif call.service is Service.AUTH:
            block += b"x-supabase-api-version: 2024-01-01\r\n"
            if call.method != "GET":
                block += b"content-type: application/json;charset=UTF-8\r\n"
        else:
            block += b"content-type: application/json\r\nx-request-id: " + self._request_id().encode() + b"\r\n"
        return block + call.headers
