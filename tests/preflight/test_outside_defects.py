"""Each seeded fault of a hardened sandbox is named by question and object; without one nothing is."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from harness.core.target_guard import HERE
from harness.egress.gate import Gate
from harness.preflight.ask import preflight
from harness.preflight.outside.questions import QUESTIONS
from harness.preflight.outside.run import outside
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from sandbox.switches import Switches
from tests.preflight.outside_parts import access

PATIENT = ("hardened=on", "anon_statement_ms=60000", "authenticated_statement_ms=60000")
SEEDS = (7, pytest.param(11, marks=pytest.mark.slow), pytest.param(23, marks=pytest.mark.slow))
FUNCTIONS = ("media-swipe-deck", "media-swipe-event", "create-direct-conversation", "assistant-message-action")
EVERYWHERE = ("PostgREST", "auth", "storage", *(f"function {name}" for name in FUNCTIONS))


@dataclass(frozen=True)
class Fault:
    """switches: what is broken. named: (question, object) that have to be there. questions: asked; empty: catalogue."""

    switches: tuple[str, ...]
    named: tuple[tuple[str, str], ...]
    questions: tuple[str, ...]


def one(switch: str, question: str, *objects: str) -> Fault:
    return Fault((f"{switch}=on",), tuple((question, object_) for object_ in objects), (question,))


FAULTS = (
    one("policy_open_select", "others_access", "public.library_entries select"),
    one("policy_open_insert", "others_access", "public.library_entries insert"),
    one("policy_open_update", "others_access", "public.messages update"),
    one("policy_open_delete", "others_deletions", "public.messages delete"),
    one("anon_reads_messages", "anonymous_access", "public.messages select"),
    one("function_open_to_anon", "anonymous_functions", "public.zz_defect_address_of"),
    Fault(
        ("definer_deletes=on",),
        (("definer_function_for_anyone", "public.zz_defect_purge_messages(integer)"),),
        (),
    ),
    one(
        "storage_policy_missing",
        "storage_open",
        "bucket avatars insert as other",
        "bucket avatars update as other",
        "bucket avatars delete as other",
        "bucket chat-media select as other",
        "bucket chat-media delete as other",
    ),
    one("realtime_ignore_rls", "realtime_overheard", "changes of public.messages as other"),
    one(
        "payload_cap_missing",
        "payload_uncapped",
        "function media-swipe-event: size",
        "function media-search: size",
    ),
    one(
        "limiter_missing",
        "rate_limit_missing",
        "function media-search: limit",
        "function tmdb-proxy: limit",
        "function media-swipe-deck: limit",
    ),
    one("expired_token_accepted", "token_accepted", *(f"{where}: expired" for where in EVERYWHERE)),
    one("forged_token_accepted", "token_accepted", *(f"{where}: wrong signature" for where in EVERYWHERE)),
    one("unsigned_token_accepted", "token_accepted", *(f"{where}: alg none" for where in EVERYWHERE)),
    one("debug_function", "debug_function_reachable", "function debug-env"),
    one("cors_reflects_origin", "cors_any_origin", "function media-swipe-event"),
)


def found(fault: Fault, seed: int) -> set[tuple[str, str]]:
    switches = Switches.parse([*PATIENT, *fault.switches])
    asked = tuple(question for question in QUESTIONS if question.id in fault.questions)
    with Sandbox(SandboxOptions(people=24, catalogue=60, seed=seed, switches=switches)) as sandbox:
        target = access(sandbox.url)
        if not asked:
            answers = preflight(target.dsn.reveal(), Gate(HERE))
            return {(one.lint, one.object) for one in answers.findings}
        return {(one.lint, one.object) for one in outside(target, questions=asked).findings}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.switches[0].partition("=")[0])
def test_a_fault_is_named(fault: Fault, seed: int) -> None:
    assert set(fault.named) <= found(fault, seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [7, 11, 23])
def test_a_hardened_sandbox_has_no_finding(seed: int) -> None:
    options = SandboxOptions(people=24, catalogue=60, seed=seed, switches=Switches.parse(PATIENT))
    with Sandbox(options) as sandbox:
        target = access(sandbox.url)
        assert preflight(target.dsn.reveal(), Gate(HERE)).findings == ()
        assert outside(target).findings == ()
