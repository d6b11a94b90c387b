"""Every question to a checkout. To add one: a file with `LINT`, and its line here. (pure)"""

from __future__ import annotations

from harness.preflight.checkout.lints import (
    function_unconfigured,
    function_unlimited,
    get_user_behind_gateway,
    secret_in_bundle,
)
from harness.preflight.checkout.model import CheckoutLint

CHECKOUT_LINTS: tuple[CheckoutLint, ...] = (
    secret_in_bundle.LINT,
    function_unconfigured.LINT,
    function_unlimited.LINT,
    get_user_behind_gateway.LINT,
)
