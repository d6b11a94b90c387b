"""Does the project take the tokens that are minted here?"""

from __future__ import annotations

from harness.core.signing_key import kinds_in
from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, wrong


def judge(facts: Facts) -> Answer:
    keys = facts.target.keys
    if facts.minting_problem:
        return wrong(facts.minting_problem, facts.minting_remedy or "look at keys.signing_key_env")
    shown = ", ".join(kinds_in(facts.key_set.body)) or "nothing: its tokens are signed with a shared secret"
    if facts.minting:
        return ok(f"a token minted with {facts.minting} is taken; the key set shows {shown}")
    if keys.signing_key_env is None and keys.jwt_secret_env is None:
        return ok(f"nothing is minted, as the target file names no key for it; the key set shows {shown}")
    lacks = "keys.service_env is not named" if keys.service_env is None else "nobody is there to mint for"
    return ok(f"the key is the project's, and nothing is minted: {lacks}; the key set shows {shown}")
