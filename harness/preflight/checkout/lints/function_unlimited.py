"""Functions that count nobody's calls. (pure)"""

from __future__ import annotations

import re

from harness.preflight.checkout.model import Checkout, CheckoutLint, InCheckout

COSTLY = re.compile(r"media-search|tmdb-proxy|assistant-.+|.*deck.*")
"""What the manual names, 5.5."""
FROM_WITHIN = re.compile(
    r"admin-.+|.+-(runner|sweeper|rollup|cleanup|backfill|refresh|health-check)|openrouter-.+|media-trending-.+"
)
"""Called by jobs and administrators, with tokens of their own."""
LIMITER = re.compile(r"rate_?limit", re.IGNORECASE)


def look(checkout: Checkout) -> list[InCheckout]:
    """A function that the manual names is worse than another one."""
    return [
        InCheckout(
            f"function {one.name}",
            f"neither supabase/functions/{one.name}/index.ts nor what it imports mentions a rate limit",
            "count calls by person and minute before any work is done, and answer 429 with retry-after",
            None if COSTLY.fullmatch(one.name) else "low",
        )
        for one in checkout.functions
        if not FROM_WITHIN.fullmatch(one.name) and not LIMITER.search(one.own) and not _limited(one.source)
    ]


def _limited(source: str) -> bool:
    """What is imported may call the limiter, not only define it."""
    return bool(re.search(r"await\s+\w*rate_?limit\w*\s*\(", source, re.IGNORECASE))


LINT = CheckoutLint(
    "function_unlimited",
    "medium",
    "A function has no rate limit",
    "one person with a loop spends the money, or the database, of everybody",
    "5.5",
    look,
)
