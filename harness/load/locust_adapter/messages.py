"""What master and workers say to each other beside reports, and how long they wait for it."""

from __future__ import annotations

INHERIT = "harness_inherit"
"""Tickets of a lost worker, for another one."""
GRANT = "harness_grant"
"""The master's answer to a worker's report: its share of the target's limits."""
KILL = "harness_kill"
"""The master's word that all load ends now: see `kill_switch`."""
REPORT_EVERY_S = 1.0
LEAVE_S = 1.0
"""From a worker's last report to its end, for Locust's own farewell to get out."""
