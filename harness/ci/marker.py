"""The first line of our comments, by which the next run finds the one before. (pure)"""

from __future__ import annotations

NAME = "movinesta-harness"
COMPARED = "ab"
"""Before the profile's name, of a comparison of two deployments."""


def marker(profile: str, target: str) -> str:
    """An HTML comment that nobody sees, one for each profile and target."""
    named = "".join(sign if sign.isalnum() or sign in "-_. " else "_" for sign in f"{profile} on {target}")
    return f"<!-- {NAME}: {named.replace('--', '__')} -->"
