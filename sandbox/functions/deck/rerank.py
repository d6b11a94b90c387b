"""What a deck's log says of the reranker (contract 2.4, row 15). (pure)

The sandbox has no key for the reranker's provider, so it never changes an order: as the application does without one.
With the switch `reranker_ms` it takes its time all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.functions.deck.request import DeckRequest
from sandbox.settings import Snapshot

_NO_RERANK = "no_rerank"
_TOP_RANGE = (5, 200)
_DEFAULT_TOP = 50


@dataclass(frozen=True, slots=True)
class Rerank:
    """Whether the reranker is on, how long its query is, how many rows it would see, and what its cache said."""

    enabled: bool
    query_length: int
    top: int
    cache_status: str

    @classmethod
    def of(
        cls,
        request: DeckRequest,
        variant: str,
        embedding: Mapping[str, Any],
        settings: Snapshot,
        rows: int,
    ) -> Rerank:
        """embedding: what `get_embedding_settings_v1` says, empty when it could not be asked."""
        skipped = request.skip_rerank or variant == _NO_RERANK
        enabled = bool(embedding.get("rerank_swipe_enabled")) and not skipped
        low, high = _TOP_RANGE
        given = embedding.get("rerank_top_k")
        top = max(low, min(high, int(_DEFAULT_TOP if given is None else given)))
        query = request.rerank_query
        sizes = settings["ops.rerank.adaptive_topk"]
        if query:
            adapted = sizes["explicit_query_max"]
        else:  # as for somebody who has shown no taste yet
            steps = sorted(sizes["thresholds"], key=lambda step: float(step["lt"]))
            adapted = next((step["topk"] for step in steps if step["lt"] > 0), sizes["default_topk"])
        top = max(1, min(int(adapted), top, rows))
        status = "miss" if enabled and query else "disabled"
        return cls(enabled, len(query.encode("utf-16-le", "surrogatepass")) // 2, top, status)
