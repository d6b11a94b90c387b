"""The capacity plan: from people a day to arrivals, requests, rows, sockets and money.

Pure but for `files`, which reads the price file. How each figure is made: docs/plan.md.
"""

from __future__ import annotations

from harness.plan.files import load_changes, load_prices
from harness.plan.inputs import PlanInputs
from harness.plan.levers import LEVERS
from harness.plan.levers import parse as parse_levers
from harness.plan.model import CapacityPlan
from harness.plan.prices import Prices
from harness.plan.profile_file import profile_toml
from harness.plan.ranges import Range
from harness.plan.render import render_table
from harness.plan.serialise import to_json
from harness.plan.whole import make

__all__ = [
    "LEVERS",
    "CapacityPlan",
    "PlanInputs",
    "Prices",
    "Range",
    "load_changes",
    "load_prices",
    "make",
    "parse_levers",
    "profile_toml",
    "render_table",
    "to_json",
]
