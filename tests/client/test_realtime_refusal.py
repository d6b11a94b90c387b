"""Every error text of the contract has an outcome and a code of its own."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.realtime.phoenix import refusal
from harness.core.outcome import Outcome

UPGRADES = [
    (401, "API key is missing", Outcome.AUTH, "upgrade_401"),
    (401, "Token has expired", Outcome.AUTH, "token_expired"),
    (401, "Fields `role` and `exp` are required in JWT", Outcome.AUTH, "upgrade_401"),
    (401, "The token provided is not a valid JWT", Outcome.AUTH, "upgrade_401"),
    (401, "Failed to validate JWT signature", Outcome.AUTH, "upgrade_401"),
    (403, "Realtime was disabled for this tenant", Outcome.REJECTED, "upgrade_403"),
    (404, "Tenant not found", Outcome.REJECTED, "upgrade_404"),
    (429, "Too many connected users", Outcome.QUOTA, "too_many_connections"),
    (429, "Too many joins per second", Outcome.QUOTA, "too_many_joins"),
    (500, "Error connecting to Realtime", Outcome.SERVER_ERROR, "upgrade_500"),
]

JOINS = [
    ("ClientJoinRateLimitReached: Too many joins per second", Outcome.QUOTA, "too_many_joins"),
    ("ConnectionRateLimitReached: Too many connected users", Outcome.QUOTA, "too_many_connections"),
    ("ChannelRateLimitReached: Too many channels", Outcome.QUOTA, "too_many_channels"),
    (
        "Unauthorized: You do not have permissions to read from this Channel topic: a:b",
        Outcome.REJECTED,
        "unauthorized",
    ),
    ("InvalidJWTToken: Token has expired 12 seconds ago", Outcome.AUTH, "token_expired"),
    ("InvalidJWTToken: Fields `role` and `exp` are required in JWT", Outcome.AUTH, "invalid_token"),
    ("InvalidJWTToken: Token expiration time is invalid", Outcome.AUTH, "invalid_token"),
    ("MalformedJWT: The token provided is not a valid JWT", Outcome.AUTH, "malformed_token"),
    ("JwtSignatureError: Failed to validate JWT signature", Outcome.AUTH, "token_signature"),
    ("JwtSignerError: Failed to generate JWT signer", Outcome.AUTH, "token_signer"),
    ("PrivateOnly: This project only allows private channels", Outcome.REJECTED, "private_only"),
    ("TenantNotFound: Tenant with the given ID does not exist", Outcome.REJECTED, "tenant_not_found"),
    ("RealtimeDisabledForTenant: Realtime disabled for this tenant", Outcome.REJECTED, "tenant_disabled"),
    ("RealtimeDisabledForConfiguration: x", Outcome.REJECTED, "configuration_disabled"),
    (
        "IncreaseConnectionPool: Please increase your connection pool size",
        Outcome.QUOTA,
        "increase_connection_pool",
    ),
    (
        "DatabaseLackOfConnections: Database can't accept more connections, Realtime won't connect",
        Outcome.QUOTA,
        "database_lack_of_connections",
    ),
    (
        "DatabaseConnectionRateLimitReached: Too many database connections attempts per second",
        Outcome.QUOTA,
        "database_connection_rate",
    ),
    (
        "UnableToConnectToProject: Realtime was unable to connect to the project database",
        Outcome.SERVER_ERROR,
        "project_database_unreachable",
    ),
    (
        "Realtime was unable to connect to the project database",
        Outcome.SERVER_ERROR,
        "project_database_unreachable",
    ),
    (
        "InitializingProjectConnection: Realtime is initializing the project connection",
        Outcome.SERVER_ERROR,
        "initializing",
    ),
    ("RealtimeRestarting: Realtime is restarting, please standby", Outcome.SERVER_ERROR, "restarting"),
    ("UnableToReplayMessages: Replay params are not valid", Outcome.CLIENT_ERROR, "unable_to_replay"),
    ("QueryCanceled: x", Outcome.SERVER_ERROR, "query_cancelled"),
    (
        "MissingPartition: Realtime was unable to find the expected messages partition",
        Outcome.SERVER_ERROR,
        "missing_partition",
    ),
    ("TimeoutOnRpcCall: Node request timeout", Outcome.SERVER_ERROR, "rpc_timeout"),
    ("ErrorOnRpcCall: x", Outcome.SERVER_ERROR, "rpc_error"),
    ("MusterJoinError: x", Outcome.SERVER_ERROR, "muster"),
    ("Unknown Error on Channel", Outcome.SERVER_ERROR, "unknown_error"),
    ("join crashed", Outcome.SERVER_ERROR, "join_crashed"),
    ("too many channels joined", Outcome.QUOTA, "too_many_channels"),
    ("TopicNameRequired: You must provide a topic name", Outcome.CLIENT_ERROR, "topic_name_required"),
    ("unmatched topic", Outcome.CLIENT_ERROR, "unmatched_topic"),
    ("PostgresChangesSubscribeTimeout: x", Outcome.SERVER_ERROR, "subscribe_timeout"),
    ("SomethingOfTomorrow: x", Outcome.SERVER_ERROR, "join_refused"),
]

SHUTDOWNS = [
    ("Token has expired 0 seconds ago", Outcome.AUTH, "token_expired"),
    ("Too many messages per second", Outcome.RATE_LIMITED, "too_many_messages"),
    ("Too many presence messages per second", Outcome.RATE_LIMITED, "too_many_presence_messages"),
    ("Client presence rate limit exceeded", Outcome.RATE_LIMITED, "client_presence_rate"),
    ("Track message size exceeded", Outcome.REJECTED, "track_too_large"),
    ("You do not have permissions to read from this Channel topic: x", Outcome.REJECTED, "unauthorized"),
    ("You no longer have permission to read from this Channel topic: x", Outcome.REJECTED, "unauthorized"),
    ("Fields `role` and `exp` are required in JWT", Outcome.AUTH, "invalid_token"),
    ("The token provided is not a valid JWT", Outcome.AUTH, "malformed_token"),
    (
        "Realtime was unable to connect to the project database",
        Outcome.SERVER_ERROR,
        "project_database_unreachable",
    ),
    ("Query was cancelled, please try again", Outcome.SERVER_ERROR, "query_cancelled"),
    ("Node request timeout", Outcome.SERVER_ERROR, "rpc_timeout"),
    ("", Outcome.SERVER_ERROR, "phx_close"),
]


@pytest.mark.parametrize(("status", "error", "outcome", "code"), UPGRADES)
def test_refused_upgrades(status: int, error: str, outcome: Outcome, code: str) -> None:
    assert refusal.upgrade(status, orjson.dumps({"error": error})) == (outcome, code)


@pytest.mark.parametrize(("reason", "outcome", "code"), JOINS)
def test_refused_joins(reason: str, outcome: Outcome, code: str) -> None:
    assert refusal.join(reason) == (outcome, code)


@pytest.mark.parametrize(("message", "outcome", "code"), SHUTDOWNS)
def test_channels_closed_for_good(message: str, outcome: Outcome, code: str) -> None:
    assert refusal.shutdown(message) == (outcome, code)


def test_refused_pushes() -> None:
    assert refusal.push("payload_size_exceeded") == (Outcome.REJECTED, "payload_size_exceeded")
    assert refusal.push({"reason": "unmatched topic"}) == (Outcome.CLIENT_ERROR, "unmatched_topic")
    assert refusal.push({"reason": "Presence track payload must be a map"}) == (Outcome.REJECTED, "push_refused")


@given(status=st.integers(200, 599), body=st.binary(max_size=30), code=st.integers(1000, 4999), text=st.text())
def test_nothing_unknown_raises_or_counts_as_good(status: int, body: bytes, code: int, text: str) -> None:
    found = [refusal.upgrade(status, body), refusal.close(code), refusal.join(text), refusal.shutdown(text)]
    found.append(refusal.push(refusal.reason_of(text)))
    for outcome, word in found:
        assert not outcome.good
        assert word
        assert len(word) <= 40
