"""What Realtime's errors mean, in the closed set of outcomes. (pure)

Sources: contract realtime 1.1 (refused upgrades), 1.4 (join errors), 1.5 (shutdown notices), 1.7 (close codes). Codes
are short, so that reports can group by them; numbers, names and topics in the server's texts are left out.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from harness.client.realtime.phoenix.codec import text
from harness.core.outcome import Outcome

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)(?: [^\r\n]*)?\r?\n")
Finding = tuple[Outcome, str]

_QUOTAS: dict[str, str] = {
    "Too many connected users": "too_many_connections",
    "Too many joins per second": "too_many_joins",
}

_JOIN: dict[str, Finding] = {
    "ClientJoinRateLimitReached": (Outcome.QUOTA, "too_many_joins"),
    "ConnectionRateLimitReached": (Outcome.QUOTA, "too_many_connections"),
    "ChannelRateLimitReached": (Outcome.QUOTA, "too_many_channels"),
    "too many channels joined": (Outcome.QUOTA, "too_many_channels"),
    "IncreaseConnectionPool": (Outcome.QUOTA, "increase_connection_pool"),
    "DatabaseLackOfConnections": (Outcome.QUOTA, "database_lack_of_connections"),
    "DatabaseConnectionRateLimitReached": (Outcome.QUOTA, "database_connection_rate"),
    "Unauthorized": (Outcome.REJECTED, "unauthorized"),
    "InvalidJWTToken": (Outcome.AUTH, "invalid_token"),
    "MalformedJWT": (Outcome.AUTH, "malformed_token"),
    "JwtSignatureError": (Outcome.AUTH, "token_signature"),
    "JwtSignerError": (Outcome.AUTH, "token_signer"),
    "PrivateOnly": (Outcome.REJECTED, "private_only"),
    "TenantNotFound": (Outcome.REJECTED, "tenant_not_found"),
    "RealtimeDisabledForTenant": (Outcome.REJECTED, "tenant_disabled"),
    "RealtimeDisabledForConfiguration": (Outcome.REJECTED, "configuration_disabled"),
    "TopicNameRequired": (Outcome.CLIENT_ERROR, "topic_name_required"),
    "unmatched topic": (Outcome.CLIENT_ERROR, "unmatched_topic"),
    "UnableToReplayMessages": (Outcome.CLIENT_ERROR, "unable_to_replay"),
    "UnableToConnectToProject": (Outcome.SERVER_ERROR, "project_database_unreachable"),
    "Realtime was unable to connect to the project database": (Outcome.SERVER_ERROR, "project_database_unreachable"),
    "InitializingProjectConnection": (Outcome.SERVER_ERROR, "initializing"),
    "RealtimeRestarting": (Outcome.SERVER_ERROR, "restarting"),
    "QueryCanceled": (Outcome.SERVER_ERROR, "query_cancelled"),
    "MissingPartition": (Outcome.SERVER_ERROR, "missing_partition"),
    "TimeoutOnRpcCall": (Outcome.SERVER_ERROR, "rpc_timeout"),
    "ErrorOnRpcCall": (Outcome.SERVER_ERROR, "rpc_error"),
    "MusterJoinError": (Outcome.SERVER_ERROR, "muster"),
    "PostgresChangesSubscribeTimeout": (Outcome.SERVER_ERROR, "subscribe_timeout"),
    "join crashed": (Outcome.SERVER_ERROR, "join_crashed"),
    "Unknown Error on Channel": (Outcome.SERVER_ERROR, "unknown_error"),
}

_SHUTDOWN: tuple[tuple[str, Finding], ...] = (
    ("Token has expired", (Outcome.AUTH, "token_expired")),
    ("Fields `role` and `exp`", (Outcome.AUTH, "invalid_token")),
    ("The token provided is not a valid JWT", (Outcome.AUTH, "malformed_token")),
    ("Too many messages per second", (Outcome.RATE_LIMITED, "too_many_messages")),
    ("Too many presence messages per second", (Outcome.RATE_LIMITED, "too_many_presence_messages")),
    ("Client presence rate limit exceeded", (Outcome.RATE_LIMITED, "client_presence_rate")),
    ("Track message size exceeded", (Outcome.REJECTED, "track_too_large")),
    ("You do not have permissions", (Outcome.REJECTED, "unauthorized")),
    ("You no longer have permission", (Outcome.REJECTED, "unauthorized")),
    ("Realtime was unable to connect", (Outcome.SERVER_ERROR, "project_database_unreachable")),
    ("Query was cancelled", (Outcome.SERVER_ERROR, "query_cancelled")),
    ("Node request timeout", (Outcome.SERVER_ERROR, "rpc_timeout")),
    ("Replication connection was not established", (Outcome.SERVER_ERROR, "replication_not_ready")),
)

_CLOSES: dict[int, Finding] = {
    1000: (Outcome.NETWORK, "closed_1000"),  # the server's idle timeout
    1001: (Outcome.QUOTA, "closed_1001"),  # too many joins, tenant gone
    1002: (Outcome.CLIENT_ERROR, "closed_1002"),  # our frame was wrong
    1005: (Outcome.NETWORK, "closed_1005"),  # without a code
    1006: (Outcome.NETWORK, "closed_1006"),  # without a close frame
    1007: (Outcome.CLIENT_ERROR, "closed_1007"),
    1009: (Outcome.CLIENT_ERROR, "closed_1009"),  # our message was too big
    1011: (Outcome.SERVER_ERROR, "closed_1011"),  # a handler crashed
    1012: (Outcome.SERVER_ERROR, "closed_1012"),  # drain: shutdown or change of settings
}


def upgrade(status: int, body: bytes) -> Finding:
    """An answer to the handshake that is not 101, from its status and its JSON body."""
    error = _error_text(body)
    if error in _QUOTAS:
        return Outcome.QUOTA, _QUOTAS[error]
    if error == "Token has expired":
        return Outcome.AUTH, "token_expired"
    code = f"upgrade_{status}"
    if status == 401:
        return Outcome.AUTH, code
    if status == 429:
        return Outcome.RATE_LIMITED, code
    if status == 403 or status == 404:
        return Outcome.REJECTED, code
    if status == 408:
        return Outcome.TIMEOUT, code
    return (Outcome.SERVER_ERROR if status >= 500 else Outcome.CLIENT_ERROR), code


def unfinished(answer: bytes | bytearray) -> Finding | None:
    """A refusal whose status line is there and whose rest never came whole, or in a version or coding that no handshake
    has; None for anything else. The status is all that a browser looks at."""
    line = _STATUS_LINE.match(answer)
    if line is None:
        return None
    return upgrade(int(line[1]), bytes(answer).partition(b"\r\n\r\n")[2])


def _error_text(body: bytes) -> str:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    return text(parsed.get("error")) if isinstance(parsed, dict) else ""


def reason_of(response: Any) -> str:
    """The text of an error reply: its reason, or the bare string that some have for a response."""
    return text(response.get("reason") if isinstance(response, dict) else response) or "error"


def join(reason: str) -> Finding:
    """A join that was answered with an error."""
    name = reason.partition(":")[0]
    if name == "InvalidJWTToken" and "expired" in reason:
        return Outcome.AUTH, "token_expired"
    return _JOIN.get(name, (Outcome.SERVER_ERROR, "join_refused"))


def shutdown(message: str) -> Finding:
    """A channel that the server closed for good (`phx_close`), from the notice before it; "" when there was none."""
    for beginning, finding in _SHUTDOWN:
        if message.startswith(beginning):
            return finding
    return Outcome.SERVER_ERROR, "phx_close"


def push(response: Any) -> Finding:
    """A push that was answered with an error."""
    reason = reason_of(response)
    if reason == "payload_size_exceeded":
        return Outcome.REJECTED, reason
    if reason == "unmatched topic":
        return Outcome.CLIENT_ERROR, "unmatched_topic"
    return Outcome.REJECTED, "push_refused"


def close(code: int) -> Finding:
    """A socket that the server closed, from the close frame's code."""
    return _CLOSES.get(code, (Outcome.NETWORK, f"closed_{code}"))
