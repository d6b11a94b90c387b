"""Synthetic people on a target, and their removal, through GoTrue's admin API (httpx: control plane only)."""

from __future__ import annotations

from harness.provision.commands import cleanup, everybody, find_user_ids, provision, user_ids

__all__ = ["cleanup", "everybody", "find_user_ids", "provision", "user_ids"]
