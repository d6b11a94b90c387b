"""Can a person of ours sign in?"""

from __future__ import annotations

from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, unasked, wrong

LIMITED = 429


def judge(facts: Facts) -> Answer:
    reply = facts.sign_in
    if reply is None:
        if facts.minting:
            return ok("no password is named: everybody's tokens are minted")
        if facts.target.people.password_env is not None or facts.minting_problem:
            few = facts.people_found is not None and facts.people_found < facts.profile.people
            return unasked("nobody is there to sign in" if few else "tokens were to be minted")
        return wrong(
            "phones cannot sign in: the target file names neither a password nor a key to mint tokens with",
            "name people.password_env, or keys.signing_key_env together with keys.service_env",
        )
    if reply.status == 200:
        return ok("the first person signs in with the password")
    if reply.status == LIMITED:
        return unasked("the limiter refused the one sign-in (429); see the sign-in limit")
    said = reply.body if isinstance(reply.body, dict) else {}
    code = said.get("error_code") or said.get("code") or ""
    if not 400 <= reply.status < 500:  # says nothing of the password
        return wrong(
            f"the first person cannot sign in: {reply.shown} {code}".rstrip(), "look at the project's Auth logs"
        )
    return wrong(
        f"the first person cannot sign in: {reply.shown} {code}".rstrip(),
        f"export {facts.target.people.password_env}=... as the people were made with; or harness users cleanup, then "
        f"harness users provision --target FILE --count {facts.profile.people}",
    )
