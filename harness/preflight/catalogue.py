"""The catalogue of a deployment as a file, and what another one has differently. (pure)

A good deployment's catalogue, kept beside the app, answers what no rule can: this index was there last week, this
policy read otherwise. One entry an object, `"kind name": "definition"`, so that the file reads well in a diff.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from harness.core.frozen_model import FrozenModel
from harness.preflight.model import PreflightFinding, Severity

Kind = Literal["column", "constraint", "function", "grant", "index", "policy", "rls", "trigger", "view"]
QUESTIONS: Mapping[Kind, str] = {
    "rls": """
select c.oid::regclass::text, case when c.relrowsecurity then 'on' else 'off' end
from pg_class c where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p') and not c.relispartition
""",
    "grant": """
select c.oid::regclass || ' ' || r.rolname, string_agg(verb, ', ' order by verb)
from pg_class c cross join pg_roles r cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) verb
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
  and r.rolname in ('anon', 'authenticated') and has_table_privilege(r.oid, c.oid, verb)
group by c.oid, r.rolname
""",
    "policy": """
select c.oid::regclass || ' ' || p.polname,
       format('%s for %s to %s using (%s) with check (%s)',
              case when p.polpermissive then 'permissive' else 'restrictive' end,
              case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
                            else 'all' end,
              (select string_agg(case r when 0 then 'public' else pg_get_userbyid(r) end, ', ' order by r)
               from unnest(p.polroles) r),
              coalesce(pg_get_expr(p.polqual, p.polrelid), ''), coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''))
from pg_policy p join pg_class c on c.oid = p.polrelid
where c.relnamespace in (to_regnamespace('public'), to_regnamespace('storage'), to_regnamespace('realtime'))
""",
    "index": """
select i.indexrelid::regclass::text,
       pg_get_indexdef(i.indexrelid) || case when i.indisvalid then '' else ' -- invalid' end
from pg_index i join pg_class c on c.oid = i.indrelid
where c.relnamespace = to_regnamespace('public') and not c.relispartition
""",
    "constraint": """
select con.conrelid::regclass || ' ' || con.conname, pg_get_constraintdef(con.oid)
from pg_constraint con join pg_class c on c.oid = con.conrelid
where con.connamespace = to_regnamespace('public') and not c.relispartition and con.contype in ('p', 'u', 'f', 'c', 'x')
""",
    "column": """
select a.attrelid::regclass || '.' || quote_ident(a.attname),
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
                 'default ' || pg_get_expr(d.adbin, d.adrelid))
from pg_attribute a join pg_class c on c.oid = a.attrelid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p') and not c.relispartition
  and a.attnum > 0 and not a.attisdropped
""",
    "function": """
select p.oid::regprocedure::text,
       concat_ws(' ', 'returns ' || pg_get_function_result(p.oid), case when p.prosecdef then 'security definer' end,
                 'executable by ' || (select string_agg(r.rolname, ', ' order by r.rolname) from pg_roles r
                                      where r.rolname in ('anon', 'authenticated')
                                        and has_function_privilege(r.oid, p.oid, 'EXECUTE')),
                 'body ' || left(md5(p.prosrc), 12))
from pg_proc p
where p.pronamespace = to_regnamespace('public')
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
""",
    "trigger": """
select t.tgrelid::regclass || ' ' || t.tgname, pg_get_triggerdef(t.oid)
from pg_trigger t join pg_class c on c.oid = t.tgrelid
where not t.tgisinternal and c.relnamespace = to_regnamespace('public') and not c.relispartition
""",
    "view": """
select c.oid::regclass::text, 'body ' || left(md5(pg_get_viewdef(c.oid)), 12)
         || coalesce(' ' || array_to_string(c.reloptions, ' '), '')
from pg_class c where c.relnamespace = to_regnamespace('public') and c.relkind in ('v', 'm')
""",
}
"""Name and definition of each object, by kind. Bodies of functions and views are compared by their MD5, not kept."""


class Catalogue(FrozenModel):
    """The file."""

    version: Literal[1] = 1
    objects: dict[str, str] = Field(default_factory=dict)  # "kind name": definition

    @classmethod
    def of(cls, found: Mapping[Kind, Sequence[tuple[str, str]]]) -> Catalogue:
        """From the answers to QUESTIONS."""
        objects = {f"{kind} {name}": definition for kind, rows in found.items() for name, definition in rows}
        return cls(objects=dict(sorted(objects.items())))


@dataclass(frozen=True, slots=True)
class _Weight:
    missing: Severity
    changed: Severity
    added: Severity
    why: str  # when it is missing or changed


_WEIGHTS: Mapping[str, _Weight] = {
    "rls": _Weight("high", "high", "low", "whether rows are protected at all"),
    "policy": _Weight("high", "high", "medium", "who sees and writes which rows"),
    "grant": _Weight("medium", "high", "high", "what the public key alone may do"),
    "function": _Weight("high", "medium", "medium", "the app calls it, or somebody else may"),
    "constraint": _Weight("high", "high", "low", "what keeps rows single and right"),
    "index": _Weight("medium", "medium", "low", "how long statements take"),
    "column": _Weight("high", "high", "low", "the app reads or writes it"),
    "trigger": _Weight("high", "medium", "medium", "what happens with each write"),
    "view": _Weight("high", "medium", "medium", "the app reads it, or somebody else may"),
}
LONGEST = 300


def drift(expected: Catalogue, found: Catalogue) -> list[PreflightFinding]:
    """What the deployment has otherwise than expected. A table that is gone, or new, is told by its columns' table."""
    differences = []
    for key in sorted(expected.objects.keys() | found.objects.keys()):
        before, now = expected.objects.get(key), found.objects.get(key)
        if before != now:
            differences.append(_finding(key, before, now))
    return differences


def _finding(key: str, before: str | None, now: str | None) -> PreflightFinding:
    kind, _, name = key.partition(" ")
    weight = _WEIGHTS[kind] if kind in _WEIGHTS else _Weight("medium", "medium", "low", "not known")
    if now is None:
        what, severity, evidence = "missing", weight.missing, f"expected: {_cut(before)}"
    elif before is None:
        what, severity, evidence = "added", weight.added, _cut(now)
    else:
        what, severity, evidence = "changed", weight.changed, f"expected: {_cut(before)}; found: {_cut(now)}"
    return PreflightFinding(
        lint=f"catalogue_{what}",
        severity=severity,
        title=f"{_TITLE[what]}: {kind}",
        why=weight.why,
        manual="10",
        object=f"{kind} {name}",
        evidence=evidence,
        remedy=_remedy(kind, name, before, now),
    )


_TITLE = {
    "missing": "The kept catalogue has it, the target does not",
    "added": "The target has it, the kept catalogue does not",
    "changed": "It reads otherwise than in the kept catalogue",
}


def _remedy(kind: str, name: str, before: str | None, now: str | None) -> str:
    table, _, rest = name.rpartition(" ")
    if kind == "rls" and before is not None:
        return f"alter table {name} {'enable' if before == 'on' else 'disable'} row level security;"
    if kind == "index" and now is None and before is not None:
        return before.replace("INDEX ", "INDEX CONCURRENTLY ", 1) + ";"
    if kind == "policy" and before is None:
        return f"drop policy {rest} on {table};"
    if kind == "grant" and before is None:
        return f"revoke all on {table} from {rest};"
    if kind == "trigger" and now is None and before is not None:
        return f"{before};"
    return "apply the app's migrations, or keep the catalogue anew with --save once this is meant"


def _cut(text: str | None) -> str:
    shown = " ".join((text or "").split())
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"
