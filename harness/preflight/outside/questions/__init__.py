"""Every question from outside, in the order in which they are asked. To add one: a file with `QUESTION`, and its line.
(pure)"""

from __future__ import annotations

from harness.preflight.outside.model import Question
from harness.preflight.outside.questions import (
    anonymous_access,
    anonymous_functions,
    cors,
    debug_functions,
    idempotency,
    key_check,
    others_access,
    others_changes,
    payload_caps,
    rate_limits,
    realtime_channels,
    storage_access,
    strangers_messages,
    token_checks,
)

QUESTIONS: tuple[Question, ...] = (
    key_check.QUESTION,
    token_checks.QUESTION,
    anonymous_access.QUESTION,
    others_access.QUESTION,
    others_changes.QUESTION,
    strangers_messages.QUESTION,
    anonymous_functions.QUESTION,
    debug_functions.QUESTION,
    storage_access.QUESTION,
    realtime_channels.QUESTION,
    cors.QUESTION,
    idempotency.QUESTION,
    payload_caps.QUESTION,
    rate_limits.QUESTION,  # last: what it uses up, nobody needs any more
)
"""All but the last can be asked in any order."""
