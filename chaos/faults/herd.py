"""No network for a while, and everybody back in the same instant. (pure)"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chaos.fault import register
from chaos.faults.offline import OfflineFault


@register
class HerdFault(OfflineFault):
    """An outage ends: every phone of the cohort flushes its queue and reads its lists anew at the same moment."""

    name: ClassVar[str] = "herd"

    back_within: float = Field(0.0, ge=0, le=3600, description="s over which the phones come back after the end")
