"""The capacity plan: from people a day to arrivals, requests, rows, sockets and money.

Pure but for `files`, which reads the price file. How each figure is made: docs/plan.md.
"""

from __future__ import annotations

from harness.plan.capacity import make
from harness.plan.files import load_changes, load_prices
from harness.plan.inputs import PlanInputs, Range
from harness.plan.model import CapacityPlan
from harness.plan.prices import Prices
from harness.plan.profile_file import profile_toml
from harness.plan.render import render_table
from harness.plan.serialise import to_json

__all__ = [
    "CapacityPlan",
    "PlanInputs",
    "Prices",
    "Range",
    "load_changes",
    "load_prices",
    "make",
    "profile_toml",
    "render_table",
    "to_json",
]
