"""Each seeded fault of a hardened sandbox is named by question and object; without one nothing is."""

from __future__ import annotations

import pytest

from harness.core.target_guard import HERE
from harness.egress.gate import Gate
from harness.preflight.ask import preflight
from harness.preflight.outside.model import Question
from harness.preflight.outside.questions import QUESTIONS, token_checks
from harness.preflight.outside.run import outside
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from sandbox.switches import Switches
from tests.preflight.outside_parts import access

PATIENT = ("hardened=on", "anon_statement_ms=60000", "authenticated_statement_ms=60000")
SEEDS = (7, pytest.param(11, marks=pytest.mark.slow), pytest.param(23, marks=pytest.mark.slow))
FUNCTIONS = ("media-swipe-deck", "media-swipe-event", "create-direct-conversation", "assistant-message-action")
EVERYWHERE = ("PostgREST", "auth", "storage", *(f"function {name}" for name in FUNCTIONS))
FAULTS: dict[str, tuple[tuple[str, str], ...]] = {
    # switch: (question, object) that have to be named
    "policy_open_select": (("others_access", "public.library_entries select"),),
    "policy_open_insert": (("others_access", "public.library_entries insert"),),
    "policy_open_update": (("others_changes", "public.messages update"),),
    "policy_open_delete": (("others_changes", "public.messages delete"),),
    "anon_reads_messages": (("anonymous_access", "public.messages select"),),
    "function_open_to_anon": (
        ("anonymous_functions", "public.zz_defect_address_of"),
        ("definer_function_for_anyone", "public.zz_defect_address_of(uuid)"),
    ),
    "definer_deletes": (("definer_function_for_anyone", "public.zz_defect_purge_messages(integer)"),),
    "storage_policy_missing": (
        ("storage_open", "bucket avatars insert as other"),
        ("storage_open", "bucket avatars update as other"),
        ("storage_open", "bucket avatars delete as other"),
        ("storage_open", "bucket chat-media select as other"),
        ("storage_open", "bucket chat-media delete as other"),
    ),
    "realtime_ignore_rls": (("realtime_overheard", "changes of public.messages as other"),),
    "payload_cap_missing": (
        ("payload_uncapped", "function media-swipe-event: size"),
        ("payload_uncapped", "function media-search: size"),
    ),
    "limiter_missing": (
        ("rate_limit_missing", "function media-search: limit"),
        ("rate_limit_missing", "function tmdb-proxy: limit"),
        ("rate_limit_missing", "function media-swipe-deck: limit"),
        ("rate_limit_missing", "function assistant-tool-result: limit"),
    ),
    "expired_token_accepted": tuple(("token_accepted", f"{where}: expired") for where in EVERYWHERE),
    "unsigned_token_accepted": tuple(("token_accepted", f"{where}: alg none") for where in EVERYWHERE),
    "debug_function": (("debug_function_reachable", "function debug-env"),),
    "cors_reflects_origin": (("cors_any_origin", "function media-swipe-event"),),
}
ALONE = "forged_token_accepted"
"""Whose signature is not looked at takes every other bad token as well."""


def found(switches: tuple[str, ...], seed: int, questions: tuple[Question, ...] = QUESTIONS) -> set[tuple[str, str]]:
    parsed = Switches.parse([*PATIENT, *(f"{one}=on" for one in switches)])
    with Sandbox(SandboxOptions(people=24, catalogue=60, seed=seed, switches=parsed)) as sandbox:
        target = access(sandbox.url)
        catalogue = preflight(target.dsn.reveal(), Gate(HERE)).findings
        seen = outside(target, questions=questions).findings
        return {(one.lint, one.object) for one in (*catalogue, *seen)}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [7, 11, 23])
def test_every_fault_is_named(seed: int) -> None:
    """All at once: no two of them are about the same object, and a hardened sandbox has no finding at all."""
    named = found(tuple(FAULTS), seed)
    missed = {switch: set(wanted) - named for switch, wanted in FAULTS.items() if set(wanted) - named}
    assert missed == {}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_signature_that_nobody_looks_at_is_named_everywhere(seed: int) -> None:
    named = found((ALONE,), seed, (token_checks.QUESTION,))
    assert {("token_accepted", f"{where}: wrong signature") for where in EVERYWHERE} <= named


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [7, 11, 23])
def test_a_hardened_sandbox_has_no_finding(seed: int) -> None:
    assert found((), seed) == set()
