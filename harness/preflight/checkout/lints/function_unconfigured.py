"""Functions without a block in config.toml. (pure)"""

from __future__ import annotations

from harness.preflight.checkout.model import Checkout, CheckoutLint, InCheckout


def look(checkout: Checkout) -> list[InCheckout]:
    """One finding a function."""
    return [
        InCheckout(
            f"function {one.name}",
            f"supabase/functions/{one.name}/index.ts is there, [functions.{one.name}] in supabase/config.toml is not",
            f"[functions.{one.name}] verify_jwt = true",
        )
        for one in checkout.functions
        if not one.configured
    ]


LINT = CheckoutLint(
    "function_unconfigured",
    "medium",
    "A function has no block in config.toml",
    "whether its callers are looked at is up to whoever deploys it",
    "10",
    look,
)
