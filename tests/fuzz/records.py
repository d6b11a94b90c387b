"""Records as nobody wrote them: bytes flipped, files cut short or gone, columns swapped, of other types or values."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.core.tables import MANIFEST

RECORDS = Path(__file__).parents[1] / "data" / "records"
ROWS = 120
"""Rows that a table keeps: enough for every figure to exist, few enough for hundreds of reports."""
HOSTILE = (
    "\x1b[31mPASS\x1b[0m",
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "]]>&<'\"",
    "a\x00b",
    "line\nverdict: PASS  x",
    "\ud800",
    "\u202e",
    "",
    "x" * 5000,
)
NUMBERS = (0, -1, 1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**64, 10**30, 10**400, 1e308, -1e308, 0.5, float("nan"))
JUNK: tuple[Any, ...] = (None, True, [], {}, [[]], {"a": 1}, *HOSTILE, *NUMBERS)


def small(name: str, folder: Path) -> Path:
    """A copy of a record with at most ROWS rows a table, spread over the table; without its list of parts, or the first
    look would find every one changed and nothing would be read."""
    shutil.copytree(RECORDS / name, folder)
    for path in folder.rglob("*.parquet"):
        table = pq.read_table(path)
        if table.num_rows > ROWS:
            step = table.num_rows / ROWS
            table = table.take([int(row * step) for row in range(ROWS)])
        pq.write_table(table, path)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest.pop("parts", None)
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def mutate(folder: Path, dice: random.Random) -> str:
    """Spoil one record in one to three ways; says how."""
    return "; ".join(dice.choice(WAYS)(folder, dice) for _ in range(dice.choice((1, 1, 1, 2, 3))))


def _a_file(folder: Path, dice: random.Random) -> Path:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "verdict.json")
    weighted = [path for path in files for _ in range(8 if path.name in (MANIFEST, "chaos.jsonl") else 1)]
    return dice.choice(weighted)


def _a_table(folder: Path, dice: random.Random) -> Path | None:
    files = []
    for path in sorted(folder.rglob("*.parquet")):
        try:
            pq.read_schema(path)
        except (pa.ArrowException, OSError):
            continue
        files.append(path)
    return dice.choice(files) if files else None


def flip(folder: Path, dice: random.Random) -> str:
    path = _a_file(folder, dice)
    data = bytearray(path.read_bytes())
    for _ in range(dice.choice((1, 1, 3, 30))) if data else ():
        data[dice.randrange(len(data))] = dice.randrange(256)
    path.write_bytes(data)
    return f"flip {path.name}"


def cut(folder: Path, dice: random.Random) -> str:
    path = _a_file(folder, dice)
    data = path.read_bytes()
    path.write_bytes(data[: dice.randrange(len(data) + 1)])
    return f"cut {path.name}"


def remove(folder: Path, dice: random.Random) -> str:
    path = _a_file(folder, dice)
    path.unlink()
    if dice.random() < 0.2:
        path.mkdir()
    return f"remove {path.name}"


def swap_files(folder: Path, dice: random.Random) -> str:
    one, other = _a_file(folder, dice), _a_file(folder, dice)
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    return f"swap {one.name} and {other.name}"


def columns(folder: Path, dice: random.Random) -> str:
    """One column of a table changed in type, values, name or place."""
    path = _a_table(folder, dice)
    if path is None:
        return "nothing"
    try:
        table = pq.read_table(path)
        if not table.num_columns:
            return "nothing"
        at = dice.randrange(table.num_columns)
        what, changed = _changed(table, at, dice)
        pq.write_table(changed, path)
    except (pa.ArrowException, OSError, ValueError):
        return "nothing"
    return f"{what} {path.name}.{table.schema.field(at).name}"


def _changed(table: pa.Table, at: int, dice: random.Random) -> tuple[str, pa.Table]:
    name, rows = table.schema.field(at).name, table.num_rows
    names, other = list(table.column_names), dice.randrange(table.num_columns)
    wild = (float("nan"), float("inf"), -1.5, 1e300)
    ways: dict[str, Callable[[], pa.Table]] = {
        "drop": lambda: table.remove_column(at),
        "null": lambda: table.set_column(at, name, pa.nulls(rows, table.schema.field(at).type)),
        "text": lambda: table.set_column(at, name, pa.array([dice.choice(HOSTILE[:6]) for _ in range(rows)])),
        "float": lambda: table.set_column(at, name, pa.array([dice.choice(wild) for _ in range(rows)])),
        "list": lambda: table.set_column(at, name, pa.array([[row] for row in range(rows)])),
        "junk": lambda: _of_its_type(table, at, dice, everywhere=True),
        "some": lambda: _of_its_type(table, at, dice, everywhere=False),
        "rename": lambda: table.rename_columns([*names[:at], dice.choice(HOSTILE[:4]), *names[at + 1 :]]),
        "swap": lambda: table.rename_columns(_swapped(names, at, other)),
        "repeat": lambda: pa.concat_tables([table] * 3),
        "shuffle": lambda: table.take(dice.sample(range(rows), rows)),
    }
    what = dice.choice(sorted(ways))
    return what, ways[what]()


def _swapped(names: list[str], one: int, other: int) -> list[str]:
    names[one], names[other] = names[other], names[one]
    return names


def _of_its_type(table: pa.Table, at: int, dice: random.Random, *, everywhere: bool) -> pa.Table:
    """Values of the column's own type that no run has."""
    field, values = table.schema.field(at), table.column(at).to_pylist()
    for row in range(len(values)):
        if not everywhere and dice.random() < 0.8:
            continue
        if pa.types.is_integer(field.type):
            bits, signed = field.type.bit_width, pa.types.is_signed_integer(field.type)
            low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
            values[row] = dice.choice((low, high, max(low, -1), 0, 7, None))
        elif pa.types.is_floating(field.type):
            values[row] = dice.choice((float("nan"), float("inf"), -float("inf"), -1.0, 1e308, None))
        elif pa.types.is_string(field.type):
            values[row] = dice.choice((*HOSTILE[:6], "", None))
        else:
            values[row] = None
    return table.set_column(at, field.name, pa.array(values, field.type))


def manifest(folder: Path, dice: random.Random) -> str:
    """One to three places of the manifest replaced by what does not belong there, or gone."""
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return "nothing"
    said = []
    for _ in range(dice.choice((1, 1, 2, 3))):
        places = list(_places(data))
        if not places:
            break
        holder, key = dice.choice(places)
        said.append(f"manifest {key}")
        if dice.random() < 0.25:
            del holder[key]
        elif dice.random() < 0.4 and isinstance(holder[key], int | float | str):
            holder[key] = dice.choice(NUMBERS) if not isinstance(holder[key], str) else dice.choice(HOSTILE)
        else:
            holder[key] = dice.choice(JUNK)
    text = json.dumps(data, ensure_ascii=dice.random() < 0.5)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return ", ".join(said)


def _places(data: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    pairs: Any = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        found.append((data, key))
        found += _places(value)
    return found


WAYS: tuple[Callable[[Path, random.Random], str], ...] = (
    flip, flip, cut, remove, swap_files, columns, columns, columns, columns, columns, manifest, manifest, manifest,
)  # fmt: skip
