"""Tools that write the diary and the lists."""

from __future__ import annotations

from typing import Any

from sandbox.functions import intake, js
from sandbox.functions.assistant import tool_args
from sandbox.functions.assistant.actor import Actor, ToolError

_CONTENT_TYPES = {"anime": "anime", "series": "series", "episode": "series"}
_NOTE_UNITS = 200
_NOW = "date_trunc('milliseconds', clock_timestamp())"
_KIND_SQL = "select kind::text from public.media_items where id = $1::text::uuid"
_STATUS_SQL = f"""
insert into public.library_entries (user_id, title_id, status, updated_at, content_type)
values ($1, $2::text::uuid, $3::text::public.library_status, {_NOW}, $4::text::public.content_type)
on conflict (user_id, title_id) do update
set status = excluded.status, updated_at = excluded.updated_at, content_type = excluded.content_type
"""
_CREATE_SQL = f"""
insert into public.lists (user_id, name, description, is_public, created_at, updated_at)
values ($1, $2, $3, $4, {_NOW}, {_NOW}) returning id::text
"""
_ITEM_SQL = f"""
insert into public.list_items (list_id, title_id, content_type, note, position, created_at)
select $1::text::uuid, i.title::uuid, i.content::public.content_type, i.note, i.position, {_NOW}
from unnest($2::text[], $3::text[], $4::text[], $5::integer[]) as i(title, content, note, position)
"""
_BY_NAME_SQL = """
select id::text from public.lists where user_id = $1 and name ilike $2 order by created_at desc limit 1
"""
_HOLDING_SQL = """
select i.list_id::text from public.list_items i join public.lists l on l.id = i.list_id and l.user_id = $1
where i.title_id = $2::text::uuid order by i.created_at desc limit 1
"""
_OWN_SQL = "select true from public.lists where id = $1::text::uuid and user_id = $2"
_THERE_SQL = """
select position from public.list_items where list_id = $1::text::uuid and title_id = $2::text::uuid limit 1
"""
_LAST_SQL = "select coalesce(max(position), 0) from public.list_items where list_id = $1::text::uuid"
_REMOVE_SQL = """
delete from public.list_items where list_id = $1::text::uuid and ($2::text is null or id = $2::text::uuid)
  and ($3::text is null or title_id = $3::text::uuid)
"""
_DELETE_SQL = "delete from public.lists where id = $1::text::uuid and user_id = $2"


async def set_status(actor: Actor, args: dict[str, Any]) -> dict[str, Any]:
    """Put a title into the library with a status."""
    title_id, status = args["titleId"], args["status"]
    content = await _content_type(actor, title_id, args.get("contentType"))
    async with actor.request() as connection:
        await connection.execute(_STATUS_SQL, actor.user_id, title_id, status, content)
    return {"titleId": title_id, "status": status, "contentType": content, "verified": True}


async def create(actor: Actor, args: dict[str, Any]) -> dict[str, Any]:
    """A new list with its titles; titles that cannot be stored leave it empty."""
    name = js.trim(args["name"])
    if not name:
        raise ToolError("List name is required")
    description = js.trim(args["description"]) if "description" in args else None
    async with actor.request() as connection:
        list_id = await connection.fetchval(_CREATE_SQL, actor.user_id, name, description, args.get("isPublic", False))
    titles, contents, notes = [], [], []
    for item in args.get("items", ())[:50]:
        titles.append(item["titleId"])
        contents.append(await _content_type(actor, item["titleId"], item.get("contentType")))
        notes.append(js.first(item["note"], _NOTE_UNITS) if "note" in item else None)
    if titles:
        try:
            async with actor.request() as connection:
                places = list(range(1, len(titles) + 1))
                await connection.execute(_ITEM_SQL, list_id, titles, contents, notes, places)
        except intake.DATABASE_ERRORS as error:  # as shipped: the list is there, whatever became of its titles
            actor.services.note_swallowed("titles of a new list", error)
    return {"listId": list_id, "navigateTo": f"/lists/{list_id}"}


