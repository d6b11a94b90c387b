"""Which part of the harness a look at the engine's thread found at work. (pure)

A look is a line of py-spy's folded stacks: frames from the outermost to the innermost, `name (file:line)`, and a count.
What the interpreter, the loop or a library did counts to the innermost frame of ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

Parts = dict[str, float]
"""Shares of the whole, the largest first."""

ENGINE = "Engine.serve (harness/load/engine.py"
OURS = re.compile(r"(\S+) \(((?:harness|scenarios)/[^:)]+)")
LOOP = "event loop and kernel"
PARTS = (
    ("JSON and its classification", ("harness/client/api/classify.py", "harness/client/api/assistant_reading.py")),
    ("wire", ("harness/client/http/", "harness/egress/")),
    ("read checks", ("harness/client/checks/", "harness/core/read_log.py")),
    (
        "ledger",
        (
            "harness/core/ledger.py",
            "harness/core/ids.py",
            "harness/core/content.py",
            "harness/client/events/event_key.py",
            "harness/client/write.py",
        ),
    ),
    ("recorder, session log", ("harness/record/", "harness/load/observer.py", "harness/client/session_log.py")),
    ("garbage collector", ("harness/load/gc_control.py", "harness/load/machine.py")),
    (
        "headers, preflights, tries",
        ("harness/client/api_client.py", "harness/client/api/", "harness/client/preflights.py", "harness/core/cors.py"),
    ),
    (
        "cache and tasks of a page",
        ("harness/client/cache/", "harness/client/background_tasks.py", "harness/client/clock.py"),
    ),
    ("dice", ("harness/client/rng.py", "harness/core/draw.py", "harness/client/behaviour.py")),
    ("screens and personas", ("harness/client/", "scenarios/")),
)
REST = "session runner, health, others"


def part_of(stack: str) -> str:
    """The part that was at work."""
    frames = OURS.findall(stack)
    _, file = frames[-1]
    if file == "harness/load/engine.py":
        return LOOP
    return next((name for name, places in PARTS if file.startswith(places)), REST)


def divided(looks: Iterable[str]) -> Parts:
    """Of all looks that found the engine's thread at work."""
    found: Counter[str] = Counter()
    for look in looks:
        stack, _, times = look.rpartition(" ")
        if ENGINE in stack:
            found[part_of(stack)] += int(times)
    whole = sum(found.values())
    return {name: times / whole for name, times in found.most_common()}
