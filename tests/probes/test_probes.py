"""What is asked before the load, against sandboxes: one as shipped, one with every promise broken at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.core.resolved_target import ResolvedTarget
from harness.core.secret import Secret
from harness.load.discovery import discover
from harness.probes.ask import QUESTIONS, probe
from harness.probes.questions import fresh_settings
from harness.record.probe_results import Probes
from reports import findings, probes
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from sandbox.switches import Switches

BROKEN = (
    "expired_token_accepted",
    "forged_token_accepted",
    "anon_reads_messages",
    "rls_off_messages",
    "rls_off_events",
    "realtime_ignore_rls",
    "event_refused_accepted",
    "event_dedupe_off",
    "settings_stale",
)
WANTED = {id_ for id_, _ in QUESTIONS} - {"same event, other day"}


def access(url: str) -> ResolvedTarget:
    found = discover(url)
    return ResolvedTarget(
        name=found.name,
        url=found.url,
        environment="sandbox",
        anon_key=found.anon_key,
        password=found.people.password,
        email_pattern=found.people.email_pattern,
        signing_secret=found.jwt_secret,
        service_key=found.service_key,
        dsn=found.dsn,
    )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=12, catalogue=100)) as running:
        yield running


@pytest.fixture(scope="module")
def shipped(sandbox: Sandbox) -> ResolvedTarget:
    return access(sandbox.url)


@pytest.fixture(scope="module")
def asked(shipped: ResolvedTarget) -> Probes:
    return probe(shipped, 12)


def statuses(found: Probes) -> dict[str, str]:
    return {answer.id: answer.status for answer in found.answers}


def test_the_application_as_shipped_keeps_its_promises(asked: Probes) -> None:
    assert statuses(asked) == {id_: "held" for id_, _ in QUESTIONS}, asked.answers
    assert all(check.status == "held" for check in probes.checks(asked))
    version, outline = json.loads(next(answer.told for answer in asked.answers if answer.id == "fresh settings"))
    assert version >= 0
    assert json.loads(outline)["ux.presence.online_ttl_ms"] > 0, "what phones get is held against it (I76)"


def test_every_schema_fact_is_read_and_is_the_shipped_one(asked: Probes) -> None:
    assert [fact.name for fact in asked.facts if fact.found is None] == []
    assert asked.source == "Postgres"
    assert asked.fact("uq_messages_client_id") == "0"
    assert asked.fact("check_rate_limit_anon_execute") == "true"
    assert asked.fact("media_swipe_sessions_table") == "absent"


def test_known_facts_become_findings_with_a_remedy(asked: Probes) -> None:
    found = findings.findings(asked)
    titles = " ".join(one.title for one in found)
    for word in ("stored twice", "onboarding-initial-likes", "Rating a title", "default partition"):
        assert word in titles, titles
    assert all(one.evidence and one.remedy and one.playbook for one in found)
    assert [one.severity for one in found] == sorted(
        (one.severity for one in found), key=["high", "medium", "low"].index
    )


def test_without_a_connection_string_the_rest_says_what_it_can(shipped: ResolvedTarget) -> None:
    found = probe(replace(shipped, dsn=Secret("")), 12)
    assert found.source == "PostgREST"
    assert found.fact("embedding_rows") is not None
    (line,) = [line for line in findings.unasked(found) if "uq_messages_client_id" in line]
    assert "only Postgres itself can tell" in line
    keyless = probe(replace(shipped, dsn=Secret(""), service_key=Secret(""), signing_secret=Secret("")), 12)
    assert not [fact for fact in keyless.facts if fact.found is not None]
    assert statuses(keyless)["expired token"] == "not asked"
    assert any("what tokens are signed with" in line for line in probes.unasked(keyless))


def test_broken_promises_are_seen_each_by_its_own_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh_settings, "TTL_S", 0.1)
    monkeypatch.setattr(fresh_settings, "POLL_S", 0.1)
    switches = Switches.parse([f"{name}=on" for name in BROKEN])
    with Sandbox(SandboxOptions(people=12, catalogue=100, switches=switches)) as running:
        found = probe(access(running.url), 12)
    broken = {id_ for id_, status in statuses(found).items() if status == "broken"}
    assert broken == WANTED, found.answers
    assert all(check.count and check.look_at for check in probes.checks(found) if check.id in WANTED)


def test_a_day_that_does_not_count_is_seen() -> None:
    switches = Switches.parse(["event_dedupe_ignores_day=on"])
    with Sandbox(SandboxOptions(people=12, catalogue=100, switches=switches)) as running:
        found = statuses(probe(access(running.url), 12))
    assert [id_ for id_, status in found.items() if status == "broken"] == ["same event, other day"]


def test_a_target_that_does_not_answer_leaves_everything_unasked() -> None:
    nobody = ResolvedTarget("x", "http://127.0.0.1:9", "staging", Secret("key"), Secret("password"), "p{index}@x.test")
    found = probe(nobody, 2)
    assert {answer.status for answer in found.answers} == {"not asked"}
