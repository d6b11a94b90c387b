"""`POST /functions/v1/media-swipe-deck`: cards to swipe (contract 2)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import cors, envelope, gate
from sandbox.functions import experiments as ab_tests
from sandbox.functions.deck import added as deck_added
from sandbox.functions.deck import candidates as deck_candidates
from sandbox.functions.deck import cards as deck_cards
from sandbox.functions.deck import defects as deck_defects
from sandbox.functions.deck import log as deck_log
from sandbox.functions.deck import order as deck_order
from sandbox.functions.deck import request as deck_request
from sandbox.functions.deck.candidates import DeckFailed
from sandbox.functions.deck.cards import Card
from sandbox.functions.deck.order import Ordered
from sandbox.functions.deck.request import DeckRefusal, DeckRequest
from sandbox.functions.deck.rerank import Rerank
from sandbox.functions.gate import Admission, FunctionCaller
from sandbox.services import PoolExhausted, Services
from sandbox.settings import Snapshot

LIMIT_PER_MINUTE = 120
EXPERIMENTS = ("swipe_rerank_v1", "swipe_diversity_v1", "swipe_mix_v1", "swipe_cf_v1", "swipe_blend_v1")
_DIVERSE = ("mmr", "diversify")
_CARDS_CAP = 300


async def handle(services: Services, request: Request) -> Response:
    """Person, settings and limiter come before the body is looked at: a malformed body consumes quota."""
    if request.method == "OPTIONS":
        return _preflight(request)
    gate.require_api_key(services, request, bearer_is_enough=True)
    admission = await gate.admit(
        services,
        request,
        action="swipe_deck",
        default=LIMIT_PER_MINUTE,
        override=services.switches.deck_limit_per_minute,
    )
    if not admission.verdict.ok:
        seconds = admission.verdict.retry_after_s
        return envelope.reply(request, {"ok": False, "code": "RATE_LIMIT", "retryAfterSeconds": seconds}, 429)
    try:
        body = envelope.parse_json(await request.body())
    except ValueError:
        body = None
    try:
        await deck_defects.provider_asked(services)
        return envelope.reply(request, await _serve(services, admission, deck_request.parse(body)))
    except DeckRefusal as refusal:
        return _failure(request, 400, refusal.code, refusal.message)
    except DeckFailed as error:
        return _failure(request, 500, "RPC_FAILED", str(error))
    except Exception as error:  # the application turns anything into this reply
        return _failure(request, 500, "INTERNAL_ERROR", str(error) or type(error).__name__)


def _failure(request: Request, status: int, code: str, message: str | None) -> Response:
    body: dict[str, Any] = {"ok": False, "code": code}
    if message is not None:
        body["message"] = message
    return envelope.reply(request, body, status)


def _preflight(request: Request) -> Response:
    """Unlike the other functions this one refuses unknown browser origins outright."""
    origin = request.headers.get("origin", "")
    if origin and not cors.allowed(origin):
        return envelope.raw(b"CORS origin not allowed", 403, (("content-type", "text/plain;charset=UTF-8"),))
    answer = envelope.preflight(request)
    assert answer is not None
    return answer


async def _serve(services: Services, admission: Admission, wanted: DeckRequest) -> dict[str, Any]:
    caller, settings = admission.caller, admission.settings
    size = deck_request.size(wanted, settings)
    variants = {**wanted.experiments, **await _assigned(services, caller)}
    deck_request.require_session(wanted)  # who is refused here has their experiments all the same
    mode, cold = wanted.mode, False
    if wanted.mode == "for_you" and not wanted.force_for_you:
        strong = await deck_candidates.strong_positives(services, caller, settings)
        cold = strong < settings["ranking.swipe.cold_start.min_strong_positive"]
        mode = "combined" if cold else mode
    seed = wanted.seed or _own_seed(wanted, cold)
    rows, asked = await deck_candidates.from_deck_function(services, caller, wanted, mode, seed, size, settings)
    cf_variant = variants.get("swipe_cf_v1", "off")
    enriched = await deck_added.enrich(services, caller, wanted, rows, size, settings, cf_variant=cf_variant, cold=cold)
    titles, embedding = await deck_candidates.titles_and_embedding(services, enriched.rows)
    rerank_variant = variants.get("swipe_rerank_v1", deck_order.CONTROL)
    if services.switches.reranker_ms:
        embedding = {**embedding, "rerank_swipe_enabled": True}
    rerank = Rerank.of(wanted, rerank_variant, embedding, settings, len(enriched.rows))
    if rerank.enabled:
        await asyncio.sleep(services.switches.reranker_ms / 1000)
    if enriched.cf_added:
        await deck_added.explain(services, caller, enriched.rows, titles, settings)
    cards = deck_cards.build(enriched.rows, titles, wanted, mode, max(size.cards, min(asked, _CARDS_CAP)))
    blended, mixed = _reordered(cards, variants, settings)
    await _show_friends(services, caller, mixed.cards)
    diverse = wanted.diversify or variants.get("swipe_diversity_v1") in _DIVERSE
    served = (deck_order.diversify(mixed.cards) if diverse else mixed.cards)[: size.cards]
    rec_request_id, deck_id = str(uuid.uuid4()), str(uuid.uuid4())
    deck_defects.repeated(services, served)
    deck_cards.number_cards(served, rec_request_id)
    await deck_log.write(
        services,
        deck_log.Served(
            rec_request_id=rec_request_id,
            deck_id=deck_id,
            user_id=caller.user_id,
            request=wanted,
            mode=mode,
            seed=seed,
            limit=size.cards,
            steps=deck_log.Steps(
                experiments=variants,
                cf_added=enriched.cf_added,
                seg_pop_added=enriched.seg_pop_added,
                diversity_applied=diverse,
                mix_applied=mixed.applied,
                blend_applied=blended.applied,
            ),
            rerank=rerank,
            cards=served,
        ),
    )
    made = {"ok": True, "deckId": deck_id, "recRequestId": rec_request_id, "cards": served}
    return deck_defects.exchanged(services, made)


def _reordered(cards: list[Card], variants: Mapping[str, str], settings: Snapshot) -> tuple[Ordered, Ordered]:
    """The cards blended, then mixed. Only one of the two experiments counts at a time, unless the settings say so."""
    blending = settings["ranking.swipe.blend"]
    mix_variant = variants.get("swipe_mix_v1", deck_order.CONTROL)
    blended = Ordered(cards, False)
    if not (blending["skip_when_mix_active"] and mix_variant != deck_order.CONTROL):
        blended = deck_order.blend(cards, variants.get("swipe_blend_v1", deck_order.CONTROL), blending)
    if not settings["ranking.swipe.deck"]["mix"]["enabled"]:
        return blended, Ordered(blended.cards, False)
    return blended, deck_order.mix(blended.cards, mix_variant)


def _own_seed(wanted: DeckRequest, cold: bool) -> str:
    if not cold:
        return str(uuid.uuid4())
    return f"cold:{wanted.session_id}:{wanted.kind or 'all'}:{datetime.now(UTC):%Y-%m-%d}"


async def _assigned(services: Services, caller: FunctionCaller) -> dict[str, str]:
    try:
        async with services.acting(services.service) as connection:
            return dict(await ab_tests.assign(connection, caller.user_id, EXPERIMENTS))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, PoolExhausted) as error:
        services.note_swallowed("experiments", error)
        return {}


async def _show_friends(services: Services, caller: FunctionCaller, cards: Sequence[Card]) -> None:
    """Attach the profiles behind friends' picks, for as many as the caller may see: often an empty list."""
    of_friends = [card for card in cards if card["source"] == "friends"]
    ids = list(dict.fromkeys(friend for card in of_friends for friend in card["friendIds"]))
    if not ids:
        return
    profiles = await deck_candidates.friend_profiles(services, caller, ids)
    for card in of_friends:
        card["friendProfiles"] = [profiles[friend] for friend in card["friendIds"] if friend in profiles]
