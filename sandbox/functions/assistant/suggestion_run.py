"""A suggestion's button: one tool, a chain of tools, or a place to go to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.functions import js
from sandbox.functions.assistant import policy
from sandbox.functions.assistant import tools as assistant_tools
from sandbox.functions.assistant.actor import Actor
from sandbox.functions.assistant.policy import ToolQuestion

_STEPS = 10


@dataclass(frozen=True, slots=True)
class SuggestionDone:
    """What became of the button. A tool that failed leaves no result, and is a success all the same: as shipped."""

    result: Any
    navigate_to: Any = None
    undo: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ToolStep:
    """One tool of a chain."""

    tool: str
    args: Any


def question(action: dict[str, Any]) -> ToolQuestion | None:
    """What to ask before any of it is done."""
    kind = action.get("type")
    if kind in ("navigate", "dismiss"):
        return None
    if kind != "toolchain":
        return policy.question(js.trim(js.string(kind)), action.get("payload"))
    for step in _raw_steps(action)[:_STEPS]:
        tool = step.get("tool") if isinstance(step, dict) else None
        if not isinstance(tool, str) or js.truthy(step.get("internal")):
            continue
        asked = policy.question(js.trim(tool), step.get("args"))
        if asked is not None:
            return asked
    return None


async def run(actor: Actor, action: dict[str, Any], action_key: str) -> SuggestionDone:
    """:raises policy.ToolRefused: for a tool that is not on the list, or arguments of another shape."""
    payload = action.get("payload")
    members = payload if isinstance(payload, dict) else {}
    if action.get("type") == "navigate":
        return SuggestionDone({"ok": True}, members.get("to"))
    if action.get("type") != "toolchain":
        step = _step({"tool": action.get("type"), "args": {} if payload is None else payload}, action_key, 0)
        done = await assistant_tools.run(actor, step.tool, step.args)
        return SuggestionDone(done.result, done.navigate_to, policy.undo(step.tool, step.args, done.result))
    objects = [step for step in _raw_steps(action) if isinstance(step, dict | list)][:_STEPS]
    steps = [_step(step if isinstance(step, dict) else {}, action_key, place) for place, step in enumerate(objects)]
    results, undo = [], None
    for step in steps:
        done = await assistant_tools.run(actor, step.tool, step.args)
        results.append({"tool": step.tool, "ok": True, "result": done.result, "navigateTo": done.navigate_to})
        undo = policy.undo(step.tool, step.args, done.result) or undo
    places = [result["navigateTo"] for result in results if result["navigateTo"]]
    strategy = members.get("navigateStrategy", "last")
    chosen = {"first": places[:1], "none": []}.get(strategy if isinstance(strategy, str) else "last", places[-1:])
    return SuggestionDone({"steps": results}, chosen[0] if chosen else None, undo)


def _raw_steps(action: dict[str, Any]) -> list[Any]:
    payload = action.get("payload")
    steps = payload.get("steps") if isinstance(payload, dict) else None
    return steps if isinstance(steps, list) else []


def _step(given: dict[str, Any], action_key: str, place: int) -> ToolStep:
    names = (given.get("tool"), given.get("type"))
    tool = next((js.trim(name) for name in names if isinstance(name, str)), "")
    tool = policy.allowed(tool, internal=js.truthy(given.get("internal")), suggested=True)
    args: Any = given.get("payload") if given.get("args") is None else given["args"]
    args = args if isinstance(args, dict | list) else {}
    if tool == "message_send" and isinstance(args, dict) and not isinstance(args.get("clientId"), str):
        args = {**args, "clientId": js.first(f"{action_key}_s{place}", 120)}  # once, however often it is tried
    return ToolStep(tool, args)
