"""Synthetic people on a target, and their removal, through GoTrue's admin API (httpx: control plane only)."""

from __future__ import annotations

from harness.provision.commands import cleanup, find_user_ids, provision, user_ids

__all__ = ["cleanup", "find_user_ids", "provision", "user_ids"]
