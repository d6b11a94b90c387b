"""JSON as replies bring it: its rows, and one field of it changed wherever it stands. (pure)

A mutant changes one field, by name, in all rows: which one follows from its seed alone, so that it is the same in every
reply of a run. Data that comes in is never changed; what goes out is a copy.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")

UNREAD = frozenset(
    ("email_verified", "phone_verified", "is_anonymous", "identities", "providers", "tmdb_original_language")
)
"""Fields that nothing of the app shows or goes by, in replies where others matter: GoTrue's own marks and lists of an
account; a title's language, which the search filters by in the database. Changed, they change nothing for anybody."""
UNREAD_OF: Mapping[str, frozenset[str]] = {
    "onboarding_deck": frozenset(("rtTomatoMeter", "imdbRating")),  # a poster and its title is all that is shown
    "tmdb_search": frozenset(("overview",)),
    # of an answer to come the app shows that it is made or waits, not its kind nor when it is tried again
    "assistant_status": frozenset(("jobKind", "attempts", "nextRunAt", "retryAfterSec")),
    "realtime:message_delivery_receipts": frozenset(("id",)),  # what is shown is whether everybody's is there
}
"""The same, of one call."""

FieldTest = Callable[[Any], bool]
FieldChange = Callable[[Any], Any]


def is_id(value: Any) -> bool:
    """A UUID."""
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def is_instant(value: Any) -> bool:
    """An ISO instant with date and time."""
    return isinstance(value, str) and INSTANT.match(value) is not None


def is_text(value: Any) -> bool:
    """A string that is neither of these, nor empty."""
    return isinstance(value, str) and bool(value) and not is_id(value) and not is_instant(value)


def is_figure(value: Any) -> bool:
    """A number or a yes or no."""
    return isinstance(value, bool | int | float)


def another_id(value: Any) -> Any:
    """An id that nobody has: the last digit is another one."""
    return f"{value[:-1]}{int(value[-1], 16) ^ 1:x}"


def another_text(value: Any) -> Any:
    """As long, as many bytes, and other words."""
    turned = value[::-1]
    return turned if turned != value else value + value[-1]


def another_figure(value: Any) -> Any:
    """One more, or the opposite."""
    return (not value) if isinstance(value, bool) else value + 1


def another_instant(value: Any) -> Any:
    """Five hours early, written the same way; a value that cannot be read stays."""
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return value
    earlier = (instant - timedelta(hours=5)).isoformat(sep=value[10])
    return earlier.replace("+00:00", "Z") if value.endswith("Z") else earlier


@dataclass(frozen=True, slots=True)
class FieldEdit:
    """What became of the data. field: the name of what was changed; "" when there was nothing to change."""

    data: Any
    field: str = ""


def edited(data: Any, test: FieldTest, change: FieldChange, seed: int, call: str = "") -> FieldEdit:
    """Change one field, drawn by the seed from those that have a value which passes the test. call: whose reply, or
    which message of Realtime."""
    unread = UNREAD | UNREAD_OF.get(call, frozenset())
    names = {key for holder, key in leaves(data) if isinstance(key, str) and key not in unread and test(holder[key])}
    if not names:
        return FieldEdit(data)
    field = max(names, key=lambda name: _draw(name, seed))
    copy = deepcopy(data)
    for holder, key in leaves(copy):
        if key == field and test(holder[key]):
            holder[key] = change(holder[key])
    return FieldEdit(copy, field) if copy != data else FieldEdit(data)


def alike(one: Any, other: Any, call: str) -> bool:
    """Whether two replies to a call differ in nothing, or only in what the app does not read."""
    unread = UNREAD | UNREAD_OF.get(call, frozenset())
    return bool(one == other or _read(one, unread) == _read(other, unread))


def _read(data: Any, unread: frozenset[str]) -> Any:
    if isinstance(data, dict):
        return {key: _read(value, unread) for key, value in data.items() if key not in unread}
    return [_read(value, unread) for value in data] if isinstance(data, list) else data


def leaves(data: Any) -> Iterator[tuple[Any, Any]]:
    """Holder and key or index of each value that holds no others."""
    pairs: Any = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in tuple(pairs):
        if isinstance(value, dict | list):
            yield from leaves(value)
        else:
            yield data, key


def with_rows(data: Any, change: Callable[[list[Any]], list[Any]]) -> Any:
    """A copy whose rows are changed: the data itself when it is a list, else the longest list among its members, at
    most two levels down. None where there are no rows."""
    if isinstance(data, list):
        return change(data)
    found = max(_lists(data, 2), key=lambda one: len(one[1]), default=None)
    if found is None:
        return None
    path, rows = found
    copy = deepcopy(data)
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = change(list(rows))
    return copy


def _lists(data: Any, depth: int) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    if not isinstance(data, dict) or depth == 0:
        return
    for key, value in data.items():
        if key in UNREAD:
            continue
        if isinstance(value, list) and value:
            yield (key,), value
        else:
            for path, rows in _lists(value, depth - 1):
                yield (key, *path), rows


def _draw(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()
