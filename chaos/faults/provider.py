"""The provider of the target's language models fails. (pure)"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Fault, Layer, register


@register
class ProviderFault(Fault):
    """The assistant has nothing to say, or takes long to say it; all else in the app is as it was."""

    name: ClassVar[str] = "provider"
    layer: ClassVar[Layer] = Layer.PROVIDER

    mode: Literal["dead", "timeout", "rate_limited", "server_error", "truncated", "nonsense", "slow_start"] = Field(
        "dead",
        description="what becomes of a request: no connection, no answer, 429, 503, half an answer, rubbish, late",
    )
    models: tuple[str, ...] = Field((), description="names of the models that it concerns; none: all of them")
    slow_s: float = Field(10.0, ge=0, le=600, description="s before the first token, of slow_start")
