"""Is each key of the kind that its place needs, this project's, and taken?"""

from __future__ import annotations

from harness.doctor.facts import Facts, KeyFact
from harness.doctor.model import Answer, ok, wrong


def judge(facts: Facts) -> Answer:
    keys = facts.target.keys
    if facts.anon.kind.private:
        return wrong(
            f"{keys.anon_env} holds a {facts.anon.kind}: every phone would act past row level security",
            f"export {keys.anon_env}=... with the publishable (or anon) key of Project settings, API keys",
        )
    if facts.service is not None and facts.service.kind.public:
        return wrong(
            f"{keys.service_env} holds a {facts.service.kind}, which opens nothing more than phones may",
            f"export {keys.service_env}=... with a secret (or service_role) key of Project settings, API keys",
        )
    for variable, key in ((keys.anon_env, facts.anon), (keys.service_env, facts.service)):
        if key is not None and (problem := _problem(facts, key)):
            return wrong(f"{variable}: {problem}", f"export {variable}=... again, from this project's API keys")
    if facts.key_refused:
        return wrong(
            f"the gateway refuses the {facts.anon.kind} of {keys.anon_env}: {facts.key_refused}",
            f"export {keys.anon_env}=... again: it is another project's, or was revoked",
        )
    if facts.service_refused:
        return wrong(
            f"the admin API refuses the key of {keys.service_env}: {facts.service_refused}",
            f"export {keys.service_env}=... again: it is another project's, or was revoked",
        )
    held = [facts.anon.kind] + ([] if facts.service is None else [facts.service.kind])
    old = "" if all(kind.new for kind in held) else "; the platform retires legacy keys at the end of 2026"
    return ok(f"{' and '.join(held)}{old}")


def _problem(facts: Facts, key: KeyFact) -> str:
    if key.expires_at is not None and key.expires_at <= facts.now.timestamp():
        return f"this {key.kind} has expired"
    project = facts.target.host.partition(".")[0]
    if key.project and facts.target.host.endswith(".supabase.co") and key.project != project:
        return f"this {key.kind} is of project {key.project}, not of {project}"
    return ""
