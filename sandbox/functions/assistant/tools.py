"""What a button of the assistant does, under the person's own rights. A part of the shipped tools (contract 6.6).

Each step is a request of its own, as the shipped code makes it: what was written stays when a later step fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sandbox.functions import intake
from sandbox.functions.assistant import tool_args, tools_goals, tools_lists, tools_messages
from sandbox.functions.assistant.actor import Actor, ToolError

CONFIRM_WITHIN_S = 600

Tool: TypeAlias = Callable[[Actor, dict[str, Any]], Awaitable[dict[str, Any] | None]]

_TOOLS: Mapping[str, Tool] = {
    "diary_set_status": tools_lists.set_status,
    "create_list": tools_lists.create,
    "list_add_item": tools_lists.add_item,
    "list_remove_item": tools_lists.remove_item,
    "list_delete": tools_lists.delete,
    "message_send": tools_messages.send,
    "goal_start": tools_goals.start,
    "goal_end": tools_goals.end,
    "goal_get_active": tools_goals.active,
    "playbook_end": tools_goals.end_plan,
}
_TELLS_WHERE = ("create_list", "list_add_item", "message_send")


@dataclass(frozen=True, slots=True)
class ToolDone:
    """What a tool did. failure: why it did nothing; then there is no result."""

    result: dict[str, Any] | None
    navigate_to: str | None = None
    failure: str | None = None


async def run(actor: Actor, tool: str, given: Any) -> ToolDone:
    """:raises ToolRefused: for arguments of another shape. What fails in a tool is told, not raised."""
    args = tool_args.parse(tool, given)
    function = _TOOLS.get(tool)
    try:
        if function is None:
            raise ToolError(f"Unknown tool: {tool}")
        result = await function(actor, args)
    except (ToolError, *intake.DATABASE_ERRORS) as error:
        return ToolDone(None, failure=intake.message_of(error))
    return ToolDone(result, result.get("navigateTo") if result and tool in _TELLS_WHERE else None)
