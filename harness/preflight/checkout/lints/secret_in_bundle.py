"""Secrets in what browsers get. (pure)"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator

from harness.core.secret_filter import WORDS
from harness.preflight.checkout.model import Checkout, CheckoutLint, InCheckout

JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.(eyJ[A-Za-z0-9_-]{8,})\.[A-Za-z0-9_-]{8,}")
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a secret key of Supabase", re.compile(r"\bsb_secret_[A-Za-z0-9_-]{16,}")),
    ("a key of OpenRouter", re.compile(r"\bsk-or-[A-Za-z0-9-]{20,}")),
    ("a secret key of an AI provider", re.compile(r"\bsk-(?!or-)[A-Za-z0-9_-]{32,}")),
    ("a live secret key of Stripe", re.compile(r"\b[rs]k_live_[A-Za-z0-9]{16,}")),
    ("an access key of AWS", re.compile(r"\bAKIA[0-9A-Z]{16}\b")),
    ("a token of GitHub", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}")),
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[A-Za-z0-9+/=\s]{32,}")),
    ("a connection string with a password", re.compile(r"\bpostgres(?:ql)?://[^\s:/@\"']+:[^\s@\"'$]{4,}@[\w.-]+")),
)
PUBLIC_NAME = re.compile(
    r"^\s*(?:export\s+)?((?:VITE|NEXT_PUBLIC|REACT_APP|EXPO_PUBLIC)_\w*(?:SERVICE_ROLE|SECRET|PRIVATE)\w*)\s*=\s*(\S+)",
    re.MULTILINE,
)
"""Bundlers put variables of such names into the bundle."""


def look(checkout: Checkout) -> list[InCheckout]:
    """Each secret once a file; none is shown."""
    found = []
    for path, text in checkout.bundle.items():
        for what, secret, at in _secrets(text):
            WORDS.learn(secret)
            line = text.count("\n", 0, at) + 1
            found.append(
                InCheckout(
                    f"{path}: {what}",
                    f"{len(secret)} characters on line {line}",
                    "rotate it now, since everybody has it; keep it in the functions' secrets alone",
                )
            )
    for path, text in checkout.settings.items():
        for one in PUBLIC_NAME.finditer(text):
            WORDS.learn(one[2])
            found.append(
                InCheckout(
                    f"{path}: {one[1]}",
                    f"line {text.count(chr(10), 0, one.start(1)) + 1}: bundlers put it into what browsers get",
                    "rename it without the public prefix, and rotate its value if it was ever built",
                )
            )
    return list({one.object: one for one in found}.values())


def _secrets(text: str) -> Iterator[tuple[str, str, int]]:
    """(what, the secret, where)"""
    for match in JWT.finditer(text):
        if _role(match[1]) in ("service_role", "supabase_admin"):
            yield "a service_role key", match[0], match.start()
    for what, pattern in PATTERNS:
        for match in pattern.finditer(text):
            yield what, match[0], match.start()


def _role(part: str) -> str:
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return ""
    return str(claims.get("role", "")) if isinstance(claims, dict) else ""


LINT = CheckoutLint(
    "secret_in_bundle",
    "high",
    "A secret is in what browsers get",
    "everybody who opens the app has it, and with a service_role key everything",
    "10",
    look,
)