async def add_item(actor: Actor, args: dict[str, Any]) -> dict[str, Any]:
    """One title more, once."""
    title_id = args["titleId"]
    list_id = await _list_id(actor, args)
    content = await _content_type(actor, title_id, args.get("contentType"))
    await _require_own(actor, list_id)
    about = {"listId": list_id, "titleId": title_id}
    async with actor.request() as connection:
        there = await connection.fetchval(_THERE_SQL, list_id, title_id)
    if there is not None:
        return {**about, "alreadyInList": True, "position": there, "navigateTo": f"/lists/{list_id}"}
    async with actor.request() as connection:
        position = await connection.fetchval(_LAST_SQL, list_id) + 1
        await connection.execute(_ITEM_SQL, list_id, [title_id], [content], [args.get("note", "")], [position])
    return {**about, "position": position, "navigateTo": f"/lists/{list_id}"}


async def remove_item(actor: Actor, args: dict[str, Any]) -> dict[str, Any]:
    """One title less."""
    item_id, title_id = args.get("itemId"), args.get("titleId")
    list_id = await _list_id(actor, args, holding=title_id)
    await _require_own(actor, list_id)
    async with actor.request() as connection:
        await connection.execute(_REMOVE_SQL, list_id, item_id, title_id)
    return {"listId": list_id, "removed": True}


async def delete(actor: Actor, args: dict[str, Any]) -> dict[str, Any]:
    """The whole list, to undo its making."""
    list_id = js.string(args.get("listId"))
    if not list_id:
        raise ToolError("Missing listId")
    async with actor.request() as connection:
        await connection.execute(_DELETE_SQL, list_id, actor.user_id)
    return {"listId": list_id, "deleted": True}


async def with_list(actor: Actor, tool: str, args: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a tool for lists with the list's id, where its name or the title on it tells which is meant."""
    if not tool.startswith("list_") or tool_args.text_of(args.get("listId")):
        return args
    holding = tool_args.text_of(args.get("titleId")) if tool == "list_remove_item" else ""
    try:
        found = await _meant(actor, tool_args.text_of(args.get("listName")), holding)
    except intake.DATABASE_ERRORS as error:
        actor.services.note_swallowed("list of a button", error)
        return args
    return args if found is None else {**args, "listId": found}


async def _meant(actor: Actor, name: str, holding: str | None) -> str | None:
    """The person's list by name, by a part of its name, else the newest that holds the title."""
    found: str | None = None
    for pattern in (name, name if "%" in name else f"%{name}%") if name else ():
        if found is None:
            async with actor.request() as connection:
                found = await connection.fetchval(_BY_NAME_SQL, actor.user_id, pattern)
    if found is None and holding:
        async with actor.request() as connection:
            found = await connection.fetchval(_HOLDING_SQL, actor.user_id, holding)
    return found


async def _content_type(actor: Actor, title_id: str, given: str | None) -> str:
    if given:
        return given
    async with actor.request() as connection:
        kind = await connection.fetchval(_KIND_SQL, title_id)
    if kind is None:
        raise ToolError("Title not found")
    return _CONTENT_TYPES.get(kind, "movie")


async def _list_id(actor: Actor, args: dict[str, Any], holding: str | None = None) -> str:
    """The list that is meant. :raises ToolError: when there is none."""
    if args.get("listId"):
        return str(args["listId"])
    name = tool_args.list_name(args.get("listName", ""))
    found = await _meant(actor, name, holding)
    if found is None:
        raise ToolError("List not found" if name else "Missing listId")
    return found


async def _require_own(actor: Actor, list_id: str) -> None:
    async with actor.request() as connection:
        if not await connection.fetchval(_OWN_SQL, list_id, actor.user_id):
            raise ToolError("List not found")
