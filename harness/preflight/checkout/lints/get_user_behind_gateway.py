"""Functions that ask who is calling although the gateway did. (pure)"""

from __future__ import annotations

import re

from harness.preflight.checkout.model import Checkout, CheckoutLint, InCheckout

GET_USER = re.compile(r"\.auth\s*\.\s*getUser\s*\(")


def look(checkout: Checkout) -> list[InCheckout]:
    """Of functions whose gateway validates tokens."""
    return [
        InCheckout(
            f"function {one.name}",
            f"verify_jwt is {'true' if one.configured else 'not set, which means true'}, and the code calls getUser(): "
            f"{_line(one.own)}",
            "read the claims of the token that the gateway has verified (getClaims), and ask nobody",
        )
        for one in checkout.functions
        if one.verify_jwt and GET_USER.search(one.source)
    ]


def _line(own: str) -> str:
    found = GET_USER.search(own)
    return f"index.ts, line {own[: found.start()].count(chr(10)) + 1}" if found else "in what it imports"


LINT = CheckoutLint(
    "get_user_behind_gateway",
    "medium",
    "A function asks the auth server for what the gateway has verified",
    "each call costs another request, and fails when the auth server is slow",
    "5.1",
    look,
)
