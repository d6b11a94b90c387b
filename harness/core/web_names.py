"""Variables with which whoever starts a run says who may use its page. (pure)"""

from __future__ import annotations

WEB_PASSWORD_ENV, WEB_USER_ENV, WEB_USER = "HARNESS_WEB_PASSWORD", "HARNESS_WEB_USER", "harness"
METRICS_TOKEN_ENV = "HARNESS_METRICS_TOKEN"
"""What Prometheus shows, as its bearer token, where the page has a login."""
