"""The retry policies that a profile can name; what each does: `harness.client.api.retry_policy`. (pure)"""

from __future__ import annotations

from enum import StrEnum


class RetryPolicy(StrEnum):
    """A profile's `retry_policy`."""

    SHIPPED = "shipped"
    NONE = "none"
    IMMEDIATE = "immediate"
    EXPONENTIAL = "exponential"
    FULL_JITTER = "full_jitter"
    BUDGET = "budget"
