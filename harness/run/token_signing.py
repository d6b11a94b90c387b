"""Whether the target takes tokens that are minted here: asked before a run, of its key set and of the target itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from harness.client.auth.account import Account
from harness.config.load import ResolvedKeys
from harness.core.api_key import KeyKind, kind_of
from harness.core.errors import TargetError, UsageError
from harness.core.secret import NOTHING, Secret
from harness.core.signing_key import HS256, KeyUnusable, SigningKey, kid_in, kinds_in, named, signing_key
from harness.core.target import Target
from harness.egress import web
from harness.egress.gate import Gate

KEY_SET = "/auth/v1/.well-known/jwks.json"
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Minting:
    """text: what workers sign with. how: in words, for the record. Both empty where nothing is minted."""

    text: Secret = NOTHING
    how: str = ""


def read_key_set(gate: Gate, url: str, anon_key: str) -> Any:
    """The project's. :raises TargetError: no reply, or none that is a key set."""
    try:
        reply = web.get(gate, url + KEY_SET, timeout_s=TIMEOUT_S, headers={"apikey": anon_key})
        found = reply.json() if reply.status_code == 200 else None
    except (httpx.HTTPError, ValueError, RecursionError) as error:
        raise TargetError(f"the target's key set cannot be read: {type(error).__name__}", where=url + KEY_SET) from None
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise TargetError(
            f"no key set stands there (status {reply.status_code})",
            where=url + KEY_SET,
            remedy="is url a Supabase project? signing keys need one that has them",
        )
    return found


def parsed(target: Target, keys: ResolvedKeys) -> SigningKey | None:
    """What the target file names. :raises UsageError: it signs nothing."""
    for key, secret in (("signing_key_env", keys.signing_key), ("jwt_secret_env", keys.jwt_secret)):
        if secret is None:
            continue
        try:
            return signing_key(secret.reveal())
        except KeyUnusable as error:
            raise UsageError(
                f"nothing can be signed with what keys.{key} names: {error}",
                where=f"target {target.name}",
                remedy="export the private key as the platform shows it: JWK in one line, or PEM",
            ) from None
    return None


def minting(target: Target, keys: ResolvedKeys, gate: Gate) -> Minting:
    """What tokens are minted with, found in the project's key set.

    :raises UsageError: the key signs nothing.
    :raises TargetError: the project does not know the key, or its key set cannot be read.
    """
    found = parsed(target, keys)
    if found is None:
        return Minting()
    if found.algorithm == HS256:
        _same_secret(target, keys.anon.reveal(), found)
        return Minting(keys.signing_key or keys.jwt_secret or NOTHING, "HS256, the shared secret")
    key_set = read_key_set(gate, target.url, keys.anon.reveal())
    kid = kid_in(found, key_set)
    if kid is None:
        shown = ", ".join(kinds_in(key_set)) or "none at all"
        raise TargetError(
            f"the {found.algorithm} key that keys.signing_key_env names is not among the project's (its key set shows: "
            f"{shown}), so no token signed with it would be taken",
            where=target.url + KEY_SET,
            remedy="import it under Project settings, JWT signing keys, or name the one that is there",
        )
    text = (keys.signing_key or keys.jwt_secret or NOTHING).reveal()
    return Minting(Secret(text if found.kid == kid else named(text, kid)), f"{found.algorithm}, kid {kid}")


def _same_secret(target: Target, anon_key: str, found: SigningKey) -> None:
    """An old key is signed with the same secret: a wrong one is found without asking."""
    if kind_of(anon_key) is not KeyKind.ANON or jwt.get_unverified_header(anon_key).get("alg") != HS256:
        return
    try:
        jwt.decode(anon_key, found.key, algorithms=[HS256], options={"verify_exp": False, "verify_aud": False})
    except jwt.InvalidTokenError:
        raise TargetError(
            "the JWT secret is another project's: it did not sign this project's anon key",
            where=f"target {target.name}, keys.jwt_secret_env",
            remedy="copy it again from Project settings, JWT keys, legacy JWT secret",
        ) from None


def check_taken(gate: Gate, url: str, anon_key: str, minted_with: Secret, user_id: str, email: str) -> None:
    """Ask the target who the owner of a minted token is, once.

    :raises TargetError: it takes none.
    """
    account = Account.minted(user_id, email, minted_with.reveal(), now=0.0, epoch=time.time())
    headers = {"apikey": anon_key, "authorization": f"Bearer {account.access_token}"}
    where = url + "/auth/v1/user"
    try:
        reply = web.get(gate, where, timeout_s=TIMEOUT_S, headers=headers)
    except httpx.HTTPError as error:
        raise TargetError(f"a minted token could not be tried: {type(error).__name__}", where=where) from None
    if reply.status_code in (401, 403):
        algorithm = jwt.get_unverified_header(account.access_token).get("alg")
        raise TargetError(
            f"the target refuses a token minted with this key ({algorithm}): status {reply.status_code}",
            where=where,
            remedy="a revoked secret signs nothing any more: name keys.signing_key_env, and look at both clocks",
        )
