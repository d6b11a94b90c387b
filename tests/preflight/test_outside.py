"""Preflight from outside, against a sandbox as shipped: what it names, what it sends, what it leaves behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.core.resolved_target import ResolvedTarget
from harness.preflight.outside.model import Ask
from harness.preflight.outside.questions import QUESTIONS, anonymous_access, idempotency, others_access, rate_limits
from harness.preflight.outside.run import Asked, outside
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from sandbox.switches import Switches
from tests.preflight.outside_parts import access, minted_access, snapshot
from tests.preflight.recording_front import recording

TAG = "aa11bb22"
PATIENT = Switches(anon_statement_ms=60_000, authenticated_statement_ms=60_000)
"""On a machine that waits, a statement's time would be over."""
SHIPPED = {
    # (question, object): what the shipped application is known for; contract 1.3, 5.4, 7.3, 9.3
    ("api_key_unchecked", "function public-app-settings, wrong key"),
    ("token_accepted", "function experiment-assign: expired"),
    ("token_accepted", "function experiment-assign: no exp"),
    ("token_accepted", "function media-search: expired"),
    ("token_accepted", "function media-search: no exp"),
    ("strangers_messages", "public.messages insert"),
    ("anonymous_functions", "public.get_title_rating_summary_v1"),
    ("anonymous_functions", "public.media_swipe_deck_v3_typed"),
    ("write_not_idempotent", "public.messages, at once"),
    ("write_not_idempotent", "public.messages, one after the other"),
    ("payload_uncapped", "function assistant-message-action: size"),
    ("payload_uncapped", "function assistant-suggestion-action: size"),
    ("payload_uncapped", "function assistant-tool-result: size"),
    ("payload_uncapped", "function catalog-sync: size"),
    ("payload_uncapped", "function create-direct-conversation: size"),
    ("payload_uncapped", "function media-search: size"),
    ("payload_uncapped", "function media-swipe-deck: size"),
    ("payload_uncapped", "function media-swipe-event: size"),
    ("rate_limit_missing", "function assistant-get-conversation: limit"),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=24, catalogue=100, switches=PATIENT)) as running:
        yield running


@dataclass(frozen=True)
class Whole:
    """One asking of everything: what came of it, what the sandbox saw, its tables before and after."""

    dry: Asked
    dry_seen: list[str]
    real: Asked
    seen: list[str]
    before: dict[str, tuple[int, str]]
    after: dict[str, tuple[int, str]]


@pytest.fixture(scope="module")
def whole(sandbox: Sandbox) -> Whole:
    before = snapshot(sandbox.url)
    with recording(sandbox.url) as seen:
        target = access(seen.url)
        seen.requests.clear()  # finding the sandbox is no part of it
        dry = outside(target, tag=TAG, only_list=True)
        dry_seen = list(seen.requests)
        seen.requests.clear()
        real = outside(target, tag=TAG)
        return Whole(dry, dry_seen, real, list(seen.requests), before, snapshot(sandbox.url))


def _seen_as(ask: Ask) -> str:
    method = "GET" if ask.method == "WS" else ask.method
    return f"{method} {unquote(ask.path)}"


def _without_key(request: str) -> str:
    """A socket's address has the public key in it."""
    return request.partition("?vsn=")[0]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_application_as_shipped_has_its_known_findings_and_no_other(whole: Whole) -> None:
    assert {(one.lint, one.object) for one in whole.real.findings} == SHIPPED
    assert all(one.evidence and one.remedy and one.manual for one in whole.real.findings)
    assert whole.real.asked == len(QUESTIONS)
    assert any("assistant-orchestrator" in why for why in whole.real.unasked)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_list_is_the_same_each_time(whole: Whole) -> None:
    assert [one.key for one in whole.dry.listed] == [one.key for one in whole.real.listed]
    assert whole.dry.statements == whole.real.statements
    assert len(whole.dry.statements) > 300


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_list_sends_only_what_it_takes_to_make_it(whole: Whole) -> None:
    read = [_seen_as(one) for one in whole.dry.listed[: whole.dry.read]]
    assert whole.dry_seen[: len(read)] == read
    assert whole.dry_seen[len(read) :] == ["POST /auth/v1/logout?scope=local"] * 2


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_what_is_sent_is_what_was_listed(whole: Whole) -> None:
    most: Counter[str] = Counter()
    certain: Counter[str] = Counter()
    for one in whole.dry.listed:
        most[_seen_as(one)] += one.times
        certain[_seen_as(one)] += 0 if one.when or one.times > 1 else 1
    seen = Counter(_without_key(request) for request in whole.seen)
    assert {request: count for request, count in seen.items() if count > most[request]} == {}
    assert {request for request, count in certain.items() if seen[request] < count} == set()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_no_row_is_left_behind(whole: Whole) -> None:
    changed = {name for name, found in whole.before.items() if whole.after[name] != found}
    assert changed == set()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_limits_are_found_where_they_are(sandbox: Sandbox) -> None:
    """Fewer calls than a limit: nobody can tell it from none, and the evidence says how many there were."""
    found = outside(access(sandbox.url), calls=20, questions=(rate_limits.QUESTION,)).findings
    assert {one.object for one in found} == {f"function {one.name}: limit" for one in rate_limits.ENDPOINTS}
    assert all(", 20 times within a minute" in one.evidence for one in found)


def test_with_the_public_key_alone_nothing_is_asked_that_could_not_be_taken_away(sandbox: Sandbox) -> None:
    asked = outside(access(sandbox.url, service=False), questions=(idempotency.QUESTION,))
    assert not any(one.caller == "service" for one in asked.sent)
    assert any("cannot be removed without the service key" in why for why in asked.unasked)
    assert {one.object for one in asked.findings} == {
        "public.messages, at once",
        "public.messages, one after the other",
    }


def test_people_with_minted_tokens_know_their_conversations_too(sandbox: Sandbox) -> None:
    """Or what they may well read, of a conversation with each other, would be taken for somebody else's."""

    def listed(target: ResolvedTarget) -> list[tuple[object, ...]]:
        asked = outside(target, tag=TAG, questions=(others_access.QUESTION,), only_list=True)
        return [one.key for one in asked.listed if "/auth/v1/" not in one.path]

    by_password = listed(access(sandbox.url))
    assert sum("conversation_id=not.in.(" in str(path) for _, path, *_ in by_password) > 2
    assert listed(minted_access(sandbox.url)) == by_password


def test_without_a_connection_string_the_api_describes_itself(sandbox: Sandbox) -> None:
    """Names, keys and functions are the same as the catalogue's, but for what the API does not tell."""
    told = outside(access(sandbox.url, dsn=False), tag=TAG, questions=(anonymous_access.QUESTION,), only_list=True)
    known = outside(access(sandbox.url), tag=TAG, questions=(anonymous_access.QUESTION,), only_list=True)
    assert any(one.path == "/rest/v1/" for one in told.sent)
    assert not told.statements
    of_tables = [{one.key for one in asked.listed if one.caller == "anonymous"} for asked in (told, known)]
    assert of_tables[0] - {one.key for one in told.sent} == of_tables[1] - {one.key for one in known.sent}


def test_the_command_lists_and_sends_nothing(sandbox: Sandbox) -> None:
    with recording(sandbox.url) as seen:
        done = CliRunner().invoke(cli, ["preflight", "--url", seen.url, "--dry-run", "--tag", TAG])
        assert done.exit_code == 0, done.output
        assert not any(request.startswith(("PATCH", "DELETE")) for request in seen.requests)
    assert "POST /rest/v1/messages as me" in done.output
    assert "SQL begin; set local role anon;" in done.output
    assert "at most 260 times (until one is refused)" in done.output
